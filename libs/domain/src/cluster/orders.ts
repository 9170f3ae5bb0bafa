import {
  eachAgentRun,
  IdRunsBuilder,
  MembersBuilder,
  ordinalOf,
  seqOf,
  type AgentId,
  type AgentOrder,
  type AgentOrderHead,
  type ClusterEvent,
  type ClusterEventOf,
  type LaneOrder,
  type LaunchSet,
  type StreamOrder,
  type TaskTemplate,
} from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import { launchesOnAgent, spansOf } from './find.js';
import { LaneHeadsBuilder, lanesOf, type Addressed } from './lanes.js';
import { numberAt } from './runs.js';
import type { AgentRow, ClusterState, LaunchRow, StreamRow } from './state.js';

/** To one agent, or to those of a lane that it names; `partition`: of the topic of orders. */
export type RelayedOrder =
  | { readonly partition: number; readonly agent: AgentId; readonly order: AgentOrder }
  | { readonly partition: number; readonly order: LaneOrder };

export interface OrderContext {
  readonly journalId: string;
  readonly at: EpochMs;
  /** The lane of an agent. */
  readonly partitionOf: (agent: AgentId) => number;
  /** What it said of agents of this journal, by number: kept from commit to commit, since a set asks of each of its members. */
  readonly partitions?: number[];
}

/**
 * What the relay tells agents about an accepted commit (K of the design's life of a pod), made from the state right after
 * it. It may be sent more than once. That is safe by three rules:
 *
 * - An order has the n of its event, so an agent that obeyed it drops the repeat. Where an event does not say n, it is
 *   counted back from the last n of the state, event by event.
 * - A Sync carries the last n of the state that it is made from, whatever the n of its event: all orders up to that n are
 *   part of what it says, and the agent drops those that arrive after it.
 * - An order that can't be made any more (its epoch has passed, its template is no longer used, what it kills has ended) is
 *   left out. The agent is then behind, which its heartbeats tell, and a Sync heals it.
 */
export function ordersOf(events: readonly ClusterEvent[], state: ClusterState, context: OrderContext): RelayedOrder[] {
  const maker = new OrderMaker(state, context);
  const orders: RelayedOrder[][] = [];
  for (let at = events.length - 1; at >= 0; at -= 1) orders.push(maker.ordersOf(events[at]!));
  return orders.reverse().flat();
}

const UNKNOWN = -1;

/** Goes over the events of one commit from the last to the first. */
class OrderMaker {
  readonly #state: ClusterState;
  readonly #context: OrderContext;
  /** Of each agent by number: n of the order before those that were made. */
  readonly #next = new Map<number, number>();
  /** Registered by this commit: what comes before was for the process before. */
  readonly #registered = new Set<number>();
  readonly #synced = new Set<AgentId>();

  constructor(state: ClusterState, context: OrderContext) {
    this.#state = state;
    this.#context = context;
  }

  ordersOf(event: ClusterEvent): RelayedOrder[] {
    switch (event.type) {
      case 'LaunchAccepted':
        return this.#launches(event.data);
      case 'KillAccepted':
        return this.#kills(event.data);
      case 'VolumeDestroyAccepted':
        return this.#toAgent(event.data, (head) => ({ ...head, type: 'DestroyVolumes', volumes: event.data.volumes }));
      case 'StreamOpened':
        return this.#toAgent(event.data, (head) => ({ ...head, type: 'OpenStream', ...streamOrderOf(event.data) }));
      case 'SyncOrdered':
        return this.#toAgent(event.data, (head) => this.#sync(head));
      case 'AgentRegistered':
        this.#registered.add(event.data.number);
        return this.#addressed(standDownOfReplaced(event.data, this.#state, this.#context.journalId));
      case 'AgentGone':
      case 'StandDownOrdered':
        return this.#addressed(standDownOfGone(event.data.agent, this.#state, this.#context.journalId));
      default:
        return [];
    }
  }

