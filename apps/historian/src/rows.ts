import type {
  AgentHistoryRow,
  AgentNumberRow,
  AuditRow,
  CommandOutcomeRow,
  ServiceVersionRow,
  TaskSetRow,
} from '@orrery/cassandra';
import {
  outcomesOf,
  parseCommandType,
  type Cause,
  type ClusterEvent,
  type CommandObject,
  type CommitRecord,
  type DomainName,
  type LoopEvent,
  type Ranges,
  type RecordedEvent,
  type ServicesEvent,
} from '@orrery/contracts';

/** Everything that is written down of one or many commits. */
export interface HistoryRows {
  readonly taskSets: TaskSetRow[];
  readonly numbers: AgentNumberRow[];
  readonly outcomes: CommandOutcomeRow[];
  readonly versions: ServiceVersionRow[];
  readonly agents: AgentHistoryRow[];
  readonly audit: AuditRow[];
}

export interface CommitSource {
  readonly domain: DomainName;
  readonly cell: number;
}

/** Who did what nobody asked for. */
const PLANE = 'orrery';

export function noRows(): HistoryRows {
  return { taskSets: [], numbers: [], outcomes: [], versions: [], agents: [], audit: [] };
}

/** Rows, and what rows of many tasks hold beyond one. */
export function countOf(rows: HistoryRows): number {
  const { taskSets, ...others } = rows;
  const pieces = taskSets.reduce((sum, row) => sum + row.pieces.length, 0);
  return Object.values(others).reduce<number>((sum, list) => sum + list.length, taskSets.length + pieces / 20);
}

/**
 * The rows of a commit but those of tasks, which `TaskWindow` makes of many. Their keys follow from the journal, the seq and
 * the order in the commit alone, so whoever reads the commit again writes the same rows again.
 */
export function rowsOf(source: CommitSource, commit: CommitRecord, into: HistoryRows = noRows()): HistoryRows {
  if (source.domain === 'cluster') addAgents(source, commit, into);
  if (source.domain === 'services') addVersions(source, commit, into);
  addCommands(source, commit, into);
  return into;
}

function addAgents({ cell }: CommitSource, { seq, at, events }: CommitRecord, { agents, numbers }: HistoryRows): void {
  for (const [n, event] of events.entries()) {
    const state = agentStates[event.type];
    if (state === undefined) continue;
    agents.push(agentRow({ seq, n, at, cause: causeText(event.cause) }, event, state));
    const registered = event as unknown as ClusterEvent;
    if (registered.type !== 'AgentRegistered') continue;
    numbers.push({ cell, number: registered.data.number, agent: registered.data.agent });
  }
}

/** Events that are told of an agent, and what people call its state then; '' leaves it as it was. */
const agentStates: Readonly<Partial<Record<string, string>>> = {
  AgentRegistered: 'ACTIVE',
  AgentReturned: 'ACTIVE',
  AgentUnreachable: 'UNREACHABLE',
  AgentDraining: 'DRAINING',
  AgentDrained: 'DRAINED',
  AgentActivated: 'ACTIVE',
  AgentGone: 'GONE',
  DrainDeadlinePassed: '',
  LapseHeld: '',
  LapseDropped: '',
  StandDownOrdered: '',
} satisfies Partial<Record<ClusterEvent['type'], string>>;

