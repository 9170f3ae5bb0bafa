import {
  agentCommandsTopic,
  agentHeartbeatsTopic,
  agentMetricsTopic,
  agentPartition,
  agentPartitionsOfCell,
  agentReportsTopic,
  type AgentId,
  type AgentOrder,
  type AgentReport,
  type LaneOrder,
  type TopicSizes,
} from '@orrery/contracts';
import type { Clock, Log, LogMessage, LogReader, OutgoingMessage, Random } from '@orrery/control-loop';
import { ReportBatch } from '../agent-session.js';
import { draw } from './chance.js';
import type { Knobs } from './knobs.js';
import { carryOut } from './lane-orders.js';
import { hostOf, simulatedMachine } from './machines.js';
import { MockDriver } from './mock-driver.js';
import { SimulatedAgent, type FleetParts } from './simulated-agent.js';
import { simulatedFigures } from './simulated-figures.js';
import { TaskTable } from './task-table.js';

export interface FleetOptions {
  readonly agents: number;
  readonly knobs: Knobs;
  readonly sizes: TopicSizes;
  /** Of all agents; absent: they take the cells in turn. */
  readonly cell: number | undefined;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly say: (level: 'info' | 'warn', message: string) => void;
}

type Outgoing = OutgoingMessage & { readonly partition: number };

const TICK_MS = 20;
const BEATS_EVERY_TICKS = 5;
const HEARTBEAT_MS = 1000;
const INVENTORY_REPEAT_MS = 10_000;
const RETRY_MS = 500;
const purpose = { slow: 31, cut: 32 } as const;

/** Thousands of agents in one process: one reader a lane, one clock, and what many agents say at a time goes out together. */
export class Fleet {
  readonly counts = { reports: 0, reportBytes: 0, heartbeats: 0, orders: 0, orderBytes: 0, lateMs: 0 };
  readonly agents: SimulatedAgent[] = [];
  readonly tasks: TaskTable;
  readonly #options: FleetOptions;
  readonly #parts: FleetParts;
  readonly #byId = new Map<string, SimulatedAgent>();
  readonly #byNumber: (SimulatedAgent | undefined)[] = [];
  readonly #partitions: number[] = [];
  /** Agents that have something to tell. */
  readonly #telling = new Set<SimulatedAgent>();
  /** Agents behind a cut cable, with what waits for them. */
  readonly #cut = new Map<SimulatedAgent, (() => void)[]>();
  readonly #readers: LogReader[] = [];
  #ticks = 0;
  #nextTickAt = 0;
  #beatsUnderWay = false;
  #beatFrom = 0;
  #figuresUnderWay = false;
  #figuresFrom = 0;
  #cutsMade = 0;
  #lives = 0;
  #cancelTick: (() => void) | undefined;
  #closed = false;

  constructor(options: FleetOptions) {
    const { agents, clock, knobs } = options;
    this.#options = options;
    this.tasks = new TaskTable(agents, knobs.launches);
    const changed = (task: number) => this.#changed(task);
    const driver = new MockDriver(this.tasks, knobs, changed);
    this.#parts = { tasks: this.tasks, driver, batch: new ReportBatch(), beganMs: clock.nowMs() };
    for (let index = 0; index < agents; index += 1) this.#join(index);
  }

  get registered(): number {
    return this.agents.reduce((count, { epoch }) => count + (epoch > 0 ? 1 : 0), 0);
  }

  /** Agents that have told less than there is, or do not know yet that the broker has it. */
  get untold(): number {
    return this.#telling.size + this.agents.reduce((count, { outgoing }) => count + (outgoing ? 1 : 0), 0);
  }

