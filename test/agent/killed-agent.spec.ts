import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@orrery/control-loop';
import { InMemoryLog, SeededRandom } from '@orrery/testing';
import { FakeMaster } from './fake-master.js';
import { SocketLog } from './socket-log.js';
import { until } from './until.js';

const root = process.cwd();

beforeAll(() => {
  execFileSync(process.execPath, ['deploy/local/build.mjs'], { cwd: root, stdio: 'inherit' });
});

describe('an agent process that is killed', () => {
  let folder: string;
  let log: InMemoryLog;
  let served: SocketLog;
  let master: FakeMaster;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-killed-'));
    log = new InMemoryLog(systemClock);
    served = await SocketLog.listen(log, join(folder, 'log.sock'));
    master = new FakeMaster(log);
  });
  afterEach(async () => {
    await ended(child!, 'SIGTERM');
    await master.stop();
    await served.close();
    rmSync(folder, { recursive: true, force: true });
    expect(master.problems).toEqual([]);
  });

  const begin = (dieAt = '') => {
    child = spawn(process.execPath, [join(root, 'test/agent/agent-child.mjs')], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        ORRERY_KAFKA: 'none',
        ORRERY_AGENT_NAME: `killed-${process.pid}`,
        ORRERY_AGENT_DIR: folder,
        ORRERY_AGENT_LANES: '1',
        ORRERY_AGENT_STOP_TASKS: '1',
        TEST_LOG: join(folder, 'log.sock'),
        TEST_DIE_AT: dieAt,
      },
    });
  };
  const registered = () => {
    const before = master.inventories.length;
    return until(() => master.inventories.length > before || master.epoch > 0);
  };
  const runsOf = (launch: string) => {
    const file = join(folder, 'runs');
    const lines = existsSync(file) ? readFileSync(file, 'latin1').split('\n') : [];
    return lines.filter((line) => line === launch).length;
  };
  /** A task that leaves a line each time it runs, and ends with this code when told to. */
  const counted = (launch: string, code: number) =>
    `echo ${launch} >> ${folder}/runs; while [ ! -f ${folder}/go-${launch} ]; do sleep 0.01; done; exit ${code}`;
  const letGo = (launch: string) => writeFileSync(join(folder, `go-${launch}`), '');

  const steps = [
    'write .*Booted',
    'publish Inventory',
    'write .*Registered',
    'write .*LaunchOrdered',
    'start',
    'write .*TaskBegan',
    'publish TaskStates.*RUNNING',
    'write .*ReportTaken',
    'write .*TaskEnded',
    'publish TaskStates.*FAILED',
  ];
  it.each(steps.flatMap((step) => [`beginning of ${step}`, `end of ${step}`]))(
    'at the %s, starts its launch once and tells how it ended',
    async (moment) => {
      begin(moment);
      const life = child!;
      // An agent that dies before it is registered gets its order in the next life.
      await until(() => master.epoch === 1 || !isRunning(life));
      if (master.epoch === 1) await master.launch({ cmd: counted('1.0', 3) }, { launch: '1.0' });
      await until(() => master.runningOf('1.0') !== undefined || !isRunning(life));
      if (isRunning(life)) letGo('1.0');
      await until(() => !isRunning(life));
      const { epoch } = master;
      begin();
      await until(() => master.epoch > epoch);
      if (master.wanted.size === 0) await master.launch({ cmd: counted('1.0', 3) }, { launch: '1.0' });
      await until(() => master.runningOf('1.0') !== undefined || master.endOf('1.0') !== undefined);
      letGo('1.0');
      await until(() => master.endOf('1.0') !== undefined);
      expect(master.endOf('1.0')).toMatchObject({ state: 'FAILED', exit: { code: 3 } });
      expect(runsOf('1.0')).toBe(1);
    },
  );

  it('again and again while tasks come and go, loses none of them and starts none twice', async () => {
    const random = new SeededRandom(20_261_122);
    begin();
    await registered();
    let launches = 0;
    for (let round = 0; round < 10; round++) {
      const reports = master.reports.length;
      for (let count = random.below(4); count >= 0; count--) {
        const launch = `${++launches}.0`;
        await master.launch({ cmd: counted(launch, launches % 5) }, { launch });
      }
      const running = [...master.wanted.keys()].filter((launch) => master.runningOf(launch) && !master.endOf(launch));
      if (running.length > 2) letGo(random.pick(running));
      if (running.length > 4) await master.kill(random.pick(running));
      // What begins together may be told together.
      const patience = random.below(2);
      await until(() => master.reports.length >= reports + patience);
      if (random.chance(0.3)) continue;
      const { epoch } = master;
      await ended(child!, 'SIGKILL');
      begin();
      await until(() => master.epoch > epoch);
    }
    await master.sync();
    const all = [...master.wanted.keys()];
    await until(() => all.every((launch) => master.runningOf(launch) || master.endOf(launch)));
    for (const launch of all) letGo(launch);
    await until(() => all.every((launch) => master.endOf(launch) !== undefined));
    for (const launch of all) {
      const { state, exit } = master.endOf(launch)!;
      if (state !== 'KILLED')
        expect({ launch, code: exit?.code }).toEqual({ launch, code: Number.parseInt(launch) % 5 });
      expect({ launch, runs: Math.max(1, runsOf(launch)) }).toEqual({ launch, runs: 1 });
    }
  });

  it('keeps another one out of its folder while it lives, and lets it in when it is dead', async () => {
    appendFileSync(join(folder, 'runs'), '');
    const lock = join(root, 'apps/agent/dist/folder-lock.js');
    const script = `
      const { lockFolder } = await import(${JSON.stringify(lock)});
      const held = await lockFolder(${JSON.stringify(folder)}).catch((error) => error.name);
      process.stdout.write(typeof held === 'string' ? held : 'held');
      if (typeof held !== 'string') held.ref();`;
    const take = () => {
      const taker = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const heard = new Promise<string>((resolve) =>
        taker.stdout.once('data', (data: Buffer) => resolve(data.toString())),
      );
      return { taker, heard };
    };
    const first = take();
    expect(await first.heard).toBe('held');
    expect(await take().heard).toBe('FolderTaken');
    await ended(first.taker, 'SIGKILL');
    const next = take();
    expect(await next.heard).toBe('held');
    await ended(next.taker, 'SIGKILL');
  });
});

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (!isRunning(child)) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}
