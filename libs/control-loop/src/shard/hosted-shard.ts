import type { JournalPosition, TermStartedRecord } from '@orrery/contracts';
import type { DomainEvent } from '@orrery/kernel';
import { findRegistration, loadPatiently, type BootOptions } from '../boot.js';
import { JournalStopped } from '../journal/judge.js';
import { startOf } from '../journal/position.js';
import { encodeRecord } from '../journal/records.js';
import type { Settlement } from '../journal/writer.js';
import type { JournalRegistration } from '../ports/journal-registry.js';
import { loopRelays } from '../relays/loop-relays.js';
import { RelayQueue } from '../relays/relay-queue.js';
import { Snapshotter } from '../snapshots/snapshotter.js';
import { ShardFold } from '../state/shard-fold.js';
import type { AcceptedCommit, Hosting, JournalAddress, OwnedShardGuest } from './hosting.js';
import { ShardInputs, type RegisteredJournal } from './inputs.js';
import type { SealedCommit } from './group.js';
import { Owner, type AnyGroup, type OwnerAlarm } from './owner.js';
import type { LoopPorts, ResolvedSettings } from './settings.js';
import { ShardJournal, type OwnCommit } from './shard-journal.js';
import { assertLegal, type ShardState, type ShardStatus } from './shard-state.js';
import { ShardSignals } from './signals.js';

const TAKE_OVER_BACK_OFF_MS_MAX = 300;
const MEASURE_CLOCK_AGAIN_MS = 30_000;
const SETTLE_LOOK_MS = 10;

/**
 * One shard in one process: it loads, follows its journal as a standby, takes over when the hint names it, and owns until
 * another one does. Only the journal says who owns; what this process believes it has decided is so once it was accepted.
 */
export class HostedShard<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent> {
  readonly cell: number;
  readonly #hosting: Hosting<Command, Foreign, Report, Internal, State, Event>;
  readonly #ports: LoopPorts;
  readonly #settings: ResolvedSettings;
  readonly #onFailed: (error: Error, from: ShardState) => void;
  readonly #signals: ShardSignals;
  readonly #fold: ShardFold<State, Event>;
  readonly #relays: RelayQueue;
  readonly #snapshotter: Snapshotter;
  #state: ShardState = 'initial';
  #error: Error | undefined;
  #journal: ShardJournal<State, Event> | undefined;
  #inputs: ShardInputs | undefined;
  #owner: Owner<Command, Foreign, Report, Internal, State, Event> | undefined;
  #guest: OwnedShardGuest<Event, State> | undefined;
  #hinted = false;
  /** Name of the last term that this process tried to start; it owns while the journal's writer is this one. */
  #writerName: string | undefined;
  #cancelTakeOver: (() => void) | undefined;
  #cancelMeasure: (() => void) | undefined;

