import {
  idRunsOf,
  idsIn,
  type AgentFacts,
  type AgentId,
  type AgentOrder,
  type AgentReport,
  type GrantId,
  type LaneOrder,
  type LaunchId,
  type LaunchSet,
  type TaskTemplate,
  agentRunsOf,
} from '@orrery/contracts';
import type { Observation } from '@orrery/runtimes';
import { SeededRandom } from '@orrery/testing';
import { evolve, type AgentFact } from './agent-fact.js';
import { isLive, newState, restoreState, saveState, type AgentState, type Launch } from './agent-state.js';
import { step, type AgentInput } from './step.js';
import type { Effect } from './turn.js';

/**
 * One agent that is killed at any point between a fact and its effect, a broker that doubles, delays and loses nothing, a
 * relay that loses and repeats orders, tasks that end when they like. All from one seed, in no time.
 */
describe('an agent that is killed at any point', () => {
  it.each(Array.from({ length: 300 }, (_, seed) => seed + 1))(
    'starts nothing twice and loses no end (seed %i)',
    (seed) => {
      const world = new World(seed);
      for (let moment = 0; moment < 250; moment++) world.act();
      world.calmDown();
      expect(world.complaints()).toEqual([]);
    },
  );
});

const agent = 'a-0001' as AgentId;
const facts = { hostname: 'h', address: '127.0.0.1', attributes: {} } as unknown as AgentFacts;
const template = { cmd: 'x', killGraceMs: 10 } as TaskTemplate;

type Process = { claim: 'tombstone' | 'running' | 'ended'; pid: number };
type OrderBody = { type: 'Sync' | LaneOrder['type'] } & Record<string, unknown>;
interface Wanted {
  readonly launch: Launch;
  killed: boolean;
  starts: number;
  ranTold: boolean;
  end: string | undefined;
}

