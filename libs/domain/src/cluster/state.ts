import {
  idOf,
  ordinalOf,
  seqOf,
  type AgentFacts,
  type AgentId,
  type ExitStatus,
  type GrantId,
  type LaunchId,
  type PodNeeds,
  type ServiceName,
  type StreamOrder,
  type TaskTemplate,
  type TerminalState,
  type Volume,
  type VolumeId,
} from '@orrery/contracts';
import { Table, type EpochMs } from '@orrery/kernel';
import { idKey, indexKey } from './keys.js';
import { AgentTable, CounterTable } from './registry.js';
import {
  FINAL,
  idOfMember,
  numberAt,
  PHASE,
  PID_UNIT,
  READY,
  RUNNING,
  RunTable,
  sinceOf,
  STAGING,
  toldOf,
  UNWANTED,
  type LaunchKind,
  type RunRow,
  type RunShared,
} from './runs.js';

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
 *
 * A launch lives in a run, with those that were accepted with it, or in a row of its own: where it is unlike them, has
 * devices or volumes, or has ended.
 */
export interface ClusterState {
  readonly agents: AgentTable;
  readonly counters: CounterTable;
  readonly runs: RunTable;
  /** Those by themselves, in the order of their ids. */
  readonly launches: Table<string, LaunchRow>;
  readonly templates: Table<string, TemplateRow>;
  /** What schedulers of others may launch on. */
  readonly grants: Table<string, OpenGrantRow>;
  /** Volumes whose destruction was ordered and not yet reported. */
  readonly volumes: Table<VolumeId, DestroyingVolume>;
  readonly streams: Table<string, StreamRow>;
  /** Losses of the last minute, oldest first: what the budget of P7 is counted from. */
  readonly losses: Table<string, LossRow>;
}

export type AgentStanding = 'ACTIVE' | 'DRAINING' | 'DRAINED' | 'GONE';

export interface AgentRow extends AgentFacts {
  readonly agent: AgentId;
  /** In the order of first registrations, for ever: how sets name it. */
  readonly number: number;
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
  /** While draining: when what is left is killed; absent once that happened. */
  readonly drainDeadline?: EpochMs;
  /** GONE, and launches there still await their TasksLost. */
  readonly losing: boolean;
}

export type LaunchPhase = 'STAGING' | 'STARTING' | 'RUNNING' | TerminalState;

/** One launch: a row of its own, or a member of a run as if it were one. */
export interface LaunchRow extends LaunchKind {
  readonly launch: LaunchId;
  readonly index: number;
  readonly agent: AgentId;
  /** Number of the agent. */
  readonly on: number;
  readonly grant: GrantId;
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

/** A grant of a scheduler: it stays until the scheduler gave it back and nothing runs on it. */
export interface OpenGrantRow {
  readonly grant: GrantId;
  readonly service: ServiceName;
  readonly pod: string;
  readonly index: number;
  /** Number of the agent. */
  readonly on: number;
  readonly epoch: number;
  readonly needs: PodNeeds;
  /** `<task>.<port>` → number. */
  readonly ports: Readonly<Record<string, number>>;
  readonly gpuIds: readonly string[];
  /** The last launch of each task. */
  readonly tasks: Readonly<Record<string, { readonly launch: LaunchId; readonly incarnation: number }>>;
  readonly closing?: true;
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

export const PODS_PER_BLOCK = 64;

export function initialState(): ClusterState {
  return {
    agents: new AgentTable(),
    counters: new CounterTable(),
    runs: new RunTable(),
    launches: new Table<string, LaunchRow>('launches', {
      block: (row) => blockOf(row.service, row.pod, row.index),
      liveOn: (row) => (isLive(row) ? row.agent : undefined),
      endedOf: (row) => (isLive(row) ? undefined : keyOfId(row.grant)),
    }),
    templates: new Table<string, TemplateRow>('templates'),
    grants: new Table<string, OpenGrantRow>('grants', { closing: (row) => (row.closing === true ? 'yes' : undefined) }),
    volumes: new Table<VolumeId, DestroyingVolume>('volumes', { agent: (row) => row.agent }),
    streams: new Table<string, StreamRow>('streams', { agent: (row) => row.agent }),
    losses: new Table<string, LossRow>('losses'),
  };
}

/** A few pods share one index entry: an entry of its own for each task would cost more than its row. */
export function blockOf(service: string, pod: string, index: number): string {
  return `${service}.${pod}.${indexKey(index - (index % PODS_PER_BLOCK))}`;
}

export function keyOfId(id: string): string {
  return idKey(seqOf(id), ordinalOf(id));
}

export function isLive(row: LaunchRow): boolean {
  return isLivePhase(row.phase);
}

export function isLivePhase(phase: LaunchPhase): phase is 'STAGING' | 'STARTING' | 'RUNNING' {
  return phase === 'STAGING' || phase === 'STARTING' || phase === 'RUNNING';
}

export const NO_PORTS: Readonly<Record<string, number>> = Object.freeze({});
export const NOTHING: readonly never[] = Object.freeze([]);

/** A member of a run as a row, if it is there. */
export function memberOf(state: ClusterState, run: RunRow, member: number): LaunchRow | undefined {
  if (member < 0 || member >= run.of.count) return undefined;
  const told = toldOf(run, member);
  if (told === 0) return undefined;
  const { service, generation, version, pod, task, templateDigest } = run.of;
  const { index, grantSeq, grant, agents, acceptedAt } = run.of;
  const { seq, ordinal, incarnation } = idOfMember(run, member);
  const on = numberAt(agents, member);
  const phase = told & PHASE;
  const row: LaunchRow = {
    launch: idOf<LaunchId>(seq, ordinal),
    ...{ service, generation, version, pod, task, templateDigest, incarnation },
    index: index + member,
    agent: state.agents.numbered(on)?.agent ?? ('' as AgentId),
    on,
    grant: idOf<GrantId>(grantSeq, grant + member),
    ports: portsOf(run.of, member),
    gpuIds: NOTHING,
    volumes: NOTHING,
    phase: phase === RUNNING ? 'RUNNING' : phase === STAGING ? 'STAGING' : 'STARTING',
    unwanted: (told & UNWANTED) !== 0,
    final: (told & FINAL) !== 0,
    since: acceptedAt + sinceOf(run, member),
    ready: (told & READY) !== 0,
  };
  return phase === RUNNING ? { ...row, pid: Math.floor(told / PID_UNIT) } : row;
}

function portsOf(run: RunShared, member: number): Readonly<Record<string, number>> {
  let ports: Record<string, number> | undefined;
  for (const name in run.ports) (ports ??= {})[name] = numberAt(run.ports[name]!, member);
  return ports ?? NO_PORTS;
}

/** Keys of losses sort by time. */
export function lossKey(at: EpochMs, agent: AgentId): string {
  return `${String(at).padStart(15, '0')}.${agent}`;
}
