import {
  commandHeaders,
  commandTopic,
  commandTypeName,
  journalTopic,
  type CommitRecord,
  type JournalRecord,
} from '@orrery/contracts';
import {
  hostDecider,
  type Clock,
  provisionJournal,
  type ControlLoop,
  type Hosting,
  type Log,
  type LoopSettings,
  type LoopSignal,
  type OutgoingMessage,
} from '@orrery/control-loop';
import { InMemoryLog, type LogFaults } from './in-memory-log.js';
import { InMemoryRegistry } from './in-memory-registry.js';
import { InMemorySnapshots } from './in-memory-snapshots.js';
import { ManualClock } from './manual-clock.js';
import { ManualHint } from './manual-hint.js';
import { SeededRandom } from './seeded-random.js';
import { decodeToyCommand, toyDecider, type ToyCommand, type ToyEvent, type ToyState } from './toy-decider.js';

export type ToyHosting = Hosting<ToyCommand, ToyEvent, never, never, ToyState, ToyEvent>;

/** Hosts the toy decider as one of the three domains. */
export const toyHosting: ToyHosting = {
  domain: 'services',
  decider: toyDecider as unknown as ToyHosting['decider'],
  decodeCommand: decodeToyCommand,
};

/** A command as any Kafka client would publish it. */
export function commandMessage(
  id: string,
  command: { readonly type: string } & Record<string, unknown>,
  {
    nowMs,
    headers = {},
    domain = 'services',
  }: { nowMs: number; headers?: Record<string, string>; domain?: 'services' | 'allocation' | 'cluster' },
): OutgoingMessage {
  const { type, ...body } = command;
  return {
    key: String(command['counter'] ?? ''),
    headers: {
      [commandHeaders.specversion]: '1.0',
      [commandHeaders.id]: id,
      [commandHeaders.type]: commandTypeName(domain, type),
      [commandHeaders.source]: 'ann',
      [commandHeaders.time]: new Date(nowMs).toISOString(),
      ...headers,
    },
    value: Buffer.from(JSON.stringify(body)),
  };
}

/** One log, one store, one registry and any number of processes, on a clock that a test turns. */
export class ToyWorld {
  readonly clock = new ManualClock();
  readonly log: InMemoryLog;
  readonly snapshots = new InMemorySnapshots();
  readonly registry = new InMemoryRegistry();
  readonly signals: LoopSignal[] = [];
  readonly #random: SeededRandom;

  constructor({ seed = 1, faults }: { readonly seed?: number; readonly faults?: LogFaults } = {}) {
    this.#random = new SeededRandom(seed);
    const chance = faults === undefined ? undefined : { random: this.#random.fork('log'), faults };
    this.log = new InMemoryLog(this.clock, chance);
  }

  async provision(domain: 'services' | 'allocation' | 'cluster' = 'services', cells = 1): Promise<void> {
    for (let cell = 0; cell < cells; cell += 1) {
      const provisioned = provisionJournal({ ...this, random: this.#random }, { domain, cell, cells });
      await this.clock.advanceWhile(provisioned);
    }
  }

  /** A process that hosts the toy decider and, unless `hinted` is false, should own every cell. */
  async host(
    options: Partial<LoopSettings> & {
      readonly hosting?: ToyHosting;
      readonly hinted?: boolean;
      readonly log?: Log;
      readonly clock?: Clock;
    } = {},
  ): Promise<{ readonly loop: ControlLoop; readonly hint: ManualHint }> {
    const { hosting = toyHosting, hinted = true, log = this.log, clock = this.clock, ...settings } = options;
    const hint = new ManualHint();
    const instance = settings.instance ?? 'a';
    const loop = hostDecider(
      hosting,
      {
        ...this,
        log,
        clock,
        random: this.#random.fork(instance),
        hint,
        observe: (signal) => this.signals.push(signal),
      },
      { cells: 1, ...settings, instance },
    );
    await this.clock.advanceWhile(loop.start());
    if (hinted) {
      hint.name(...Array.from({ length: settings.cells ?? 1 }, (_, cell) => cell));
      await this.clock.advanceUntil(
        () => loop.status().every(({ state }) => state === 'owning'),
        'all cells are owned',
      );
    }
    return { loop, hint };
  }

  /** Publishes a command and does not wait for anything. */
  send(id: string, command: ToyCommand, options: { cell?: number; headers?: Record<string, string> } = {}): void {
    const message = commandMessage(id, command, { nowMs: this.clock.nowMs(), ...options });
    this.sendRaw(message, options.cell);
  }

  sendRaw(message: OutgoingMessage, cell = 0): void {
    void this.log.append({ topic: commandTopic('services'), partition: cell }, message);
  }

  /** Every record of a journal's partition that is JSON, void ones too. */
  records(domain: 'services' | 'allocation' | 'cluster' = 'services', cell = 0): JournalRecord[] {
    return this.log
      .messagesOf({ topic: journalTopic(domain), partition: cell })
      .map(({ value }) => JSON.parse(Buffer.from(value!).toString()) as JournalRecord);
  }

  commits(domain: 'services' | 'allocation' | 'cluster' = 'services', cell = 0): CommitRecord[] {
    return this.records(domain, cell).filter((record) => record.kind === 'Commit');
  }

  /** Types and data of all recorded events, without the loop's head of them. */
  events(
    domain: 'services' | 'allocation' | 'cluster' = 'services',
    cell = 0,
  ): { type: string; data: Record<string, unknown> }[] {
    return this.commits(domain, cell).flatMap(({ events }) =>
      events.map(({ type, data }) => ({ type, data: data as Record<string, unknown> })),
    );
  }

  async until(condition: () => boolean, what: string, ms?: number): Promise<void> {
    await this.clock.advanceUntil(condition, what, ms);
  }
}