class World {
  // What survives the agent: its disk, its tasks, the broker, the master.
  readonly #random: SeededRandom;
  readonly #crashes: number;
  readonly #disk: string[] = [];
  #snapshot: string | undefined;
  readonly #processes = new Map<LaunchId, Process>();
  readonly #topic: AgentReport[] = [];
  readonly #master = { epoch: 0, session: '', ordered: 0, reported: 0, inventoryAsked: false, read: 0 };
  readonly #wanted = new Map<LaunchId, Wanted>();
  readonly #gaps: string[] = [];
  readonly #ordersSent: (AgentOrder | LaneOrder)[] = [];
  /** Begun just before a crash, and not yet at their claim. */
  readonly #lateShims: LaunchId[] = [];
  #now = 1000;
  #sessions = 0;
  // What dies with it.
  #state: AgentState | undefined;
  #inputs: AgentInput[] = [];
  #effects: Effect[] = [];
  #publishing: AgentReport[] = [];
  readonly #watched = new Set<LaunchId>();

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#crashes = this.#random.pick([0, 0.1, 1]);
  }

  act(): void {
    this.#now += this.#random.below(40);
    const draw = this.#random.below(100);
    if (this.#state === undefined) return draw < 50 ? this.#boot() : this.#worldActs(draw);
    if (draw < 6) return this.#random.chance(this.#crashes) ? this.#crash() : this.#agentActs();
    if (draw < 40) return this.#agentActs();
    if (draw < 60) return this.#carryOutNext();
    if (draw < 72) return this.#publishNext();
    this.#worldActs(draw);
  }

  /** Everybody works to the end, nothing fails any more. */
  calmDown(): void {
    while (this.#lateShims.length > 0) this.#lateShimClaims();
    for (let round = 0; round < 60; round++) {
      this.#now += 50;
      if (this.#state === undefined) this.#boot();
      this.#masterReads(1000);
      for (let turn = 0; turn < 20; turn++) {
        this.#agentActs();
        this.#carryOutNext();
        this.#publishNext();
      }
      if (this.#state !== undefined && this.#state.obeyed < this.#master.ordered) this.#sync('behind');
      this.#input({ type: 'tick' });
    }
  }

  complaints(): string[] {
    const found = [...this.#gaps];
    for (const [launch, { starts, killed, ranTold, end }] of this.#wanted) {
      const claim = this.#processes.get(launch)?.claim;
      if (starts > 1) found.push(`${launch} ran ${starts} times`);
      if (claim === 'running' && killed) found.push(`${launch} still runs after its kill`);
      if (claim === 'running' && end !== undefined) found.push(`${launch} runs and was told ${end}`);
      if (claim !== 'running' && end === undefined) found.push(`the end of ${launch} was not told (${claim})`);
      if (starts > 0 && !ranTold) found.push(`that ${launch} ran was not told`);
    }
    return found;
  }

  // --- The agent ------------------------------------------------------------------------------------------------------

  #boot(): void {
    const state = this.#snapshot === undefined ? newState(agent) : restoreState(JSON.parse(this.#snapshot));
    for (const line of this.#disk) evolve(state, JSON.parse(line) as AgentFact);
    this.#state = state;
    const live = [...state.launches.values()].filter(isLive).map(({ launch }) => launch.launch);
    const observed = live.map((launch): [LaunchId, Observation] => [launch, this.#observe(launch)]);
    this.#input({ type: 'boot', session: `s${++this.#sessions}`, facts, observed });
  }

  #crash(): void {
    this.#state = undefined;
    this.#inputs = [];
    this.#effects = [];
    this.#publishing = [];
    this.#watched.clear();
  }

  /** Takes one input; may be killed before its facts are on disk, or have only the first of them there. */
  #agentActs(): void {
    const input = this.#inputs.shift();
    if (input === undefined || this.#state === undefined) return;
    const { facts: made, effects } = step(this.#state, input);
    const lines = made.map((fact) => JSON.stringify(fact));
    if (this.#random.chance(this.#crashes / 30)) {
      this.#disk.push(...lines.slice(0, this.#random.below(lines.length + 1)));
      return this.#crash();
    }
    this.#disk.push(...lines);
    this.#effects.push(...effects);
    if (this.#random.chance(0.05)) {
      this.#snapshot = JSON.stringify(saveState(this.#state));
      this.#disk.length = 0;
    }
  }

  #carryOutNext(): void {
    const effect = this.#effects.shift();
    if (effect === undefined) return;
    switch (effect.type) {
      case 'start': {
        const { launch } = effect.row.launch;
        const claimed = this.#processes.get(launch);
        if (this.#random.chance(this.#crashes / 10)) {
          this.#lateShims.push(launch);
          return this.#crash();
        }
        if (claimed === undefined) this.#run(launch);
        return this.#input({ type: 'observed', launch, observation: this.#observe(launch) });
      }
      case 'stop': {
        const claimed = this.#processes.get(effect.launch);
        if (claimed === undefined) this.#processes.set(effect.launch, { claim: 'tombstone', pid: 0 });
        else if (claimed.claim === 'running') claimed.claim = 'ended';
        return this.#input({ type: 'observed', launch: effect.launch, observation: this.#observe(effect.launch) });
      }
      case 'publish':
        return void this.#publishing.push(effect.report);
      case 'watch': {
        const { launch } = effect.row.launch;
        const observation = this.#observe(launch);
        if (observation.state === 'ended') this.#input({ type: 'observed', launch, observation });
        else this.#watched.add(launch);
        return;
      }
      case 'release':
        for (const launch of effect.launches) this.#processes.delete(launch);
        return;
      default:
        return;
    }
  }

  #publishNext(): void {
    const report = this.#publishing[0];
    if (report === undefined) return;
    this.#topic.push(JSON.parse(JSON.stringify(report)) as AgentReport);
    if (this.#random.chance(0.1)) return;
    this.#publishing.shift();
    if (report.type !== 'Inventory') this.#input({ type: 'taken', epoch: report.epoch, m: report.m });
  }

  #observe(launch: LaunchId): Observation {
    const found = this.#processes.get(launch);
    if (found === undefined) return { state: 'absent' };
    if (found.claim === 'tombstone') return { state: 'ended', how: 'never-begun', at: this.#now };
    if (found.claim === 'running') return { state: 'running', pid: found.pid, since: 1 };
    return { state: 'ended', how: 'exited', at: this.#now, pid: found.pid, since: 1, code: 1 };
  }

  #input(input: AgentInput extends infer Each ? (Each extends AgentInput ? Omit<Each, 'at'> : never) : never): void {
    if (this.#state !== undefined) this.#inputs.push({ ...input, at: this.#now });
  }

  // --- The world around it --------------------------------------------------------------------------------------------

  #worldActs(draw: number): void {
    if (draw < 80) return this.#masterReads(3);
    if (draw < 86) return this.#orderLaunch();
    if (draw < 89) return this.#orderKill();
    if (draw < 92) return this.#endTask();
    if (draw < 93) return this.#lateShimClaims();
    if (draw < 96 && this.#state !== undefined && this.#state.obeyed < this.#master.ordered)
      return this.#sync('behind');
    this.#input({ type: 'tick' });
  }

  /** Whoever claims a launch first, it is one process. */
  #lateShimClaims(): void {
    const launch = this.#lateShims.shift();
    if (launch === undefined || this.#processes.has(launch)) return;
    this.#run(launch);
  }

  #run(launch: LaunchId): void {
    this.#wanted.get(launch)!.starts += 1;
    this.#processes.set(launch, { claim: 'running', pid: ++this.#now });
  }

  #endTask(): void {
    const running = [...this.#processes].filter(([, { claim }]) => claim === 'running');
    if (running.length === 0) return;
    const [launch, process] = this.#random.pick(running);
    process.claim = 'ended';
    if (this.#watched.has(launch)) this.#input({ type: 'observed', launch, observation: this.#observe(launch) });
  }

  #orderLaunch(): void {
    if (this.#master.epoch === 0) return;
    const id = `${this.#wanted.size + 1}.0` as LaunchId;
    const launch: Launch = {
      launch: id,
      index: this.#wanted.size,
      incarnation: 1,
      grant: '9.0' as GrantId,
      ports: {},
      gpuIds: [],
      volumes: [],
    };
    this.#wanted.set(id, { launch, killed: false, starts: 0, ranTold: false, end: undefined });
    this.#order({ type: 'Launches', set: setOf([launch], this.#master.epoch), template });
  }

  #orderKill(): void {
    const live = [...this.#wanted.values()].filter(({ killed, end }) => !killed && end === undefined);
    if (live.length === 0) return;
    const row = this.#random.pick(live);
    row.killed = true;
    this.#order({ type: 'Kills', launches: [idRunsOf([row.launch.launch])] });
  }

  #sync(reason: string): void {
    const live = [...this.#wanted.values()].filter(({ end }) => end === undefined);
    const keep = live.filter(({ killed }) => !killed).map(({ launch }) => launch);
    this.#order({
      type: 'Sync',
      number: 3,
      keep: keep.length === 0 ? [] : [setOf(keep, this.#master.epoch)],
      templates: { d: template },
      kill: idRunsOf(live.filter(({ killed }) => killed).map(({ launch }) => launch.launch)),
      volumes: [],
      streams: [],
      askInventory: this.#master.inventoryAsked,
      reason,
    });
  }

  /** The relay may lose an order, or send it again later. */
  #order(body: OrderBody): void {
    const { epoch, session } = this.#master;
    const n = ++this.#master.ordered;
    const { reported } = this.#master;
    const head =
      body.type === 'Sync'
        ? { agent, session, epoch, n, reported }
        : { to: { numbers: [3], epochs: [epoch], ns: [n], reported: [reported] } };
    const order = { journalId: 'j', ...head, ...body } as never;
    if (!this.#random.chance(0.08)) this.#input({ type: 'order', order });
    this.#ordersSent.push(order);
    if (this.#random.chance(0.08)) this.#input({ type: 'order', order: this.#random.pick(this.#ordersSent) });
  }

  #masterReads(count: number): void {
    for (let left = count; left > 0 && this.#master.read < this.#topic.length; left--) {
      this.#masterTakes(this.#topic[this.#master.read++]!);
    }
  }

  #masterTakes(report: AgentReport): void {
    const master = this.#master;
    if (report.type === 'Inventory') return this.#masterTakesInventory(report);
    if (report.type !== 'TaskStates' || report.session !== master.session || report.epoch !== master.epoch) return;
    if (report.m <= master.reported) return;
    if (report.m > master.reported + 1) this.#gaps.push(`report ${report.m} came after ${master.reported}`);
    master.reported = report.m;
    const { running = [], ended = [] } = report;
    for (const launch of running.flatMap(({ launches }) => [...idsIn<LaunchId>(launches)])) {
      const row = this.#wanted.get(launch)!;
      if (row.end === undefined) row.ranTold = true;
    }
    for (const { launches, state } of ended) {
      for (const launch of idsIn<LaunchId>(launches)) this.#wanted.get(launch)!.end ??= state;
    }
  }

  #masterTakesInventory(report: Extract<AgentReport, { type: 'Inventory' }>): void {
    const master = this.#master;
    if (report.session !== master.session) {
      Object.assign(master, { session: report.session, epoch: master.epoch + 1, ordered: 0, reported: 0 });
    } else if (report.m < master.reported) return;
    for (const item of report.launches) {
      const row = this.#wanted.get(item.launch)!;
      if (item.pid !== undefined) row.ranTold = true;
      if (row.end === undefined && item.reason !== undefined) row.end = item.state;
    }
    this.#sync('registered');
  }
}

function setOf(launches: readonly Launch[], epoch: number): LaunchSet {
  const kind = { service: 's', generation: 1, version: 1, pod: 'p', task: 't', templateDigest: 'd', incarnation: 1 };
  const ids = idRunsOf(launches.map(({ launch }) => launch));
  const grants = idRunsOf(launches.map((_, at) => `9.${at}`));
  const indexes = launches.map(({ index }) => [index, index]);
  return {
    ...kind,
    indexes,
    agents: agentRunsOf([[3, epoch, launches.length]]),
    launches: ids,
    grants,
  } as unknown as LaunchSet;
}
