import type { JournalPosition } from '@orrery/contracts';
import { assert, type DomainEvent, type EpochMs } from '@orrery/kernel';
import type { Clock } from '../ports/clock.js';
import type { ShardFold } from '../state/shard-fold.js';
import type { BrokerTime } from './broker-time.js';
import { Group, type SealedCommit } from './group.js';
import type { Hosting } from './hosting.js';
import type { ShardInputs } from './inputs.js';
import type { ResolvedSettings } from './settings.js';
import { LoopTimers } from './timers.js';

export interface OwnerOptions<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent> {
  readonly hosting: Hosting<Command, Foreign, Report, Internal, State, Event>;
  readonly cell: number;
  readonly clock: Clock;
  readonly settings: ResolvedSettings;
  readonly fold: ShardFold<State, Event>;
  readonly inputs: ShardInputs;
  readonly brokerTime: BrokerTime;
  accepted(): JournalPosition;
  /** Whether a decision may be made now: owned, hinted, nothing in flight, relays keeping up. */
  mayDecide(): boolean;
  relayedSeq(): number;
  /** Sends the group as the next commit. */
  commit(group: AnyGroup, sealed: SealedCommit): void;
  onTurn(ms: number): void;
  onAlarm(code: OwnerAlarm, message: string): void;
  onBug(error: Error): void;
}

export type OwnerAlarm = 'clock-ahead' | 'fact-refused' | 'idle-tick';

export type AnyGroup = Group<unknown, unknown, unknown, unknown, object, never>;

const INTERNALS_MAX = 1_000;
const CLOCK_LOOK_AGAIN_MS = 500;

/**
 * Turns of an owner: take a group of inputs, decide on each upon the state after the ones before it, hand the commit over.
 * Never called while a commit is in flight; what happens to a commit is the shard's concern.
 */
export class Owner<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent> {
  readonly #options: OwnerOptions<Command, Foreign, Report, Internal, State, Event>;
  readonly #timers = new LoopTimers();
  readonly #internals: Internal[] = [];
  /** Internal inputs at the head of the queue that the open group has decided on. */
  #internalsTaken = 0;
  #group: Group<Command, Foreign, Report, Internal, State, Event> | undefined;
  #groupOpenedMs = 0;
  #wakeSoon = false;
  #cancelWake: (() => void) | undefined;
  #alarmed = false;

  constructor(options: OwnerOptions<Command, Foreign, Report, Internal, State, Event>) {
    this.#options = options;
  }

  /** Inputs that the open or flying group has decided on. */
  get groupInputs(): number {
    return this.#group?.inputs ?? 0;
  }

  submitInternal(internal: Internal): boolean {
    if (this.#internals.length >= INTERNALS_MAX) return false;
    this.#internals.push(internal);
    this.wake();
    return true;
  }

  /** Something may have come up: there will be a turn soon, one however often this is called. */
  wake(): void {
    if (this.#wakeSoon) return;
    this.#wakeSoon = true;
    this.#cancelWake?.();
    this.#cancelWake = this.#options.clock.after(0, () => {
      this.#wakeSoon = false;
      this.#turn();
    });
  }

  /** The group was accepted: what it decided is so. */
  onAccepted(): void {
    this.#internals.splice(0, this.#internalsTaken);
    this.#internalsTaken = 0;
    this.#group = undefined;
  }

