import type { EpochMs } from './brand.js';

/**
 * The whole of a domain: three pure functions and two questions.
 *
 * `decide` proposes events and never changes the state; `evolve` is the only code that does, for the owner, a standby, a
 * boot from snapshot and an audit alike. Neither reads a clock, draws a random number or depends on the order of a Map:
 * what they need of the world comes with the input and is recorded in the commit, so that any commit can be decided again.
 * The shape is emmett's decider; the split between proposing and replaying is that of Kafka's KRaft controller.
 */
export interface Decider<Input, State, Event extends DomainEvent> {
  /** Names the domain, its topics and its snapshots: `cluster`, `allocation`, `services`. */
  readonly name: string;
  /** Rises whenever `evolve` or the encoding of the state changes meaning; snapshots of another version are not used. */
  readonly foldVersion: number;
  initialState(): State;
  decide(input: Input, state: State, context: DecisionContext): Decision<Event>;
  evolve(state: State, event: Event): void;
  /** The earliest moment at which a `tick` input would decide something, if any. */
  nextDeadline?(state: State): EpochMs | undefined;
  /** Whether work was left for an internal `continue` input, because one decision may not run longer. */
  continues?(state: State): boolean;
}

/** What a decision may know besides state and input. All of it is recorded in the commit or derived from its head. */
export interface DecisionContext {
  /** Time of the commit: never earlier than that of any commit it follows. */
  readonly at: EpochMs;
  /** Seed for whoever needs to break ties at random; equal when decided again. */
  readonly seed: number;
  /** Sequence number of the commit that these events will be part of. */
  readonly seq: number;
  /** A name unique in this journal for ever: `<seq>.<ordinal>`. */
  nextId(): string;
  /** So many names that follow each other: the ordinal of the first, of `<seq>.<ordinal>`. */
  nextIds(count: number): number;
}

export interface DomainEvent {
  readonly type: string;
  readonly data: object;
}

/** What came in, whatever the way: an order, a fact of another journal, an agent's report, or the loop's own doing. */
export type Input<Command, Foreign, Report, Internal> =
  CommandInput<Command> | ForeignInput<Foreign> | ReportInput<Report> | InternalInput<Internal>;

export interface CommandInput<Command> {
  readonly kind: 'command';
  readonly id: string;
  readonly actor: string;
  readonly reason?: string;
  /** The version of the subject that the sender saw; a decider refuses `version-conflict` when it moved. */
  readonly ifVersion?: string;
  readonly command: Command;
}

export interface ForeignInput<Foreign> {
  readonly kind: 'foreign';
  /** Domain of the journal that holds the event. */
  readonly domain: string;
  readonly journalId: string;
  readonly seq: number;
  readonly event: Foreign;
}

export interface ReportInput<Report> {
  readonly kind: 'reports';
  /** At least one; several that came one after the other where the host says that they may be judged together. */
  readonly reports: readonly Report[];
}

export interface InternalInput<Internal> {
  readonly kind: 'internal';
  readonly internal: Internal | Tick | Continue;
}

export interface Tick {
  readonly type: 'tick';
}

export interface Continue {
  readonly type: 'continue';
}

/** A refusal is data: the sender reads it, the journal keeps it. Codes are listed in `@orrery/contracts`. */
export interface Refusal {
  readonly code: string;
  /** One sentence: what was expected and what was found. */
  readonly message: string;
  /** JSON pointer into the body, where one field is at fault. */
  readonly field?: string;
  /** What would make it pass. */
  readonly remedy?: string;
  /** What else is wrong with the same body, where all of it was looked at. */
  readonly also?: readonly Mistake[];
}

export type Mistake = Pick<Refusal, 'message' | 'field' | 'remedy'>;

export type Decision<Event> =
  | { readonly accepted: true; readonly events: readonly Event[]; readonly prepared?: Prepared }
  | { readonly accepted: false; readonly refusal: Refusal };

/**
 * Of a decider that folds its events while it decides, to know what follows from them: each was encoded, parsed back and
 * folded over the state once, so nobody has to do it again. `events` are what the JSON says.
 */
export interface Prepared {
  /** The data of each event as JSON. */
  readonly encoded: readonly string[];
  /** Does to the state exactly what folding the events would do. */
  apply(): void;
}

export function accept<Event>(...events: readonly Event[]): Decision<Event> {
  return { accepted: true, events };
}

export function reject(code: string, message: string, more: Omit<Refusal, 'code' | 'message'> = {}): Decision<never> {
  return { accepted: false, refusal: { code, message, ...more } };
}
