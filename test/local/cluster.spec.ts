import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Endpoints } from '../../deploy/local/src/endpoints.js';
import { Home } from '../../deploy/local/src/home.js';
import { identify, isAlive, type ProcessIdentity } from '../../deploy/local/src/process-identity.js';
import { checkout } from '../../deploy/local/src/settings.js';
import { until } from '../../deploy/local/src/waiting.js';
import { removeTemporaryFolders, temporaryFolder } from './temporary-home.js';

const main = join(checkout, 'deploy', 'local', 'dist', 'main.js');
const STARTED_WITHIN_MS = 240_000;

interface Task {
  readonly state: string;
  readonly pid: number;
  readonly address: string;
  readonly ready: boolean;
  readonly ports: { readonly http: number };
}

// One story, since each start of everything costs many seconds: what is told in one test is there in the next.
describe('the local cluster', () => {
  const folder = temporaryFolder();
  const home = new Home(folder);
  let launcher: ChildProcess;

  afterAll(async () => {
    await run('down');
    removeTemporaryFolders();
  });

  it(
    'runs three web servers after its first start',
    async () => {
      launcher = up();
      const tasks = await threeWebServers();
      expect(new Set(tasks.map(({ address }) => address)).size).toBe(process.platform === 'linux' ? 3 : 1);
      const bodies = await Promise.all(
        tasks.map(async ({ address, ports }) => (await fetch(`http://${address}:${ports.http}/`)).text()),
      );
      expect(bodies.every((body) => body.startsWith('hello from hello.web-'))).toBe(true);
    },
    STARTED_WITHIN_MS,
  );

  it('tells clients where everything is', () => {
    const { processes, ...rest } = endpoints();
    expect(rest).toEqual({
      gateway: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      kafka: [expect.stringMatching(/^127\.0\.0\.1:\d+$/)],
      cassandra: [expect.stringMatching(/^127\.0\.0\.1:\d+$/)],
      datacenter: 'datacenter1',
      keyspace: 'orrery',
    });
    expect(processes.map(({ name }) => name)).toEqual(
      ['kafka', 'cassandra', 'master-0', 'allocator-0', 'service-manager-0', 'historian-0', 'gateway-0']
        .concat(['agent-0', 'agent-1', 'agent-2'])
        .sort((a, b) => processIndex(a) - processIndex(b)),
    );
    expect(processes.every(({ pid, restartedBy }) => identify(pid) !== undefined && restartedBy === 'supervisor')).toBe(
      true,
    );
  });

  it('is started once', async () => {
    const second = await run('up');
    expect(second.code).toBe(4);
    expect(second.said).toContain(`already run by process ${launcher.pid}`);
    expect(JSON.parse((await run('status -o json')).said)).toMatchObject({ launcher: launcher.pid, ready: true });
  });

  it('leaves neither a process nor a task when its launcher is killed', async () => {
    const left = await everything();
    launcher.kill('SIGKILL');
    await untilGone(left, 'the end of what a killed launcher left');
    expect(left).toHaveLength(13);
  });

  it(
    'has its state back when it is started again',
    async () => {
      launcher = up();
      await threeWebServers();
      const { version } = await get<{ version: number }>('/v1/services/hello');
      expect(version).toBe(1);
    },
    STARTED_WITHIN_MS,
  );

  it('leaves neither a process nor a task when it is told to stop', async () => {
    const left = await everything();
    const ended = once(launcher, 'exit');
    expect((await run('down')).code).toBe(0);
    expect(await ended).toEqual([0, null]);
    expect(left.filter(isAlive)).toEqual([]);
    expect(existsSync(home.endpointsFile)).toBe(false);
    expect((await run('status')).code).toBe(3);
  });

  it('does not start with another number of cells than its topics were made for', async () => {
    const { code, said } = await run('up', { ORRERY_CELLS: '2', ORRERY_KAFKA: '', ORRERY_CASSANDRA: '' });
    expect(code).toBe(1);
    expect(said).toContain('partitions is 1, must be 2');
    expect(said).toContain('ORRERY_CELLS');
    expect(home.recorded()).toEqual([]);
  });

  function up(): ChildProcess {
    return spawn(process.execPath, [main, 'up', '--home', folder, '--while-stdin-is-open'], {
      env: { ...process.env, ORRERY_KAFKA: '', ORRERY_CASSANDRA: '', ORRERY_PORT: '0' },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  }

  function run(words: string, env: NodeJS.ProcessEnv = {}): Promise<{ readonly code: number; readonly said: string }> {
    const args = [main, ...words.split(' '), '--home', folder];
    return new Promise((resolve) => {
      const child = execFile(process.execPath, args, { env: { ...process.env, ...env } }, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? 1, said: `${stdout}${stderr}` }),
      );
    });
  }

  function endpoints(): Endpoints {
    return JSON.parse(readFileSync(home.endpointsFile, 'utf8')) as Endpoints;
  }

  function processIndex(name: string): number {
    return home.recorded().findIndex((one) => one.name === name);
  }

  async function get<T>(path: string): Promise<T> {
    const answer = await fetch(`${endpoints().gateway}${path}`);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return (await answer.json()) as T;
  }

  async function runningTasks(): Promise<readonly Task[]> {
    const { items } = await get<{ items: Task[] }>('/v1/tasks?service=hello');
    return items.filter(({ state }) => state === 'RUNNING');
  }

  function threeWebServers(): Promise<readonly Task[]> {
    const ready = async () => {
      if (launcher.exitCode !== null) throw new Error(`the launcher ended with exit code ${launcher.exitCode}`);
      const tasks = await runningTasks().catch(() => []);
      return tasks.length === 3 && tasks.every((task) => task.ready) ? tasks : undefined;
    };
    return until(ready, { what: 'three ready tasks of hello', withinMs: STARTED_WITHIN_MS, everyMs: 200 });
  }

  async function everything(): Promise<readonly ProcessIdentity[]> {
    const tasks = (await runningTasks()).map(({ pid }) => identify(pid)!);
    return [...home.recorded(), ...tasks];
  }

  async function untilGone(processes: readonly ProcessIdentity[], what: string): Promise<void> {
    await until(() => (processes.some(isAlive) ? undefined : true), { what, withinMs: 90_000, everyMs: 100 });
  }
});
