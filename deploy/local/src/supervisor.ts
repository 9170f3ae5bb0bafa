import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines, openLog, rotateLog } from './log-file.js';
import { runBehindAfter } from './niceness.js';
import { identify, type ProcessIdentity } from './process-identity.js';

const BACK_OFF_MS_MIN = 200;
const BACK_OFF_MS_MAX = 5000;
/** A process that lived this long has recovered: its next crash is answered at once. */
const STEADY_AFTER_MS = 10_000;
/** One that was killed has not failed, so less is asked of it: that it was there at all. */
const STEADY_AFTER_MS_IF_KILLED = 1_000;
const KILLED: readonly (string | null)[] = ['SIGKILL', 'SIGTERM', 'SIGINT'] satisfies NodeJS.Signals[];
const LOG_CHECK_MS = 5000;
const CRASHES_MAX_BEFORE_READY = 4;

/** A process ends again and again before it was ready. The message holds the end of its log. */
export class DoesNotStart extends Error {}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Called when this run of the process has ended. */
  readonly ended?: (code: number | null) => void;
}

export interface ProcessSpec {
  readonly name: string;
  /** Processes of one stage start and stop together; a lower stage starts first and stops last. */
  readonly stage: number;
  /** Made anew for every start. */
  readonly command: () => Command | Promise<Command>;
  /** From SIGTERM to SIGKILL. */
  readonly stopGraceMs: number;
  /** Nobody waits for it once it has started: from then on the others go first while the processor is short. */
  readonly behindAfterMs?: number;
}

export interface RunningProcess extends ProcessIdentity {
  readonly name: string;
  readonly stage: number;
  readonly stopGraceMs: number;
}

export interface SupervisorSurroundings {
  readonly logFolder: string;
  /** Called at once after each start and end, before anything else happens: what is not recorded may be left behind. */
  readonly record: (running: readonly RunningProcess[]) => void;
  readonly say: (line: string) => void;
}

interface Supervised {
  readonly spec: ProcessSpec;
  child?: ChildProcess;
  identity?: ProcessIdentity;
  crashes: number;
  timer?: NodeJS.Timeout;
}

/** How one run of a process ended. */
interface End {
  readonly why: string;
  readonly killed: boolean;
  readonly livedMs: number;
}

/** Keeps processes running: one that ends is started again, sooner after a long life than after a short one. */
export class Supervisor {
  private readonly supervised = new Map<string, Supervised>();
  private readonly logCheck: NodeJS.Timeout;
  private stopping = false;

  constructor(private readonly surroundings: SupervisorSurroundings) {
    this.logCheck = setInterval(() => this.rotateLogs(), LOG_CHECK_MS).unref();
  }

  /** The processes that run now, in the order of their start. */
  get running(): readonly RunningProcess[] {
    return [...this.supervised.values()].flatMap(({ spec, identity }) =>
      identity === undefined
        ? []
        : [{ name: spec.name, stage: spec.stage, stopGraceMs: spec.stopGraceMs, ...identity }],
    );
  }

  /** How many processes are kept running. */
  get size(): number {
    return this.supervised.size;
  }

  logOf(name: string): string {
    return join(this.surroundings.logFolder, `${name}.log`);
  }

  /** How often a process ended without being told to. */
  crashesOf(name: string): number {
    return this.supervised.get(name)?.crashes ?? 0;
  }

  /** Throws once a process has ended so often that it will not come up by itself, with its last words. */
  assertStarting(): void {
    const stuck = [...this.supervised.values()].find(({ crashes }) => crashes >= CRASHES_MAX_BEFORE_READY);
    if (stuck === undefined) return;
    const {
      crashes,
      spec: { name },
    } = stuck;
    throw new DoesNotStart(`${name} has ended ${crashes} times instead of starting:\n${lastLines(this.logOf(name))}`);
  }

  async start(spec: ProcessSpec): Promise<void> {
    if (this.stopping) throw new Error(`${spec.name} is not started: all processes are being stopped`);
    const supervised: Supervised = { spec, crashes: 0 };
    this.supervised.set(spec.name, supervised);
    await this.launch(supervised, BACK_OFF_MS_MIN);
  }

  /** Stops the stages in reverse order: SIGTERM, and SIGKILL to what is still there after its grace. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.logCheck);
    const all = [...this.supervised.values()];
    for (const { timer } of all) clearTimeout(timer);
    const stages = [...new Set(all.map(({ spec }) => spec.stage))].sort((a, b) => b - a);
    for (const stage of stages) {
      await Promise.all(all.filter(({ spec }) => spec.stage === stage).map((supervised) => this.end(supervised)));
    }
  }

  private async launch(supervised: Supervised, backOffMs: number): Promise<void> {
    const { spec } = supervised;
    const command = await spec.command();
    if (this.stopping) return;
    const log = openLog(this.logOf(spec.name));
    // A session of its own: Ctrl-C in a terminal reaches the launcher only, which then stops all in order.
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: command.env ?? process.env,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    const begunAt = performance.now();
    let endedOnce = false;
    const ended = (end: Omit<End, 'livedMs'>, code: number | null): void => {
      if (endedOnce) return;
      endedOnce = true;
      command.ended?.(code);
      delete supervised.child;
      delete supervised.identity;
      this.surroundings.record(this.running);
      if (!this.stopping) this.restart(supervised, { ...end, livedMs: performance.now() - begunAt }, backOffMs);
    };
    child.once('error', ({ message }) => ended({ why: message, killed: false }, null));
    child.once('exit', (code, signal) =>
      ended({ why: signal === null ? `exit code ${code}` : `signal ${signal}`, killed: KILLED.includes(signal) }, code),
    );
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    supervised.child = child;
    if (identity !== undefined) supervised.identity = identity;
    if (identity !== undefined && spec.behindAfterMs !== undefined) runBehindAfter(spec.behindAfterMs, identity);
    this.surroundings.record(this.running);
  }

  private restart(supervised: Supervised, { why, killed, livedMs }: End, backOffMs: number): void {
    const { name } = supervised.spec;
    supervised.crashes += 1;
    const steady = livedMs > (killed ? STEADY_AFTER_MS_IF_KILLED : STEADY_AFTER_MS);
    const waitMs = steady ? BACK_OFF_MS_MIN : backOffMs;
    this.surroundings.say(`${name} ended (${why}, see ${this.logOf(name)}); it starts again in ${waitMs / 1000} s`);
    supervised.timer = setTimeout(() => {
      const nextMs = Math.min(waitMs * 2, BACK_OFF_MS_MAX);
      this.launch(supervised, nextMs).catch((error: unknown) => {
        const failure = error instanceof Error ? error.message : String(error);
        this.restart(supervised, { why: failure, killed: false, livedMs: 0 }, nextMs);
      });
    }, waitMs);
  }

  private async end({ child, spec }: Supervised): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), spec.stopGraceMs);
    await ended;
    clearTimeout(kill);
  }

  private rotateLogs(): void {
    for (const name of this.supervised.keys()) rotateLog(this.logOf(name));
  }
}
