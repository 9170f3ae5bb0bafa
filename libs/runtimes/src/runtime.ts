import type { Usage } from './usage/usage.js';

/**
 * What the agent needs of whatever runs its tasks. A launch id runs at most once for ever: whoever starts it a second time
 * is told what became of the first. All that a runtime knows about a launch is on disk and in the kernel, nothing in the
 * memory of this process, so that an agent that was killed finds its tasks again.
 */
export interface Runtime {
  readonly name: string;
  /** How far limits are enforced on this machine, in words: `cgroup-v1`, `cgroup-v2`, or `none: <why>`. */
  readonly isolation: string;

  /** Resolves when tasks with the image can start here; rejects with why they can't. */
  fetchImage(image: string): Promise<void>;

  /** Resolves once the task's process exists, has already ended, or can't be made. Never rejects for what the task did. */
  start(task: TaskLaunch): Promise<Observation>;

  /** What disk and kernel say about a launch: cgroup first, then pid with start time, then the exit record. */
  observe(launch: string): Promise<Observation>;

  /**
   * Ends a launch whatever its state: one that never began never will; a running one gets SIGTERM, and SIGKILL with all
   * its descendants when `graceMs` have passed. Resolves once the request is on its way; the end itself comes by `watch`.
   */
  stop(launch: string, graceMs: number): Promise<void>;

  /** Calls `onEnded` once when the launch has ended and nothing of it lives any more. */
  watch(launch: string, onEnded: (end: Ended) => void): void;

  /** What running launches use; one that does not run here is left out. */
  usage(launches: readonly string[]): Promise<ReadonlyMap<string, Usage>>;

  /** Runs one check of a running task. */
  probe(launch: string, probe: Probe): Promise<ProbeResult>;

  /**
   * Runs a command as part of a running task: in its sandbox, within its limits, reached by whatever ends it. Throws
   * `NoTerminal` when it is to run on one and this machine can't make any.
   */
  exec(launch: string, command: TaskCommand): RunningCommand;

  /** Every launch that has files here. */
  launches(): string[];

  /** The real place of a file of the task, by its path in the sandbox; throws for one that leads elsewhere. */
  placeOf(launch: string, path: string): string;

  /** Forgets an ended launch; its files stay until room is needed (`sandboxesKept`). */
  release(launch: string): Promise<void>;

  /** Removes the data of volumes for good. Volumes that aren't there count as removed. */
  destroyVolumes(volumes: readonly string[]): Promise<void>;

  /** Lets go of timers and watchers; tasks live on. */
  close(): void;
}

export interface TaskLaunch {
  readonly launch: string;
  /** The root of its file system, for a runtime that has images; else that of this machine. */
  readonly image?: string;
  /** Run by `/bin/sh -c`. */
  readonly command: string;
  /** `ORRERY_SANDBOX` and the machine's PATH, HOME, locale are added. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cpusMilli: number;
  /** 0: no limit. */
  readonly memoryMib: number;
  /** Of each of its processes; -1: no limit. */
  readonly rlimits?: readonly (readonly [name: string, soft: number, hard: number])[];
  /** Devices of this machine that are its own. */
  readonly gpuIds?: readonly string[];
  /** Folders that outlive the launch, linked into the sandbox at `path`; `disk`: on that disk of its own. */
  readonly volumes: readonly { readonly volume: string; readonly path: string; readonly disk?: string }[];
  /** What was fetched for it: files and folders of this machine, linked into the sandbox at `path`. */
  readonly links?: readonly { readonly place: string; readonly path: string }[];
  /** Files written before the start: mustache over the environment, and over `view`, which outweighs it. */
  readonly configs: readonly { readonly template: string; readonly dest: string }[];
  readonly view?: Readonly<Record<string, unknown>>;
  /** Beside `environment`: what a configuration file says of these is for the task's eyes, too. */
  readonly secretEnvironment?: Readonly<Record<string, string>>;
  /** Linked into the sandbox for the task's eyes alone: of mode 0400, told to nobody who asks for files, gone with its end. */
  readonly secretFiles?: readonly { readonly path: string; readonly value: Uint8Array }[];
}

export type Observation =
  /** Never begun, and nothing on disk says otherwise. */
  { readonly state: 'absent' } | Running | Ended;

export interface Running {
  readonly state: 'running';
  readonly pid: number;
  /** Milliseconds since 1970, by this machine's clock. */
  readonly since: number;
}

export interface Ended {
  readonly state: 'ended';
  /** `never-begun`: stopped before its process was made; `fetch-failed`: what it needs did not
   * come; `secret-…`: it can't have a secret; `start-failed`: it could not be made; `unknown`: the exit was not recorded. */
  readonly how: 'exited' | 'never-begun' | NeverMade | 'unknown';
  readonly at: number;
  readonly pid?: number;
  readonly since?: number;
  readonly code?: number;
  /** `SIGKILL`, … */
  readonly signal?: string;
  readonly oom?: boolean;
  readonly message?: string;
  /** exited, and not with 0: the last line that it wrote to its stderr; no more than 512 bytes. */
  readonly lastLine?: string;
}

type NeverMade = 'fetch-failed' | 'secret-missing' | 'secret-refused' | 'start-failed';

export type Probe = { readonly timeoutMs: number } & (
  | { readonly kind: 'cmd'; readonly command: string; readonly environment: Readonly<Record<string, string>> }
  | { readonly kind: 'http'; readonly address: string; readonly port: number; readonly path: string }
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
);

export interface ProbeResult {
  readonly passed: boolean;
  /** What was found, in a few words. */
  readonly message: string;
}

export interface TaskCommand {
  /** The program and its arguments. */
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** It runs on a terminal of this size, and all that it writes is its stdout. */
  readonly terminal?: TerminalSize;
  /** Awaited before more of the same output is read. */
  readonly onOutput: (output: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void>;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export interface RunningCommand {
  /** Resolves once the bytes are out of this process's hands; never rejects: a command need not read what it is given. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly endInput: () => void;
  /** Of its terminal; nothing without one. Rejects when it can't be set. */
  readonly resize: (size: TerminalSize) => Promise<void>;
  readonly kill: () => void;
  /** The exit code, 128 and its number for a signal, once all output was taken; rejects when there is none to tell. */
  readonly ended: Promise<number>;
}
