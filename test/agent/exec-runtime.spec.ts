import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  detectCgroups,
  ExecRuntime,
  type Ended,
  type Observation,
  type Runtime,
  type TaskLaunch,
} from '@orrery/runtimes';
import { parseMounts, parseOwn } from '../../libs/runtimes/src/cgroups/cgroup-files.js';
import { detectVersion2 } from '../../libs/runtimes/src/cgroups/cgroups-v2.js';
import { until } from './until.js';

const found = detectCgroups(`test-${process.pid}`);
/** Many machines have both versions mounted: then the second is tried as well, for all but limits. */
const second = detectVersion2(
  parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')),
  parseOwn(readFileSync('/proc/self/cgroup', 'utf8')),
  `test-${process.pid}`,
  undefined,
);
const kinds = [
  ...(found.cgroups === undefined ? [] : [{ name: `with cgroups v${found.cgroups.version}`, cgroups: found.cgroups }]),
  ...('version' in second && found.cgroups?.version !== 2 ? [{ name: 'with cgroups v2', cgroups: second }] : []),
  { name: 'without cgroups', cgroups: undefined },
];

describe.each(kinds)('the exec runtime $name', ({ cgroups }) => {
  let folder: string;
  let runtime: ExecRuntime;
  let number = 0;
  const open = () => new ExecRuntime({ folder, cgroups, pollMs: 50 });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-runtime-'));
    runtime = open();
  });
  afterEach(async () => {
    runtime.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const task = (command: string, more: Partial<TaskLaunch> = {}): TaskLaunch => ({
    launch: `9.${++number}`,
    command,
    environment: {},
    cpusMilli: 1000,
    memoryMib: 64,
    volumes: [],
    configs: [],
    ...more,
  });
  const run = async (command: string, more?: Partial<TaskLaunch>): Promise<Ended> => {
    const launched = task(command, more);
    await runtime.start(launched);
    return endOf(runtime, launched.launch);
  };

  it('tells the exit code of a task', async () => {
    expect(await run('exit 3')).toMatchObject({ state: 'ended', how: 'exited', code: 3, oom: false });
  });

  it('tells a signal apart from the exit code that shells make of it', async () => {
    expect(await run('exit 137')).toMatchObject({ code: 137, oom: false });
    expect(await run('kill -9 $$')).toMatchObject({ signal: 'SIGKILL', oom: false });
    expect(await run('kill -SEGV $$')).toMatchObject({ signal: 'SIGSEGV' });
  });

  it('limits the processes of a task', async () => {
    const rlimits: TaskLaunch['rlimits'] = [
      ['RLIMIT_NOFILE', 64, 128],
      ['RLIMIT_CORE', 0, 0],
    ];
    const launched = task('ulimit -Sn; ulimit -Hn; ulimit -c; exec sleep 60', { rlimits });
    await runtime.start(launched);
    const stdout = join(runtime.sandboxOf(launched.launch), 'stdout');
    await until(() => readFileSync(stdout, 'utf8') === '64\n128\n0\n');
    await stopNow(runtime, launched.launch);
    expect(await run('exit 3', { rlimits })).toMatchObject({ code: 3 });
  });

  it('says which limit the machine does not allow', async () => {
    const beyond = await run('true', { rlimits: [['RLIMIT_NOFILE', 2 ** 52, 2 ** 52]] });
    expect(beyond).toMatchObject({ code: 1, lastLine: expect.stringMatching(/^prlimit: .*NOFILE/) });
  });

  it('starts tasks whose SIGINT works', async () => {
    expect(await run('kill -INT $$')).toMatchObject({ signal: 'SIGINT' });
  });

  it('tells the pid of the task itself, in a group of its own', async () => {
    const launched = task('exec sleep 60');
    const seen = await runtime.start(launched);
    if (seen.state !== 'running') throw new Error(`expected it to run, found ${JSON.stringify(seen)}`);
    await until(() => readFileSync(`/proc/${seen.pid}/cmdline`, 'latin1') === 'sleep\0' + '60\0');
    process.kill(seen.pid, 'SIGKILL');
    expect(await endOf(runtime, launched.launch)).toMatchObject({ signal: 'SIGKILL', pid: seen.pid });
  });

  it('runs a launch id once, however often it is started', async () => {
    const launched = task('echo run >> ../runs; exec sleep 60');
    const other = open();
    const starts = await Promise.all([runtime, other, runtime, other].map((each) => each.start(launched)));
    other.close();
    const pids = starts.map((seen) => (seen.state === 'running' ? seen.pid : -1));
    expect(new Set(pids).size).toBe(1);
    await until(() => runs(folder, launched) > 0);
    await stopNow(runtime, launched.launch);
    expect(runs(folder, launched)).toBe(1);
    expect(await runtime.start(launched)).toMatchObject({ state: 'ended', how: 'exited' });
    expect(runs(folder, launched)).toBe(1);
  });

  it('finds a task again from another process, and sees its end', async () => {
    const launched = task('sleep 60 & wait');
    const before = await runtime.start(launched);
    runtime.close();
    runtime = open();
    expect(await runtime.observe(launched.launch)).toEqual(before);
    await runtime.stop(launched.launch, 0);
    expect(await endOf(runtime, launched.launch)).toMatchObject({ how: 'exited' });
  });

  it('lets a task end by itself in its grace period, and kills it after', async () => {
    const polite = task(`trap 'exit 7' TERM; while :; do sleep 0.02; done`);
    await runtime.start(polite);
    await until(() => hasChild(runtime, polite));
    await runtime.stop(polite.launch, 60_000);
    expect(await endOf(runtime, polite.launch)).toMatchObject({ code: 7 });

    const stubborn = task(`trap '' TERM; echo deaf > deaf; while :; do sleep 0.02; done`);
    await runtime.start(stubborn);
    await until(() => existsSync(join(runtime.sandboxOf(stubborn.launch), 'deaf')));
    const from = Date.now();
    await runtime.stop(stubborn.launch, 300);
    expect(await endOf(runtime, stubborn.launch)).toMatchObject({ signal: 'SIGKILL' });
    expect(Date.now() - from).toBeGreaterThanOrEqual(290);
  });

  it('lets nothing of a task live on when its main process has ended', async () => {
    const launched = task('sleep 61 & echo $! > child; exit 0');
    await runtime.start(launched);
    await endOf(runtime, launched.launch);
    const child = Number(readFileSync(join(runtime.sandboxOf(launched.launch), 'child'), 'latin1'));
    expect(isThere(child)).toBe(false);
  });

  it('never begins a launch that was stopped before', async () => {
    const launched = task('echo run >> ../runs');
    await runtime.stop(launched.launch, 0);
    expect(await runtime.start(launched)).toMatchObject({ state: 'ended', how: 'never-begun' });
    expect(runs(folder, launched)).toBe(0);
  });

  it('says that nobody saw the end when the shim was killed as well', async () => {
    const launched = task('exec sleep 60');
    const seen = await runtime.start(launched);
    const shim = Number(
      /^shim \S+ (\d+)/.exec(readFileSync(join(folder, 'launches', launched.launch, 'pid'), 'latin1'))![1],
    );
    process.kill(shim, 'SIGKILL');
    expect(await runtime.observe(launched.launch)).toEqual(seen);
    if (seen.state === 'running') process.kill(seen.pid, 'SIGKILL');
    expect(await endOf(runtime, launched.launch)).toMatchObject({ how: 'unknown' });
  });

  it('gives the task its environment, volumes and configuration, and nothing of the agent', async () => {
    process.env['ORRERY_SECRET'] = 'x';
    const launched = task('echo "$GREETING $PWD ${ORRERY_SECRET-none}"; cat conf/app.conf; echo kept > data/file', {
      environment: { GREETING: 'hello', PORT_HTTP: '31000' },
      volumes: [{ volume: '7.1', path: 'data' }],
      configs: [{ template: 'port={{PORT_HTTP}} & "{{GREETING}}" in {{ORRERY_SANDBOX}}', dest: 'conf/app.conf' }],
    });
    await runtime.start(launched);
    await endOf(runtime, launched.launch);
    const sandbox = runtime.sandboxOf(launched.launch);
    expect(readFileSync(join(sandbox, 'stdout'), 'utf8')).toBe(
      `hello ${sandbox} none\nport=31000 & "hello" in ${sandbox}`,
    );
    expect(readFileSync(join(folder, 'volumes', '7.1', 'file'), 'utf8')).toBe('kept\n');
    await runtime.destroyVolumes(['7.1', '7.2']);
    expect(existsSync(join(folder, 'volumes', '7.1'))).toBe(false);
  });

  it('keeps a volume on the disk of its own, for each task that mounts it, and deletes it there', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'orrery-disk-'));
    runtime.close();
    runtime = new ExecRuntime({ folder, disks: { fast: disk }, cgroups, pollMs: 50 });
    const volumes = [{ volume: '7.3', path: 'data', disk: 'fast' }];
    for (const launched of [task('echo one > data/file', { volumes }), task('cat data/file', { volumes })]) {
      await runtime.start(launched);
      expect(await endOf(runtime, launched.launch)).toMatchObject({ how: 'exited', code: 0 });
      expect(readFileSync(runtime.placeOf(launched.launch, 'data/file'), 'utf8')).toBe('one\n');
    }
    expect(readFileSync(join(disk, '7.3', 'file'), 'utf8')).toBe('one\n');
    rmSync(join(disk, '7.3'), { recursive: true });
    const lost = task('true', { volumes });
    expect(await runtime.start(lost)).toMatchObject({ state: 'ended', how: 'start-failed' });
    await runtime.destroyVolumes(['7.3']);
    const anew = task('echo two > data/file', { volumes });
    await runtime.start(anew);
    await endOf(runtime, anew.launch);
    await runtime.destroyVolumes(['7.3']);
    expect(existsSync(join(disk, '7.3')) || existsSync(join(folder, 'volumes', '7.3'))).toBe(false);
    const unknown = task('true', { volumes: [{ volume: '7.4', path: 'data', disk: 'slow' }] });
    expect(await runtime.start(unknown)).toMatchObject({ state: 'ended', how: 'start-failed' });
    rmSync(disk, { recursive: true });
  });

  it('refuses paths that lead out of the sandbox', async () => {
    const launched = task('true', { configs: [{ template: 'x', dest: '../../escaped' }] });
    expect(await runtime.start(launched)).toMatchObject({ state: 'ended', how: 'start-failed' });
    expect(existsSync(join(folder, 'escaped'))).toBe(false);
  });

  it('runs checks', async () => {
    const launched = task('touch here; exec sleep 60');
    await runtime.start(launched);
    await until(() => existsSync(join(runtime.sandboxOf(launched.launch), 'here')));
    const probe = (command: string) =>
      runtime.probe(launched.launch, { kind: 'cmd', command, environment: {}, timeoutMs: 2000 });
    expect(await probe('test -f here')).toMatchObject({ passed: true });
    expect(await probe('test -f there')).toMatchObject({ passed: false, message: 'exit code 1' });
    expect(
      await runtime.probe(launched.launch, { kind: 'cmd', command: 'sleep 60', environment: {}, timeoutMs: 100 }),
    ).toMatchObject({ passed: false });
    expect(
      await runtime.probe(launched.launch, { kind: 'tcp', address: '127.0.0.1', port: 1, timeoutMs: 2000 }),
    ).toMatchObject({ passed: false });
    await stopNow(runtime, launched.launch);
  });
});

