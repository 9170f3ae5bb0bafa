import type { AgentFacts, AgentId } from '@orrery/contracts';
import type { Clock, Log, LogReader } from '@orrery/control-loop';
import { InMemoryLog, ManualClock, noFaults, SeededRandom } from '@orrery/testing';
import { Agent } from '../../apps/agent/src/agent.js';
import { FakeMaster } from './fake-master.js';
import { SimulatedMachine } from './simulated-machine.js';

const facts = {
  hostname: 'ada',
  address: '127.0.0.1',
  capacity: { cpusMilli: 1000, memoryMib: 1000, diskMib: 1000, gpuIds: [], ports: [[31_000, 32_000]] },
  attributes: {},
  faultDomain: { region: 'r', zone: 'z' },
} as AgentFacts;

/** The clock and log of one process: nothing arrives there any more once it is dead. */
class Life {
  #dead = false;
  readonly #readers: LogReader[] = [];
  readonly clock: Clock;
  readonly log: Log;

  constructor(clock: Clock, log: Log) {
    const alive = <Value>(answer: Promise<Value>) =>
      new Promise<Value>((resolve, reject) => {
        answer.then(
          (value) => this.#dead || resolve(value),
          (error: Error) => this.#dead || reject(error),
        );
      });
    this.clock = { nowMs: () => clock.nowMs(), after: (ms, run) => clock.after(ms, () => this.#dead || run()) };
    this.log = {
      append: (target, message) => alive(log.append(target, message)),
      publish: (topic, messages) => alive(log.publish(topic, messages)),
      bounds: (source) => alive(log.bounds(source)),
      read: (source, from, to) => alive(log.read(source, from, to)),
      follow: (source, from, onBatch, onError) => {
        const reader = log.follow(source, from, onBatch, onError);
        this.#readers.push(reader);
        return reader;
      },
    };
  }

  end(): void {
    this.#dead = true;
    for (const reader of this.#readers) void reader.stop();
  }
}

/** The whole agent but its processes and its disk, on a log whose appends get lost, doubled and late, for two minutes. */
async function storm(seed: number): Promise<string[]> {
  const random = new SeededRandom(seed);
  const clock = new ManualClock(0);
  const faults = { ...noFaults, lost: 0.03, acknowledgementLost: 0.03, latencyMsMax: 20 };
  const log = new InMemoryLog(clock, { random: random.fork('log'), faults });
  const machine = new SimulatedMachine(clock, random.fork('machine'));
  const found: string[] = [];
  const master = new FakeMaster(new InMemoryLogWithRetries(log));
  let life: Life | undefined;
  let agent: Agent | undefined;
  const begin = () => {
    life = new Life(clock, log);
    const checkpoint = machine.checkpoint(life.clock, () => 'ada-0001' as AgentId);
    const parts = {
      sizes: { cells: 1, lanes: 1 },
      facts,
      checkpoint,
      runtime: machine.runtime(life.clock),
      log: life.log,
      clock: life.clock,
      random: random.fork(`life ${clock.nowMs()}`),
      say: () => undefined,
      onFailure: (error: unknown) => void found.push(String(error)),
      onRejoin: () => void found.push('was told to rejoin'),
    };
    agent = undefined;
    const own = life;
    void Agent.begin(parts).then((begun) => (agent = own === life ? begun : agent));
  };
  const behind = () => agent !== undefined && agent.state.epoch === master.epoch && agent.state.obeyed < master.ordered;
  begin();
  let launches = 0;
  for (let moment = 0; moment < 150; moment++) {
    await clock.advance(random.below(400));
    const draw = random.below(100);
    if (master.epoch > 0 && draw < 30) void master.launch({}, { launch: `${++launches}.0` });
    else if (draw < 40 && machine.running.length > 0) machine.endTask(random.pick(machine.running), random.below(3));
    else if (draw < 50 && launches > 0) void master.kill(`${1 + random.below(launches)}.0`);
    else if (draw < 56) life?.end();
    else if (draw < 70 && behind()) void master.sync(random.chance(0.3));
    if (draw >= 50 && draw < 56) begin();
  }
  Object.assign(log.faults, noFaults);
  for (let round = 0; round < 40; round++) {
    await clock.advance(1000);
    if (behind()) await clock.advanceWhile(master.sync());
  }
  await clock.advance(1000);
  for (const launch of master.wanted.keys()) {
    const [end, runs] = [master.endOf(launch), machine.starts.get(launch) ?? 0];
    const lives = machine.running.includes(launch);
    if (runs > 1) found.push(`${launch} ran ${runs} times`);
    if (lives === (end !== undefined))
      found.push(`${launch} ${lives ? 'runs' : 'does not run'} and was told ${end?.state}`);
    if (lives && master.unwanted.has(launch)) found.push(`${launch} runs after its kill`);
  }
  life?.end();
  await clock.advanceWhile(master.stop());
  return [...found, ...master.problems];
}

/** The master's relay repeats what it is in doubt about; orders may so come twice, and late. */
class InMemoryLogWithRetries implements Log {
  constructor(private readonly log: InMemoryLog) {}
  append: Log['append'] = (target, message) => this.log.append(target, message);
  bounds: Log['bounds'] = (source) => this.log.bounds(source);
  read: Log['read'] = (source, from, to) => this.log.read(source, from, to);
  follow: Log['follow'] = (source, from, onBatch, onError) => this.log.follow(source, from, onBatch, onError);
  publish: Log['publish'] = async (topic, messages) => {
    for (;;) {
      try {
        return await this.log.publish(topic, messages);
      } catch (error) {
        if ((error as Error).name !== 'AppendInDoubt') throw error;
      }
    }
  };
}

describe('an agent in a storm', () => {
  it.each(Array.from({ length: 30 }, (_, seed) => seed + 1))('keeps its word (seed %i)', async (seed) => {
    expect(await storm(seed)).toEqual([]);
  });
});
