import { createHash } from 'node:crypto';
import {
  commandTopic,
  journalTopic,
  loopEventTypes,
  type CommitRecord,
  type JournalPosition,
  type RecordedInput,
} from '@orrery/contracts';
import type { DomainEvent } from '@orrery/kernel';
import type { Fact } from './inputs/journal-queue.js';
import { acceptedRecords } from './journal/accepted-records.js';
import { JournalStopped } from './journal/judge.js';
import { startOf } from './journal/position.js';
import { readBody, readHead } from './journal/records.js';
import type { JournalRegistration, JournalRegistry } from './ports/journal-registry.js';
import type { Log, TopicPartition } from './ports/log.js';
import { Group } from './shard/group.js';
import type { Hosting, JournalAddress } from './shard/hosting.js';
import { journalKey, type ForeignRow } from './state/loop-state.js';
import { ShardFold } from './state/shard-fold.js';

export interface RedecidePorts {
  readonly log: Log;
  readonly registry: JournalRegistry;
}

export interface RedecideOptions {
  /** Stops after so many: one difference leads to others. */
  readonly differencesMax?: number;
  /** Lets others have a turn; called after every commit. */
  breathe?(): Promise<void>;
}

export interface RedecideReport {
  readonly commits: number;
  readonly events: number;
  readonly differences: readonly Difference[];
}

/** A commit that would be another one if it were decided now. */
export interface Difference {
  readonly seq: number;
  /** What is wrong with its inputs, or the first event that differs. */
  readonly what: string;
}

/**
 * Decides a whole journal again from what its commits recorded: inputs in their order, times and seeds. Equal inputs give
 * equal events, on any machine and in any later version (P9). The state goes on with what was recorded, so that one
 * difference does not hide the next.
 */
export async function redecideJournal<
  Command,
  Foreign,
  Report,
  Internal,
  State extends object,
  Event extends DomainEvent,
>(
  hosting: Hosting<Command, Foreign, Report, Internal, State, Event>,
  cell: number,
  ports: RedecidePorts,
  { differencesMax = 10, breathe }: RedecideOptions = {},
): Promise<RedecideReport> {
  const address = { domain: hosting.domain, cell };
  const source = sourceOf(address);
  const registration = await registrationOf(address, ports);
  const { high } = await ports.log.bounds(source);
  const fold = new ShardFold<State, Event>(hosting.decider);
  const again = new DecideAgain(hosting, cell, fold, ports);
  const differences: Difference[] = [];
  let [commits, events] = [0, 0];
  let accepted = startOf(registration.journalId);
  for await (const { record, position } of acceptedRecords(ports.log, source, registration, {
    from: accepted,
    to: high,
  })) {
    if (record.kind === 'Commit') {
      const what = await again.differenceOf(record, accepted);
      if (what !== undefined) differences.push({ seq: record.seq, what });
      commits += 1;
      events += record.events.length;
      await breathe?.();
    }
    fold.fold(record, position);
    accepted = position;
    if (differences.length >= differencesMax) break;
  }
  return { commits, events, differences };
}

class DecideAgain<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent> {
  readonly #hosting: Hosting<Command, Foreign, Report, Internal, State, Event>;
  readonly #cell: number;
  readonly #fold: ShardFold<State, Event>;
  readonly #ports: RedecidePorts;

  constructor(
    hosting: Hosting<Command, Foreign, Report, Internal, State, Event>,
    cell: number,
    fold: ShardFold<State, Event>,
    ports: RedecidePorts,
  ) {
    this.#hosting = hosting;
    this.#cell = cell;
    this.#fold = fold;
    this.#ports = ports;
  }

  /** Decides a commit on the state before it, and leaves that state as it was. */
  async differenceOf(commit: CommitRecord, accepted: JournalPosition): Promise<string | undefined> {
    const fold = this.#fold;
    const group = new Group({
      hosting: this.#hosting,
      cell: this.#cell,
      fold,
      accepted,
      onRefusedFact: () => undefined,
    });
    fold.speculate(true);
    try {
      for (const [index, input] of commit.inputs.entries()) {
        group.at = ('at' in input ? input.at : undefined) ?? commit.at;
        const fault = await this.#decide(group, input, commit.inputs.slice(0, index));
        if (fault !== undefined) return fault;
      }
      return firstDifference(commit, group.seal(commit.relayedSeq).value);
    } finally {
      fold.rollBack();
      fold.speculate(false);
    }
  }

