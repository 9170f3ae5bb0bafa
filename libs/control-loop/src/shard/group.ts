import {
  COMMIT_BYTES_MAX,
  type Cause,
  type CommandOutcome,
  type CommitRecord,
  type JournalPosition,
  type LoopEvent,
  type RecordedEvent,
} from '@orrery/contracts';
import {
  assert,
  fnv1a,
  type DecisionContext,
  type DomainEvent,
  type EpochMs,
  type Input,
  type Prepared,
  type Refusal,
} from '@orrery/kernel';
import { parseBody, takeIn, type CommandRules, type Sender } from '../inputs/commands.js';
import type { Fact } from '../inputs/journal-queue.js';
import { RecordedRuns } from '../inputs/recorded-runs.js';
import { encodeCommit } from '../journal/records.js';
import type { LogMessage, TopicPartition } from '../ports/log.js';
import type { ShardFold } from '../state/shard-fold.js';
import { GatheredReports, type GatheredReport } from './gathered-reports.js';
import type { Decoded, Hosting, JournalAddress } from './hosting.js';

export interface GroupOptions<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent> {
  readonly hosting: Hosting<Command, Foreign, Report, Internal, State, Event>;
  readonly cell: number;
  readonly fold: ShardFold<State, Event>;
  /** Accepted state: the group is decided on top of it and becomes the next commit. */
  readonly accepted: JournalPosition;
  onRefusedFact(refusal: Refusal, cause: Cause): void;
}

/** A group that became the next commit. `parsed` is what the bytes say: nobody has to read megabytes to know it. */
export interface SealedCommit {
  readonly commit: Omit<CommitRecord, 'events'>;
  readonly value: Uint8Array;
  readonly parsed: CommitRecord;
}

/** Why an event was recorded, and by whose order. */
type About = Pick<RecordedEvent, 'cause'> & Sender;

/** Events of one decision, encoded. More than this is refused, or is a bug of the decider: it has `continue` for that. */
const DECISION_BYTES_MAX = 256 * 1024;
const RUNS_MAX = 200;

/**
 * Inputs that are decided on one after the other, each on the state after the ones before it, to become one commit. Events
 * are encoded as they are decided and folded as they will be read, so what the owner believes is what the journal says. A group
 * without events stays open over many turns; it has then changed nothing but where it is in its inputs.
 */
export class Group<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent> {
  readonly seq: number;
  /** Time of what is decided now; of the commit, when it gives events. */
  at: EpochMs = 0;
  readonly #options: GroupOptions<Command, Foreign, Report, Internal, State, Event>;
  readonly #rules: CommandRules<Command>;
  readonly #runs = new RecordedRuns();
  readonly #events: string[] = [];
  /** The same, parsed back: as they were folded. */
  readonly #parsed: RecordedEvent[] = [];
  /** Taken, and not decided on yet: what comes next may be judged with them. */
  #gathered: GatheredReports<Report> | undefined;
  #eventBytes = 0;
  #ordinal = 0;
  #decisions = 0;
  #inputs = 0;

