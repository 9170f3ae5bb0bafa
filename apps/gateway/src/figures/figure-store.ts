import {
  figureNames,
  figuresIn,
  idsIn,
  type AgentId,
  type AgentMetrics,
  type HostFigures,
  type LaunchId,
  type TaskFigures,
} from '@orrery/contracts';
import { AgentRows } from './agent-rows.js';

export interface FigureLimits {
  /** Tasks of which the last figures are kept: 32 bytes each. */
  readonly tasksMax: number;
  /** Messages that the short series are read from, of all agents together. */
  readonly messageBytesMax: number;
  readonly messagesForMs: number;
  readonly servicesMax: number;
  /** An agent that says nothing for so long is forgotten, with its tasks. */
  readonly silentMs: number;
}

export const figureLimits: FigureLimits = {
  tasksMax: 2_000_000,
  messageBytesMax: 32 * 1024 * 1024,
  messagesForMs: 5 * 60_000,
  servicesMax: 100_000,
  silentMs: 120_000,
};

export interface Sample {
  readonly atMs: number;
  readonly figures: TaskFigures;
}

export interface BusyTask {
  readonly agent: AgentId;
  readonly launch: LaunchId;
  readonly figures: TaskFigures;
}

export interface ServiceFigures {
  readonly service: string;
  readonly tasks: number;
  readonly cpusMilli: number;
  readonly memoryMib: number;
}

interface MeasuredAgent {
  readonly rows: AgentRows;
  heardMs: number;
  atMs: number;
  host: HostFigures | undefined;
}

interface KeptMessage {
  readonly agent: AgentId;
  readonly heardMs: number;
  readonly bytes: Uint8Array;
}

const UNKNOWN_SERVICE = 0;

/**
 * The last figures of every task, and a short series of each: what the newest messages said of it. Everything is bounded:
 * rows by number, messages by bytes and age. So a million tasks take 32 MB and their series at most 32 MB, shorter ones the
 * more there is to tell.
 */
export class FigureStore {
  readonly #agents = new Map<AgentId, MeasuredAgent>();
  readonly #services: string[] = [''];
  readonly #serviceNumbers = new Map<string, number>();
  #messages: KeptMessage[] = [];
  #messageBytes = 0;
  #tasks = 0;
  /** Tasks that there was no room for since the start. */
  turnedAway = 0;
  /** Messages that were none. */
  unreadable = 0;

  constructor(private readonly limits: FigureLimits = figureLimits) {}

  get size(): number {
    return this.#tasks;
  }

  get messageBytes(): number {
    return this.#messageBytes;
  }

