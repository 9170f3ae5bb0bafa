import type {
  AgentFacts,
  AgentId,
  ExitStatus,
  GrantId,
  LaunchId,
  ServiceName,
  StreamOrder,
  TaskTemplate,
  TerminalState,
  Volume,
  VolumeId,
} from '@orrery/contracts';
import { Table, type EpochMs } from '@orrery/kernel';

/**
 * Facts about agents and tasks, folded from the cluster journal alone.
 *
 * An agent:                                          A launch (one run of one task):
 *
 *   Inventory ─▶ ACTIVE ──drain──▶ DRAINING            LaunchAccepted ─▶ STAGING ─▶ STARTING ─▶ RUNNING
 *                  ▲                │    │ no task lives                   │           │          │
 *                  └───activate─────┤    ▼                                 └───────────┴──────────┤
 *                                   └─ DRAINED                                                    ▼
 *   any ──gone──▶ GONE (for ever)                       FINISHED · FAILED · KILLED · ERROR · LOST (for ever)
 *
 * Beside its standing, an agent is reachable or not: UNREACHABLE is the absence of its lease, whatever its standing, and
 * its tasks are UNREACHABLE by that rule alone. KILLING is not a phase either: a live launch that is not wanted.
 */
export interface ClusterState {
  readonly agents: Table<AgentId, AgentRow>;
  readonly launches: Table<LaunchId, LaunchRow>;
  readonly templates: Table<string, TemplateRow>;
  /** Volumes whose destruction was ordered and not yet reported. */
  readonly volumes: Table<VolumeId, DestroyingVolume>;
  readonly streams: Table<string, StreamRow>;
  /** Losses of the last minute, oldest first: what the budget of P7 is counted from. */
  readonly losses: Table<string, LossRow>;
}

export type AgentStanding = 'ACTIVE' | 'DRAINING' | 'DRAINED' | 'GONE';

export interface AgentRow extends AgentFacts {
  readonly agent: AgentId;
  /** Counts registrations; n and m start anew with each. */
  readonly epoch: number;
  /** The process that this epoch belongs to. */
  readonly session: string;
  /** Processes before it, newest last: an Inventory of theirs that comes late must not register them again. */
  readonly pastSessions: readonly string[];
  readonly standing: AgentStanding;
  readonly reachable: boolean;
  /** Its lease lapsed, but the budget of losses was used up. */
  readonly lapseHeld: boolean;
  /** An Inventory was asked for and has not come yet. */
  readonly inventoryAsked: boolean;
  /** Last n ordered in this epoch. */
  readonly ordered: number;
  /** Last m reported in this epoch. */
  readonly reported: number;
  /** While draining: when what is left is killed; absent once that happened. */
  readonly drainDeadline?: EpochMs;
  /** GONE, and launches there still await their TasksLost. */
  readonly losing: boolean;
}

export type LaunchPhase = 'STAGING' | 'STARTING' | 'RUNNING' | TerminalState;

export interface LaunchRow {
  readonly launch: LaunchId;
  readonly service: ServiceName;
  readonly generation: number;
  readonly version: number;
  readonly pod: string;
  readonly index: number;
  readonly task: string;
  readonly incarnation: number;
  readonly agent: AgentId;
  readonly grant: GrantId;
  readonly templateDigest: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly gpuIds: readonly string[];
  readonly volumes: readonly Volume[];
  readonly phase: LaunchPhase;
  /** A kill was accepted: the agent is to end it, now or when it is back. */
  readonly unwanted: boolean;
  /** Nobody will look for it once it ended: its row goes with its end. */
  readonly final: boolean;
  /** Accepted at; once it runs, running since. */
  readonly since: EpochMs;
  readonly ready: boolean;
  readonly pid?: number;
  readonly exit?: ExitStatus;
  readonly reason?: string;
  readonly message?: string;
}

export interface TemplateRow {
  readonly template: TaskTemplate;
  /** Live launches made from it; at none, the row goes. */
  readonly uses: number;
}

export interface DestroyingVolume {
  readonly agent: AgentId;
}

export interface StreamRow extends StreamOrder {
  readonly agent: AgentId;
}

export interface LossRow {
  readonly agent: AgentId;
  readonly at: EpochMs;
}

export const LOSS_WINDOW_MS = 60_000;

const PODS_PER_BLOCK = 16;

export function initialState(): ClusterState {
  return {
    agents: new Table<AgentId, AgentRow>('agents', {
      known: (row) => (row.standing === 'GONE' ? undefined : 'yes'),
      held: (row) => (row.lapseHeld ? 'yes' : undefined),
      deadline: (row) => (row.drainDeadline === undefined ? undefined : 'yes'),
      losing: (row) => (row.losing ? 'yes' : undefined),
    }),
    launches: new Table<LaunchId, LaunchRow>('launches', {
      block: (row) => blockOf(row.service, row.pod, row.index),
      liveOn: (row) => (isLive(row) ? row.agent : undefined),
      endedOf: (row) => (isLive(row) ? undefined : row.grant),
    }),
    templates: new Table<string, TemplateRow>('templates'),
    volumes: new Table<VolumeId, DestroyingVolume>('volumes', { agent: (row) => row.agent }),
    streams: new Table<string, StreamRow>('streams', { agent: (row) => row.agent }),
    losses: new Table<string, LossRow>('losses'),
  };
}

/** A few pods share one index entry: an entry of its own for each task would cost more than its row. */
function blockOf(service: string, pod: string, index: number): string {
  return `${service}.${pod}.${Math.floor(index / PODS_PER_BLOCK)}`;
}

export function isLive(row: LaunchRow): boolean {
  return isLivePhase(row.phase);
}

export function isLivePhase(phase: LaunchPhase): phase is 'STAGING' | 'STARTING' | 'RUNNING' {
  return phase === 'STAGING' || phase === 'STARTING' || phase === 'RUNNING';
}

/** Every launch of one task that still has a row, of any generation, in key order. */
export function* launchesOfTask(
  state: ClusterState,
  task: { readonly service: string; readonly pod: string; readonly index: number; readonly task: string },
): IterableIterator<LaunchRow> {
  for (const [, row] of state.launches.by('block', blockOf(task.service, task.pod, task.index))) {
    if (row.index === task.index && row.task === task.task) yield row;
  }
}

/** All launches of a service, pod type by pod type; the living and the ended that were not replaced yet. */
export function* launchesOfService(state: ClusterState, service: string): IterableIterator<LaunchRow> {
  const prefix = `${service}.`;
  for (const block of state.launches.valuesOf('block', prefix)) {
    if (!block.startsWith(prefix)) return;
    for (const [, row] of state.launches.by('block', block)) yield row;
  }
}

export function* endedOfService(
  state: ClusterState,
  { service, generation }: Pick<LaunchRow, 'service' | 'generation'>,
): IterableIterator<LaunchId> {
  for (const row of launchesOfService(state, service)) {
    if (row.generation === generation && !isLive(row)) yield row.launch;
  }
}

/** Keys of losses sort by time. */
export function lossKey(at: EpochMs, agent: AgentId): string {
  return `${String(at).padStart(15, '0')}.${agent}`;
}
