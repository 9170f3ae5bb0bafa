import type { CommandObject, CommitRecord, DomainName, JournalPosition } from '@orrery/contracts';
import type { Decider, DomainEvent, Input, Refusal } from '@orrery/kernel';
import type { OutgoingMessage, TopicPartition } from '../ports/log.js';
import type { Gathering } from './gathered-reports.js';

/** All that the loop must be told to host a decider. Everything in it is pure, but `owning`. */
export interface Hosting<Command, Foreign, Report, Internal, State extends object, Event extends DomainEvent> {
  readonly domain: DomainName;
  readonly decider: Decider<Input<Command, Foreign, Report, Internal>, State, Event>;
  /**
   * A typed command and what it is about, or a refusal: `unknown-type`, `unsupported-version`, `invalid-field` … The body is
   * parsed JSON.
   */
  decodeCommand(name: string, version: number, body: unknown): Decoded<TypedCommand<Command>>;
  /**
   * The cell that a command belongs to; `undefined` leaves it where it is. `subject` is the key of its message, the state that
   * of the shard which it came to.
   */
  cellOf?(command: Command, subject: string, state: State): number | undefined;
  /** The journals that the shard of this cell reads, in causal order. */
  foreign?(cell: number): readonly JournalAddress[];
  /** The report partitions that the shard of this cell reads. */
  reports?(cell: number): readonly TopicPartition[];
  decodeReport?(body: unknown, source: TopicPartition): Decoded<{ readonly report: Report }>;
  /** Which reports are judged together where they come together; each by itself when left out. */
  readonly gathering?: Gathering<Report>;
  /**
   * What an accepted commit tells the outside, made from the commit and the state right after it. Published in order, at
   * least once, by the owner; so keys and numbers in the messages must make a repeat harmless.
   */
  relay?(commit: AcceptedCommit<Event>, state: State): readonly RelayedMessage[];
  /** Version of an event's `data`; 1 when left out. */
  eventVersion?(type: Event['type']): number;
  /** Called when this process begins to own a shard: for soft state such as leases. */
  owning?(shard: OwnedShard<Internal, State>): OwnedShardGuest<Event, State>;
}

export type Decoded<Value> = ({ readonly ok: true } & Value) | { readonly ok: false; readonly refusal: Refusal };

export interface TypedCommand<Command> {
  readonly command: Command;
  /** Recorded with its outcome. */
  readonly object?: CommandObject;
}

export interface JournalAddress {
  readonly domain: DomainName;
  readonly cell: number;
}

export interface RelayedMessage extends OutgoingMessage {
  readonly topic: string;
  readonly partition: number;
}

/** A commit that every reader accepts; its events are the domain's and the loop's, as recorded. */
export interface AcceptedCommit<Event extends DomainEvent> extends Omit<CommitRecord, 'events'> {
  readonly events: readonly (Event & CommitRecord['events'][number])[];
  /** Of the journal, right after this commit. */
  readonly position: JournalPosition;
}

/** A shard while this process owns it. */
export interface OwnedShard<Internal, State> {
  readonly cell: number;
  readonly journalId: string;
  readonly term: number;
  /** Names the term: fresh and random for each. */
  readonly writer: string;
  /** Accepted state. Read it now or in `onCommit`, never later: a decision that may yet be void shows in it. */
  readonly state: State;
  /**
   * Hands an input of the host's own to the decider; recorded whole in the commit. False when the queue is full or the
   * shard is no longer owned: what it meant must then be found out anew.
   */
  submitInternal(internal: Internal): boolean;
}

export interface OwnedShardGuest<Event extends DomainEvent, State> {
  /** After each commit that was accepted while the shard is owned. */
  onCommit?(commit: AcceptedCommit<Event>, state: State): void;
  /** The shard is no longer owned. */
  stop(): void;
}