  take(metrics: AgentMetrics, bytes: Uint8Array, nowMs: number): void {
    const agent = this.#agentOf(metrics);
    const before = agent.rows.size;
    if (metrics.whole) agent.rows.clear();
    this.#tasks += agent.rows.size - before;
    const told = [...figuresIn(metrics)].map(({ launch, service, figures }) => {
      return { launch, service: this.#numberOf(service), figures };
    });
    const size = agent.rows.size;
    const room = this.limits.tasksMax - this.#tasks;
    this.turnedAway += agent.rows.change(told, [...idsIn<LaunchId>(metrics.gone)], room);
    this.#tasks += agent.rows.size - size;
    agent.heardMs = nowMs;
    agent.atMs = metrics.at;
    agent.host = metrics.host ?? agent.host;
    this.#keep({ agent: metrics.agent, heardMs: nowMs, bytes });
  }

  /** Forgets agents that say nothing any more, and messages that are too old. */
  forget(nowMs: number): void {
    for (const [id, { heardMs, rows }] of this.#agents) {
      if (heardMs + this.limits.silentMs >= nowMs) continue;
      this.#tasks -= rows.size;
      this.#agents.delete(id);
    }
    const first = this.#messages.findIndex(({ heardMs }) => heardMs + this.limits.messagesForMs >= nowMs);
    this.#drop(first < 0 ? this.#messages.length : first);
  }

  of(agent: AgentId, launch: LaunchId): Sample | undefined {
    const known = this.#agents.get(agent);
    const figures = known?.rows.of(launch);
    return figures === undefined ? undefined : { atMs: known!.atMs, figures };
  }

  hostOf(agent: AgentId): (HostFigures & { readonly atMs: number }) | undefined {
    const known = this.#agents.get(agent);
    return known?.host === undefined ? undefined : { ...known.host, atMs: known.atMs };
  }

  /** What was told of a task, oldest first; between two samples nothing noticeable happened. */
  seriesOf(agent: AgentId, launch: LaunchId): Sample[] {
    return this.#messages
      .filter((message) => message.agent === agent)
      .flatMap(({ bytes }) => {
        const metrics = JSON.parse(Buffer.from(bytes).toString()) as AgentMetrics;
        const told = [...figuresIn(metrics)].find((each) => each.launch === launch);
        return told === undefined ? [] : [{ atMs: metrics.at, figures: told.figures }];
      });
  }

  /** The tasks with most of something, most first. */
  most(name: keyof TaskFigures, count: number): BusyTask[] {
    const column = figureNames.indexOf(name);
    const best: { readonly value: number; readonly agent: AgentId; readonly at: number }[] = [];
    for (const [agent, { rows }] of this.#agents) {
      for (let at = 0; at < rows.size; at += 1) {
        const value = rows.figureAt(at, column);
        if (best.length >= count && value <= best.at(-1)!.value) continue;
        const before = best.findIndex((each) => each.value < value);
        best.splice(before < 0 ? best.length : before, 0, { value, agent, at });
        if (best.length > count) best.pop();
      }
    }
    return best.map(({ agent, at }) => {
      const { launch, figures } = this.#agents.get(agent)!.rows.rowAt(at);
      return { agent, launch, figures };
    });
  }

  /** Sums of each service whose tasks say whose they are. */
  services(): ServiceFigures[] {
    const sums = new Map<number, { tasks: number; cpusMilli: number; memoryMib: number }>();
    const [cpus, memory] = [figureNames.indexOf('cpusMilli'), figureNames.indexOf('memoryMib')];
    for (const { rows } of this.#agents.values()) {
      for (let at = 0; at < rows.size; at += 1) {
        const service = rows.serviceAt(at);
        let sum = sums.get(service);
        if (sum === undefined) sums.set(service, (sum = { tasks: 0, cpusMilli: 0, memoryMib: 0 }));
        sum.tasks += 1;
        sum.cpusMilli += Math.max(0, rows.figureAt(at, cpus));
        sum.memoryMib += Math.max(0, rows.figureAt(at, memory));
      }
    }
    return [...sums].map(([number, sum]) => ({ service: this.#services[number]!, ...sum }));
  }

  #agentOf({ agent: id }: AgentMetrics): MeasuredAgent {
    let known = this.#agents.get(id);
    if (known === undefined) {
      known = { rows: new AgentRows(), heardMs: 0, atMs: 0, host: undefined };
      this.#agents.set(id, known);
    }
    return known;
  }

  #numberOf(service: string | undefined): number {
    if (service === undefined || service === '') return UNKNOWN_SERVICE;
    const known = this.#serviceNumbers.get(service);
    if (known !== undefined) return known;
    if (this.#services.length >= this.limits.servicesMax) return UNKNOWN_SERVICE;
    this.#serviceNumbers.set(service, this.#services.length);
    return this.#services.push(service) - 1;
  }

  #keep(message: KeptMessage): void {
    this.#messages.push(message);
    this.#messageBytes += message.bytes.length;
    if (this.#messageBytes <= this.limits.messageBytesMax) return;
    // An eighth at a time, since each time all of them move.
    const goal = (this.limits.messageBytesMax * 7) / 8;
    let dropped = 0;
    for (let bytes = this.#messageBytes; bytes > goal; dropped += 1) bytes -= this.#messages[dropped]!.bytes.length;
    this.#drop(dropped);
  }

  #drop(count: number): void {
    if (count === 0) return;
    for (const { bytes } of this.#messages.slice(0, count)) this.#messageBytes -= bytes.length;
    this.#messages = this.#messages.slice(count);
  }
}
