import { Type, type Static } from 'typebox';
import type { EpochMs } from '@orrery/kernel';
import type { ExitStatus } from './exit-status.js';
import type { AgentId, LaunchId, ServiceName, VolumeId } from './ids.js';
import type { StaticReservation } from './reserved.js';
import type { Capacity, FaultDomain } from './resources.js';
import { launchCommandSchemas, type SchedulerGrantEvent } from './schedulers.js';
import { branded } from './schema.js';
import type { Column, IdRuns, Members } from './sets.js';

// --- Commands -------------------------------------------------------------------------------------------------------

const strict = { additionalProperties: false } as const;
const agent = branded<AgentId>('id of an agent');

const lines = Type.Integer({ minimum: 1, maximum: 9_999 });
const terminalSize = Type.Object({ rows: lines, columns: lines }, strict);

const operatorCommandSchemas = {
  /** Nothing new is placed there; tasks move away; ends as DRAINED. */
  DrainAgent: Type.Object(
    { agent, 'grace-secs': Type.Optional(Type.Number({ minimum: 0, maximum: 604_800 })) },
    strict,
  ),
  /** Ends a drain, at any time. */
  ActivateAgent: Type.Object({ agent }, strict),
  /** The operator's word that the machine will never come back: its tasks are LOST, its grants end. Final. */
  MarkAgentGone: Type.Object({ agent }, strict),
  /** Lets a held-back lapse through although the budget of losses a minute is used up (invariant P7). */
  ConfirmLapse: Type.Object({ agent }, strict),
  /** Ends the task's current incarnation; its service decides what follows. */
  KillTask: Type.Object(
    {
      task: Type.String({ minLength: 1, maxLength: 255 }),
      'grace-secs': Type.Optional(Type.Number({ minimum: 0, maximum: 86_400 })),
    },
    strict,
  ),
  /** Asks the agent of a task to send bytes through the log topic, keyed by stream. */
  OpenStream: Type.Object(
    {
      stream: Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }),
      task: Type.String({ minLength: 1, maxLength: 255 }),
      kind: Type.Union([
        Type.Literal('stdout'),
        Type.Literal('stderr'),
        Type.Literal('file'),
        Type.Literal('files'),
        Type.Literal('exec'),
      ]),
      path: Type.Optional(Type.String({ maxLength: 1024 })),
      /** Of kind exec: a line for the shell, or a program and its arguments. */
      cmd: Type.Optional(
        Type.Union([
          Type.String({ minLength: 1, maxLength: 16_384 }),
          Type.Array(Type.String({ maxLength: 16_384 }), { minItems: 1, maxItems: 256 }),
        ]),
      ),
      /** Of kind exec: it runs on a terminal of this size, which is told anew through the input topic. */
      terminal: Type.Optional(terminalSize),
      /** Byte offset to begin at; negative: so many bytes before the end. */
      from: Type.Optional(Type.Integer()),
      /** Go on with what is written. Of kind exec: live on while whoever reads it says so within each `ttl-secs`. */
      follow: Type.Optional(Type.Boolean()),
      'limit-bytes': Type.Optional(Type.Integer({ minimum: 1, maximum: 67_108_864 })),
      'ttl-secs': Type.Optional(Type.Number({ minimum: 1, maximum: 3600 })),
    },
    strict,
  ),
} as const;

export const clusterCommandSchemas = { ...operatorCommandSchemas, ...launchCommandSchemas } as const;

export type ClusterCommand = {
  [Name in keyof typeof clusterCommandSchemas]: {
    readonly type: Name;
    readonly body: Static<(typeof clusterCommandSchemas)[Name]>;
  };
}[keyof typeof clusterCommandSchemas];

// --- What a launch is -----------------------------------------------------------------------------------------------

/** Attribute of agents that have a container engine: which one. */
export const ENGINE_ATTRIBUTE = 'engine';

/** How one kind of task runs: equal for all pods of a service version, so it travels once a set. */
export interface TaskTemplate {
  readonly cmd: string;
  readonly goal: 'RUNNING' | 'FINISH' | 'ONCE';
  readonly env: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly cpusMilli: number;
  readonly memoryMib: number;
  readonly diskMib: number;
  readonly killGraceMs: number;
  /** Of this task: name → environment variable that tells its number. */
  readonly portEnv: Readonly<Record<string, string>>;
  readonly readinessCheck?: TaskCheck;
  readonly healthCheck?: TaskCheck;
  /** Fetched before the start. */
  readonly artifacts?: readonly TaskArtifact[];
  /** Of each of its processes, by names such as RLIMIT_NOFILE. */
  readonly rlimits?: readonly Rlimit[];
  /** What only the agent's machine knows, by name. */
  readonly secrets?: readonly TaskSecret[];
  /** Files written before the start, below the sandbox; mustache over the environment. */
  readonly configs: readonly { readonly template: string; readonly dest: string }[];
  /** Other pods of the service, as they were placed when this was ordered; by pod type, then index. */
  readonly peers?: readonly Peer[];
}

/** Where a pod of the same service is. `ports`: by their names, of all its tasks. */
export interface Peer {
  readonly pod: string;
  readonly index: number;
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
}