  constructor(options: GroupOptions<Command, Foreign, Report, Internal, State, Event>) {
    this.#options = options;
    this.seq = options.accepted.seq + 1;
    const { hosting, fold, cell } = options;
    this.#rules = {
      domain: hosting.domain,
      cell,
      decodeCommand: (name, version, body) => hosting.decodeCommand(name, version, body),
      cellOf: (command, subject) => hosting.cellOf?.(command, subject, fold.domain),
    };
  }

  get inputs(): number {
    return this.#inputs;
  }

  get events(): number {
    return this.#events.length;
  }

  /** Events of one more decision might not fit any more. */
  get isFull(): boolean {
    return this.#eventBytes >= DECISION_BYTES_MAX || this.#runs.count >= RUNS_MAX;
  }

  decideCommand(source: TopicPartition, message: LogMessage): void {
    const { fold } = this.#options;
    this.decideGathered();
    this.#addMessage(source, message);
    const intake = takeIn(message, { at: this.at, window: fold.loop.window, rules: this.#rules });
    switch (intake.kind) {
      case 'repeat':
        return;
      case 'forward': {
        const data = { ...intake.outcome, partition: intake.partition };
        return this.#recordOwn({ type: 'CommandForwarded', data }, placeOf(source, message), intake.sender);
      }
      case 'refuse':
        if (intake.quarantine) this.#quarantine(source, message, intake.refusal, intake.sender);
        if (intake.outcome !== undefined) this.#refuse(intake.outcome, intake.refusal, intake.sender);
        return;
      case 'decide':
        return this.#decideAccepted(intake.input, intake.outcome, intake.sender);
    }
  }

  decideReport(source: TopicPartition, message: LogMessage): void {
    if (this.#gathered?.isOf(source, this.at) === false) this.decideGathered();
    this.#addMessage(source, message);
    const read = this.#readReport(source, message);
    if (!read.ok) {
      this.decideGathered();
      return this.#quarantine(source, message, read.refusal);
    }
    const { report } = read;
    if (this.#gathered?.add(message, report) === true) return;
    this.decideGathered();
    const { gathering } = this.#options.hosting;
    const next = gathering === undefined ? undefined : new GatheredReports(source, this.at, gathering);
    if (next?.add(message, report) === true) this.#gathered = next;
    else this.#decideReport(source, { message, report });
  }

  /** Reports that wait for others to be judged with: nothing more comes to them. */
  decideGathered(): void {
    const gathered = this.#gathered;
    if (gathered === undefined) return;
    this.#gathered = undefined;
    const { items, source } = gathered;
    if (items.length > 1) {
      const reports = items.map(({ report }) => report);
      const cause = { ...placeOf(source, items[0]!.message), last: items.at(-1)!.message.offset };
      if (this.#decide({ kind: 'reports', reports }, cause) === undefined) return;
    }
    for (const item of items) this.#decideReport(source, item);
  }

  /** What comes in the next turn is not decided on together with what came in this one. */
  endTurn(): void {
    if (this.#gathered === undefined) return;
    this.decideGathered();
    this.#runs.cut();
  }

  decideFact(address: JournalAddress, key: string, fact: Fact): void {
    const { fold, onRefusedFact } = this.#options;
    const { domain, cell } = address;
    this.decideGathered();
    this.#inputs += 1;
    this.#runs.addFact(address, key, fact, fold.loop.journalPosition(domain, cell), this.at);
    const { journalId, seq } = fact;
    const cause = { domain, cell, seq };
    const input = { kind: 'foreign', domain, journalId, seq, event: fact.event as unknown as Foreign } as const;
    const refusal = this.#decide(input, cause);
    if (refusal === undefined) return;
    assert(refusal.code !== 'decision-too-large', refusal.message, cause);
    onRefusedFact(refusal, cause);
  }

  /** True when it gave events; else it leaves no trace in the commit. */
  decideInternal(internal: Internal | { readonly type: 'tick' } | { readonly type: 'continue' }): boolean {
    this.decideGathered();
    const before = this.#events.length;
    const [ordinal, decisions] = [this.#ordinal, this.#decisions];
    const seed = this.#seed();
    const cause = { internal: typeOf(internal) };
    const refusal = this.#decide({ kind: 'internal', internal }, cause);
    assert(refusal?.code !== 'decision-too-large', refusal?.message ?? '', cause);
    if (refusal !== undefined) this.#options.onRefusedFact(refusal, cause);
    if (this.#events.length === before) {
      this.#ordinal = ordinal;
      this.#decisions = decisions;
      return false;
    }
    this.#inputs += 1;
    this.#runs.addInternal(internal, seed, this.at);
    return true;
  }

  /** The commit, its bytes and what these say; `relayedSeq` as it stands now. */
  seal(relayedSeq: number): SealedCommit {
    this.decideGathered();
    const { journalId, term, writer, hash } = this.#options.accepted;
    const commit: Omit<CommitRecord, 'events'> = {
      journalId,
      kind: 'Commit',
      term,
      seq: this.seq,
      prevHash: hash,
      writer,
      at: this.at,
      inputs: this.#runs.recorded(this.at),
      relayedSeq,
    };
    const value = encodeCommit(commit, this.#events);
    assert(value.length <= COMMIT_BYTES_MAX, 'commit too large', { bytes: value.length, events: this.#events.length });
    const head = JSON.parse(JSON.stringify(commit)) as typeof commit;
    return { commit, value, parsed: { ...head, events: this.#parsed } };
  }

  #readReport(source: TopicPartition, { value }: LogMessage): Decoded<{ readonly report: Report }> {
    const { hosting } = this.#options;
    const body = value === null ? { ok: false as const, why: 'has no body' } : parseBody(value);
    if (!body.ok) return { ok: false, refusal: { code: 'malformed', message: `the report ${body.why}` } };
    assert(hosting.decodeReport !== undefined, 'a host with report partitions decodes reports', source as never);
    return hosting.decodeReport(body.value, source);
  }

  #decideReport(source: TopicPartition, { message, report }: GatheredReport<Report>): void {
    const refusal = this.#decide({ kind: 'reports', reports: [report] }, placeOf(source, message));
    if (refusal !== undefined) this.#quarantine(source, message, refusal);
  }

  #decideAccepted(input: Input<Command, Foreign, Report, Internal>, outcome: CommandOutcome, sender: Sender): void {
    const cause = { command: outcome.command };
    const accepted = this.#encodeOwn({ type: 'CommandAccepted', data: outcome }, cause, sender);
    const refusal = this.#decide(input, cause, sender, accepted);
    if (refusal !== undefined) this.#refuse(outcome, refusal, sender);
  }

  /** Decides and records; a refusal is handed back and nothing of it recorded yet. `first` stands before the events. */
  #decide(
    input: Input<Command, Foreign, Report, Internal>,
    cause: Cause,
    sender: Sender = {},
    first?: string,
  ): Refusal | undefined {
    const { hosting, fold } = this.#options;
    const mark = fold.undo.mark;
    const decision = hosting.decider.decide(input, fold.domain, this.#context());
    assert(fold.undo.mark === mark, 'decide changed the state: only evolve may', { domain: hosting.domain });
    if (!decision.accepted) return decision.refusal;
    const { events, prepared } = decision;
    if (events.length === 0 && first === undefined) return undefined;
    const about = JSON.stringify({ cause, ...sender }).slice(1, -1);
    const encoded = events.map(({ type, data }, index) => {
      return `{"type":"${type}","version":${this.#versionOf(type)},${about},"data":${prepared?.encoded[index] ?? JSON.stringify(data)}}`;
    });
    const bytes = encoded.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (bytes > DECISION_BYTES_MAX) {
      const message = `the events of one decision take ${bytes} bytes, at most ${DECISION_BYTES_MAX} are possible`;
      return { code: 'decision-too-large', message, remedy: 'ask for less at once' };
    }
    if (first !== undefined) this.#fold(first, Buffer.byteLength(first));
    if (prepared === undefined) for (const text of encoded) this.#fold(text, 0);
    else this.#take(encoded, events, prepared, JSON.parse(`{${about}}`) as About);
    this.#eventBytes += bytes;
    return undefined;
  }

  /** Events that were folded while they were decided, as they are read: what is left is to let their rows count. */
  #take(encoded: readonly string[], events: readonly Event[], prepared: Prepared, about: About): void {
    for (const [index, { type, data }] of events.entries()) {
      this.#events.push(encoded[index]!);
      this.#parsed.push({ type, version: this.#versionOf(type), ...about, data } as unknown as RecordedEvent);
    }
    prepared.apply();
  }

  #versionOf(type: Event['type']): number {
    return this.#options.hosting.eventVersion?.(type) ?? 1;
  }

  #refuse(outcome: CommandOutcome, { code, message, field, remedy }: Refusal, sender: Sender): void {
    const refusal = {
      code,
      message,
      ...(field === undefined ? {} : { field }),
      ...(remedy === undefined ? {} : { remedy }),
    };
    this.#recordOwn({ type: 'CommandRefused', data: { ...outcome, ...refusal } }, { command: outcome.command }, sender);
  }

  #quarantine(source: TopicPartition, message: LogMessage, refusal: Refusal, sender: Sender = {}): void {
    const place = placeOf(source, message);
    this.#recordOwn({ type: 'InputQuarantined', data: { ...place, ...refusal } }, place, sender);
  }

  #recordOwn(event: LoopEvent, cause: Cause, sender: Sender): void {
    const text = this.#encodeOwn(event, cause, sender);
    this.#fold(text, Buffer.byteLength(text));
  }

  #encodeOwn({ type, data }: LoopEvent, cause: Cause, sender: Sender): string {
    return JSON.stringify({ type, version: 1, cause, ...sender, data });
  }

  /** What is folded is what was written, parsed back: a decider's own objects never get into the state. */
  #fold(text: string, bytes: number): void {
    const event = JSON.parse(text) as RecordedEvent;
    this.#events.push(text);
    this.#parsed.push(event);
    this.#eventBytes += bytes;
    this.#options.fold.evolve(event, this);
  }

  #addMessage(source: TopicPartition, message: LogMessage): void {
    const { topic, partition } = source;
    this.#inputs += 1;
    this.#runs.addMessage(source, message, this.#options.fold.loop.inputPosition(topic, partition), this.at);
  }

  #context(): DecisionContext {
    const seed = this.#seed();
    this.#decisions += 1;
    return {
      at: this.at,
      seed,
      seq: this.seq,
      nextId: () => `${this.seq}.${this.#ordinal++}`,
      nextIds: (count) => (this.#ordinal += count) - count,
    };
  }

  /** Follows from what the commit records: equal when it is decided again. */
  #seed(): number {
    return fnv1a(`${this.#options.accepted.journalId}/${this.seq}/${this.#decisions}`);
  }
}

function placeOf({ topic, partition }: TopicPartition, { offset }: LogMessage) {
  return { topic, partition, offset };
}

function typeOf(internal: unknown): string {
  const type = (internal as { readonly type?: unknown } | null)?.type;
  return typeof type === 'string' ? type : 'internal';
}
