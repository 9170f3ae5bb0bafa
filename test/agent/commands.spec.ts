import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LaunchId, StreamOrder } from '@orrery/contracts';
import { systemClock, type LogMessage } from '@orrery/control-loop';
import { detectCgroups, ExecRuntime } from '@orrery/runtimes';
import { Streams } from '../../apps/agent/src/streams.js';
import { until } from './until.js';

interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

describe('a command in a task', () => {
  let number = 0;
  let launch: LaunchId;
  let folder: string;
  let runtime: ExecRuntime;
  let streams: Streams;
  let sent: Sent[];
  let feed: ((message: LogMessage) => void) | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-commands-'));
    runtime = new ExecRuntime({ folder, cgroups: detectCgroups(`test-${process.pid}`).cgroups, pollMs: 50 });
    sent = [];
    feed = undefined;
    // A launch runs once for ever.
    launch = `9.${++number}` as LaunchId;
    const environment = { ORRERY_TASK: 'server' };
    const bounds = { cpusMilli: 1000, memoryMib: 64, volumes: [], configs: [] };
    await runtime.start({ launch, command: 'exec sleep 600', environment, ...bounds });
    streams = new Streams({
      clock: systemClock,
      placeOf: (of, path) => runtime.placeOf(of, path),
      begin: async (order, onOutput) => runtime.exec(order.launch, { words: order.cmd ?? [], environment, onOutput }),
      input: async (_, onMessage) => {
        feed = onMessage;
        return async () => void (feed = undefined);
      },
      send: async (_, headers, value) => void sent.push({ headers, text: Buffer.from(value).toString() }),
      warn: (message) => {
        throw new Error(message);
      },
    });
  });
  afterEach(async () => {
    await streams.close();
    const ended = new Promise((resolve) => runtime.watch(launch, resolve));
    await runtime.stop(launch, 0);
    await ended;
    runtime.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (line: string, more: Partial<StreamOrder> = {}) =>
    streams.open({
      ...{ stream: 's', launch, kind: 'exec', cmd: ['/bin/sh', '-c', line], from: 0, follow: false },
      ...{ limitBytes: 1_000_000, untilMs: Date.now() + 60_000 },
      ...more,
    });
  const said = (output: string) =>
    sent
      .filter(({ headers }) => headers['orrery-output'] === output)
      .map(({ text }) => text)
      .join('');
  const end = async () => {
    await until(() => sent.at(-1)?.headers['orrery-end'] === 'true');
    return sent.at(-1)!.headers;
  };
  const give = (text: string, headers: Readonly<Record<string, string>>) =>
    feed!({ offset: 0, timestampMs: 0, key: null, headers, value: Buffer.from(text) } as LogMessage);

  it('tells both outputs and the exit code, from the sandbox and with the environment of the task', async () => {
    run('echo "$ORRERY_TASK in $(pwd)"; echo bad >&2; exit 7');
    expect((await end())['orrery-exit']).toBe('7');
    expect(said('stdout')).toBe(`server in ${runtime.sandboxOf(launch)}\n`);
    expect(said('stderr')).toBe('bad\n');
  });

  it('runs words as they are, and tells an unknown program as shells do', async () => {
    run('', { cmd: ['printf', '%s|', 'a b', '$HOME', "it's"] });
    expect((await end())['orrery-exit']).toBe('0');
    expect(said('stdout')).toBe("a b|$HOME|it's|");
    run('', { cmd: ['no-such-program'], stream: 't' });
    await until(() => sent.some(({ headers }) => headers['orrery-exit'] === '127'));
  });

  it('hands over stdin until its end', async () => {
    run('tr a-z A-Z');
    await until(() => sent.length > 0);
    give('hello ', {});
    give('world', { 'orrery-end': 'true' });
    expect((await end())['orrery-exit']).toBe('0');
    expect(said('stdout')).toBe('HELLO WORLD');
    await until(() => feed === undefined);
  });

  it('passes on much output whole and in order', async () => {
    run('seq 1 100000');
    expect((await end())['orrery-exit']).toBe('0');
    const whole = Array.from({ length: 100_000 }, (_, at) => `${at + 1}\n`).join('');
    expect(said('stdout') === whole).toBe(true);
  });

  it.each([
    ['its time', 'sleep 600', { untilMs: 0 }, 'time-over'],
    ['its limit', 'yes', { limitBytes: 10_000 }, 'limit-reached'],
  ] as const)('ends it at %s', async (_, line, { untilMs, ...more }: Partial<StreamOrder>, code) => {
    run(line, { ...more, ...(untilMs === undefined ? {} : { untilMs: Date.now() + 500 }) });
    expect((await end())['orrery-code']).toBe(code);
    expect(said('stdout').length).toBe(more.limitBytes ?? 0);
  });

  it.each([
    ['nobody waits for it', () => give('', { 'orrery-error': 'cancelled' }), 'cancelled'],
    ['its task has ended', () => streams.endCommandsOf(launch), 'task-ended'],
  ])('ends it when %s, with all that it began', async (_, happens, code) => {
    run('sleep 601 & echo $!; sleep 602');
    await until(() => said('stdout').endsWith('\n'));
    const pid = Number(said('stdout'));
    expect(process.kill(pid, 0)).toBe(true);
    happens();
    expect((await end())['orrery-code']).toBe(code);
    await until(() => !lives(pid));
  });
});

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
