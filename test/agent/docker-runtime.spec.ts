import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  detectCgroups,
  DockerRuntime,
  ExecRuntime,
  needsEngine,
  type Ended,
  type Observation,
  type TaskLaunch,
} from '@orrery/runtimes';
import { describeWithEngine, IMAGE, TestEngine } from './container-engine.js';
import { until } from './until.js';

describeWithEngine('tasks in containers', 'tasks of an image run as containers', () => {
  const { cgroups } = detectCgroups(`test-${process.pid}`);
  let test: TestEngine;
  let folder: string;
  let runtime: DockerRuntime;
  let number = 0;
  const troubles: unknown[] = [];
  const onTrouble = (error: unknown) => void troubles.push(error);
  const open = () =>
    new DockerRuntime(new ExecRuntime({ folder, cgroups, pollMs: 50 }), test.engine, { folder, onTrouble });

  beforeAll(async () => {
    test = await TestEngine.start();
  }, 60_000);
  afterAll(() => test?.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-docker-runtime-'));
    runtime = open();
  });
  afterEach(async () => {
    for (const launch of runtime.launches()) await stopNow(launch);
    for (const launch of runtime.launches()) await runtime.release(launch);
    runtime.close();
    rmSync(folder, { recursive: true, force: true });
    expect(troubles.splice(0)).toEqual([]);
  });

  const task = (command: string, more: Partial<TaskLaunch> = {}): TaskLaunch => ({
    ...{ launch: `9.${++number}`, image: IMAGE, command, environment: {} },
    ...{ cpusMilli: 500, memoryMib: 64, volumes: [], configs: [] },
    ...more,
  });
  const endOf = (launch: string) => new Promise<Ended>((resolve) => runtime.watch(launch, resolve));
  const stopNow = async (launch: string): Promise<Observation> => {
    if ((await runtime.observe(launch)).state !== 'running') return runtime.observe(launch);
    const end = endOf(launch);
    await runtime.stop(launch, 0);
    return end;
  };
  const run = async (command: string, more?: Partial<TaskLaunch>) => {
    const launched = task(command, more);
    await runtime.start(launched);
    const end = await endOf(launched.launch);
    return { ...launched, end };
  };
  const fileOf = (launch: string, path: string) => runtime.placeOf(launch, path);
  const textOf = (launch: string, path: string) => readFileSync(fileOf(launch, path), 'utf8');
  const hasFile = (launch: string, path: string) => existsSync(join(folder, 'launches', launch, 'sandbox', path));
  const containers = () => test.engine.withLabel('orrery.launch', `9.${number}`);

  it('tells how they ended, with the last line of what went wrong, and leaves no container', async () => {
    const { end, launch } = await run('echo one >&2; echo two >&2; exit 3');
    expect(end).toMatchObject({ state: 'ended', how: 'exited', code: 3, oom: false, lastLine: 'two' });
    expect(await runtime.observe(launch)).toEqual(end);
    expect(await containers()).toEqual([]);
    expect((await run('exit 0')).end).toMatchObject({ how: 'exited', code: 0 });
    expect((await run('kill -9 $$')).end).toMatchObject({ how: 'exited', signal: 'SIGKILL', oom: false });
  });

  it('have their image for a root, and environment, volumes, configuration, files and secrets as other tasks', async () => {
    const { launch, end } = await run(
      'echo "$GREETING $PASSWORD $PWD ${HOME-none}"; cat conf/app.conf key got; ls /; echo kept > data/file',
      {
        environment: { GREETING: 'hello' },
        secretEnvironment: { PASSWORD: 'x' },
        secretFiles: [{ path: 'key', value: Buffer.from('secret\n') }],
        volumes: [{ volume: '7.1', path: 'data' }],
        links: [{ place: '/etc/hostname', path: 'got' }],
        configs: [{ template: '{{GREETING}} in {{ORRERY_SANDBOX}}\n', dest: 'conf/app.conf' }],
      },
    );
    expect(end).toMatchObject({ code: 0 });
    const sandbox = join(folder, 'launches', launch, 'sandbox');
    const host = readFileSync('/etc/hostname', 'utf8');
    const [first, rest] = textOf(launch, 'stdout').split(/\n(.*)/s);
    expect(first).toMatch(new RegExp(`^hello x ${sandbox} `));
    expect(rest!.startsWith(`hello in ${sandbox}\nsecret\n${host}`)).toBe(true);
    expect(rest).not.toMatch(/^(home|usr|var)$/m);
    expect(textOf(launch, 'data/file')).toBe('kept\n');
    await runtime.destroyVolumes(['7.1']);
    expect(existsSync(join(folder, 'volumes', '7.1'))).toBe(false);
  });

  it('have the Node of the agent, as their checks do, where their image has none', async () => {
    const script = `node -e 'console.log(process.version, 6 * 7)' && exec sleep 1000`;
    const launched = task(script, { memoryMib: 256 });
    await runtime.start(launched);
    await until(() => hasFile(launched.launch, 'stdout') && textOf(launched.launch, 'stdout').includes('\n'), 60_000);
    expect(textOf(launched.launch, 'stdout')).toBe(`${process.version} 42\n`);
    const check = (command: string) =>
      runtime.probe(launched.launch, { kind: 'cmd', command, environment: { PORT: '7' }, timeoutMs: 60_000 });
    expect(await check(`node -e 'process.exit(process.env.PORT === "7" ? 0 : 1)'`)).toMatchObject({ passed: true });
    expect(await check(`node -e 'process.exit(3)'`)).toEqual({ passed: false, message: 'exit code 3' });
  });

  it('end by themselves in their grace period, and are killed after it, with all that they began', async () => {
    const polite = task(`trap 'exit 7' TERM; touch up; while :; do sleep 0.05; done`);
    await runtime.start(polite);
    await until(() => hasFile(polite.launch, 'up'));
    const end = endOf(polite.launch);
    await runtime.stop(polite.launch, 60_000);
    expect(await end).toMatchObject({ code: 7 });

    const stubborn = task(`trap '' TERM; sleep 1000 & touch deaf; while :; do sleep 0.05; done`);
    await runtime.start(stubborn);
    await until(() => hasFile(stubborn.launch, 'deaf'));
    const killed = endOf(stubborn.launch);
    await runtime.stop(stubborn.launch, 300);
    expect(await killed).toMatchObject({ signal: 'SIGKILL' });
    expect(await containers()).toEqual([]);
  });

  it('are found again by another life of the agent, which sees their end', async () => {
    const launched = task('touch up; exec sleep 1000');
    const before = await runtime.start(launched);
    expect(before).toMatchObject({ state: 'running' });
    runtime.close();
    runtime = open();
    expect(await runtime.observe(launched.launch)).toEqual(before);
    expect(await runtime.start(launched)).toEqual(before);
    expect(needsEngine(folder)).toBe(true);
    expect(await stopNow(launched.launch)).toMatchObject({ state: 'ended', how: 'exited' });
    runtime.close();
    runtime = open();
    expect(await runtime.start(launched)).toMatchObject({ state: 'ended', how: 'exited' });
    await runtime.release(launched.launch);
    expect(needsEngine(folder)).toBe(false);
  });

  it('begin once, and never when they were stopped before', async () => {
    const launched = task('echo run >> runs; exec sleep 1000');
    const seen = await Promise.all([
      runtime.start(launched),
      runtime.start(launched),
      runtime.observe(launched.launch),
    ]);
    expect(seen).toEqual([seen[0], seen[0], expect.objectContaining({ state: 'running' })]);
    await until(() => hasFile(launched.launch, 'runs'));
    expect(textOf(launched.launch, 'runs')).toBe('run\n');
    const never = task('exit 0');
    await runtime.stop(never.launch, 0);
    expect(await runtime.start(never)).toMatchObject({ state: 'ended', how: 'never-begun' });
  });

  it('are told as lost when somebody removes their container', async () => {
    const launched = task('exec sleep 1000');
    await runtime.start(launched);
    const end = endOf(launched.launch);
    for (const name of await containers()) await test.engine.remove(name);
    expect(await end).toMatchObject({ state: 'ended' });
  });

  it('are checked inside, and commands run beside them', async () => {
    const launched = task('touch here; exec sleep 1000', { environment: { COLOUR: 'blue' } });
    await runtime.start(launched);
    await until(() => hasFile(launched.launch, 'here'));
    const check = (command: string, timeoutMs = 5000) =>
      runtime.probe(launched.launch, { kind: 'cmd', command, environment: {}, timeoutMs });
    expect(await check('test -f here && ! test -e /usr')).toEqual({ passed: true, message: 'exit code 0' });
    expect(await check('test -f there')).toEqual({ passed: false, message: 'exit code 1' });
    expect(await check('sleep 60', 200)).toMatchObject({ passed: false });
    const tcp = { kind: 'tcp', address: '127.0.0.1', port: 1, timeoutMs: 2000 } as const;
    expect(await runtime.probe(launched.launch, tcp)).toMatchObject({ passed: false });

    const outputs: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' };
    const command = runtime.exec(launched.launch, {
      words: ['/bin/sh', '-c', 'read line; echo "$line $COLOUR $MORE $PWD"; echo no >&2; exit 5'],
      environment: { MORE: 'green' },
      onOutput: async (output, bytes) => void (outputs[output] += Buffer.from(bytes).toString()),
    });
    await command.write(Buffer.from('red\n'));
    expect(await command.ended).toBe(5);
    const sandbox = join(folder, 'launches', launched.launch, 'sandbox');
    expect(outputs).toEqual({ stdout: `red blue green ${sandbox}\n`, stderr: 'no\n' });
  });

  it('give a terminal to whoever asks for one', async () => {
    const launched = task('exec sleep 1000');
    await runtime.start(launched);
    let seen = '';
    const command = runtime.exec(launched.launch, {
      // It is made first, and then it gets its size.
      words: ['/bin/sh', '-c', 'tty; until stty size | grep "^30 100"; do sleep 0.05; done; read line; echo "<$line>"'],
      environment: {},
      terminal: { rows: 30, columns: 100 },
      onOutput: async (_output, bytes) => void (seen += Buffer.from(bytes).toString()),
    });
    await until(() => /pts\/\d+/.test(seen) && seen.includes('30 100'));
    await command.write(Buffer.from('typed\n'));
    expect(await command.ended).toBe(0);
    expect(seen).toContain('<typed>');
  });

  it('are limited and measured', async () => {
    // An engine has limits of its own for what it is not told, which not every machine allows.
    const rlimits: TaskLaunch['rlimits'] = [
      ['RLIMIT_NOFILE', 256, 512],
      ['RLIMIT_NPROC', 1024, 1024],
    ];
    const launched = task('i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; exec sleep 1000', {
      rlimits,
    });
    expect(await runtime.start(launched)).toMatchObject({ state: 'running' });
    await until(async () => ((await runtime.usage([launched.launch])).get(launched.launch)?.cpuMs ?? 0) > 10);
    const usage = (await runtime.usage([launched.launch])).get(launched.launch)!;
    expect(usage.memoryBytes).toBeGreaterThan(0);
    expect(usage.diskBytes).toBeGreaterThanOrEqual(0);
    const greedy = `a=x; while :; do a="$a$a$a$a"; done`;
    expect((await run(greedy, { memoryMib: 16, rlimits })).end).toMatchObject({ how: 'exited', signal: 'SIGKILL' });
    expect((await run('ulimit -Sn; ulimit -Hn', { rlimits })).end.code).toBe(0);
    expect(textOf(`9.${number}`, 'stdout')).toBe('256\n512\n');
  });

  it('say why there is no image', async () => {
    await runtime.fetchImage(IMAGE);
    const missing = 'localhost:1/nobody/nothing:1';
    await expect(runtime.fetchImage(missing)).rejects.toThrow(missing);
    expect(await runtime.start(task('exit 0', { image: missing }))).toMatchObject({ how: 'start-failed' });
  });

  it('stand beside tasks of the machine', async () => {
    const launch = `9.${++number}`;
    await runtime.start({ ...task('exit 4'), launch, image: undefined } as unknown as TaskLaunch);
    expect(await endOf(launch)).toMatchObject({ how: 'exited', code: 4 });
  });
});