const withGroups = found.cgroups === undefined ? describe.skip : describe;
withGroups('the exec runtime on a machine with cgroups', () => {
  let folder: string;
  let runtime: ExecRuntime;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-runtime-'));
    runtime = new ExecRuntime({ folder, cgroups: found.cgroups, pollMs: 50 });
  });
  afterEach(() => {
    runtime.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const base = { environment: {}, cpusMilli: 1000, volumes: [], configs: [] };

  it('tells that memory ran out', async () => {
    const command = `exec ${process.execPath} -e 'const kept = []; for (;;) kept.push(Buffer.alloc(1e6, 1))'`;
    await runtime.start({ ...base, launch: '8.1', command, memoryMib: 64 });
    expect(await endOf(runtime, '8.1')).toMatchObject({ signal: 'SIGKILL', oom: true });
  });

  it.each(kinds.filter(({ cgroups }) => cgroups !== undefined))(
    'reaches descendants that began sessions of their own $name',
    async ({ cgroups }) => {
      runtime.close();
      runtime = new ExecRuntime({ folder, cgroups, pollMs: 50 });
      await runtime.start({
        ...base,
        launch: '8.2',
        command: 'setsid sleep 62 & echo $! > child; wait',
        memoryMib: 64,
      });
      const file = join(runtime.sandboxOf('8.2'), 'child');
      await until(() => existsSync(file) && readFileSync(file, 'latin1') !== '');
      await stopNow(runtime, '8.2');
      expect(isThere(Number(readFileSync(file, 'latin1')))).toBe(false);
    },
  );

  it('holds a task to its share of the processors', async () => {
    await runtime.start({ ...base, launch: '8.3', cpusMilli: 100, command: 'while :; do :; done', memoryMib: 64 });
    const seen = await runtime.observe('8.3');
    if (seen.state !== 'running') throw new Error('expected it to run');
    const [group] = readFileSync(join(folder, 'launches', '8.3', 'cgroups'), 'latin1')
      .split('\n')
      .filter((path) => existsSync(join(path, 'cpu.stat')));
    await until(() => Number(/nr_throttled (\d+)/.exec(readFileSync(join(group!, 'cpu.stat'), 'latin1'))![1]) > 2);
    await stopNow(runtime, '8.3');
    expect(existsSync(group!)).toBe(false);
  });
});

function endOf(runtime: Runtime, launch: string): Promise<Ended> {
  return new Promise((resolve) => runtime.watch(launch, resolve));
}

async function stopNow(runtime: Runtime, launch: string): Promise<Observation> {
  const end = endOf(runtime, launch);
  await runtime.stop(launch, 0);
  return end;
}

function runs(folder: string, { launch }: TaskLaunch): number {
  const file = join(folder, 'launches', launch, 'runs');
  return existsSync(file) ? readFileSync(file, 'latin1').split('\n').length - 1 : 0;
}

function hasChild(runtime: ExecRuntime, { launch }: TaskLaunch): boolean {
  return existsSync(runtime.sandboxOf(launch)) && childrenOf(runtime, launch).length > 0;
}

function childrenOf(runtime: ExecRuntime, launch: string): string[] {
  const text = readFileSync(join(runtime.sandboxOf(launch), '..', 'pid'), 'latin1');
  const pid = /task \S+ (\d+)/.exec(text)?.[1];
  return pid === undefined
    ? []
    : readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
}

function isThere(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false; // gone: that is the question
  }
}
