import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandedTask, lives } from './commanded-task.js';
import { until } from './until.js';

describe('a terminal in a task', () => {
  let task: CommandedTask;
  let given: number;
  beforeEach(async () => {
    given = 0;
    task = new CommandedTask();
    await task.start();
  });
  afterEach(() => task.stop());

  const terminal = { rows: 30, columns: 100 };
  const open = async (line: string, more: object = {}) => {
    const before = task.sent.length;
    task.run(line, { terminal, follow: true, ...more });
    await until(() => task.sent.length > before);
  };
  const type = (text: string) => {
    task.give(text, { 'orrery-offset': `${given}` });
    given += text.length;
  };
  const shows = (text: string) => until(() => task.said().includes(text));

  it('is one: with a size, in the sandbox and with the environment of the task', async () => {
    await open('tty; stty size; echo "$ORRERY_TASK $TERM"; pwd; exit 7');
    expect((await task.ended())['orrery-exit']).toBe('7');
    const sandbox = task.runtime.sandboxOf(task.launch);
    expect(task.said()).toMatch(/^\/dev\/pts\/\d+\r\n30 100\r\nserver xterm-256color\r\n/);
    expect(task.said()).toContain(`${sandbox}\r\n`);
  });

  it('belongs to the task: the kernel counts its commands among those of the task', async () => {
    await open('cat /proc/self/cgroup; cat /proc/$PPID/cgroup >/dev/null; exit');
    await task.ended();
    const { isolation } = task.runtime;
    if (!isolation.startsWith('none')) expect(task.said()).toContain(task.launch);
  });

  it('tells its new size to what runs on it', async () => {
    await open(`trap 'stty size; exit 0' WINCH; echo waits; while :; do sleep 0.05; done`);
    await shows('waits');
    task.give('', { 'orrery-size': '40x120' });
    expect((await task.ended())['orrery-exit']).toBe('0');
    expect(task.said()).toContain('40 120');
  });

  it('turns Ctrl-C into an interrupt of what runs, and leaves the shell', async () => {
    await open('', { cmd: ['/bin/sh', '-i'] });
    type('echo be""gun; sleep 600\n');
    await shows('begun');
    type('\u0003');
    type('echo sur""vived; exit 3\n');
    await shows('survived');
    expect((await task.ended())['orrery-exit']).toBe('3');
  });

  it('tells by which signal a command ended', async () => {
    await open('echo begun; exec sleep 600');
    await shows('begun');
    type('\u0003');
    expect((await task.ended())['orrery-exit']).toBe('130');
  });

  it('ends its input at Ctrl-D, and takes bytes that are no text', async () => {
    await open('stty raw -echo; echo ready; head -c 4 | od -An -tx1; exit 0');
    await shows('ready');
    task.give('', { 'orrery-offset': '0' });
    type('\u0000\u0004~\u007f');
    await task.ended();
    expect(task.said()).toContain('00 04 7e 7f');
    await open('cat', { stream: 't' });
    given = 0;
    type('\u0004');
    expect((await task.ended())['orrery-exit']).toBe('0');
  });

  it('passes on much output whole and in order, as fast as it is taken', async () => {
    await open('stty -opost; seq 1 100000');
    expect((await task.ended())['orrery-exit']).toBe('0');
    const whole = Array.from({ length: 100_000 }, (_, at) => `${at + 1}\n`).join('');
    expect(task.said() === whole).toBe(true);
  });

  it('stops being read while nobody takes what it shows', async () => {
    let take = () => undefined as void;
    task.sending = new Promise((resolve) => (take = resolve));
    const block = 100_000;
    await open(`n=0; while [ $n -lt 60 ]; do head -c ${block} /dev/zero; n=$((n+1)); echo $n >blocks; done`, {
      limitBytes: 100 * block,
    });
    let [blocks, looks] = ['', 0];
    await until(() => {
      const now = blocksIn(task);
      looks = now === blocks && now !== '' ? looks + 1 : 0;
      blocks = now;
      return looks === 30;
    });
    expect(Number(blocks) * block).toBeLessThan(5 * 1024 * 1024);
    take();
    expect((await task.ended())['orrery-exit']).toBe('0');
    expect(task.said().length).toBe(60 * block);
  });

  it('hangs up when nobody waits for it, jobs in the background included', async () => {
    await open('', { cmd: ['/bin/sh', '-i'] });
    type('set -m; sleep 601 & echo pid=$!=; (trap "" HUP; exec sleep 602) & echo deaf=$!=\n');
    await until(() => /deaf=\d+=/.test(task.said()));
    const pids = [...task.said().matchAll(/(?:pid|deaf)=(\d+)=/g)].map((match) => Number(match[1]));
    expect(pids.map(lives)).toEqual([true, true]);
    task.give('', { 'orrery-error': 'cancelled' });
    expect((await task.ended())['orrery-code']).toBe('cancelled');
    await until(() => !pids.some(lives));
  });

  it('ends with its task', async () => {
    await open('echo begun; sleep 600');
    await shows('begun');
    task.streams.endCommandsOf(task.launch);
    expect((await task.ended())['orrery-code']).toBe('task-ended');
  });
});

function blocksIn(task: CommandedTask): string {
  const file = join(task.runtime.sandboxOf(task.launch), 'blocks');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}
