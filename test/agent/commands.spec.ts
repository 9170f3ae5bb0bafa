import type { StreamOrder } from '@orrery/contracts';
import { CommandedTask, lives } from './commanded-task.js';
import { until } from './until.js';

describe('a command in a task', () => {
  let task: CommandedTask;
  beforeEach(async () => {
    task = new CommandedTask();
    await task.start();
  });
  afterEach(() => task.stop());

  it('tells both outputs and the exit code, from the sandbox and with the environment of the task', async () => {
    task.run('echo "$ORRERY_TASK in $(pwd)"; echo bad >&2; exit 7');
    expect((await task.ended())['orrery-exit']).toBe('7');
    expect(task.said('stdout')).toBe(`server in ${task.runtime.sandboxOf(task.launch)}\n`);
    expect(task.said('stderr')).toBe('bad\n');
  });

  it('runs words as they are, and tells an unknown program as shells do', async () => {
    task.run('', { cmd: ['printf', '%s|', 'a b', '$HOME', "it's"] });
    expect((await task.ended())['orrery-exit']).toBe('0');
    expect(task.said('stdout')).toBe("a b|$HOME|it's|");
    task.run('', { cmd: ['no-such-program'], stream: 't' });
    await until(() => task.sent.some(({ headers }) => headers['orrery-exit'] === '127'));
  });

  it('hands over stdin until its end, and each byte once', async () => {
    task.run('tr a-z A-Z');
    await until(() => task.sent.length > 0);
    task.give('hello ', { 'orrery-offset': '0' });
    task.give('hello wor', { 'orrery-offset': '0' });
    task.give('wor', { 'orrery-offset': '6' });
    task.give('ld', { 'orrery-offset': '9', 'orrery-end': 'true' });
    expect((await task.ended())['orrery-exit']).toBe('0');
    expect(task.said('stdout')).toBe('HELLO WORLD');
    await until(() => !task.isListening);
  });

  it('tells how much of its input it took, and is given no more than a window beyond that', async () => {
    const [piece, pieces] = ['x'.repeat(50_000), 40];
    const taken = () => Number(task.sent.findLast(({ headers }) => 'orrery-taken' in headers)?.headers['orrery-taken']);
    task.run('wc -c');
    await until(() => task.sent.length > 0);
    for (let at = 0; at < pieces; at += 1) {
      task.give(piece, { 'orrery-offset': `${at * piece.length}` });
      if (at % 4 === 3) await until(() => taken() > (at - 3) * piece.length);
    }
    task.give('', { 'orrery-offset': `${pieces * piece.length}`, 'orrery-end': 'true' });
    expect((await task.ended())['orrery-exit']).toBe('0');
    expect(task.said('stdout').trim()).toBe('2000000');
    task.run('exec sleep 600', { stream: 't' });
    const before = task.sent.length;
    await until(() => task.sent.length > before);
    for (let at = 0; at < pieces; at += 1) task.give(piece, { 'orrery-offset': `${at * piece.length}` });
    expect((await task.ended())['orrery-code']).toBe('too-large');
  });

  it('ends when a part of its input was lost', async () => {
    task.run('cat');
    await until(() => task.sent.length > 0);
    task.give('a', { 'orrery-offset': '0' });
    task.give('c', { 'orrery-offset': '2' });
    expect((await task.ended())['orrery-code']).toBe('stream-failed');
  });

  it('passes on much output whole and in order', async () => {
    task.run('seq 1 100000');
    expect((await task.ended())['orrery-exit']).toBe('0');
    const whole = Array.from({ length: 100_000 }, (_, at) => `${at + 1}\n`).join('');
    expect(task.said('stdout') === whole).toBe(true);
  });

  it.each([
    ['its time', 'sleep 600', { untilMs: 0 }, 'time-over'],
    ['its limit', 'yes', { limitBytes: 10_000 }, 'limit-reached'],
    ['the silence of its reader', 'sleep 600', { untilMs: 0, follow: true }, 'abandoned'],
  ] as const)('ends it at %s', async (_, line, { untilMs, ...more }: Partial<StreamOrder>, code) => {
    task.run(line, { ...more, ...(untilMs === undefined ? {} : { untilMs: Date.now() + 500 }) });
    expect((await task.ended())['orrery-code']).toBe(code);
    expect(task.said('stdout').length).toBe(more.limitBytes ?? 0);
  });

  it('lives on while its reader says that it listens, and answers each such word', async () => {
    const begun = Date.now();
    task.run('sleep 600', { follow: true, untilMs: begun + 1_000 });
    await until(() => task.sent.length > 0);
    for (const atMs of [600, 1_200, 1_800]) {
      await until(() => Date.now() > begun + atMs);
      const before = task.sent.length;
      task.give('', { 'orrery-offset': '0' });
      await until(() => task.sent.length > before);
      expect(task.sent.at(-1)).toMatchObject({
        text: '',
        headers: expect.not.objectContaining({ 'orrery-end': 'true' }),
      });
    }
    expect((await task.ended())['orrery-code']).toBe('abandoned');
  });

  it.each([
    ['nobody waits for it', () => task.give('', { 'orrery-error': 'cancelled' }), 'cancelled'],
    ['its task has ended', () => task.streams.endCommandsOf(task.launch), 'task-ended'],
  ])('ends it when %s, with all that it began', async (_, happens, code) => {
    task.run('sleep 601 & echo $!; sleep 602');
    await until(() => task.said('stdout').endsWith('\n'));
    const pid = Number(task.said('stdout'));
    expect(lives(pid)).toBe(true);
    happens();
    expect((await task.ended())['orrery-code']).toBe(code);
    await until(() => !lives(pid));
  });
});