function agentRow(
  place: Pick<AgentHistoryRow, 'seq' | 'n' | 'at'> & { readonly cause: string },
  { type, actor, reason, data }: RecordedEvent,
  state: string,
): AgentHistoryRow {
  const { agent, epoch, standing, ...detail } = data as { agent: string; epoch?: number; standing?: string };
  const shown = standing ?? state;
  return {
    agent,
    ...place,
    type,
    ...(shown === '' ? {} : { state: shown }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(actor === undefined ? {} : { actor }),
    ...(reason === undefined ? {} : { reason }),
    ...(Object.keys(detail).length === 0 ? {} : { detail: JSON.stringify(detail) }),
  };
}

function addVersions({ cell }: CommitSource, { seq, at, events }: CommitRecord, { versions }: HistoryRows): void {
  for (const event of events) {
    const applied = event as unknown as ServicesEvent;
    if (applied.type !== 'ServiceApplied') continue;
    const { service, generation, version, specDigest, spec } = applied.data;
    const { actor = PLANE, reason = planReason(service, events).reason, cause } = event;
    versions.push({
      ...{ service, generation, version, cell, seq, at, specDigest, actor },
      spec: JSON.stringify(spec),
      ...(reason === undefined ? {} : { reason }),
      ...('command' in cause ? { commandId: cause.command } : {}),
    });
  }
}

function addCommands({ domain, cell }: CommitSource, commit: CommitRecord, { outcomes, audit }: HistoryRows): void {
  const journal = `${domain}/${cell}`;
  const { seq, at } = commit;
  let n = 0;
  for (const outcome of outcomesOf(commit)) {
    const { command, commandType, subject, object, status, refusal, actor = 'unknown', reason } = outcome;
    const { followed, plans } = outcome;
    const why = reason === undefined ? {} : { reason };
    const refused = refusal === undefined ? {} : { refusal };
    const place = { seq, n: n++ };
    const head = { commandId: command, at, domain, cell, ...place, outcome: status, commandType, subject, actor };
    outcomes.push({ ...head, ...why, ...refused });
    const detail = JSON.stringify({ status, code: refusal?.code, message: refusal?.message, object, followed, plans });
    const type = parseCommandType(commandType)?.name ?? commandType;
    audit.push({ at, journal, ...place, type, actor, subject, ...why, commandId: command, detail });
  }
  for (const event of commit.events) {
    const loopEvent = event as unknown as LoopEvent;
    if (loopEvent.type === 'CommandForwarded') {
      const { command, commandType, subject, partition } = loopEvent.data;
      const forwarded = { outcome: 'forwarded', forwardedTo: partition } as const;
      outcomes.push({ commandId: command, at, domain, cell, seq, n: n++, ...forwarded, commandType, subject });
    }
    if (loopEvent.type === 'InputQuarantined') {
      const { topic, partition, offset, code, message } = loopEvent.data;
      const detail = JSON.stringify({ status: 'quarantined', code, message, topic, partition, offset });
      const subject = `${topic}-${partition}`;
      audit.push({ at, journal, seq, n: n++, type: 'InputQuarantined', actor: 'unknown', subject, detail });
    }
    const deed = deedOf(event, commit.events);
    if (deed === undefined) continue;
    const { subject, object, reason } = deed;
    const detail = JSON.stringify({ status: 'done', object });
    const why = reason === undefined ? {} : { reason };
    audit.push({ at, journal, seq, n: n++, type: event.type, actor: PLANE, subject, ...why, detail });
  }
}

interface Deed {
  readonly subject: string;
  readonly object: CommandObject;
  readonly reason?: string;
}

/** What the plane did without being told to: after a failure, a loss, or when a time had come. */
function deedOf(event: RecordedEvent, events: readonly RecordedEvent[]): Deed | undefined {
  if ('command' in event.cause) return undefined;
  const done = event as unknown as ServicesEvent | ClusterEvent;
  switch (done.type) {
    case 'ServiceApplied': {
      const { service } = done.data;
      return { subject: service, object: { kind: 'service', name: service }, ...planReason(service, events) };
    }
    case 'ReplaceStarted': {
      const { service, pod, indexes, cause } = done.data;
      return { subject: service, object: podsObject(service, pod, indexes), reason: cause };
    }
    case 'AgentUnreachable': {
      const { agent } = done.data;
      return { subject: agent, object: { kind: 'agent', name: agent }, reason: 'heartbeats stopped' };
    }
    default:
      return undefined;
  }
}

function podsObject(service: string, pod: string, indexes: Ranges): CommandObject {
  const [first] = indexes;
  if (indexes.length === 1 && first![0] === first![1]) return { kind: 'pod', name: `${service}.${pod}-${first![0]}` };
  const ranges = indexes.map(([from, to]) => (from === to ? `${from}` : `${from}..${to}`));
  return { kind: 'pods', name: `${service}.${pod}-[${ranges.join(',')}]` };
}

/** Why the plan takes back what failed. */
function planReason(service: string, events: readonly RecordedEvent[]): { readonly reason?: string } {
  for (const event of events) {
    const started = event as unknown as ServicesEvent;
    if (started.type !== 'PlanStarted' || started.data.service !== service) continue;
    return started.data.reason === undefined ? {} : { reason: started.data.reason };
  }
  return {};
}

/** A command id, or a place: in a journal, in a topic, or in the owner itself. */
function causeText(cause: Cause): string {
  const [text, number] = causeParts(cause);
  return number < 0 ? text : `${text}${number}`;
}

/** As a text that many share, and the number behind it; -1: none. */
export function causeParts(cause: Cause): readonly [string, number] {
  if ('command' in cause) return [cause.command, -1];
  if ('seq' in cause) return [`${cause.domain}-${cause.cell}:`, cause.seq];
  if ('offset' in cause) return [`${cause.topic}-${cause.partition}@`, cause.offset];
  return [cause.internal, -1];
}
