import { journalTopic, type JournalPosition, type JournalRecord, type TermStartedRecord } from '@orrery/contracts';
import { assert, type DomainEvent, type EpochMs } from '@orrery/kernel';
import { JournalStopped, type StopReason } from '../journal/judge.js';
import { startOf } from '../journal/position.js';
import { JournalReader, type ReadMessage } from '../journal/reader.js';
import { encodeRecord } from '../journal/records.js';
import { JournalWriter } from '../journal/writer.js';
import type { JournalRegistration } from '../ports/journal-registry.js';
import type { LogMessage, TopicPartition } from '../ports/log.js';
import type { LoopSignal } from '../ports/observer.js';
import { loopRelays } from '../relays/loop-relays.js';
import { RelayQueue } from '../relays/relay-queue.js';
import { loadNewestSnapshot } from '../snapshots/load.js';
import { Snapshotter } from '../snapshots/snapshotter.js';
import { ShardFold } from '../state/shard-fold.js';
import type { AcceptedCommit, Hosting, OwnedShardGuest } from './hosting.js';
import { ShardInputs } from './inputs.js';
import { Owner, type AnyGroup } from './owner.js';
import type { LoopPorts, ResolvedSettings } from './settings.js';
import { assertLegal, type ShardState } from './shard-state.js';

export interface ShardStatus {
  readonly domain: string;
  readonly cell: number;
  readonly state: ShardState;
  readonly journalId: string | undefined;
  readonly seq: number;
  readonly term: number;
  /** Time of the last accepted commit. */
  readonly at: EpochMs;
  readonly longestTurnMs: number;
  readonly voidRecords: number;
  /** Why it failed. */
  readonly error: string | undefined;
}

type SignalOf<Signal> = Signal extends unknown ? Omit<Signal, 'shard'> : never;

const RETRY_MS = 500;
const SNAPSHOT_STORE_ATTEMPTS = 10;
const TAKE_OVER_BACK_OFF_MS_MAX = 300;
const MEASURE_CLOCK_AGAIN_MS = 30_000;

/**
 * One shard in one process: it loads, follows its journal as a standby, takes over when the hint names it, and owns until
 * another one does. Only the journal says who owns; what this process believes it has decided is so once it was accepted.
 */
export class HostedShard<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent> {
  readonly cell: number;
  readonly #hosting: Hosting<Command, Foreign, Report, Internal, State, Event>;
  readonly #ports: LoopPorts;
  readonly #settings: ResolvedSettings;
  readonly #fold: ShardFold<State, Event>;
  readonly #relays: RelayQueue;
  readonly #snapshotter: Snapshotter;
  #state: ShardState = 'initial';
  #error: Error | undefined;
  #reader!: JournalReader;
  #writer!: JournalWriter;
  #inputs!: ShardInputs;
  #owner!: Owner<Command, Foreign, Report, Internal, State, Event>;
  #guest: OwnedShardGuest<Event, State> | undefined;
  #hinted = false;
  /** Name of the last term that this process tried to start; it owns while the journal's writer is this one. */
  #writerName: string | undefined;
  #cancelTakeOver: (() => void) | undefined;
  #cancelMeasure: (() => void) | undefined;
  /** Own records whose broker time is not known yet: offset -> when they were sent. */
  readonly #sentMs = new Map<number, EpochMs>();
  #longestTurnMs = 0;
  #voidRecords = 0;

