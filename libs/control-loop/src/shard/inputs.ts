import { commandTopic, type DomainName, type RecordedInput } from '@orrery/contracts';
import type { JournalProtocol } from '../journal/judge.js';
import { isDeliverable, type FoldedSeqs } from '../inputs/causal.js';
import { JournalQueue } from '../inputs/journal-queue.js';
import { PartitionQueue } from '../inputs/partition-queue.js';
import type { Clock } from '../ports/clock.js';
import type { JournalRegistration } from '../ports/journal-registry.js';
import type { Log, TopicPartition } from '../ports/log.js';
import { inputKey, journalKey, type LoopState } from '../state/loop-state.js';
import type { Group } from './group.js';
import type { JournalAddress } from './hosting.js';

export interface RegisteredJournal {
  readonly address: JournalAddress;
  readonly registration: JournalRegistration;
}

export interface ShardInputsOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly protocol: JournalProtocol;
  readonly domain: DomainName;
  readonly cell: number;
  readonly reports: readonly TopicPartition[];
  readonly foreign: readonly RegisteredJournal[];
  readonly loop: LoopState;
  /** Own seq that is accepted: a foreign commit may have folded one whose acceptance is not known here yet. */
  ownSeq(): number;
  onArrival(): void;
  onVoid(reason: string, offset: number): void;
  onTrouble(error: Error): void;
  onStopped(error: Error): void;
}

type AnyGroup = Group<unknown, unknown, unknown, unknown, object, never>;

interface Source {
  /** Decides on the next input of this source, if there is one. */
  decideNext(group: AnyGroup): boolean;
}

/** Inputs of one source in a row before the next source has its turn. */
const IN_A_ROW = 64;

/** Everything that a shard decides on, but its own timers: commands, reports, facts. Nobody starves the others. */
export class ShardInputs {
  readonly #options: ShardInputsOptions;
  readonly #partitions: PartitionQueue[];
  readonly #journals: JournalQueue[];
  readonly #sources: Source[];
  readonly #handedSeq = (journal: string): number | undefined => {
    const { domain, cell, ownSeq } = this.#options;
    if (journal === journalKey(domain, cell)) return ownSeq();
    return this.#journals.find(({ key }) => key === journal)?.handedSeq;
  };
  readonly #isDeliverable = (folded: FoldedSeqs) => isDeliverable(folded, this.#handedSeq);
  #turn = 0;

  constructor(options: ShardInputsOptions) {
    this.#options = options;
    const commands = new PartitionQueue({
      ...options,
      source: { topic: commandTopic(options.domain), partition: options.cell },
      onLost: options.onStopped,
    });
    const reports = options.reports.map((source) => {
      const { topic, partition } = source;
      return new PartitionQueue({ ...options, source: { topic, partition }, onLost: options.onStopped });
    });
    this.#partitions = [commands, ...reports];
    this.#journals = options.foreign.map((foreign) => new JournalQueue({ ...options, ...foreign }));
    this.#sources = [
      ...this.#journals.map((queue) => this.#factsOf(queue)),
      ...reports.map((queue) => messagesOf(queue, (group, message) => group.decideReport(queue.source, message))),
      messagesOf(commands, (group, message) => group.decideCommand(commands.source, message)),
    ];
  }

  /** The latest time of any fact at hand: a commit that consumes it may not be earlier. */
  get latestAt(): number {
    return Math.max(0, ...this.#journals.map(({ latestAt }) => latestAt));
  }

  async start(): Promise<void> {
    const { loop } = this.#options;
    const starting = [
      ...this.#partitions.map((queue) => {
        const { topic, partition } = queue.source;
        return queue.start(loop.inputPosition(topic, partition));
      }),
      ...this.#journals.map((queue) => queue.start(loop.journalPosition(queue.address.domain, queue.address.cell))),
    ];
    await Promise.all(starting);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#partitions, ...this.#journals].map((queue) => queue.stop()));
  }

  /**
   * Decides on inputs until `enough`; false when none is left that could be decided on now. The next call goes on with the
   * next source: inputs that take long would else fill every commit with those of one.
   */
  decide(group: AnyGroup, enough: () => boolean): boolean {
    for (let idle = 0; idle < this.#sources.length; this.#turn += 1) {
      const source = this.#sources[this.#turn % this.#sources.length]!;
      let decided = 0;
      while (decided < IN_A_ROW) {
        if (enough()) {
          if (decided > 0) this.#turn += 1;
          return true;
        }
        if (!source.decideNext(group)) break;
        decided += 1;
      }
      idle = decided === 0 ? idle + 1 : 0;
    }
    return false;
  }

  /** A commit was accepted: what it decided on leaves the queues. */
  onAccepted(inputs: readonly RecordedInput[]): void {
    const moved = new Set<string>();
    for (const input of inputs) {
      if (input.kind === 'slice') moved.add(inputKey(input.topic, input.partition));
      if (input.kind === 'journal') moved.add(journalKey(input.domain, input.cell));
    }
    this.#reset((key) => moved.has(key));
  }

  /** What was taken speculatively is to be decided on again. */
  rewind(): void {
    this.#reset(() => true);
  }

  #reset(concerns: (key: string) => boolean): void {
    const { loop } = this.#options;
    for (const queue of this.#partitions) {
      const { topic, partition } = queue.source;
      if (concerns(inputKey(topic, partition))) queue.resetTo(loop.inputPosition(topic, partition));
    }
    for (const queue of this.#journals) {
      const { domain, cell } = queue.address;
      if (concerns(queue.key)) queue.resetTo(loop.journalPosition(domain, cell));
    }
  }

  #factsOf(queue: JournalQueue): Source {
    return {
      decideNext: (group) => {
        const fact = queue.peek(this.#isDeliverable);
        if (fact === undefined || fact.at > group.at) return false;
        queue.take();
        group.decideFact(queue.address, queue.key, fact);
        return true;
      },
    };
  }
}

function messagesOf(
  queue: PartitionQueue,
  decide: (group: AnyGroup, message: NonNullable<ReturnType<PartitionQueue['peek']>>) => void,
): Source {
  return {
    decideNext: (group) => {
      const message = queue.peek();
      if (message === undefined) return false;
      queue.take();
      decide(group, message);
      return true;
    },
  };
}