/** A file, an archive or a set of jars that a task needs, by its content; `dest` is below the sandbox. */
export interface TaskArtifact {
  readonly uri: string;
  readonly sha256: string;
  readonly dest: string;
  readonly extract?: boolean;
  readonly executable?: boolean;
}

/** -1: no limit. */
export type Rlimit = readonly [name: string, soft: number, hard: number];

/** The name of a secret, and where its task finds the value: in an environment variable, a file below the sandbox, or both. */
export interface TaskSecret {
  readonly secret: string;
  readonly env?: string;
  readonly file?: string;
}

export interface TaskCheck {
  readonly probe:
    | { readonly kind: 'cmd'; readonly cmd: string }
    | { readonly kind: 'http'; readonly port: string; readonly path: string }
    | { readonly kind: 'tcp'; readonly port: string };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly delayMs: number;
  readonly gracePeriodMs: number;
  readonly failuresMax: number;
}

/**
 * A set of launches that differ in little: same task of the same version of one service, same incarnation. A launch is one
 * run of one task. `launches` and `grants` go member by member; ports are those of this task, by their names.
 */
export interface LaunchSet extends Members {
  readonly service: ServiceName;
  /** Seq of the commit that created the service: a re-installed one never meets its predecessor's tasks. */
  readonly generation: number;
  readonly version: number;
  readonly pod: string;
  readonly task: string;
  /** sha256 of the canonical template: first 16 hex digits. */
  readonly templateDigest: string;
  readonly incarnation: number;
  readonly launches: IdRuns;
  readonly grants: IdRuns;
}

// --- Events ---------------------------------------------------------------------------------------------------------

export interface AgentFacts {
  readonly hostname: string;
  /** Where the tasks of this agent can be reached. */
  readonly address: string;
  readonly capacity: Capacity;
  readonly attributes: Readonly<Record<string, string>>;
  readonly faultDomain: FaultDomain;
  /** Parts of it that it keeps for roles. */
  readonly reservations?: readonly StaticReservation[];
}

/** Absent: ACTIVE. A drain outlives the process, the epoch and the absence of the agent. */
export interface StillDraining {
  readonly standing?: 'DRAINING' | 'DRAINED';
}