  #launches(data: ClusterEventOf<'LaunchAccepted'>['data']): RelayedOrder[] {
    const { at: _, ...set } = data;
    const template = this.#state.templates.get(set.templateDigest)?.template;
    const addressed: (Addressed | undefined)[] = [];
    eachAgentRun(set.agents, (agent, epoch) => void addressed.push(this.#address(agent, epoch)));
    if (template === undefined) return [];
    const { journalId } = this.#context;
    return lanesOf(set, addressed).map(({ partition, to, set: part }) => ({
      partition,
      order: { type: 'Launches', journalId, to, set: part, template },
    }));
  }

  #kills({ launches, graceMs }: ClusterEventOf<'KillAccepted'>['data']): RelayedOrder[] {
    const killed = new Map<number, IdRunsBuilder>();
    for (const { seq, ordinal, count, agents } of spansOf(this.#state, launches)) {
      for (let member = 0; member < count; member += 1) {
        const agent = numberAt(agents, member);
        let ids = killed.get(agent);
        if (ids === undefined) killed.set(agent, (ids = new IdRunsBuilder()));
        ids.add(seq, ordinal + member);
      }
    }
    const lanes = new Map<number, { to: LaneHeadsBuilder; launches: IdRunsBuilder['runs'][] }>();
    for (const [agent, ids] of killed) {
      const address = this.#registered.has(agent) ? undefined : this.#address(agent, this.#state.agents.epochOf(agent));
      if (address === undefined) continue;
      let lane = lanes.get(address.partition);
      if (lane === undefined) lanes.set(address.partition, (lane = { to: new LaneHeadsBuilder(), launches: [] }));
      lane.to.add(address);
      lane.launches.push(ids.runs);
    }
    const { journalId } = this.#context;
    return Array.from(lanes, ([partition, { to, launches: killedOf }]) => ({
      partition,
      order: {
        type: 'Kills',
        journalId,
        to: to.heads,
        launches: killedOf,
        ...(graceMs === undefined ? {} : { graceMs }),
      },
    }));
  }

  /** Of an agent that an order is for, if it can be; the order takes the n before those of the events that follow. */
  #address(agent: number, epoch: number): Addressed | undefined {
    const { agents, counters } = this.#state;
    if (!agents.takesLaunches(agent, epoch)) {
      const row = agents.numbered(agent);
      if (row === undefined || row.standing === 'GONE' || row.epoch !== epoch) return undefined;
    }
    const n = this.#next.get(agent) ?? counters.ordered(agent);
    this.#next.set(agent, n - 1);
    return { partition: this.#partitionOf(agent), number: agent, epoch, n, reported: counters.reported(agent) };
  }

  #partitionOf(agent: number): number {
    const { partitionOf, partitions = [] } = this.#context;
    const known = partitions[agent] ?? UNKNOWN;
    if (known !== UNKNOWN) return known;
    while (partitions.length <= agent) partitions.push(UNKNOWN);
    return (partitions[agent] = partitionOf(this.#state.agents.numbered(agent)!.agent));
  }

  /** Orders of a registration that has passed are left out: its process obeys nothing more. */
  #toAgent(
    { agent, epoch, n }: { readonly agent: AgentId; readonly epoch: number; readonly n: number },
    make: (head: AgentOrderHead) => AgentOrder | undefined,
  ): RelayedOrder[] {
    const row = this.#state.agents.get(agent);
    if (row === undefined || row.epoch !== epoch || row.standing === 'GONE') return [];
    this.#next.set(row.number, n - 1);
    const { journalId } = this.#context;
    const reported = this.#state.counters.reported(row.number);
    return this.#addressed(make({ journalId, agent, session: row.session, epoch, n, reported }));
  }

  #addressed(order: AgentOrder | undefined): RelayedOrder[] {
    if (order === undefined) return [];
    return [{ partition: this.#context.partitionOf(order.agent), agent: order.agent, order }];
  }

  /** Once a commit. */
  #sync(head: AgentOrderHead): AgentOrder | undefined {
    if (this.#synced.has(head.agent)) return undefined;
    this.#synced.add(head.agent);
    return syncOrder(head, this.#state, this.#context.at);
  }
}

function syncOrder(head: AgentOrderHead, state: ClusterState, at: EpochMs): AgentOrder {
  const row = state.agents.get(head.agent)!;
  const sets = new Map<string, KeptSet>();
  const templates: Record<string, TaskTemplate> = {};
  const kill = new IdRunsBuilder();
  for (const live of launchesOnAgent(state, head.agent)) {
    if (live.unwanted) {
      kill.addId(live.launch);
      continue;
    }
    const key = `${live.service} ${live.generation} ${live.version} ${live.pod} ${live.task} ${live.incarnation} ${live.templateDigest}`;
    const set = sets.get(key);
    if (set === undefined) sets.set(key, new KeptSet(live));
    else set.rows.push(live);
    const template = state.templates.get(live.templateDigest)?.template;
    if (template !== undefined) templates[live.templateDigest] = template;
  }
  return {
    ...head,
    n: state.counters.ordered(row.number),
    type: 'Sync',
    number: row.number,
    keep: [...sets.values()].flatMap((set) => set.made(row.epoch)),
    templates,
    kill: kill.runs,
    volumes: [...state.volumes.keysBy('agent', head.agent)],
    streams: openStreams(state, head.agent, at),
    askInventory: row.inventoryAsked,
  };
}

/** Launches of one kind that an agent is to keep. */
class KeptSet {
  readonly rows: LaunchRow[];

  constructor(first: LaunchRow) {
    this.rows = [first];
  }

  /** Members of a set ascend: a pod that is there twice, which only a replay of the impossible has, makes another set. */
  made(epoch: number): LaunchSet[] {
    const rows = [...this.rows].sort((left, right) => left.index - right.index);
    const sets: LaunchRow[][] = [];
    for (const row of rows) {
      const set = sets.find((each) => each.at(-1)!.index < row.index);
      if (set === undefined) sets.push([row]);
      else set.push(row);
    }
    return sets.map((set) => launchSetOf(set, epoch));
  }
}

function launchSetOf(rows: readonly LaunchRow[], epoch: number): LaunchSet {
  const { service, generation, version, pod, task, templateDigest, incarnation } = rows[0]!;
  const members = new MembersBuilder();
  const [launches, grants] = [new IdRunsBuilder(), new IdRunsBuilder()];
  for (const { index, on, ports, gpuIds, volumes, launch, grant } of rows) {
    members.add({ index, agent: on, epoch, ports, gpuIds, volumes });
    launches.add(seqOf(launch), ordinalOf(launch));
    grants.add(seqOf(grant), ordinalOf(grant));
  }
  const kind = { service, generation, version, pod, task, templateDigest, incarnation };
  return { ...kind, ...members.members, launches: launches.runs, grants: grants.runs };
}

function openStreams(state: ClusterState, agent: AgentId, at: EpochMs): StreamOrder[] {
  const open: StreamOrder[] = [];
  for (const [, row] of state.streams.by('agent', agent)) {
    const { agent: _, ...stream }: StreamRow = row;
    // A command that was told once and may have run must not run again.
    if (stream.untilMs > at && stream.kind !== 'exec') open.push(stream);
  }
  return open;
}

function streamOrderOf(data: ClusterEventOf<'StreamOpened'>['data']): StreamOrder {
  const { stream, launch, kind, path, cmd, terminal, from, follow, limitBytes, until } = data;
  return {
    ...{ stream, launch, kind, from, follow, limitBytes, untilMs: until },
    ...(path === undefined ? {} : { path }),
    ...(cmd === undefined ? {} : { cmd }),
    ...(terminal === undefined ? {} : { terminal }),
  };
}

/** Two processes under one id: the one before is told to stop; its tasks belong to the one that registered now. */
function standDownOfReplaced(
  { agent, epoch }: { readonly agent: AgentId; readonly epoch: number },
  state: ClusterState,
  journalId: string,
): AgentOrder | undefined {
  const row = state.agents.get(agent);
  const session = row?.pastSessions.at(-1);
  if (row?.epoch !== epoch || session === undefined) return undefined;
  const head = { journalId, agent, session, epoch: epoch - 1, n: 0 };
  return { ...head, type: 'StandDown', reason: 'replaced', killTasks: false };
}

function standDownOfGone(agent: AgentId, state: ClusterState, journalId: string): AgentOrder | undefined {
  const row: AgentRow | undefined = state.agents.get(agent);
  if (row?.standing !== 'GONE') return undefined;
  const head = { journalId, agent, session: row.session, epoch: row.epoch, n: 0 };
  return { ...head, type: 'StandDown', reason: 'agent-gone', killTasks: true };
}