  /** Nothing of the group has happened: its inputs will be decided on anew, by whoever owns the shard then. */
  rollBack(): void {
    if (this.#group === undefined) return;
    this.#options.fold.rollBack();
    this.#options.inputs.rewind();
    this.#internalsTaken = 0;
    this.#group = undefined;
  }

  /** No longer owned. */
  standDown(): void {
    this.rollBack();
    this.#internals.length = 0;
    this.#cancelWake?.();
    this.#wakeSoon = false;
  }

  #turn(): void {
    const { clock, onTurn, onBug } = this.#options;
    if (!this.#options.mayDecide()) return;
    const beganMs = clock.nowMs();
    try {
      this.#decide(beganMs);
    } catch (error) {
      onBug(error as Error);
    }
    onTurn(clock.nowMs() - beganMs);
  }

  #decide(nowMs: EpochMs): void {
    const { accepted, inputs } = this.#options;
    const at = Math.max(accepted().at, nowMs, inputs.latestAt);
    if (this.#isClockAhead(at, nowMs)) return this.#wakeAt(nowMs + CLOCK_LOOK_AGAIN_MS);

    const group = this.#openGroup(nowMs);
    group.at = at;
    this.#decideInternals(group);
    this.#decideTimers(group);
    const more = inputs.decide(group as unknown as AnyGroup, this.#enough(group, nowMs));
    group.endTurn();
    if (group.events > 0 || this.#mustSave(group, nowMs)) return this.#commit(group);
    if (more) return this.wake();
    this.#armTimers(group);
  }

  #openGroup(nowMs: EpochMs): Group<Command, Foreign, Report, Internal, State, Event> {
    if (this.#group === undefined || this.#group.inputs === 0) {
      const { hosting, cell, fold, accepted, onAlarm } = this.#options;
      this.#groupOpenedMs = nowMs;
      this.#group = new Group({
        hosting,
        cell,
        fold,
        accepted: accepted(),
        onRefusedFact: ({ code, message }, cause) =>
          onAlarm('fact-refused', `${JSON.stringify(cause)} was refused: ${code}, ${message}`),
      });
    }
    assert(this.#group.seq === this.#options.accepted().seq + 1, 'a group on another state', { seq: this.#group.seq });
    return this.#group;
  }

  #decideInternals(group: Group<Command, Foreign, Report, Internal, State, Event>): void {
    while (this.#internalsTaken < this.#internals.length && !group.isFull) {
      group.decideInternal(this.#internals[this.#internalsTaken]!);
      this.#internalsTaken += 1;
    }
    // Those that decided nothing leave no trace, so nothing can bring them back.
    if (group.inputs === 0) this.#internals.splice(0, this.#internalsTaken);
    if (group.inputs === 0) this.#internalsTaken = 0;
  }

  #decideTimers(group: Group<Command, Foreign, Report, Internal, State, Event>): void {
    const { decider } = this.#options.hosting;
    const state = this.#options.fold.domain;
    const deadline = decider.nextDeadline?.(state);
    if (!group.isFull && this.#timers.tickDue(deadline, group.at) && !group.decideInternal({ type: 'tick' })) {
      this.#onIdle('tick', group.at);
    }
    const continues = decider.continues?.(state) === true;
    if (!group.isFull && this.#timers.continueDue(continues, group.at) && !group.decideInternal({ type: 'continue' })) {
      this.#onIdle('continue', group.at);
    }
  }

  #onIdle(type: string, at: EpochMs): void {
    this.#timers.onIdle(at);
    this.#options.onAlarm('idle-tick', `${type} decided nothing though the state asks for it`);
  }

  #enough(group: Group<Command, Foreign, Report, Internal, State, Event>, beganMs: EpochMs): () => boolean {
    const { clock, settings } = this.#options;
    const inputsMax = group.inputs + settings.groupInputsMax;
    return () => group.isFull || group.inputs >= inputsMax || clock.nowMs() - beganMs >= settings.groupMsMax;
  }

  #mustSave(group: Group<Command, Foreign, Report, Internal, State, Event>, nowMs: EpochMs): boolean {
    const { saveEveryInputs, saveEveryMs } = this.#options.settings;
    if (group.inputs === 0) return false;
    return group.isFull || group.inputs >= saveEveryInputs || nowMs - this.#groupOpenedMs >= saveEveryMs;
  }

  #commit(group: Group<Command, Foreign, Report, Internal, State, Event>): void {
    this.#options.commit(group as unknown as AnyGroup, group.seal(this.#options.relayedSeq()));
  }

  #armTimers(group: Group<Command, Foreign, Report, Internal, State, Event>): void {
    const { hosting, fold, settings } = this.#options;
    const { decider } = hosting;
    const looks = [
      this.#timers.nextMs(decider.nextDeadline?.(fold.domain), decider.continues?.(fold.domain) === true),
      group.inputs === 0 ? undefined : this.#groupOpenedMs + settings.saveEveryMs,
    ].filter((ms) => ms !== undefined);
    if (looks.length > 0) this.#wakeAt(Math.min(...looks));
  }

  #wakeAt(ms: EpochMs): void {
    const { clock } = this.#options;
    if (this.#wakeSoon) return;
    this.#cancelWake?.();
    this.#cancelWake = clock.after(Math.max(1, ms - clock.nowMs()), () => this.#turn());
  }

  #isClockAhead(at: EpochMs, nowMs: EpochMs): boolean {
    const aheadMs = this.#options.brokerTime.tooFarAheadMs(at, nowMs);
    if (aheadMs === undefined) {
      this.#alarmed = false;
      return false;
    }
    if (!this.#alarmed) {
      this.#options.onAlarm('clock-ahead', `commits wait: their time is ${aheadMs} ms ahead of the log's`);
    }
    this.#alarmed = true;
    return true;
  }
}
