import type { EpochMs } from '@orrery/kernel';
import type { AgentFacts, ExitStatus, Launch, LaunchSet, TaskTemplate, TerminalSize } from './cluster.js';
import type { AgentId, LaunchId, VolumeId } from './ids.js';

/**
 * What master and agent say to each other, as JSON values of Kafka messages keyed by agent id.
 * Orders are numbered n = 1, 2, … within an epoch: an agent takes n == last + 1 only, drops lower ones, and asks for a Sync
 * on a gap; journalId and epoch stand in each, so that nothing of a former life is obeyed. Reports are numbered m likewise.
 */
export type AgentOrder = AgentOrderHead &
  (
    | { readonly type: 'Launch'; readonly set: LaunchSet; readonly template: TaskTemplate }
    | { readonly type: 'Kill'; readonly launches: readonly LaunchId[]; readonly graceMs?: number }
    | {
        /**
         * The whole truth as of order n, made from the state whenever it is sent: keep (and start, where not begun) these,
         * kill every other launch. An agent takes a Sync of any n above its own, and its n becomes that one; what it holds
         * as ended and finds neither in keep nor in kill is acknowledged. A launch in kill that it does not hold is
         * reported KILLED (`never-started`): no older order can start it any more.
         */
        readonly type: 'Sync';
        readonly keep: readonly { readonly set: LaunchSet; readonly templateDigest: string }[];
        readonly templates: Readonly<Record<string, TaskTemplate>>;
        readonly kill: readonly LaunchId[];
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
      readonly tasks: readonly TaskStateReport[];
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

export type TaskStateReport =
  | { readonly launch: LaunchId; readonly state: 'STARTING'; readonly agentTime: EpochMs }
  | {
      readonly launch: LaunchId;
      readonly state: 'RUNNING';
      readonly agentTime: EpochMs;
      readonly pid: number;
      readonly ready: boolean;
    }
  | { readonly launch: LaunchId; readonly state: 'READY'; readonly agentTime: EpochMs; readonly ready: boolean }
  | {
      readonly launch: LaunchId;
      readonly state: 'FINISHED' | 'FAILED' | 'KILLED' | 'ERROR';
      readonly agentTime: EpochMs;
      readonly exit?: ExitStatus;
      readonly reason: string;
      readonly message?: string;
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

export type { Launch };