/** In characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export type TerminalState = 'FINISHED' | 'FAILED' | 'KILLED' | 'ERROR' | 'LOST';

export type ClusterEvent =
  /** A first registration, or a later one of another process or after a restart: the epoch rises, n and m start anew. */
  | {
      readonly type: 'AgentRegistered';
      readonly data: {
        readonly agent: AgentId;
        /** 1, 2, … in the order of first registrations, for ever: how sets name this agent. */
        readonly number: number;
        readonly epoch: number;
        readonly session: string;
      } & AgentFacts &
        StillDraining;
    }
  /** An UNREACHABLE agent told its inventory: same session, same epoch. */
  | {
      readonly type: 'AgentReturned';
      readonly data: { readonly agent: AgentId; readonly epoch: number } & StillDraining;
    }
  /** The lease lapsed: its tasks are UNREACHABLE by rule, there is no list. */
  | {
      readonly type: 'AgentUnreachable';
      readonly data: {
        readonly agent: AgentId;
        readonly epoch: number;
        readonly at: EpochMs;
        /** An operator said so: does not count against the budget of losses a minute. */
        readonly confirmed?: true;
      };
    }
  | {
      readonly type: 'AgentDraining';
      readonly data: { readonly agent: AgentId; readonly epoch: number; readonly deadline: EpochMs };
    }
  /** What still ran there is killed with this commit. */
  | { readonly type: 'DrainDeadlinePassed'; readonly data: { readonly agent: AgentId; readonly epoch: number } }
  | { readonly type: 'AgentDrained'; readonly data: { readonly agent: AgentId; readonly epoch: number } }
  | { readonly type: 'AgentActivated'; readonly data: { readonly agent: AgentId; readonly epoch: number } }
  | { readonly type: 'AgentGone'; readonly data: { readonly agent: AgentId; readonly epoch: number } }
  /** A lapse that the budget of losses a minute holds back, until it refills or an operator confirms. */
  | { readonly type: 'LapseHeld'; readonly data: { readonly agent: AgentId; readonly epoch: number } }
  /** It was heard again while its lapse was held: nothing was lost. */
  | { readonly type: 'LapseDropped'; readonly data: { readonly agent: AgentId; readonly epoch: number } }
  /** A process that may not use this id any more: the agent is GONE. */
  | {
      readonly type: 'StandDownOrdered';
      readonly data: { readonly agent: AgentId; readonly session: string; readonly reason: string };
    }
  /** The master keeps one copy of each template that a live launch uses. */
  | { readonly type: 'TemplateKept'; readonly data: { readonly digest: string; readonly template: TaskTemplate } }
  /** STAGING. For each agent in it this is the next order of its epoch: its n is one more than the last. */
  | { readonly type: 'LaunchAccepted'; readonly data: LaunchSet & { readonly at: EpochMs } }
  | {
      readonly type: 'LaunchRefused';
      readonly data: {
        readonly service: ServiceName;
        readonly generation: number;
        readonly launches: IdRuns;
        readonly code: string;
      };
    }
  /** For each agent that has any of these launches this is the next order of its epoch. */
  | {
      readonly type: 'KillAccepted';
      readonly data: {
        readonly launches: IdRuns;
        readonly graceMs?: number;
        /** Their grants end with them: nobody will look for them here once they ended. */
        readonly final?: true;
      };
    }
  /** The agent is told all that it should hold, made from the state: after a gap, a return or a take-over. */
  | {
      readonly type: 'SyncOrdered';
      readonly data: {
        readonly agent: AgentId;
        readonly epoch: number;
        readonly n: number;
        readonly reason: string;
        readonly askInventory: boolean;
      };
    }
  /** In the agent's checkpoint. `m`: the report that said so; reports count 1, 2, … within an epoch. */
  | { readonly type: 'TasksStarting'; readonly data: Teller & { readonly launches: IdRuns } }
  /** The process exists. Says that it is ready only where nothing checks that. */
  | { readonly type: 'TasksRunning'; readonly data: Teller & TasksRun }
  | {
      readonly type: 'TasksReady';
      readonly data: Teller & { readonly launches: IdRuns; readonly ready: boolean };
    }
  /** Terminal, for ever. */
  | { readonly type: 'TasksEnded'; readonly data: Teller & { readonly ends: readonly TaskEnds[] } }
  /** Terminal: the agent is GONE, or came back without them. */
  | {
      readonly type: 'TasksLost';
      readonly data: {
        readonly agent: AgentId;
        readonly epoch: number;
        readonly launches: IdRuns;
        readonly reason: string;
      };
    }
  /** A terminal state of launches that had ended before, or are forgotten: changes nothing, is kept in the history. */
  | { readonly type: 'TasksReportedLate'; readonly data: Teller & { readonly ends: readonly TaskEnds[] } }
  /** A report that told nothing new: only its number counts. */
  | { readonly type: 'ReportNoted'; readonly data: ReportHead }
  /** Reports of several agents that were judged together: what they told stands in the events before, in sets of all of them. */
  | { readonly type: 'ReportsNoted'; readonly data: { readonly reports: readonly ReportMark[] } }
  /** The grants were returned: what had ended on them is known no longer. */
  | { readonly type: 'GrantsForgotten'; readonly data: { readonly grants: IdRuns } }
  /** The service is removed: what had ended of this generation is known no longer. */
  | {
      readonly type: 'ServiceForgotten';
      readonly data: { readonly service: ServiceName; readonly generation: number };
    }
  | {
      readonly type: 'VolumeDestroyAccepted';
      readonly data: {
        readonly agent: AgentId;
        readonly epoch: number;
        readonly n: number;
        readonly volumes: readonly VolumeId[];
      };
    }
  | {
      readonly type: 'VolumesGone';
      readonly data: { readonly agent: AgentId; readonly epoch: number; readonly volumes: readonly VolumeId[] };
    }
  | {
      readonly type: 'StreamOpened';
      readonly data: {
        readonly stream: string;
        readonly agent: AgentId;
        readonly epoch: number;
        readonly n: number;
        readonly launch: LaunchId;
        readonly kind: 'stdout' | 'stderr' | 'file' | 'files' | 'exec';
        readonly path?: string;
        readonly cmd?: readonly string[];
        readonly terminal?: TerminalSize;
        readonly from: number;
        readonly follow: boolean;
        readonly limitBytes: number;
        readonly at: EpochMs;
        readonly until: EpochMs;
      };
    }
  | SchedulerGrantEvent;

export interface ReportHead {
  readonly agent: AgentId;
  readonly epoch: number;
  /** 0 when no report said so: the master concluded it. */
  readonly m: number;
}

/** By number. */
export type ReportMark = readonly [agent: number, epoch: number, m: number];

/** Whose report said so; left out where several said it, whom `ReportsNoted` then names. */
export type Teller = ReportHead | { readonly [Field in keyof ReportHead]?: never };

/** Processes that exist. `since`: milliseconds after `sinceFrom`, by the agent's clock. */
export interface TasksRun {
  readonly launches: IdRuns;
  readonly sinceFrom: EpochMs;
  readonly since: Column;
  readonly pids: Column;
  /** Nothing checks their readiness: they are as ready as they will be. */
  readonly ready?: true;
}

/** Launches that ended alike. */
export interface TaskEnds {
  readonly launches: IdRuns;
  readonly state: TerminalState;
  readonly exit?: ExitStatus;
  /** A constant for programs: `exit-code`, `signal`, `oom`, `killed`, `health-check`, `start-failed`, `agent-gone` … */
  readonly reason: string;
  /** Of `exit-code` and `signal`: the last line that the task wrote to stderr. */
  readonly message?: string;
  /** The agent's clock when it told of them: shown, never used for order. */
  readonly agentTime?: EpochMs;
}

export type ClusterEventType = ClusterEvent['type'];
export type ClusterEventOf<Type extends ClusterEventType> = Extract<ClusterEvent, { type: Type }>;
