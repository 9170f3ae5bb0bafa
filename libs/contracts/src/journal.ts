import type { EpochMs } from '@orrery/kernel';
import type { CommandObject } from './command-object.js';
import type { CommandId, DomainName } from './ids.js';

/**
 * A journal record is the value of one Kafka message: JSON that is made once and sent unchanged in every attempt.
 * hash = sha256 of those bytes, hex; `prevHash` of the next accepted record names it. See shared/journal-protocol.md.
 */
export type JournalRecord = GenesisRecord | TermStartedRecord | CommitRecord;

export interface RecordHead {
  readonly journalId: string;
  readonly kind: 'Genesis' | 'TermStarted' | 'Commit';
  readonly term: number;
  readonly seq: number;
  readonly prevHash: string;
  /** Random for each TermStarted; names the owner of the term. Empty in Genesis. */
  readonly writer: string;
  /** Never earlier than that of the record before, nor of any foreign commit among its inputs. */
  readonly at: EpochMs;
}

/** Seq 0, written once by provisioning. Its hash is registered outside the topic. */
export interface GenesisRecord extends RecordHead {
  readonly kind: 'Genesis';
  readonly domain: DomainName;
  readonly cell: number;
  readonly cells: number;
}

export interface TermStartedRecord extends RecordHead {
  readonly kind: 'TermStarted';
  /** The process that took over, for people. */
  readonly instance: string;
  /** Readers that lack this fold stop here. */
  readonly foldVersion: number;
}

export interface CommitRecord extends RecordHead {
  readonly kind: 'Commit';
  /** In the order of decision; together with the state before, enough to decide the commit again. */
  readonly inputs: readonly RecordedInput[];
  /** Up to this seq (inclusive) everything that relays make of commits was published when this record was made. */
  readonly relayedSeq: number;
  readonly events: readonly RecordedEvent[];
}

/** A run of inputs that were decided on one after the other. */
export type RecordedInput =
  | {
      readonly kind: 'slice';
      readonly topic: string;
      readonly partition: number;
      /** First offset. */
      readonly from: number;
      /** Offset after the last. */
      readonly to: number;
      /** Over the values in order, hex. */
      readonly sha256: string;
      /** When these were decided on, if that was earlier than the commit: they gave no events then. */
      readonly at?: EpochMs;
    }
  | {
      readonly kind: 'journal';
      readonly domain: DomainName;
      readonly cell: number;
      readonly fromSeq: number;
      /** Events of `fromSeq` that an earlier run has decided on; 0 when left out. */
      readonly fromEvent?: number;
      /** Inclusive. */
      readonly toSeq: number;
      /** Only so many events of `toSeq` were decided on: the rest are more than one commit may hold, or take too long. */
      readonly toEvent?: number;
      /** Where reading goes on: the whole cursor after toSeq. */
      readonly cursor: JournalPosition;
      /** When these were decided on, if that was earlier than the commit: they gave no events then. */
      readonly at?: EpochMs;
    }
  | { readonly kind: 'internal'; readonly at: EpochMs; readonly seed: number; readonly input: unknown };

/** All that a reader needs to go on in a journal and to see that it is still the same one. */
export interface JournalPosition {
  readonly journalId: string;
  /** Offset of the message to read next. */
  readonly next: number;
  /** Offset of the last accepted record. */
  readonly lastOffset: number;
  readonly term: number;
  readonly writer: string;
  readonly seq: number;
  readonly hash: string;
  readonly at: EpochMs;
}

/** A domain event as the journal keeps it: what happened, and who and what made it happen. */
export interface RecordedEvent<Type extends string = string, Data extends object = object> {
  readonly type: Type;
  readonly version: number;
  readonly cause: Cause;
  /** Who sent the command, when a command caused it. */
  readonly actor?: string;
  /** Why, in the sender's words. */
  readonly reason?: string;
  readonly data: Data;
}

export type Cause =
  | { readonly command: CommandId }
  | { readonly domain: DomainName; readonly cell: number; readonly seq: number }
  /** A message, or all from it to the `last`, which were decided on together. */
  | { readonly topic: string; readonly partition: number; readonly offset: number; readonly last?: number }
  | { readonly internal: string };

/**
 * Events that the control loop itself writes, in every domain, for every input that is a command or can't be one. They are
 * what `GET /v1/commands/{id}` shows and what keeps a command id from taking effect twice.
 */
export type LoopEvent =
  | { readonly type: 'CommandAccepted'; readonly data: CommandOutcome }
  | { readonly type: 'CommandRefused'; readonly data: CommandOutcome & RefusalData }
  | { readonly type: 'CommandForwarded'; readonly data: CommandOutcome & { readonly partition: number } }
  | {
      /** Not a command at all: the bytes are in the quarantine topic, keyed `topic-partition-offset`. */
      readonly type: 'InputQuarantined';
      readonly data: { readonly topic: string; readonly partition: number; readonly offset: number } & RefusalData;
    };

export interface CommandOutcome {
  readonly command: CommandId;
  readonly commandType: string;
  /** First 8 bytes of the sha256 of the body, hex: another body under the same id is refused `id-reused`. */
  readonly bodyDigest: string;
  /** The command is refused `expired` from then on, so its id may be forgotten. */
  readonly notAfter: EpochMs;
  /** What the command is about: the key of its message. */
  readonly subject: string;
  /** The narrowest thing that its body names. Absent: the body was not read, or is none. */
  readonly object?: CommandObject;
}

export interface RefusalData {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
  readonly remedy?: string;
}

export const loopEventTypes: ReadonlySet<string> = new Set<LoopEvent['type']>([
  'CommandAccepted',
  'CommandRefused',
  'CommandForwarded',
  'InputQuarantined',
]);
