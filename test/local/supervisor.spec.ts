import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { LOG_FILES_KEPT, rotateLog } from '../../deploy/local/src/log-file.js';
import { checkout } from '@orrery/testing';
import { isAlive } from '../../deploy/local/src/process-identity.js';
import { DoesNotStart, Supervisor, type ProcessSpec, type RunningProcess } from '../../deploy/local/src/supervisor.js';
import { until } from '../../deploy/local/src/waiting.js';
import { removeTemporaryFolders, temporaryFolder } from './temporary-home.js';

const supervisors: Supervisor[] = [];

afterEach(async () => {
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.stop()));
  removeTemporaryFolders();
});

it('starts a process again that was killed', async () => {
  const { supervisor } = supervise();
  await supervisor.start(script('one', 'setInterval(() => {}, 1000)'));
  const [before] = supervisor.running;
  process.kill(before!.pid, 'SIGKILL');

  const after = await until(() => supervisor.running.find(({ pid }) => pid !== before!.pid), {
    what: 'the second run',
    withinMs: 5000,
  });
  expect(after.name).toBe('one');
  expect(isAlive(after)).toBe(true);
  expect(isAlive(before!)).toBe(false);
});

it('waits longer after each crash, and says why a process does not start', async () => {
  const { supervisor, said } = supervise();
  await supervisor.start(script('broken', 'console.log("no luck"); process.exit(7)'));
  await until(() => (supervisor.crashesOf('broken') >= 4 ? true : undefined), { what: 'crashes', withinMs: 20_000 });

  expect(said.map((line) => /exit code 7.* in ([\d.]+) s/.exec(line)?.[1])).toEqual(['0.2', '0.4', '0.8', '1.6']);
  expect(() => supervisor.assertStarting()).toThrow(DoesNotStart);
  expect(() => supervisor.assertStarting()).toThrow(/broken has ended 4 times[^]*no luck/);
});

it('starts an owner anew whose shard fails, and not in a tight loop', async () => {
  const { supervisor, folder, said } = supervise();
  const file = join(checkout, 'test', 'local', 'failing-owner.mjs');
  const command = () => ({ file: process.execPath, args: [file], env: { ...process.env, ORRERY_HOME: folder } });
  await supervisor.start({ name: 'owner', stage: 0, stopGraceMs: 5000, command });
  await until(() => (supervisor.crashesOf('owner') >= 2 ? true : undefined), { what: 'two ends', withinMs: 60_000 });

  expect(said.map((line) => /exit code 1,.* in ([\d.]+) s/.exec(line)?.[1])).toEqual(['0.2', '0.4']);
  expect(readFileSync(supervisor.logOf('owner'), 'utf8')).toContain('the decider broke');
});

it('answers a kill at once, however soon it follows the last one', async () => {
  const { supervisor, said } = supervise();
  await supervisor.start(script('one', 'setInterval(() => {}, 1000)'));
  for (let kill = 1; kill <= 3; kill += 1) {
    const { pid } = await until(() => supervisor.running[0], { what: 'a run', withinMs: 5000 });
    const begunAt = performance.now();
    await until(() => (performance.now() - begunAt > 1200 ? true : undefined), { what: 'a second', withinMs: 5000 });
    process.kill(pid, 'SIGKILL');
    await until(() => (said.length === kill ? true : undefined), { what: 'the news of the kill', withinMs: 5000 });
  }
  expect(said.map((line) => /SIGKILL.* in ([\d.]+) s/.exec(line)?.[1])).toEqual(['0.2', '0.2', '0.2']);
});

it('lets those run behind that nobody waits for once they have started', async () => {
  const { supervisor } = supervise();
  await supervisor.start(script('first', 'setInterval(() => {}, 1000)'));
  await supervisor.start(script('behind', 'setInterval(() => {}, 1000)', { behindAfterMs: 100 }));
  const [first, behind] = supervisor.running;
  const isBehind = () => getPriority(behind!.pid) > getPriority(first!.pid);
  expect(isBehind()).toBe(false);
  await until(() => (isBehind() ? true : undefined), { what: 'its lower priority', withinMs: 5000 });
});

it('stops the stages in reverse order, each when the one above has ended', async () => {
  const { supervisor, folder } = supervise();
  const order = join(folder, 'order');
  writeFileSync(order, '');
  const slowToStop = (name: string) => `
    process.on('SIGTERM', () => setTimeout(() => {
      require('node:fs').appendFileSync(${JSON.stringify(order)}, '${name} ');
      process.exit(0);
    }, 200));
    setInterval(() => {}, 1000);
    console.log('listening');`;
  for (const [stage, name] of ['store', 'owner', 'agent'].entries()) {
    await supervisor.start(script(name, slowToStop(name), { stage }));
  }
  await untilLogged(supervisor, 'agent', 'listening');
  await untilLogged(supervisor, 'owner', 'listening');
  await untilLogged(supervisor, 'store', 'listening');
  await supervisor.stop();
  expect(readFileSync(order, 'utf8')).toBe('agent owner store ');
});

it('kills a process that does not end within its grace', async () => {
  const { supervisor, recorded } = supervise();
  const deaf = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('listening');`;
  await supervisor.start(script('deaf', deaf, { stopGraceMs: 300 }));
  await untilLogged(supervisor, 'deaf', 'listening');
  const [running] = supervisor.running;
  await supervisor.stop();
  expect(isAlive(running!)).toBe(false);
  expect(recorded.at(-1)).toEqual([]);
});

it('records a process before anything else can happen to it', async () => {
  const { supervisor, recorded } = supervise();
  await supervisor.start(script('one', 'setInterval(() => {}, 1000)'));
  expect(recorded.at(-1)).toEqual([expect.objectContaining({ name: 'one', pid: supervisor.running[0]!.pid })]);
});

it('keeps a few old logs and lets the process write on', () => {
  const log = join(temporaryFolder(), 'one.log');
  for (let n = 1; n <= LOG_FILES_KEPT + 2; n += 1) {
    writeFileSync(log, `${n}`.repeat(100));
    expect(rotateLog(log, 99)).toBe(true);
    expect(statSync(log).size).toBe(0);
  }
  const kept = Array.from({ length: LOG_FILES_KEPT }, (_, n) => readFileSync(`${log}.${n + 1}`, 'utf8')[0]);
  expect(kept).toEqual(['5', '4', '3']);
  expect(rotateLog(log, 99)).toBe(false);
});

function supervise() {
  const folder = temporaryFolder();
  const said: string[] = [];
  const recorded: (readonly RunningProcess[])[] = [];
  const supervisor = new Supervisor({
    logFolder: folder,
    record: (running) => recorded.push(running),
    say: (line) => said.push(line),
  });
  supervisors.push(supervisor);
  return { supervisor, folder, said, recorded };
}

function script(name: string, source: string, settings: Partial<ProcessSpec> = {}): ProcessSpec {
  const command = () => ({ file: process.execPath, args: ['-e', source] });
  return { name, stage: 0, stopGraceMs: 5000, command, ...settings };
}

async function untilLogged(supervisor: Supervisor, name: string, words: string): Promise<void> {
  await until(() => (readFileSync(supervisor.logOf(name), 'utf8').includes(words) ? true : undefined), {
    what: `"${words}" of ${name}`,
    withinMs: 10_000,
  });
}