  async #decide(
    group: Group<Command, Foreign, Report, Internal, State, Event>,
    input: RecordedInput,
    before: readonly RecordedInput[],
  ): Promise<string | undefined> {
    switch (input.kind) {
      case 'internal':
        group.decideInternal(input.input as Internal);
        return undefined;
      case 'slice':
        return this.#decideSlice(group, input);
      case 'journal': {
        const address = { domain: input.domain, cell: input.cell };
        const key = journalKey(input.domain, input.cell);
        for (const fact of await this.#factsOf(input, before)) group.decideFact(address, key, fact);
        return undefined;
      }
    }
  }

  async #decideSlice(
    group: Group<Command, Foreign, Report, Internal, State, Event>,
    { topic, partition, from, to, sha256 }: Extract<RecordedInput, { kind: 'slice' }>,
  ): Promise<string | undefined> {
    const source = { topic, partition };
    const messages = await this.#ports.log.read(source, from, to);
    const hash = createHash('sha256');
    for (const { value } of messages) hash.update(value ?? '');
    if (hash.digest('hex') !== sha256) return `${topic}-${partition} holds other values from ${from} to ${to}`;
    const isCommand = topic === commandTopic(this.#hosting.domain);
    for (const message of messages) {
      if (isCommand) group.decideCommand(source, message);
      else group.decideReport(source, message);
    }
    group.decideGathered();
    return undefined;
  }

  /** What a run handed over: the events from its start to its end, but the loop's own. */
  async #factsOf(
    run: Extract<RecordedInput, { kind: 'journal' }>,
    before: readonly RecordedInput[],
  ): Promise<readonly Fact[]> {
    const { domain, cell, fromSeq, fromEvent = 0, toSeq, toEvent = Infinity, cursor } = run;
    const rules = await registrationOf(run, this.#ports);
    const start = this.#startOf(run, before) ?? startOf(rules.journalId);
    const facts: Fact[] = [];
    const add = (record: CommitRecord, position: JournalPosition) => {
      const first = record.seq === fromSeq ? fromEvent : 0;
      const end = record.seq === toSeq ? toEvent : Infinity;
      facts.push(...factsIn(record, position, first, end));
    };
    const source = sourceOf({ domain, cell });
    if (start.seq >= fromSeq) add(await this.#halfRead(source, start), start);
    const rest = { from: start, to: cursor.lastOffset + 1 };
    for await (const { record, position } of acceptedRecords(this.#ports.log, source, rules, rest)) {
      if (record.kind === 'Commit') add(record, position);
    }
    return facts;
  }

  /** Where the run begins: behind an earlier run of this commit, else where the state stands. */
  #startOf(
    { domain, cell }: JournalAddress,
    before: readonly RecordedInput[],
  ): JournalPosition | ForeignRow | undefined {
    const earlier = before.findLast(
      (input) => input.kind === 'journal' && input.domain === domain && input.cell === cell,
    );
    return earlier?.kind === 'journal' ? earlier.cursor : this.#fold.loop.journalPosition(domain, cell);
  }

  /** A commit of which an earlier run has decided a part. */
  async #halfRead(source: TopicPartition, { lastOffset }: JournalPosition): Promise<CommitRecord> {
    const [message] = await this.#ports.log.read(source, lastOffset, lastOffset + 1);
    const head = readHead(message!.value);
    const record = head === undefined ? undefined : readBody(head);
    if (record === undefined || 'damage' in record || record.kind !== 'Commit') {
      throw new JournalStopped(
        'anchor-lost',
        `${source.topic}-${source.partition}-${lastOffset} is no commit any more`,
      );
    }
    return record;
  }
}

function factsIn(record: CommitRecord, cursor: JournalPosition, first: number, end: number): Fact[] {
  const { journalId, seq, at, events } = record;
  return events.flatMap((event, index) =>
    index < first || index >= end || loopEventTypes.has(event.type)
      ? []
      : [{ journalId, seq, at, event, eventsDone: index + 1, isLast: true, cursor }],
  );
}

function firstDifference(commit: CommitRecord, value: Uint8Array): string | undefined {
  const decided = JSON.parse(Buffer.from(value).toString('utf8')) as CommitRecord;
  const count = Math.max(commit.events.length, decided.events.length);
  for (let index = 0; index < count; index += 1) {
    const [then, now] = [JSON.stringify(commit.events[index]), JSON.stringify(decided.events[index])];
    if (then !== now) return `event ${index} was ${then}, is now ${now}`;
  }
  return undefined;
}

async function registrationOf(address: JournalAddress, { registry }: RedecidePorts): Promise<JournalRegistration> {
  const registration = await registry.get(address.domain, address.cell);
  if (registration !== undefined) return registration;
  throw new JournalStopped('not-registered', `no journal of ${address.domain}/${address.cell} is registered`);
}

function sourceOf({ domain, cell }: JournalAddress): TopicPartition {
  return { topic: journalTopic(domain), partition: cell };
}
