import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '@orrery/testing';
import { freshName, freshTopic, kafka } from './infrastructure.js';

const CELLS = 3;

describe('the hint who should own which cell', () => {
  const members: Member[] = [];
  let group: { groupId: string; topic: string };

  beforeAll(() => execFileSync(process.execPath, [join('deploy', 'local', 'build.mjs')]));
  beforeEach(async () => {
    group = { groupId: freshName('group'), topic: await freshTopic(CELLS) };
  });
  afterEach(async () => {
    await Promise.all(members.splice(0).map((member) => member.end('SIGKILL')));
  });

  it('gives an only instance everything, and a second one its share, moving no more than that', async () => {
    const first = start();
    await allTo(first);
    const second = start();
    await shared(first, second);
    expect(first.cells).toHaveLength(2);
    expect([...first.cells, ...second.cells].sort()).toEqual([0, 1, 2]);
  });

  it('gives the cells of a killed instance to the other within two seconds', async () => {
    const [first, second] = [start(), start()];
    await shared(first, second);
    await first.end('SIGKILL');
    await eventually(() => second.cells.length === CELLS, within(2_000, 'the other one has all cells'));
  });

  it('gives the cells of an instance that stops to the other at once', async () => {
    const [first, second] = [start(), start()];
    await shared(first, second);
    await first.end('SIGTERM');
    await eventually(() => second.cells.length === CELLS, within(800, 'the other one has all cells'));
  });

  it('takes back an instance that was paused for longer than its session, and gives no cell to two', async () => {
    const [first, second] = [start(), start()];
    await shared(first, second);
    first.process.kill('SIGSTOP');
    await eventually(() => second.cells.length === CELLS, within(3_000, 'the other one has all cells'));
    first.process.kill('SIGCONT');
    await shared(first, second);
    expect([...first.cells, ...second.cells].sort()).toEqual([0, 1, 2]);
  });

  function start(): Member {
    const member = new Member([kafka.brokers.join(','), group.groupId, group.topic, String(CELLS)]);
    members.push(member);
    return member;
  }
});

class Member {
  cells: number[] = [];
  readonly process: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(args: readonly string[]) {
    const script = join('test', 'adapters', 'hint-member.mjs');
    this.process = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ended = new Promise((resolve) => this.process.once('exit', resolve));
    createInterface({ input: this.process.stdout! }).on('line', (line) => (this.cells = JSON.parse(line) as number[]));
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.process.kill(signal);
    await this.#ended;
  }
}

function allTo(member: Member): Promise<unknown> {
  return eventually(() => member.cells.length === CELLS, within(10_000, 'it has all cells'));
}

function shared(first: Member, second: Member): Promise<unknown> {
  const areShared = (): boolean =>
    first.cells.length > 0 && second.cells.length > 0 && first.cells.length + second.cells.length === CELLS;
  return eventually(areShared, within(10_000, 'both have a share'));
}

function within(withinMs: number, what: string): { withinMs: number; everyMs: number; what: string } {
  return { withinMs, everyMs: 10, what };
}
