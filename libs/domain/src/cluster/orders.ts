import type {
  AgentId,
  AgentOrder,
  AgentOrderHead,
  ClusterEvent,
  ClusterEventOf,
  LaunchSet,
  StreamOrder,
  TaskTemplate,
} from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import type { AgentRow, ClusterState, LaunchRow, StreamRow } from './state.js';

/**
 * What the relay tells agents about an accepted commit (K of the design's life of a pod). Made at least once: after a
 * take-over the same commits may be told again, from a newer state. That is safe by three rules:
 *
 * - An order keeps the n of its event, so an agent that obeyed it drops the repeat.
 * - A Sync is made from the state as it is when it is sent and carries that state's last n, whatever the n of its event:
 *   all orders up to that n are part of what it says, and the agent drops those that arrive after it.
 * - An order that can't be made any more (its epoch has passed, its template is no longer used) is left out. The agent is
 *   then behind, which its heartbeats tell, and a Sync heals it.
 */
export function ordersOf(
  events: readonly ClusterEvent[],
  state: ClusterState,
  commit: { readonly journalId: string; readonly at: EpochMs },
): AgentOrder[] {
  const orders: AgentOrder[] = [];
  const synced = new Set<AgentId>();
  for (const event of events) {
    const order = orderOf(event, state, commit, synced);
    if (order !== undefined) orders.push(order);
  }
  return orders;
}

function orderOf(
  event: ClusterEvent,
  state: ClusterState,
  { journalId, at }: { readonly journalId: string; readonly at: EpochMs },
  synced: Set<AgentId>,
): AgentOrder | undefined {
  switch (event.type) {
    case 'LaunchAccepted': {
      const template = state.templates.get(event.data.templateDigest)?.template;
      const head = headOf(event.data, state, journalId);
      if (head === undefined || template === undefined) return undefined;
      const { n: _, at: __, ...set } = event.data;
      return { ...head, type: 'Launch', set, template };
    }
    case 'KillAccepted': {
      const head = headOf(event.data, state, journalId);
      const { launches, graceMs } = event.data;
      return head && { ...head, type: 'Kill', launches, ...(graceMs === undefined ? {} : { graceMs }) };
    }
    case 'VolumeDestroyAccepted': {
      const head = headOf(event.data, state, journalId);
      return head && { ...head, type: 'DestroyVolumes', volumes: event.data.volumes };
    }
    case 'StreamOpened': {
      const head = headOf(event.data, state, journalId);
      return head && { ...head, type: 'OpenStream', ...streamOrderOf(event.data) };
    }
    case 'SyncOrdered': {
      const head = headOf(event.data, state, journalId);
      if (head === undefined || synced.has(event.data.agent)) return undefined;
      synced.add(event.data.agent);
      return syncOrder(head, state, at);
    }
    case 'AgentRegistered':
      return standDownOfReplaced(event.data, state, journalId);
    case 'AgentGone':
    case 'StandDownOrdered':
      return standDownOfGone(event.data.agent, state, journalId);
    default:
      return undefined;
  }
}

/** Orders of a registration that has passed are left out: its process obeys nothing more. */
function headOf(
  { agent, epoch, n }: { readonly agent: AgentId; readonly epoch: number; readonly n: number },
  state: ClusterState,
  journalId: string,
): AgentOrderHead | undefined {
  const row = state.agents.get(agent);
  if (row === undefined || row.epoch !== epoch || row.standing === 'GONE') return undefined;
  return { journalId, agent, session: row.session, epoch, n, reported: row.reported };
}

function syncOrder(head: AgentOrderHead, state: ClusterState, at: EpochMs): AgentOrder {
  const row = state.agents.get(head.agent)!;
  const sets = new Map<string, LaunchSet & { launches: LaunchSet['launches'][number][] }>();
  const templates: Record<string, TaskTemplate> = {};
  const kill: LaunchRow['launch'][] = [];
  for (const [launch, live] of state.launches.by('liveOn', head.agent)) {
    if (live.unwanted) {
      kill.push(launch);
      continue;
    }
    const key = `${live.service} ${live.generation} ${live.version} ${live.pod} ${live.task} ${live.templateDigest}`;
    const set = sets.get(key) ?? { ...setOf(live), epoch: row.epoch, launches: [] };
    set.launches.push(launchOf(live));
    sets.set(key, set);
    const template = state.templates.get(live.templateDigest)?.template;
    if (template !== undefined) templates[live.templateDigest] = template;
  }
  const keep = [...sets.values()].map((set) => ({ set, templateDigest: set.templateDigest }));
  const streams = openStreams(state, head.agent, at);
  const volumes = [...state.volumes.keysBy('agent', head.agent)];
  const askInventory = row.inventoryAsked;
  return { ...head, n: row.ordered, type: 'Sync', keep, templates, kill, volumes, streams, askInventory };
}

function setOf({ service, generation, version, pod, task, templateDigest, agent }: LaunchRow) {
  return { service, generation, version, pod, task, templateDigest, agent };
}

function launchOf({ launch, grant, index, incarnation, ports, gpuIds, volumes }: LaunchRow) {
  return { launch, grant, index, incarnation, ports, gpuIds, volumes };
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