  /** Resolves once orders are followed and every agent has told its Inventory. */
  async begin(): Promise<void> {
    const { cell, sizes } = this.#options;
    const cells = cell === undefined ? Array.from({ length: sizes.cells }, (_, each) => each) : [cell];
    for (const partition of cells.flatMap((each) => agentPartitionsOfCell(each, sizes))) {
      await this.#follow({ topic: agentCommandsTopic, partition });
    }
    this.#nextTickAt = this.#options.clock.nowMs();
    this.#tick();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTick?.();
    await Promise.all(this.#readers.map((reader) => reader.stop()));
  }

  #join(index: number): void {
    const { cell: given, knobs, random, sizes } = this.#options;
    const cell = given ?? index % sizes.cells;
    const life = this.#lives === 0 ? '' : `-${this.#lives}`;
    const id = `${hostOf(index)}${life}${cell > 0 ? `.c${cell}` : ''}` as AgentId;
    const agent = new SimulatedAgent(index, id, random.id(), simulatedMachine(index, knobs), this.#parts);
    this.#byId.delete(this.agents[index]?.id ?? '');
    this.#byId.set(id, agent);
    this.agents[index] = agent;
    this.#partitions[index] = agentPartition(id, cell, sizes);
  }

  // --- Orders -------------------------------------------------------------------------------------------------------

  async #follow(source: { readonly topic: string; readonly partition: number }): Promise<void> {
    const { log, clock, say } = this.#options;
    const { high } = await log.bounds(source);
    const take = ({ messages }: { readonly messages: readonly LogMessage[] }) => {
      this.#parts.driver.advance(clock.nowMs() - this.#parts.beganMs);
      for (const message of messages) this.#take(message);
    };
    const onError = (error: Error) => {
      say('warn', `reading orders stopped: ${error.message}`);
      clock.after(RETRY_MS, () => void this.#follow(source).catch(onError));
    };
    if (!this.#closed) this.#readers.push(log.follow(source, high, take, onError));
  }

  #take({ key, value }: LogMessage): void {
    if (value === null) return;
    this.counts.orders += 1;
    this.counts.orderBytes += value.length;
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
    const order = JSON.parse(text) as LaneOrder | AgentOrder;
    if (order.type === 'Launches' || order.type === 'Kills') {
      return carryOut(order, (number, run) => {
        const agent = this.#byNumber[number];
        if (agent !== undefined) this.#reach(agent, run);
      });
    }
    const agent = key === null ? undefined : this.#byId.get(Buffer.from(key).toString());
    if (agent !== undefined) this.#reach(agent, () => this.#obey(agent, order));
  }

  #reach(agent: SimulatedAgent, run: (agent: SimulatedAgent) => void): void {
    const waiting = this.#cut.size === 0 ? undefined : this.#cut.get(agent);
    if (waiting === undefined) run(agent);
    else waiting.push(() => run(agent));
  }

