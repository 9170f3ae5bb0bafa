import type { DomainName, GrantId, LaunchId, LoopEvent, RecordedEvent, RequestId } from '@orrery/contracts';
import { grantOf, type AllocationState, type ClusterState } from '@orrery/domain';

/** Whom an event is about. */
export interface Subjects {
  readonly services: readonly string[];
  readonly agent?: string;
}

type Named = {
  readonly service?: string;
  readonly agent?: string;
  readonly launch?: LaunchId;
  readonly launches?: readonly (LaunchId | object)[];
  readonly tasks?: readonly { readonly launch: LaunchId }[];
  readonly grants?: readonly (GrantId | object)[];
  readonly request?: RequestId;
};

/**
 * Whom an event is about, told from the state before it: most events name their service, others only what belongs to one, and
 * that may be gone once the event is folded.
 */
export function subjectsOf(domain: DomainName, state: object, { data }: { readonly data: object }): Subjects {
  const named = data as Named;
  const agent = typeof named.agent === 'string' ? { agent: named.agent } : {};
  if (typeof named.service === 'string') return { services: [named.service], ...agent };
  return { services: [...new Set(servicesOf(domain, state, named))], ...agent };
}

/** The loop's own events name what their command was about. */
export function subjectsOfLoopEvent(domain: DomainName, event: RecordedEvent): Subjects {
  const { subject } = (event as unknown as LoopEvent).data as { readonly subject?: string };
  if (subject === undefined) return { services: [] };
  return domain === 'services' ? { services: [subject] } : { services: [], agent: subject };
}

function* servicesOf(domain: DomainName, state: object, named: Named): Generator<string> {
  if (domain === 'cluster') {
    const { launches } = state as ClusterState;
    for (const launch of launchesIn(named)) {
      const row = launches.get(launch);
      if (row !== undefined) yield row.service;
    }
  }
  if (domain === 'allocation') {
    const allocation = state as AllocationState;
    const waiting = named.request === undefined ? undefined : allocation.requests.get(named.request);
    if (waiting !== undefined) yield waiting.service;
    for (const grant of named.grants ?? []) {
      const held = typeof grant === 'string' ? grantOf(allocation, grant) : undefined;
      if (held !== undefined) yield held.service;
    }
  }
}

function* launchesIn({ launch, launches, tasks }: Named): Generator<LaunchId> {
  if (launch !== undefined) yield launch;
  for (const one of launches ?? []) if (typeof one === 'string') yield one;
  for (const task of tasks ?? []) yield task.launch;
}
