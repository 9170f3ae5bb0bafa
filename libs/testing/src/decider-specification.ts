import { deepStrictEqual } from 'node:assert';
import { createHash } from 'node:crypto';
import {
  partsOf,
  slicesOf,
  UndoLog,
  type Decider,
  type Decision,
  type DecisionContext,
  type DomainEvent,
  type DomainState,
  type EpochMs,
  type Refusal,
} from '@orrery/kernel';

/** What the control loop would stamp on an input; all of it has a default. */
export interface Stamp {
  readonly at?: EpochMs;
  readonly seq?: number;
  readonly seed?: number;
}

/** 2026-01-01T00:00:00Z: the moment at which a specification plays unless it says another. */
export const SPECIFICATION_STARTS_AT_MS = Date.UTC(2026, 0, 1);

/**
 * Sentences about a decider: `specificationOf(leases).given(granted).when(renew).thenRefused('stale-epoch')`.
 *
 * Each `when` decides on the state after everything before it, with the next seq, and folds what was decided. On the way it
 * holds the decider to what the control loop relies on: decide leaves the state alone, events survive JSON, and a decision
 * that is rolled back leaves the bytes of the state as they were.
 */
export function specificationOf<Input, State extends object, Event extends DomainEvent>(
  decider: Decider<Input, State, Event>,
): Specification<Input, State, Event> {
  return new Specification(decider, []);
}

export class Specification<Input, State extends object, Event extends DomainEvent> {
  readonly #decider: Decider<Input, State, Event>;
  readonly #history: readonly Event[];

  constructor(decider: Decider<Input, State, Event>, history: readonly Event[]) {
    this.#decider = decider;
    this.#history = history;
  }

  /** What is known to have happened, in order; adds to what was given before. */
  given(...events: readonly Event[]): Specification<Input, State, Event> {
    return new Specification(this.#decider, [...this.#history, ...events]);
  }

  when(input: Input, stamp: Stamp = {}): Outcome<Input, State, Event> {
    const state = this.#decider.initialState();
    for (const event of this.#history) this.#decider.evolve(state, throughJson(event));
    return new Outcome(this.#decider, state, input, { at: SPECIFICATION_STARTS_AT_MS, seq: 1, seed: 1, ...stamp });
  }

  /** The state after what was given alone. */
  thenState(check: (state: State) => void): this {
    const state = this.#decider.initialState();
    for (const event of this.#history) this.#decider.evolve(state, throughJson(event));
    check(state);
    return this;
  }
}

/** What the last `when` decided. */
export class Outcome<Input, State extends object, Event extends DomainEvent> {
  readonly #decider: Decider<Input, State, Event>;
  readonly #state: State;
  readonly #stamp: Required<Stamp>;
  readonly #decision: Decision<Event>;

  constructor(decider: Decider<Input, State, Event>, state: State, input: Input, stamp: Required<Stamp>) {
    this.#decider = decider;
    this.#state = state;
    this.#stamp = stamp;
    this.#decision = decideAndFold(decider, state, input, stamp);
  }

  /** The events of the last decision; fails when it was a refusal. */
  get events(): readonly Event[] {
    if (!this.#decision.accepted) throw new Error(`expected events, found refusal ${describe(this.#decision.refusal)}`);
    return this.#decision.events;
  }

  /** Goes on from here: the next input, one seq later unless the stamp says otherwise. */
  when(input: Input, stamp: Stamp = {}): Outcome<Input, State, Event> {
    return new Outcome(this.#decider, this.#state, input, { ...this.#stamp, seq: this.#stamp.seq + 1, ...stamp });
  }

  /** Exactly these events, in this order. */
  then(...expected: readonly Event[]): this {
    deepStrictEqual(this.events.map(throughJson), expected.map(throughJson));
    return this;
  }

  /** For events too long to write out: whatever `check` says about them. */
  thenEvents(check: (events: readonly Event[]) => void): this {
    check(this.events);
    return this;
  }

  thenNothing(): this {
    return this.then();
  }

  /** Refused with this code; `check` may look at message, field and remedy. */
  thenRefused(code: string, check?: (refusal: Refusal) => void): this {
    if (this.#decision.accepted) {
      throw new Error(`expected refusal ${code}, found events ${JSON.stringify(this.#decision.events)}`);
    }
    deepStrictEqual(this.#decision.refusal.code, code, describe(this.#decision.refusal));
    check?.(this.#decision.refusal);
    return this;
  }

  /** The state with the decided events folded in. */
  thenState(check: (state: State) => void): this {
    check(this.#state);
    return this;
  }
}

function decideAndFold<Input, State extends object, Event extends DomainEvent>(
  decider: Decider<Input, State, Event>,
  state: State,
  input: Input,
  stamp: Required<Stamp>,
): Decision<Event> {
  const undo = new UndoLog();
  const parts = partsOf(state as DomainState);
  parts.forEach((part) => part.recordTo(undo));
  const before = digestOf(state);

  const decision = decider.decide(input, state, contextOf(stamp));
  if (undo.mark > 0 || digestOf(state) !== before) throw new Error('decide changed the state: only evolve may');
  if (decision.accepted) {
    const events = decision.events.map(throughJson);
    deepStrictEqual(events, decision.events, 'an event does not survive JSON');
    for (const event of events) decider.evolve(state, event);
    const after = digestOf(state);
    undo.rollBackTo(0);
    if (digestOf(state) !== before)
      throw new Error('rolled back, the state is not what it was: evolve went around a part');
    for (const event of events) decider.evolve(state, event);
    if (digestOf(state) !== after) throw new Error('folded again, the state is another one');
    if (decision.prepared !== undefined) {
      deepStrictEqual(
        decision.prepared.encoded.map((text) => JSON.parse(text) as object),
        events.map(({ data }) => data),
      );
      undo.rollBackTo(0);
      decision.prepared.apply();
      if (digestOf(state) !== after) throw new Error('what was prepared is not what folding the events gives');
    }
  }
  parts.forEach((part) => part.recordTo(undefined));
  return decision;
}

function contextOf({ at, seq, seed }: Required<Stamp>): DecisionContext {
  let ordinal = 0;
  return { at, seq, seed, nextId: () => `${seq}.${ordinal++}`, nextIds: (count) => (ordinal += count) - count };
}

/** sha256 over all parts of a state, hex: equal for equal states. */
export function digestOf(state: object): string {
  const hash = createHash('sha256');
  for (const { part, slice } of slicesOf(state as DomainState)) hash.update(part).update(slice);
  return hash.digest('hex');
}

function throughJson<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

function describe(refusal: Refusal): string {
  return `${refusal.code}: ${refusal.message}`;
}
