import {
  agentCommandsTopic,
  agentHeartbeatsTopic,
  agentMetricsTopic,
  agentReportsTopic,
  decodeAgentMetrics,
  figuresIn,
  idsIn,
  type AgentMetrics,
  type AgentOrder,
  type AgentReport,
  type Heartbeat,
  type LaneOrder,
  type LaunchSet,
  type TaskTemplate,
  type LaneHeads,
} from '@orrery/contracts';
import { InMemoryLog, ManualClock, SeededRandom } from '@orrery/testing';
import { Fleet } from './fleet.js';
import { defaultKnobs, type Knobs } from './knobs.js';

const template: TaskTemplate = {
  cmd: 'sleep 1000',
  goal: 'RUNNING',
  env: {},
  cpusMilli: 100,
  memoryMib: 10,
  diskMib: 0,
  killGraceMs: 5000,
  portEnv: {},
  configs: [],
};
const AGENTS = 40;

/** The master's side of the topics: registers agents under numbers, and tells what it read. */
class World {
  readonly clock = new ManualClock();
  readonly log = new InMemoryLog(this.clock);
  readonly reports: AgentReport[] = [];
  readonly beats: (Heartbeat & { readonly atMs: number })[] = [];
  readonly running = new Map<string, number>();
  readonly ended = new Map<string, string>();
  readonly fleet: Fleet;
  readonly #numbers = new Map<string, number>();
  readonly #ordered = new Map<number, number>();
  readonly #reported = new Map<string, number>();

