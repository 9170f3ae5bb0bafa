import type { EpochMs } from '@orrery/kernel';
import type { AgentFacts, LaunchSet, TaskEnds, TasksRun, TaskTemplate, TerminalSize } from './cluster.js';
import type { ExitStatus } from './exit-status.js';
import type { AgentId, LaunchId, VolumeId } from './ids.js';
import type { Column, IdRuns } from './sets.js';

/**
 * What master and agent say to each other, as JSON values of Kafka messages.
 * Orders are numbered n = 1, 2, … within an epoch: an agent takes n == last + 1 only, drops lower ones, and asks for a Sync
 * on a gap; journalId and epoch stand in each, so that nothing of a former life is obeyed. Reports are numbered m likewise.
 *
 * A lane order is one message for all agents of a lane that a set is about; each agent reads its lane and finds itself by
 * its number, which the Sync told that answered its first Inventory. Other orders are for one agent and are keyed by its id.
 */
export type LaneOrder =
  | {
      readonly type: 'Launches';
      readonly journalId: string;
      /** One for each run of `set.agents`, in their order. */
      readonly to: LaneHeads;
      readonly set: LaunchSet;
      readonly template: TaskTemplate;
    }
  | {
      readonly type: 'Kills';
      readonly journalId: string;
      readonly to: LaneHeads;
      /** One for each of `to`. */
      readonly launches: readonly IdRuns[];
      readonly graceMs?: number;
    };

/** Whom a lane order is for, in columns; `reported`: as in the head of an order for one agent. */
export interface LaneHeads {
  /** Of the agents. */
  readonly numbers: readonly number[];
  readonly epochs: Column;
  readonly ns: Column;
  readonly reported: Column;
}

/** What of the heads is for one agent. */
export interface LaneHead {
  readonly epoch: number;
  readonly n: number;
  readonly reported: number;
}

export type AgentOrder = AgentOrderHead &
  (
    | {
        /**
         * The whole truth as of order n, made from the state whenever it is sent: keep (and start, where not begun) these,
         * kill every other launch. An agent takes a Sync of any n above its own, and its n becomes that one; what it holds
         * as ended and finds neither in keep nor in kill is acknowledged. A launch in kill that it does not hold is
         * reported KILLED (`never-started`): no older order can start it any more.
         */
        readonly type: 'Sync';
        /** Of this agent, in the cluster journal: how lane orders name it. */
        readonly number: number;
        readonly keep: readonly LaunchSet[];
        /** By digest. */
        readonly templates: Readonly<Record<string, TaskTemplate>>;
        readonly kill: IdRuns;
        /** To be destroyed, where they still exist. */
        readonly volumes: readonly VolumeId[];
        /** Open ones: those that the agent does not serve yet are opened. */
        readonly streams: readonly StreamOrder[];
        /** Answer with an Inventory. */
        readonly askInventory: boolean;
      }
    | { readonly type: 'DestroyVolumes'; readonly volumes: readonly VolumeId[] }
    | ({ readonly type: 'OpenStream' } & StreamOrder)
    /** Another process registered under this id, or the agent is gone: obey nothing more. `killTasks` only when gone. */
    | { readonly type: 'StandDown'; readonly reason: string; readonly killTasks: boolean }
  );

export interface StreamOrder {
  readonly stream: string;
  readonly launch: LaunchId;
  readonly kind: 'stdout' | 'stderr' | 'file' | 'files' | 'exec';
  readonly path?: string;
  /** Of kind exec: the program and its arguments. */
  readonly cmd?: readonly string[];
  /** Of kind exec: it runs on a terminal. */
  readonly terminal?: TerminalSize;
  readonly from: number;
  /** Of kind exec: each message on the input topic puts its end off, by as long as it had at its begin. */
  readonly follow: boolean;
  readonly limitBytes: number;
  readonly untilMs: EpochMs;
}

export interface AgentOrderHead {
  /** Of the cluster journal. */
  readonly journalId: string;
  readonly agent: AgentId;
  /** The process that the order is for. */
  readonly session: string;
  readonly epoch: number;
  readonly n: number;
  /** Last m of this epoch that the journal has: ends told up to it are acknowledged, and the agent may forget them. */
  readonly reported?: number;
}

export type AgentReport =
  /** At start of a process (new session → new epoch), and when asked (same session, same epoch). */
  | ({
      readonly type: 'Inventory';
      readonly agent: AgentId;
      readonly session: string;
      /** 0: no registration known to this process yet. */
      readonly epoch: number;
      /** Last n obeyed in that epoch. */
      readonly obeyed: number;
      /** Last m sent in that epoch. */
      readonly m: number;
      readonly launches: readonly InventoryItem[];
      readonly volumes: readonly VolumeId[];
    } & AgentFacts)
  | {
      readonly type: 'TaskStates';
      readonly agent: AgentId;
      readonly session: string;
      readonly epoch: number;
      readonly m: number;
      readonly obeyed: number;
      /** In the checkpoint, not begun; left out when their RUNNING is told at once. */
      readonly starting?: IdRuns;
      readonly running?: readonly TasksRun[];
      /** Whose readiness changed. */
      readonly ready?: IdRuns;
      readonly unready?: IdRuns;
      readonly ended?: readonly TaskEnds[];
    }
  | {
      readonly type: 'VolumesDestroyed';
      readonly agent: AgentId;
      readonly session: string;
      readonly epoch: number;
      readonly m: number;
      readonly obeyed: number;
      readonly volumes: readonly VolumeId[];
    };

/** What the agent has on disk of a launch: running ones, and ended ones until the master acknowledged them by a Sync. */
export interface InventoryItem {
  readonly launch: LaunchId;
  readonly state: 'ORDERED' | 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED' | 'ERROR';
  readonly pid?: number;
  readonly since?: EpochMs;
  readonly ready?: boolean;
  readonly exit?: ExitStatus;
  readonly reason?: string;
  readonly message?: string;
}

/** Every second, to the heartbeat topic; soft: never an input of a decision by itself. */
export interface Heartbeat {
  readonly agent: AgentId;
  readonly session: string;
  readonly epoch: number;
  readonly obeyed: number;
  readonly m: number;
}

/** The owner of a cell writes one a second into each heartbeat partition of its cell and reads it back: leases run on the log's time. */
export interface HeartbeatMarker {
  readonly marker: { readonly writer: string; readonly number: number };
}

/**
 * A chunk of a stream: value = raw bytes; these stand in its headers. Key = stream id. Chunks on the input topic feed a
 * command: `end` closes its stdin, `error` says that nobody waits for it any more, and one with none of these and no bytes
 * says that somebody does; it is answered with one like it. Their offset counts the bytes given so far: a repeat is dropped.
 */
export const streamHeaders = {
  stream: 'orrery-stream',
  offset: 'orrery-offset',
  end: 'orrery-end',
  error: 'orrery-error',
  /** Beside `error`: a stable code for it. */
  code: 'orrery-code',
  /** Of kind exec: stdout or stderr, of what the bytes are. */
  output: 'orrery-output',
  /** Of kind exec, at its end: the exit code; 128 and the number of the signal that ended it. */
  exit: 'orrery-exit',
  /** Of kind exec: how many bytes of its input it has taken; nobody sends more than 1 MiB beyond it. */
  taken: 'orrery-taken',
  /** On the input topic: the terminal has a new size, such as 24x80 (rows, columns). */
  size: 'orrery-size',
} as const;