  #obey(agent: SimulatedAgent, order: AgentOrder): void {
    const askedForInventory = agent.obey(order);
    if (agent.number > 0) this.#byNumber[agent.number] = agent;
    if (agent.standDown?.killTasks === true) return this.#rejoin(agent);
    if (askedForInventory) this.#publish([this.#message(agent, agent.inventory(this.#options.clock.nowMs()))], []);
    if (agent.hasSomethingToTell) this.#telling.add(agent);
  }

  /** The old id is gone for ever: join under a new one. */
  #rejoin({ index, number }: SimulatedAgent): void {
    this.#byNumber[number] = undefined;
    this.#lives += 1;
    this.#join(index);
  }

  // --- Time ---------------------------------------------------------------------------------------------------------

  #tick(): void {
    if (this.#closed) return;
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    this.#ticks += 1;
    this.#parts.driver.advance(nowMs - this.#parts.beganMs);
    this.#cutCables(nowMs - this.#parts.beganMs);
    this.#report(nowMs);
    if (this.#ticks % BEATS_EVERY_TICKS === 1) {
      this.#beat(nowMs);
      this.#tellFigures(nowMs);
    }
    if (this.#ticks % (HEARTBEAT_MS / TICK_MS) === 1) this.#tellInventories(nowMs);
    this.counts.lateMs = Math.max(0, nowMs - this.#nextTickAt);
    this.#nextTickAt = clock.nowMs() + TICK_MS;
    this.#cancelTick = clock.after(TICK_MS, () => this.#tick());
  }

  #changed(task: number): void {
    this.tasks.tell(task);
    this.#telling.add(this.agents[this.tasks.agent[task]!]!);
  }

  #report(nowMs: number): void {
    const messages: Outgoing[] = [];
    const tellers: SimulatedAgent[] = [];
    for (const agent of this.#telling) {
      if (!agent.canReport(nowMs) || this.#cut.has(agent)) continue;
      const report = agent.report(nowMs);
      if (!agent.hasSomethingToTell) this.#telling.delete(agent);
      if (report === undefined) continue;
      agent.outgoing = true;
      tellers.push(agent);
      messages.push(this.#message(agent, report));
    }
    if (messages.length > 0) this.#publish(messages, tellers);
  }

  #tellInventories(nowMs: number): void {
    const late = this.agents.filter(
      (agent) =>
        agent.epoch === 0 &&
        agent.standDown === undefined &&
        agent.inventorySentAt + INVENTORY_REPEAT_MS <= nowMs &&
        !this.#cut.has(agent),
    );
    if (late.length > 0)
      this.#publish(
        late.map((agent) => this.#message(agent, agent.inventory(nowMs))),
        [],
      );
  }

  #message(agent: SimulatedAgent, report: AgentReport): Outgoing {
    const value = Buffer.from(JSON.stringify(report));
    this.counts.reports += 1;
    this.counts.reportBytes += value.length;
    return { partition: this.#partitions[agent.index]!, key: agent.id, value };
  }

  /** Until the broker has them; an agent tells nothing more meanwhile. */
  #publish(messages: readonly Outgoing[], tellers: readonly SimulatedAgent[]): void {
    const { clock, log, say } = this.#options;
    log
      .publish(agentReportsTopic, messages)
      .then(() => {
        for (const agent of tellers) agent.outgoing = false;
      })
      .catch((error: Error) => {
        say('warn', `reports wait: ${error.message}`);
        if (!this.#closed) clock.after(RETRY_MS, () => this.#publish(messages, tellers));
      });
  }

  /** A tenth of the agents at a time, each once a second. */
  #beat(nowMs: number): void {
    const count = this.agents.length;
    const upTo = Math.floor(((nowMs - this.#parts.beganMs) / HEARTBEAT_MS) * count);
    const from = Math.max(this.#beatFrom, upTo - count);
    if (this.#beatsUnderWay) return;
    this.#beatFrom = upTo;
    const messages: Outgoing[] = [];
    for (let turn = from; turn < upTo; turn += 1) {
      const agent = this.agents[turn % count]!;
      if (agent.standDown !== undefined || this.#cut.has(agent) || !this.#beatsNow(agent, turn)) continue;
      messages.push({ partition: this.#partitions[agent.index]!, key: agent.id, value: agent.heartbeat() });
    }
    if (messages.length === 0) return;
    this.counts.heartbeats += messages.length;
    this.#beatsUnderWay = true;
    const { log, say } = this.#options;
    log
      .publish(agentHeartbeatsTopic, messages)
      .catch((error: Error) => say('warn', `no heartbeats: ${error.message}`))
      .finally(() => (this.#beatsUnderWay = false));
  }

  /** The agents take turns, so that each tells its figures once in the interval; what the broker does not take is lost. */
  #tellFigures(nowMs: number): void {
    const { knobs, log, say } = this.#options;
    if (knobs.figures === undefined || this.#figuresUnderWay) return;
    const count = this.agents.length;
    const upTo = Math.floor(((nowMs - this.#parts.beganMs) / knobs.figures.everyMs) * count);
    const from = Math.max(this.#figuresFrom, upTo - count);
    this.#figuresFrom = upTo;
    const messages: Outgoing[] = [];
    for (let turn = from; turn < upTo; turn += 1) {
      const agent = this.agents[turn % count]!;
      if (agent.epoch === 0 || agent.standDown !== undefined || this.#cut.has(agent)) continue;
      const when = { seed: knobs.seed, round: 1 + Math.floor(turn / count), atMs: nowMs };
      const value = Buffer.from(JSON.stringify(simulatedFigures(agent, this.tasks, when)));
      messages.push({ partition: this.#partitions[agent.index]!, key: agent.id, value });
    }
    if (messages.length === 0) return;
    this.#figuresUnderWay = true;
    log
      .publish(agentMetricsTopic, messages)
      .catch((error: Error) => say('warn', `no figures: ${error.message}`))
      .finally(() => (this.#figuresUnderWay = false));
  }

  #beatsNow({ index }: SimulatedAgent, turn: number): boolean {
    const { seed, slowHeartbeats } = this.#options.knobs;
    if (slowHeartbeats === undefined || draw(seed, index, 0, purpose.slow) >= slowHeartbeats.share) return true;
    return Math.floor(turn / this.agents.length) % Math.max(1, Math.round(slowHeartbeats.everyMs / HEARTBEAT_MS)) === 0;
  }

  // --- Cut cables ---------------------------------------------------------------------------------------------------

  #cutCables(sinceMs: number): void {
    const { knobs, say } = this.#options;
    if (knobs.partitions === undefined) return;
    const { agents, everyMs, firstAfterMs, lastMs } = knobs.partitions;
    const nextAt = firstAfterMs + this.#cutsMade * (everyMs ?? 0);
    if (this.#cut.size === 0 && (this.#cutsMade === 0 || everyMs !== undefined) && sinceMs >= nextAt) {
      this.#cutsMade += 1;
      const ranked = this.agents
        .map((agent) => ({ agent, rank: draw(knobs.seed, agent.index, this.#cutsMade, purpose.cut) }))
        .sort((left, right) => left.rank - right.rank);
      for (const { agent } of ranked.slice(0, agents)) this.#cut.set(agent, []);
      say('info', `cut off for ${lastMs} ms: ${[...this.#cut.keys()].map(({ id }) => id).join(' ')}`);
      this.#options.clock.after(lastMs, () => this.#mend());
    }
  }

  #mend(): void {
    const waiting = [...this.#cut];
    this.#cut.clear();
    this.#options.say('info', `reached again: ${waiting.map(([{ id }]) => id).join(' ')}`);
    for (const [, runs] of waiting) for (const run of runs) run();
  }
}