  constructor(
    hosting: Hosting<Command, Foreign, Report, Internal, State, Event>,
    cell: number,
    ports: LoopPorts,
    settings: ResolvedSettings,
  ) {
    this.cell = cell;
    this.#hosting = hosting;
    this.#ports = ports;
    this.#settings = settings;
    this.#fold = new ShardFold<State, Event>(hosting.decider as never, settings.commandsMax);
    this.#relays = new RelayQueue({
      ...ports,
      onProgress: () => this.#owner.wake(),
      onTrouble: (error) => this.#alarm('relay-failed', error.message),
      onLost: (message) => this.#alarm('relay-failed', message),
    });
    this.#snapshotter = this.#newSnapshotter();
  }

  get state(): ShardState {
    return this.#state;
  }

  get status(): ShardStatus {
    const cursor = this.#reader?.cursor;
    return {
      domain: this.#hosting.domain,
      cell: this.cell,
      state: this.#state,
      journalId: cursor?.journalId,
      seq: cursor?.seq ?? -1,
      term: cursor?.term ?? 0,
      at: cursor?.at ?? 0,
      longestTurnMs: this.#longestTurnMs,
      voidRecords: this.#voidRecords,
      error: this.#error?.message,
    };
  }

  /** Digest of accepted state and its position; nothing while a decision is open or a snapshot walks the state. */
  digest(): { readonly seq: number; readonly digest: string } | undefined {
    if (this.#accepted() === undefined || this.#snapshotter.underWay) return undefined;
    const { cursor } = this.#reader;
    return { seq: cursor.seq, digest: this.#fold.digest(cursor) };
  }

  /** Resolves once the shard stands by, or has failed. */
  async start(): Promise<void> {
    this.#go('loading', 'started');
    try {
      const registration = await this.#registrationOf(this.#hosting.domain, this.cell);
      const position = await this.#loadSnapshot(registration.journalId);
      if (this.#over) return;
      await this.#follow(registration, position ?? startOf(registration.journalId));
      if (this.#over) return;
      await this.#openInputs();
      if (this.#over) return;
    } catch (error) {
      return this.#fail(error as Error);
    }
    this.#go('standby', `folded up to seq ${this.#reader.cursor.seq}`);
    this.#takeOverSoon(0);
  }

  /** The hint names this process for the shard, or no longer. */
  hint(named: boolean): void {
    this.#hinted = named;
    if (named) this.#takeOverSoon(0);
    else if (this.#state === 'owning' && !this.#writer.busy) this.#standDown('the hint names another');
  }

  /** Lets the record in flight settle (up to `settleMs`), then stops. */
  async stop(settleMs = 5_000): Promise<void> {
    this.#hinted = false;
    const untilMs = this.#ports.clock.nowMs() + settleMs;
    while (this.#writer?.busy && !this.#over && this.#ports.clock.nowMs() < untilMs) await this.#pause(10);
    if (this.#state === 'owning') this.#standDown('closing');
    if (this.#state !== 'closed') this.#go('closed', 'asked to');
    await this.#release();
  }

  async #follow(registration: JournalRegistration, position: JournalPosition): Promise<void> {
    const { log, clock, random } = this.#ports;
    const { protocol } = this.#settings;
    const source: TopicPartition = { topic: journalTopic(this.#hosting.domain), partition: this.cell };
    this.#reader = new JournalReader({
      log,
      clock,
      protocol,
      source,
      position,
      rules: {
        ...registration,
        foldVersion: this.#fold.foldVersion,
        inputsFault: (inputs) => this.#fold.loop.inputsFault(inputs),
      },
      onAccepted: (record, cursor, message) => this.#onAccepted(record, cursor, message),
      onReadBack: (message) => this.#onReadBack(message),
      onVoid: (reason, offset) => {
        this.#voidRecords += 1;
        this.#signal({ kind: 'void-record', reason, offset });
      },
      onStopped: (error) => this.#fail(error),
      onTrouble: (error) => this.#alarm('reader-failed', error.message),
      onTurn: (ms) => this.#onTurn('fold', ms),
    });
    this.#writer = new JournalWriter({
      log,
      clock,
      random,
      target: source,
      meaningOfAck: protocol.meaningOfAck,
      reader: this.#reader,
      onInDoubt: (seq, attempt, error) => this.#signal({ kind: 'in-doubt', seq, attempt, message: error.message }),
      onStopped: (error) => this.#fail(error),
    });
    this.#relays.startAt(position.seq);
    await this.#reader.start();
    await this.#reader.caughtUp();
    if (!this.#over && this.#reader.cursor.seq < 0) {
      throw new JournalStopped('genesis-missing', `${source.topic}-${source.partition} has no genesis of this journal`);
    }
  }

  async #openInputs(): Promise<void> {
    const { domain, foreign, reports } = this.#hosting;
    const registered = (foreign?.(this.cell) ?? []).map(async (address) => ({
      address: { domain: address.domain, cell: address.cell },
      registration: await this.#registrationOf(address.domain, address.cell),
    }));
    this.#inputs = new ShardInputs({
      ...this.#ports,
      protocol: this.#settings.protocol,
      domain,
      cell: this.cell,
      reports: reports?.(this.cell) ?? [],
      foreign: await Promise.all(registered),
      loop: this.#fold.loop,
      ownSeq: () => this.#reader.cursor.seq,
      onArrival: () => this.#owner.wake(),
      onVoid: () => undefined,
      onTrouble: (error) => this.#alarm('reader-failed', error.message),
      onStopped: (error) => this.#fail(error),
    });
    this.#owner = new Owner({
      hosting: this.#hosting,
      cell: this.cell,
      clock: this.#ports.clock,
      settings: this.#settings,
      fold: this.#fold,
      inputs: this.#inputs,
      accepted: () => this.#reader.cursor,
      mayDecide: () => this.#mayDecide(),
      relayedSeq: () => this.#relays.relayedSeq,
      commit: (group, value) => this.#commit(group, value),
      onTurn: (ms) => this.#onTurn('decide', ms),
      onAlarm: (code, message) => this.#onOwnerAlarm(code, message),
      onBug: (error) => this.#fail(error),
    });
    await this.#inputs.start();
  }

  #mayDecide(): boolean {
    if (this.#state !== 'owning' || this.#writer.busy || this.#relays.full) return false;
    if (this.#hinted) return true;
    this.#standDown('the hint names another');
    return false;
  }

  /** F11: what is sent was judged by the rules that every reader will judge it by. */
  #commit(group: AnyGroup, value: Uint8Array): void {
    const verdict = this.#reader.preview(value);
    assert(verdict.kind === 'accepted', 'a commit that no reader would accept', { verdict: verdict as never });
    void this.#writer.append(value, group.seq).then((settlement) => {
      if (settlement === 'void') this.#signal({ kind: 'rolled-back', seq: group.seq, inputs: group.inputs });
      this.#owner.wake();
    });
  }

  /** The one place where the state moves: a record was accepted, by acknowledgement or by reading. */
  #onAccepted(record: JournalRecord, cursor: JournalPosition, message: ReadMessage): void {
    const mine = this.#writer.isMine(cursor.hash);
    const inputs = mine ? (this.#owner?.groupInputs ?? 0) : 0;
    if (mine) this.#noteBrokerTime(cursor, message);
    if (mine && record.kind === 'Commit') {
      this.#fold.finish(record);
      this.#fold.undo.forget();
      this.#owner.onAccepted();
    } else {
      this.#owner?.rollBack();
      this.#fold.fold(record);
      this.#fold.undo.forget();
    }
    const appendMs = mine ? this.#ports.clock.nowMs() - this.#writer.sentMs : 0;
    this.#writer.onAccepted(cursor.hash);
    if (record.kind === 'Commit') this.#afterCommit({ ...record, position: cursor } as never);
    else this.#relays.add(record.seq, []);
    if (record.kind === 'Commit' && mine) {
      const bytes = message.value?.length ?? 0;
      this.#signal({ kind: 'committed', seq: record.seq, inputs, events: record.events.length, bytes, appendMs });
    }
    if (record.kind === 'TermStarted') this.#afterTerm(record);
    this.#snapshotter.onAccepted(record.kind === 'Commit' ? record.events.length : 0);
  }

  #afterCommit(commit: AcceptedCommit<Event>): void {
    this.#inputs?.onAccepted(commit.inputs);
    const { domain, relay } = this.#hosting;
    const own = relay === undefined ? [] : relay(commit, this.#fold.domain);
    this.#relays.add(commit.seq, [...own, ...loopRelays(commit, { domain, cell: this.cell })]);
    this.#relays.confirm(commit.relayedSeq);
    if (this.#state === 'owning') this.#guest?.onCommit?.(commit, this.#fold.domain);
  }

  #afterTerm(record: TermStartedRecord): void {
    const mine = record.writer === this.#writerName;
    if (this.#state === 'taking-over') {
      if (mine && this.#hinted) this.#own();
      else this.#go('standby', mine ? 'the hint names another' : `${record.instance} was faster`);
    } else if (this.#state === 'owning') {
      this.#standDown(`${record.instance} took over in term ${record.term}`);
    }
    if (!mine) this.#takeOverSoon(TAKE_OVER_BACK_OFF_MS_MAX);
  }

  /** W5, with a random pause so that two who are both hinted do not depose each other for ever. */
  #takeOverSoon(withinMs: number): void {
    if (this.#state !== 'standby' || !this.#hinted) return;
    this.#cancelTakeOver?.();
    const delayMs = withinMs * this.#ports.random.fraction();
    this.#cancelTakeOver = this.#ports.clock.after(delayMs, () => void this.#takeOver());
  }

  async #takeOver(): Promise<void> {
    if (this.#state !== 'standby' || !this.#hinted) return;
    this.#go('taking-over', 'the hint names this instance');
    await this.#reader.caughtUp();
    if (!this.#isTakingOver) return;
    if (!this.#hinted) return this.#go('standby', 'the hint names another');
    if (this.#reader.cursor.writer === this.#writerName) return this.#own();
    const settlement = await this.#startTerm();
    if (settlement === 'accepted' || !this.#isTakingOver) return;
    this.#go('standby', 'the term was not accepted');
    this.#takeOverSoon(TAKE_OVER_BACK_OFF_MS_MAX);
  }

  #startTerm(): Promise<'accepted' | 'void'> {
    const { clock, random } = this.#ports;
    const { journalId, term, seq, hash, at } = this.#reader.cursor;
    this.#writerName = random.id();
    const record: TermStartedRecord = {
      journalId,
      kind: 'TermStarted',
      term: term + 1,
      seq: seq + 1,
      prevHash: hash,
      writer: this.#writerName,
      at: Math.max(at, clock.nowMs()),
      instance: this.#settings.instance,
      foldVersion: this.#fold.foldVersion,
    };
    return this.#writer.append(encodeRecord(record), record.seq);
  }

  #own(): void {
    this.#go('owning', `term ${this.#reader.cursor.term}`);
    this.#fold.speculate(true);
    this.#relays.run(true);
    const { journalId, term, writer } = this.#reader.cursor;
    this.#guest = this.#hosting.owning?.({
      cell: this.cell,
      journalId,
      term,
      writer,
      state: this.#fold.domain,
      submitInternal: (internal) => this.#state === 'owning' && this.#owner.submitInternal(internal),
    });
    this.#owner.wake();
  }

  /** W6: everything speculative is dropped. */
  #standDown(why: string): void {
    this.#owner.standDown();
    this.#fold.speculate(false);
    this.#relays.run(false);
    this.#cancelMeasure?.();
    this.#cancelMeasure = undefined;
    this.#go('standby', why);
    this.#stopGuest();
    this.#takeOverSoon(TAKE_OVER_BACK_OFF_MS_MAX);
  }

  #noteBrokerTime(cursor: JournalPosition, { timestampMs }: ReadMessage): void {
    if (timestampMs === undefined) this.#sentMs.set(cursor.lastOffset, this.#writer.sentMs);
    else this.#owner?.brokerTime.onReadBack(this.#writer.sentMs, timestampMs);
  }

  #onReadBack({ offset, timestampMs }: LogMessage): void {
    const sentMs = this.#sentMs.get(offset);
    if (sentMs === undefined) return;
    this.#sentMs.delete(offset);
    this.#owner.brokerTime.onReadBack(sentMs, timestampMs);
  }

  #onOwnerAlarm(code: 'clock-ahead' | 'fact-refused' | 'idle-tick', message: string): void {
    this.#alarm(code, message);
    if (code !== 'clock-ahead') return;
    // No commit tells the broker's time any more; a new term does, and is decided by nobody.
    this.#cancelMeasure ??= this.#ports.clock.after(MEASURE_CLOCK_AGAIN_MS, () => {
      this.#cancelMeasure = undefined;
      if (this.#state === 'owning' && !this.#writer.busy) this.#measureClock();
    });
  }

  #measureClock(): void {
    this.#standDown('to learn the time of the log by a new term');
    this.#writerName = undefined;
  }

  #newSnapshotter(): Snapshotter {
    const { domain } = this.#hosting;
    return new Snapshotter({
      store: this.#ports.snapshots,
      clock: this.#ports.clock,
      shard: { domain, cell: this.cell },
      foldVersion: this.#fold.foldVersion,
      parts: this.#fold.parts,
      everyEvents: this.#settings.snapshotEveryEvents,
      everyMs: this.#settings.snapshotEveryMs,
      accepted: () => this.#accepted(),
      taking: () => this.#state === 'owning',
      relayedSeq: () => this.#relays.relayedSeq,
      onTaken: (seq, slicesWritten, slices) => this.#signal({ kind: 'snapshot', seq, slicesWritten, slices }),
      onFailed: (error) => this.#alarm('snapshot-failed', error.message),
      onDiffers: (message) => this.#alarm('digest-differs', message),
      onTurn: (ms) => this.#onTurn('snapshot', ms),
    });
  }

  /** Where the state stands, when nothing in it may yet be void. */
  #accepted(): JournalPosition | undefined {
    return this.#reader !== undefined && this.#fold.undo.mark === 0 ? this.#reader.cursor : undefined;
  }

  async #loadSnapshot(journalId: string): Promise<JournalPosition | undefined> {
    const shard = { domain: this.#hosting.domain, cell: this.cell };
    for (let attempt = 1; !this.#over; attempt += 1) {
      try {
        return await loadNewestSnapshot(this.#fold, {
          store: this.#ports.snapshots,
          shard,
          journalId,
          onDamaged: (message) => this.#alarm('snapshot-damaged', message),
        });
      } catch (error) {
        this.#fold.clear();
        this.#alarm('snapshot-failed', (error as Error).message);
        // Without the store the journal is enough, it only takes longer.
        if (attempt === SNAPSHOT_STORE_ATTEMPTS) return undefined;
        await this.#pause(RETRY_MS);
      }
    }
    return undefined;
  }

  async #registrationOf(domain: Hosting<never, never, never, never, never, never>['domain'], cell: number) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const registration = await this.#ports.registry.get(domain, cell);
        if (registration !== undefined) return registration;
        if (attempt > SNAPSHOT_STORE_ATTEMPTS) {
          throw new JournalStopped(
            'not-registered',
            `no journal of ${domain}/${cell} is registered: provision it first`,
          );
        }
      } catch (error) {
        if (error instanceof JournalStopped || this.#over) throw error;
        this.#alarm('reader-failed', (error as Error).message);
      }
      await this.#pause(RETRY_MS);
    }
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#error = error;
    const reason: StopReason = error instanceof JournalStopped ? error.reason : 'bug';
    this.#signal({ kind: 'stopped', reason, message: error.stack ?? error.message });
    this.#go('failed', error.message);
    void this.#release();
  }

  async #release(): Promise<void> {
    this.#cancelTakeOver?.();
    this.#cancelMeasure?.();
    this.#writer?.stop();
    this.#relays.run(false);
    this.#snapshotter.stop();
    this.#owner?.standDown();
    this.#stopGuest();
    await Promise.all([this.#reader?.stop(), this.#inputs?.stop()]);
  }

  #stopGuest(): void {
    const guest = this.#guest;
    this.#guest = undefined;
    guest?.stop();
  }

  get #isTakingOver(): boolean {
    return this.#state === 'taking-over';
  }

  get #over(): boolean {
    return this.#state === 'failed' || this.#state === 'closed';
  }

  #go(to: ShardState, why: string): void {
    const from = this.#state;
    assertLegal(from, to);
    this.#state = to;
    this.#signal({ kind: 'state', from, to, why });
  }

  #onTurn(work: 'decide' | 'fold' | 'snapshot', ms: number): void {
    this.#longestTurnMs = Math.max(this.#longestTurnMs, ms);
    this.#signal({ kind: 'turn', work, ms });
  }

  #alarm(code: Extract<LoopSignal, { kind: 'alarm' }>['code'], message: string): void {
    this.#signal({ kind: 'alarm', code, message });
  }

  #signal(signal: SignalOf<LoopSignal>): void {
    const shard = { domain: this.#hosting.domain, cell: this.cell };
    this.#ports.observe({ shard, ...signal } as LoopSignal);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#ports.clock.after(ms, resolve));
  }
}