  constructor(knobs: Partial<Knobs> = {}) {
    this.fleet = new Fleet({
      agents: AGENTS,
      knobs: { ...defaultKnobs, launches: 16, ...knobs },
      sizes: { cells: 1, lanes: 2 },
      cell: undefined,
      log: this.log,
      clock: this.clock,
      random: new SeededRandom(1),
      say: () => undefined,
    });
    for (const partition of [0, 1]) {
      this.#follow(agentReportsTopic, partition, (report: AgentReport) => this.#read(report, partition));
      this.#follow(agentHeartbeatsTopic, partition, (beat: Heartbeat) =>
        this.beats.push({ ...beat, atMs: this.clock.nowMs() }),
      );
    }
  }

  async begin(): Promise<void> {
    await this.clock.advanceWhile(this.fleet.begin());
    await this.clock.advanceUntil(() => this.fleet.registered === AGENTS, 'all agents are registered');
  }

  /** So many launches on each of these agents, as the relay of one lane writes it. */
  async launch(seq: number, perAgent: number, more: Partial<TaskTemplate> = {}): Promise<void> {
    const count = AGENTS * perAgent;
    const numbers = [...this.#numbers.values()].sort((left, right) => left - right);
    const set: LaunchSet = {
      service: 'web' as LaunchSet['service'],
      generation: 1,
      version: 1,
      pod: 'node',
      task: 'server',
      templateDigest: 'abc',
      incarnation: 0,
      indexes: [[0, count - 1]],
      agents: { numbers, epochs: [1], counts: [perAgent] },
      launches: [[seq, 0, count - 1]],
      grants: [[seq, 0, count - 1]],
    };
    const order = { type: 'Launches', journalId: 'j', set, template: { ...template, ...more } } as const;
    await this.#send({ ...order, to: this.#heads(numbers) });
  }

  async kill(seq: number, first: number, last: number, agent: number): Promise<void> {
    await this.#send({
      type: 'Kills',
      journalId: 'j',
      to: this.#heads([agent]),
      launches: [[[seq, first, last]]],
    });
  }

  #heads(numbers: readonly number[]): LaneHeads {
    for (const number of numbers) this.#ordered.set(number, this.#ordered.get(number)! + 1);
    const ns = numbers.map((number) => this.#ordered.get(number)!);
    const agents = numbers.map((number) => [...this.#numbers].find(([, each]) => each === number)![0]);
    return { numbers, epochs: [1], ns, reported: agents.map((agent) => this.#reported.get(agent) ?? 0) };
  }

  #send(order: LaneOrder): Promise<void> {
    const value = Buffer.from(JSON.stringify(order));
    return this.clock.advanceWhile(
      this.log.publish(
        agentCommandsTopic,
        [0, 1].map((partition) => ({ partition, value })),
      ),
    );
  }

  #read(report: AgentReport, partition: number): void {
    this.reports.push(report);
    if (report.type === 'Inventory') return void this.#register(report, partition);
    expect(report.m).toBe((this.#reported.get(report.agent) ?? 0) + 1);
    this.#reported.set(report.agent, report.m);
    if (report.type !== 'TaskStates') return;
    for (const run of report.running ?? []) {
      let at = 0;
      for (const launch of idsIn(run.launches)) {
        expect(this.running.has(launch)).toBe(false);
        this.running.set(launch, run.sinceFrom + run.since[run.since.length === 1 ? 0 : at]!);
        at += 1;
      }
    }
    for (const { launches, state } of report.ended ?? []) {
      for (const launch of idsIn(launches)) this.ended.set(launch, state);
    }
  }

  async #register({ agent, session }: AgentReport, partition: number): Promise<void> {
    const number = this.#numbers.get(agent) ?? this.#numbers.size + 1;
    this.#numbers.set(agent, number);
    this.#ordered.set(number, 1);
    const order: AgentOrder = {
      type: 'Sync',
      journalId: 'j',
      agent,
      session,
      epoch: 1,
      n: 1,
      number,
      keep: [],
      templates: {},
      kill: [],
      volumes: [],
      streams: [],
      askInventory: false,
    };
    const value = Buffer.from(JSON.stringify(order));
    await this.log.publish(agentCommandsTopic, [{ partition, key: agent, value }]);
  }

  #follow<Message>(topic: string, partition: number, take: (message: Message) => unknown): void {
    this.log.follow(
      { topic, partition },
      0,
      ({ messages }) => messages.forEach(({ value }) => take(JSON.parse(Buffer.from(value!).toString()) as Message)),
      (error) => {
        throw error;
      },
    );
  }
}

describe('a simulated fleet', () => {
  it('registers machines of several sizes, spread over zones', async () => {
    const world = new World();
    await world.begin();
    const said = world.reports.filter((report) => report.type === 'Inventory');
    expect(said).toHaveLength(AGENTS);
    expect(new Set(said.map(({ capacity }) => capacity.cpusMilli))).toEqual(new Set([8000, 16_000, 32_000, 64_000]));
    expect(new Set(said.map(({ faultDomain }) => faultDomain.zone)).size).toBe(3);
  });

  it('tells every launch RUNNING once, each after a delay of its own, a few reports an agent', async () => {
    const world = new World();
    await world.begin();
    const orderedMs = world.clock.nowMs();
    await world.launch(7, 50);
    await world.clock.advanceUntil(() => world.running.size === 50 * AGENTS, 'all run', 3000);
    const delays = [...world.running.values()].map((since) => since - orderedMs);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...delays)).toBeLessThanOrEqual(1010);
    expect(new Set(delays).size).toBeGreaterThan(500);
    const reports = world.reports.filter((report) => report.type === 'TaskStates').length;
    expect(reports / AGENTS).toBeLessThanOrEqual(7);
  });

  it('tells of a start that takes its time as STARTING first', async () => {
    const world = new World({ startDelayMs: { uniform: [500, 3500] } });
    await world.begin();
    await world.launch(7, 10);
    await world.clock.advanceUntil(() => world.running.size === 10 * AGENTS, 'all run', 5000);
    const starting = world.reports.flatMap((report) => ('starting' in report ? [...idsIn(report.starting!)] : []));
    expect(new Set(starting).size).toBe(starting.length);
    // Five of six take longer than a second; some of those run before the next report.
    expect(starting.length / (10 * AGENTS)).toBeGreaterThan(0.4);
    expect(starting.length / (10 * AGENTS)).toBeLessThan(5 / 6);
  });

  it('ends what is killed, and forgets it once the journal has the end', async () => {
    const world = new World();
    await world.begin();
    await world.launch(7, 10);
    await world.clock.advanceUntil(() => world.running.size === 10 * AGENTS, 'all run', 3000);
    await world.kill(7, 0, 4, 1);
    await world.clock.advanceUntil(() => world.ended.size === 5, 'five are killed', 3000);
    expect(new Set(world.ended.values())).toEqual(new Set(['KILLED']));
    expect(world.fleet.tasks.count).toBe(10 * AGENTS);
    await world.kill(7, 5, 5, 1);
    expect(world.fleet.tasks.count).toBe(10 * AGENTS - 5);
  });

  it('tells a launch KILLED that it never held', async () => {
    const world = new World();
    await world.begin();
    await world.kill(9, 3, 3, 2);
    await world.clock.advanceUntil(() => world.ended.get('9.3') === 'KILLED', 'the unknown launch is told', 3000);
  });

  it('lets tasks fail to start, finish and flap as the knobs say', async () => {
    const world = new World({
      startErrors: 0.25,
      flapping: { share: 0.5, afterMs: { uniform: [10, 100] } },
      exitCodes: { '0': 1 },
    });
    await world.begin();
    await world.launch(7, 20, { goal: 'FINISH' });
    await world.clock.advanceUntil(() => world.ended.size === 20 * AGENTS, 'all have ended', 10_000);
    const count = (state: string) => [...world.ended.values()].filter((each) => each === state).length / (20 * AGENTS);
    expect(count('ERROR')).toBeCloseTo(0.25, 1);
    expect(count('FAILED')).toBeCloseTo(0.75 * 0.5, 1);
    expect(count('FINISHED')).toBeCloseTo(0.75 * 0.5, 1);
  });

  it('lets every agent beat once a second, and none behind a cut cable', async () => {
    const world = new World({ partitions: { agents: 3, firstAfterMs: 5000, lastMs: 4000 } });
    await world.begin();
    await world.clock.advance(12_000);
    const beatsOf = new Map<string, number[]>();
    for (const { agent, atMs } of world.beats) beatsOf.set(agent, [...(beatsOf.get(agent) ?? []), atMs]);
    expect(beatsOf.size).toBe(AGENTS);
    const gaps = [...beatsOf.values()].map((times) => Math.max(...times.slice(1).map((at, k) => at - times[k]!)));
    expect(gaps.filter((gap) => gap > 3500)).toHaveLength(3);
    expect(gaps.filter((gap) => gap < 1300)).toHaveLength(AGENTS - 3);
  });

  it('obeys, after the cable is mended, what was ordered meanwhile', async () => {
    const world = new World({ partitions: { agents: 3, firstAfterMs: 1000, lastMs: 4000 } });
    await world.begin();
    await world.clock.advance(1500);
    await world.launch(7, 2);
    await world.clock.advance(2000);
    expect(world.running.size).toBe(2 * (AGENTS - 3));
    await world.clock.advanceUntil(() => world.running.size === 2 * AGENTS, 'all run', 6000);
  });

  it('fares the same from the same seed', async () => {
    const fates = await Promise.all(
      [1, 2].map(async () => {
        const world = new World({ runTimeMs: { exponential: 500 }, exitCodes: { '0': 1, '1': 1 } });
        await world.begin();
        await world.launch(7, 5);
        await world.clock.advanceUntil(() => world.ended.size === 5 * AGENTS, 'all have ended', 20_000);
        return JSON.stringify([...world.ended].sort());
      }),
    );
    expect(fates[0]).toBe(fates[1]);
  });

  it('tells what its tasks use, the same with the same seed, and nothing when nobody asked for it', async () => {
    const told = async (knobs: Partial<Knobs>) => {
      const world = new World({ startDelayMs: { fixed: 10 }, ...knobs });
      const figures: AgentMetrics[] = [];
      for (const partition of [0, 1]) {
        world.log.follow(
          { topic: agentMetricsTopic, partition },
          0,
          ({ messages }) =>
            messages.forEach(({ value }) => figures.push(JSON.parse(Buffer.from(value!).toString()) as AgentMetrics)),
          (error) => {
            throw error;
          },
        );
      }
      await world.begin();
      await world.launch(9, 5);
      await world.clock.advance(15_000);
      await world.fleet.close();
      return figures;
    };
    const figures = await told({ figures: { everyMs: 5000 } });
    const last = new Map(figures.map((each) => [each.agent, [...figuresIn(each)].length]));
    expect([...last.values()]).toEqual(Array.from({ length: AGENTS }, () => 5));
    expect(figures.every((each) => decodeAgentMetrics(JSON.parse(JSON.stringify(each))).ok)).toBe(true);
    const columns = (all: readonly AgentMetrics[]) => all.map(({ agent, columns: each }) => [agent, each]);
    expect(columns(await told({ figures: { everyMs: 5000 } }))).toEqual(columns(figures));
    expect(await told({})).toEqual([]);
  });
});
