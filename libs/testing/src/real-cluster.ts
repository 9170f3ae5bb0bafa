import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout that this file is part of, from `src/` and from `dist/` alike. */
export const checkout = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

export interface RealClusterOptions {
  /** Environment of the launcher beside ORRERY_HOME and ORRERY_PORT, such as ORRERY_CELLS. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly agents?: number;
  /** The agents are a simulated fleet; `environment.ORRERY_SIMULATE` says what it is like. */
  readonly simulate?: boolean;
  /** Kept on `stop`; absent: a temporary folder that `stop` removes. */
  readonly home?: string;
  readonly readyWithinMs?: number;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Endpoints {
  readonly gateway: string;
  readonly kafka: readonly string[];
  readonly cassandra: readonly string[];
  readonly datacenter: string;
  readonly keyspace: string;
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

/**
 * The whole product as `npm start` runs it, in a home of its own: real Kafka, Cassandra, plane and agents as child processes
 * of the launcher. For end-to-end tests and benchmarks. Needs `npm run build` before.
 */
export class RealCluster {
  readonly home: string;
  readonly #launcher: ChildProcess;
  readonly #temporary: boolean;
  #log = '';

  private constructor(home: string, temporary: boolean, launcher: ChildProcess) {
    this.home = home;
    this.#temporary = temporary;
    this.#launcher = launcher;
    for (const stream of [launcher.stdout, launcher.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#log = (this.#log + text).slice(-20_000)));
    }
  }

  static async start(options: RealClusterOptions = {}): Promise<RealCluster> {
    const home = options.home ?? mkdtempSync(join(tmpdir(), 'orrery-'));
    const launcher = spawn(
      process.execPath,
      [
        join(checkout, 'deploy/local/dist/main.js'),
        'up',
        '--while-stdin-is-open',
        ...(options.agents === undefined ? [] : ['--agents', String(options.agents)]),
        ...(options.simulate === true ? ['--simulate'] : []),
      ],
      {
        cwd: checkout,
        env: { ...process.env, ORRERY_PORT: '0', ...options.environment, ORRERY_HOME: home },
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    const cluster = new RealCluster(home, options.home === undefined, launcher);
    try {
      await eventually(
        async () => {
          if (launcher.exitCode !== null) throw new Error(`the launcher ended with ${launcher.exitCode}`);
          const answer = await cluster.request('GET', '/readyz');
          return answer.status === 200 && existsSync(join(home, 'endpoints.json'));
        },
        { withinMs: options.readyWithinMs ?? 180_000, everyMs: 100, what: 'the cluster is ready' },
      );
    } catch (error) {
      await cluster.stop();
      throw new Error(`${(error as Error).message}\n${cluster.#log}`, { cause: error });
    }
    return cluster;
  }

  get endpoints(): Endpoints {
    return JSON.parse(readFileSync(join(this.home, 'endpoints.json'), 'utf8')) as Endpoints;
  }

  /** What the launcher printed last. */
  get log(): string {
    return this.#log;
  }

  /** The end of one process's log file, for the message of a failed test. */
  logOf(name: string): string {
    const file = join(this.home, 'logs', `${name}.log`);
    return existsSync(file)
      ? readFileSync(file, 'utf8').slice(-4000)
      : `no log of ${name}; there are ${readdirSync(join(this.home, 'logs')).join(', ')}`;
  }

  pidOf(name: string): number {
    const found = this.endpoints.processes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no process ${name} in ${JSON.stringify(this.endpoints.processes)}`);
    return found.pid;
  }

  signal(name: string, signal: NodeJS.Signals): void {
    process.kill(this.pidOf(name), signal);
  }

  /** kill -9, then waits until the launcher has put another process in its place. */
  async killAndAwaitSuccessor(name: string, withinMs = 60_000): Promise<void> {
    const before = this.pidOf(name);
    process.kill(before, 'SIGKILL');
    await eventually(() => this.endpoints.processes.some((each) => each.name === name && each.pid !== before), {
      withinMs,
      what: `${name} is started again`,
    });
  }

  async request(
    method: string,
    path: string,
    { body, headers = {} }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly json: never; readonly text: string }> {
    let gateway: string;
    try {
      gateway = this.endpoints.gateway;
    } catch {
      return { status: 0, headers: new Headers(), json: undefined as never, text: 'no endpoints.json' };
    }
    try {
      const response = await fetch(`${gateway}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      });
      const text = await response.text();
      const isJson =
        /json/.test(response.headers.get('content-type') ?? '') &&
        !/ndjson/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        json: (isJson ? JSON.parse(text) : undefined) as never,
        text,
      };
    } catch (error) {
      return { status: 0, headers: new Headers(), json: undefined as never, text: String(error) };
    }
  }

  /** Runs the CLI as a user of this cluster would. */
  async cli(...args: readonly string[]): Promise<CommandResult> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [join(checkout, 'apps/cli/bin/orrery.js'), ...args],
        {
          cwd: checkout,
          env: { ...process.env, ORRERY_HOME: this.home, NO_COLOR: '1' },
          maxBuffer: 64 * 1024 * 1024,
          timeout: 180_000,
        },
        (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr }),
      );
    });
  }

  /** The CLI with `-o json`; throws what it said when it did not end with 0. */
  async json<Value>(...args: readonly string[]): Promise<Value> {
    const { code, stdout, stderr } = await this.cli(...args, '-o', 'json');
    if (code !== 0) throw new Error(`orrery ${args.join(' ')}: exit ${code}\n${stderr}${stdout}`);
    return JSON.parse(stdout) as Value;
  }

  /** Ends the cluster as Ctrl-C does. */
  async stop({ keepHome = false }: { readonly keepHome?: boolean } = {}): Promise<void> {
    if (this.#launcher.exitCode === null && this.#launcher.signalCode === null) {
      const ended = new Promise((resolve) => this.#launcher.once('exit', resolve));
      this.#launcher.kill('SIGTERM');
      const timer = setTimeout(() => this.#launcher.kill('SIGKILL'), 90_000);
      await ended;
      clearTimeout(timer);
    }
    if (this.#temporary && !keepHome)
      rmSync(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Asks again until the answer is true (or not `undefined`), and gives it; throws with the last error when time is up. */
export async function eventually<Value>(
  ask: () => Value | Promise<Value>,
  { withinMs, everyMs = 50, what }: { readonly withinMs: number; readonly everyMs?: number; readonly what: string },
): Promise<NonNullable<Value>> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== false && answer !== undefined && answer !== null) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${what}${last instanceof Error ? ` (last: ${last.message})` : ''}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
