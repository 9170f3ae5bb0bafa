import type {
  AgentFacts,
  AgentId,
  AgentReport,
  ExitStatus,
  Launch,
  LaunchId,
  LaunchSet,
  TaskStateReport,
  TaskTemplate,
  VolumeId,
} from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';

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
  pendingTasks: TaskStateReport[];
  pendingVolumes: VolumeId[];
  /** Numbered and under way to the broker, in order. */
  outgoing: NumberedReport[];
  lastReport: { readonly at: EpochMs; readonly items: number };
}

export type NumberedReport = Exclude<AgentReport, { type: 'Inventory' }>;
export type TerminalState = 'FINISHED' | 'FAILED' | 'KILLED' | 'ERROR';

/** What every launch of a set has in common. */
export type LaunchKind = Pick<LaunchSet, 'service' | 'generation' | 'version' | 'pod' | 'task' | 'templateDigest'>;

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
    lastReport: { at: 0, items: 0 },
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