  constructor(
    hosting: Hosting<Command, Foreign, Report, Internal, State, Event>,
    cell: number,
    ports: LoopPorts,
    settings: ResolvedSettings,
    onFailed: (error: Error, from: ShardState) => void,
  ) {
    this.cell = cell;
    this.#onFailed = onFailed;
    this.#hosting = hosting;
    this.#ports = ports;
    this.#settings = settings;
    this.#signals = new ShardSignals({ domain: hosting.domain, cell }, ports.observe);
    this.#fold = new ShardFold(hosting.decider, settings.commandsMax);
    this.#relays = new RelayQueue({
      ...ports,
      onProgress: () => this.#owner?.wake(),
      onTrouble: (error) => this.#signals.alarm('relay-failed', error.message),
      onLost: (message) => this.#signals.alarm('relay-failed', message),
    });
    this.#snapshotter = this.#newSnapshotter();
  }

  get status(): ShardStatus {
    const { journalId, seq, term, at } = this.#journal?.cursor ?? { journalId: undefined, seq: -1, term: 0, at: 0 };
    return {
      domain: this.#hosting.domain,
      cell: this.cell,
      state: this.#state,
      journalId,
      seq,
      term,
      at,
      longestTurnMs: this.#signals.longestTurnMs,
      voidRecords: this.#journal?.voidRecords ?? 0,
      error: this.#error?.message,
    };
  }

  /** Digest of accepted state and its position; nothing while a decision is open or a snapshot walks the state. */
  digest(): { readonly seq: number; readonly digest: string } | undefined {
    const position = this.#acceptedPosition();
    if (position === undefined || this.#snapshotter.walking) return undefined;
    return { seq: position.seq, digest: this.#fold.digest(position) };
  }

  /** Resolves once the shard stands by, or has failed. */
  async start(): Promise<void> {
    this.#go('loading', 'started');
    try {
      const [journal, foreign] = await Promise.all([this.#openJournal(), this.#findForeign()]);
      if (!this.#over) await this.#openInputs(journal, foreign);
    } catch (error) {
      this.#fail(error as Error);
    }
    if (this.#over) return;
    this.#go('standby', `folded up to seq ${this.#journal!.cursor.seq}`);
    this.#takeOverSoon(0);
  }

  /** The hint names this process for the shard, or no longer. */
  hint(named: boolean): void {
    this.#hinted = named;
    if (named) this.#takeOverSoon(0);
    else if (this.#state === 'owning' && !this.#journal!.busy) this.#standDown('the hint names another');
  }

  /** Lets the record in flight settle (up to `settleMs`), then stops. */
  async stop(settleMs = 5_000): Promise<void> {
    this.#hinted = false;
    const { clock } = this.#ports;
    const untilMs = clock.nowMs() + settleMs;
    while (this.#journal?.busy === true && !this.#over && clock.nowMs() < untilMs) {
      await new Promise<void>((resolve) => clock.after(SETTLE_LOOK_MS, resolve));
    }
    if (this.#state === 'owning') this.#standDown('closing');
    if (this.#state !== 'closed') this.#go('closed', 'asked to');
    await this.#release();
  }

  async #openJournal(): Promise<ShardJournal<State, Event>> {
    const { domain } = this.#hosting;
    const { cell } = this;
    const registration = await this.#find({ domain, cell });
    const position = await this.#loadState(registration);
    this.#signals.emit({ kind: 'loaded', seq: position.seq });
    const journal = new ShardJournal({
      domain,
      cell,
      ports: this.#ports,
      settings: this.#settings,
      fold: this.#fold,
      signals: this.#signals,
      registration,
      position,
      rollBack: () => this.#owner?.rollBack(),
      onCommit: (commit, own) => this.#onCommit(commit, own),
      onTerm: (record) => this.#onTerm(record),
      onSettled: (events) => this.#snapshotter.onAccepted(events),
      onStopped: (error) => this.#fail(error),
    });
    this.#journal = journal;
    this.#relays.startAt(position.seq);
    if (!this.#over) await journal.open();
    return journal;
  }

  async #loadState({ journalId }: JournalRegistration): Promise<JournalPosition> {
    const loaded = await loadPatiently(
      this.#fold,
      {
        store: this.#ports.snapshots,
        shard: { domain: this.#hosting.domain, cell: this.cell },
        journalId,
        onDamaged: (message) => this.#signals.alarm('snapshot-damaged', message),
      },
      this.#bootOptions('snapshot-failed'),
    );
    if (loaded !== undefined) this.#snapshotter.onLoaded(loaded.at);
    return loaded ?? startOf(journalId);
  }

  #find(address: JournalAddress): Promise<JournalRegistration> {
    return findRegistration(this.#ports.registry, address, this.#bootOptions('reader-failed'));
  }

  #findForeign(): Promise<RegisteredJournal[]> {
    const addresses = this.#hosting.foreign?.(this.cell) ?? [];
    return Promise.all(addresses.map(async (address) => ({ address, registration: await this.#find(address) })));
  }

  async #openInputs(journal: ShardJournal<State, Event>, foreign: readonly RegisteredJournal[]): Promise<void> {
    const { domain, reports } = this.#hosting;
    this.#inputs = new ShardInputs({
      ...this.#ports,
      protocol: this.#settings.protocol,
      domain,
      cell: this.cell,
      reports: reports?.(this.cell) ?? [],
      foreign,
      loop: this.#fold.loop,
      ownSeq: () => journal.cursor.seq,
      onArrival: () => this.#owner?.wake(),
      onVoid: () => undefined,
      onTrouble: (error) => this.#signals.alarm('reader-failed', error.message),
      onStopped: (error) => this.#fail(error),
    });
    this.#owner = new Owner({
      hosting: this.#hosting,
      cell: this.cell,
      clock: this.#ports.clock,
      settings: this.#settings,
      fold: this.#fold,
      inputs: this.#inputs,
      brokerTime: journal.brokerTime,
      accepted: () => journal.cursor,
      mayDecide: () => this.#mayDecide(journal),
      relayedSeq: () => this.#relays.relayedSeq,
      commit: (group, sealed) => this.#commit(journal, group, sealed),
      onTurn: (ms) => this.#signals.turn('decide', ms),
      onAlarm: (code, message) => this.#onOwnerAlarm(code, message),
      onBug: (error) => this.#fail(error),
    });
    await this.#inputs.start();
  }

  #mayDecide(journal: ShardJournal<State, Event>): boolean {
    if (this.#state !== 'owning' || journal.busy || this.#relays.full) return false;
    if (this.#hinted) return true;
    this.#standDown('the hint names another');
    return false;
  }

  #commit(journal: ShardJournal<State, Event>, group: AnyGroup, { value, parsed }: SealedCommit): void {
    void journal.append(value, group.seq, parsed).then((settlement) => {
      if (settlement === 'void') this.#signals.emit({ kind: 'rolled-back', seq: group.seq, inputs: group.inputs });
      this.#owner!.wake();
    });
  }

  #onCommit(commit: AcceptedCommit<Event>, own: OwnCommit | undefined): void {
    const { domain, relay } = this.#hosting;
    if (own !== undefined) {
      const { seq, events } = commit;
      this.#signals.emit({ kind: 'committed', seq, inputs: this.#owner!.groupInputs, events: events.length, ...own });
      this.#owner!.onAccepted();
    }
    this.#inputs?.onAccepted(commit.inputs);
    const told = relay?.(commit, this.#fold.domain) ?? [];
    this.#relays.add(commit.seq, [...told, ...loopRelays(commit, { domain, cell: this.cell })]);
    this.#relays.confirm(commit.relayedSeq);
    if (this.#state === 'owning') this.#guest?.onCommit?.(commit, this.#fold.domain);
  }

  #onTerm(record: TermStartedRecord): void {
    this.#relays.add(record.seq, []);
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
    const delayMs = Math.floor(withinMs * this.#ports.random.fraction());
    this.#cancelTakeOver = this.#ports.clock.after(delayMs, () => void this.#takeOver(this.#journal!));
  }

  async #takeOver(journal: ShardJournal<State, Event>): Promise<void> {
    if (this.#state !== 'standby' || !this.#hinted) return;
    this.#go('taking-over', 'the hint names this instance');
    await journal.caughtUp();
    if (!this.#isTakingOver) return;
    if (!this.#hinted) return this.#go('standby', 'the hint names another');
    if (journal.cursor.writer === this.#writerName) return this.#own();
    const settlement = await this.#startTerm(journal);
    if (settlement === 'accepted' || !this.#isTakingOver) return;
    this.#go('standby', 'the term was not accepted');
    this.#takeOverSoon(TAKE_OVER_BACK_OFF_MS_MAX);
  }

  #startTerm(journal: ShardJournal<State, Event>): Promise<Settlement> {
    const { clock, random } = this.#ports;
    const { journalId, term, seq, hash, at } = journal.cursor;
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
    return journal.append(encodeRecord(record), record.seq);
  }

  #own(): void {
    const { journalId, term, writer } = this.#journal!.cursor;
    this.#go('owning', `term ${term}`);
    this.#fold.speculate(true);
    this.#relays.run(true);
    this.#guest = this.#hosting.owning?.({
      cell: this.cell,
      journalId,
      term,
      writer,
      state: this.#fold.domain,
      submitInternal: (internal) => this.#state === 'owning' && this.#owner!.submitInternal(internal),
    });
    this.#owner!.wake();
  }

  /** W6: everything speculative is dropped. */
  #standDown(why: string): void {
    this.#stopOwning();
    this.#fold.speculate(false);
    this.#go('standby', why);
    this.#takeOverSoon(TAKE_OVER_BACK_OFF_MS_MAX);
  }

  #stopOwning(): void {
    this.#owner?.standDown();
    this.#relays.run(false);
    this.#cancelMeasure?.();
    this.#cancelMeasure = undefined;
    const guest = this.#guest;
    this.#guest = undefined;
    guest?.stop();
  }

  #onOwnerAlarm(code: OwnerAlarm, message: string): void {
    this.#signals.alarm(code, message);
    if (code !== 'clock-ahead') return;
    // No commit tells the broker's time any more; a new term does, and is decided by nobody.
    this.#cancelMeasure ??= this.#ports.clock.after(MEASURE_CLOCK_AGAIN_MS, () => {
      this.#cancelMeasure = undefined;
      if (this.#state !== 'owning' || this.#journal!.busy) return;
      this.#standDown('to learn the time of the log by a new term');
      this.#writerName = undefined;
    });
  }

  #newSnapshotter(): Snapshotter {
    const { snapshotEveryEvents, snapshotEveryMs } = this.#settings;
    return new Snapshotter({
      store: this.#ports.snapshots,
      clock: this.#ports.clock,
      shard: { domain: this.#hosting.domain, cell: this.cell },
      foldVersion: this.#fold.foldVersion,
      parts: this.#fold.parts,
      everyEvents: snapshotEveryEvents,
      everyMs: snapshotEveryMs,
      accepted: () => this.#acceptedPosition(),
      taking: () => this.#state === 'owning',
      relayedSeq: () => this.#relays.relayedSeq,
      onTaken: (seq, slicesWritten, slices) => this.#signals.emit({ kind: 'snapshot', seq, slicesWritten, slices }),
      onFailed: (error) => this.#signals.alarm('snapshot-failed', error.message),
      onDiffers: (message) => this.#signals.alarm('digest-differs', message),
      onTurn: (ms) => this.#signals.turn('snapshot', ms),
    });
  }

  /** Where the state stands, when nothing in it may yet be void. */
  #acceptedPosition(): JournalPosition | undefined {
    return this.#fold.undo.mark === 0 ? this.#journal?.cursor : undefined;
  }

  #bootOptions(code: 'reader-failed' | 'snapshot-failed'): BootOptions {
    return {
      clock: this.#ports.clock,
      onTrouble: (error) => this.#signals.alarm(code, error.message),
      isOver: () => this.#over,
    };
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#error = error;
    const from = this.#state;
    const reason = error instanceof JournalStopped ? error.reason : 'bug';
    this.#signals.emit({ kind: 'stopped', reason, message: error.stack ?? error.message });
    this.#go('failed', error.message);
    void this.#release();
    this.#onFailed(error, from);
  }

  async #release(): Promise<void> {
    this.#cancelTakeOver?.();
    this.#snapshotter.stop();
    this.#stopOwning();
    await Promise.all([this.#journal?.stop(), this.#inputs?.stop()]);
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
    this.#signals.emit({ kind: 'state', from, to, why });
  }
}
