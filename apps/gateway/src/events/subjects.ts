import {
  idRunsOf,
  idsIn,
  type DomainName,
  type GrantId,
  type IdRuns,
  type LaunchId,
  type LoopEvent,
  type Ranges,
  type RecordedEvent,
  type RequestId,
} from '@orrery/contracts';
import {
  grantOf,
  podOfGrant,
  podOfLaunch,
  spansOf,
  type AllocationState,
  type ClusterState,
  type ServicesState,
} from '@orrery/domain';

/** Whom an event is about. */
export interface Subjects {
  readonly services: readonly string[];
  readonly agent?: string;
  readonly pods: readonly PodSpan[];
}

/** Pods of one kind that follow each other; one of their tasks, or all. */
export interface PodSpan {
  readonly service: string;
  readonly pod: string;
  readonly first: number;
  readonly last: number;
  readonly task?: string;
}

/** What events say about whom they are about; each says some of it. */
interface Named {
  readonly service?: string;
  readonly agent?: string;
  readonly pod?: string;
  readonly task?: string;
  readonly index?: number;
  readonly indexes?: Ranges;
  readonly launch?: LaunchId;
  readonly launches?: IdRuns;
  readonly ends?: readonly { readonly launches: IdRuns }[];
  readonly grant?: GrantId;
  readonly grants?: IdRuns;
  readonly request?: RequestId;
}

/**
 * Whom an event is about, told from the state before it: some events name their service and pods, others only ids of what
 * belongs to one, and that may be gone once the event is folded.
 */
export function subjectsOf(domain: DomainName, state: object, { data }: { readonly data: object }): Subjects {
  const named = data as Named;
  const pods = podsNamed(named) ?? [...podsOf(domain, state, named)];
  const services =
    typeof named.service === 'string' ? [named.service] : [...new Set(pods.map(({ service }) => service))];
  return { services, pods, ...(typeof named.agent === 'string' ? { agent: named.agent } : {}) };
}

/** The loop's own events name what their command was about. */
export function subjectsOfLoopEvent(domain: DomainName, event: RecordedEvent): Subjects {
  const { subject } = (event as unknown as LoopEvent).data as { readonly subject?: string };
  if (subject === undefined) return { services: [], pods: [] };
  return domain === 'services' ? { services: [subject], pods: [] } : { services: [], pods: [], agent: subject };
}

function podsNamed({ service, pod, task, index, indexes }: Named): PodSpan[] | undefined {
  if (service === undefined || pod === undefined) return undefined;
  const ranges = indexes ?? (index === undefined ? undefined : [[index, index] as const]);
  return ranges?.map(([first, last]) => ({ service, pod, first, last, ...(task === undefined ? {} : { task }) }));
}

function podsOf(domain: DomainName, state: object, named: Named): Iterable<PodSpan> {
  switch (domain) {
    case 'cluster':
      return podsOfLaunches(state as ClusterState, named);
    case 'allocation':
      return podsOfGrants(state as AllocationState, named);
    case 'services':
      return podsOfIds(state as ServicesState, named);
  }
}

function* podsOfLaunches(state: ClusterState, { launch, launches = [], ends = [] }: Named): Generator<PodSpan> {
  const one = launch === undefined ? [] : idRunsOf([launch]);
  for (const runs of [one, launches, ...ends.map((each) => each.launches)]) {
    for (const { kind, index, count } of spansOf(state, runs)) {
      const { service, pod, task } = kind;
      yield { service, pod, first: index, last: index + count - 1, task };
    }
  }
}

function* podsOfGrants(state: AllocationState, { request, grant, grants = [] }: Named): Generator<PodSpan> {
  const waiting = request === undefined ? undefined : state.requests.get(request);
  if (waiting !== undefined) {
    const { service, pod, indexes } = waiting;
    for (const [first, last] of indexes) yield { service, pod, first, last };
  }
  for (const id of [...(grant === undefined ? [] : [grant]), ...idsIn<GrantId>(grants)]) {
    const held = grantOf(state, id);
    if (held !== undefined) yield { service: held.service, pod: held.pod, first: held.index, last: held.index };
  }
}

function* podsOfIds(state: ServicesState, { launch, launches = [], grant, grants = [] }: Named): Generator<PodSpan> {
  const pods = [
    ...[...(launch === undefined ? [] : [launch]), ...idsIn<LaunchId>(launches)].map((id) => podOfLaunch(state, id)),
    ...[...(grant === undefined ? [] : [grant]), ...idsIn<GrantId>(grants)].map((id) => podOfGrant(state, id)),
  ];
  for (const row of pods) {
    if (row !== undefined) yield { service: row.service, pod: row.pod, first: row.index, last: row.index };
  }
}
