import type {
  AgentFacts,
  AgentId,
  AgentReport,
  ExitStatus,
  GrantId,
  LaunchId,
  LaunchSet,
  TaskTemplate,
  Volume,
  VolumeId,
} from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import { unreported, type ReportPace } from '../agent-session.js';

/**
 * All that an agent must not forget: folded from the facts in its checkpoint, changed by `evolve` only. A launch:
 *
 *   Launch, Sync ─▶ ORDERED ──shim──▶ RUNNING ──exit──▶ FINISHED · FAILED · KILLED · ERROR ──acknowledged──▶ forgotten
 *                      └────────── stopped before it began ──────────┘
 *
 * An order is a fact before its shim starts, an end is a fact before it is reported, and an end stays until the cluster's
 * journal is known to have it: so a process that is killed at any point loses nothing and starts nothing twice.
 */
export interface AgentState {
  agent: AgentId;
  /** Of the cluster journal that this agent obeys; empty until the first answer. */
  journalId: string;
  /** Of this agent in that journal: how orders to a lane name it; 0 until the first answer. */
  number: number;
  /** The process that runs now. */
  session: string;
  /** Registration of this session; 0 until its Inventory was answered. */
  epoch: number;
  /** Last n obeyed in this epoch. */
  obeyed: number;
  /** Last m given to a report in this epoch. */
  made: number;
  facts: AgentFacts | undefined;
  inventorySentAt: EpochMs;
  standDown: { readonly reason: string; readonly killTasks: boolean } | undefined;
  /** The agent ends its tasks before it stops; it begins none any more. */
  leaving: boolean;
  readonly launches: Map<LaunchId, LaunchRow>;
  readonly templates: Map<string, TaskTemplate>;
  readonly volumes: Set<VolumeId>;
  /** Ordered to be destroyed, and not yet known to be. */
  readonly doomedVolumes: Set<VolumeId>;
  /** Launches that begin slowly enough for STARTING to be told by itself, with the time of their order. */
  readonly untoldStarts: Map<LaunchId, EpochMs>;
  /** Told to nobody yet, oldest first. */
  pendingTasks: TaskReport[];
  pendingVolumes: VolumeId[];
  /** Numbered and under way to the broker, in order. */
  outgoing: OutgoingReport[];
  pace: ReportPace;
}

/** What is told of one launch; reports tell it in columns. */
export type TaskReport =
  | { readonly launch: LaunchId; readonly state: 'STARTING' }
  | {
      readonly launch: LaunchId;
      readonly state: 'RUNNING';
      readonly since: EpochMs;
      readonly pid: number;
      /** Nothing checks whether it is. */
      readonly ready: boolean;
    }
  | { readonly launch: LaunchId; readonly state: 'READY' }
  | {
      readonly launch: LaunchId;
      readonly state: TerminalState;
      readonly agentTime: EpochMs;
      readonly exit?: ExitStatus;
      readonly reason: string;
      readonly message?: string;
    };

export type NumberedReport = Exclude<AgentReport, { type: 'Inventory' }>;

/** A report that has its number, as what it tells: under a new registration that is told again. */
export interface OutgoingReport extends Pick<NumberedReport, 'agent' | 'session' | 'epoch' | 'm' | 'obeyed'> {
  readonly tasks: readonly TaskReport[];
  /** Destroyed; a report tells either these or tasks. */
  readonly volumes: readonly VolumeId[];
}

export type TerminalState = 'FINISHED' | 'FAILED' | 'KILLED' | 'ERROR';

/** What every launch of a set has in common. */
export type LaunchKind = Pick<LaunchSet, 'service' | 'generation' | 'version' | 'pod' | 'task' | 'templateDigest'>;

/** One of a set. */
export interface Launch {
  readonly launch: LaunchId;
  readonly grant: GrantId;
  readonly index: number;
  readonly incarnation: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly gpuIds: readonly string[];
  readonly volumes: readonly Volume[];
}

export interface LaunchRow {
  readonly launch: Launch;
  readonly kind: LaunchKind;
  readonly state: 'ORDERED' | 'RUNNING' | TerminalState;
  /** Ordered before this process began: whether it is still wanted, only a Sync can tell. */
  readonly held: boolean;
  readonly pid?: number;
  readonly since?: EpochMs;
  readonly ready: boolean;
  readonly kill?: Kill;
  readonly end?: End;
}

export interface Kill {
  readonly cause: 'killed' | 'health-check' | 'agent-stopped';
  readonly at: EpochMs;
  readonly graceMs: number;
  readonly message?: string;
}

export interface End {
  readonly at: EpochMs;
  readonly exit?: ExitStatus;
  readonly reason: string;
  readonly message?: string;
  /** The report that told it, once numbered. */
  readonly toldIn?: { readonly epoch: number; readonly m: number };
}

export function newState(agent: AgentId): AgentState {
  return {
    agent,
    journalId: '',
    number: 0,
    session: '',
    epoch: 0,
    obeyed: 0,
    made: 0,
    facts: undefined,
    inventorySentAt: 0,
    standDown: undefined,
    leaving: false,
    launches: new Map(),
    templates: new Map(),
    volumes: new Set(),
    doomedVolumes: new Set(),
    untoldStarts: new Map(),
    pendingTasks: [],
    pendingVolumes: [],
    outgoing: [],
    pace: unreported,
  };
}

export function isLive(row: LaunchRow): boolean {
  return row.state === 'ORDERED' || row.state === 'RUNNING';
}

/** As the checkpoint keeps it. */
export interface SavedState extends Omit<
  AgentState,
  'launches' | 'templates' | 'volumes' | 'doomedVolumes' | 'untoldStarts'
> {
  readonly launches: readonly LaunchRow[];
  readonly templates: readonly (readonly [string, TaskTemplate])[];
  readonly volumes: readonly VolumeId[];
  readonly doomedVolumes: readonly VolumeId[];
  readonly untoldStarts: readonly (readonly [LaunchId, EpochMs])[];
}

export function saveState(state: AgentState): SavedState {
  const used = new Set([...state.launches.values()].map(({ kind }) => kind.templateDigest));
  return {
    ...state,
    launches: [...state.launches.values()],
    templates: [...state.templates].filter(([digest]) => used.has(digest)),
    volumes: [...state.volumes],
    doomedVolumes: [...state.doomedVolumes],
    untoldStarts: [...state.untoldStarts],
  };
}

export function restoreState(saved: SavedState): AgentState {
  return {
    ...newState(saved.agent),
    ...saved,
    launches: new Map(saved.launches.map((row) => [row.launch.launch, row])),
    templates: new Map(saved.templates),
    volumes: new Set(saved.volumes),
    doomedVolumes: new Set(saved.doomedVolumes),
    untoldStarts: new Map(saved.untoldStarts),
  };
}
