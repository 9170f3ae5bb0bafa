import type { GrantId } from '@orrery/contracts';
import type { JournalAddress, VoidReason } from '@orrery/control-loop';
import type { Choice } from '@orrery/domain';
import type { StreamedCommit } from '../events/streamed-commit.js';
import type { Position } from '../position.js';
import type { Moment, Query } from './query.js';

export interface Asked {
  readonly query: Query;
  /** Of the past; now when left out. */
  readonly moment?: Moment;
  /** Answer only from a state that is at least as far. */
  readonly minPosition?: Position;
}

export interface Answered {
  /** JSON. */
  readonly body: Uint8Array;
  /** Of the state that the answer was made from. */
  readonly position: string;
  readonly etag?: string;
}

export interface ReadModelStatus {
  readonly ready: boolean;
  /** Each journal: how far it is folded and how far its log goes. */
  readonly journals: readonly {
    readonly journal: string;
    readonly seq: number;
    readonly at: number;
    readonly lag: number;
  }[];
  readonly problems: readonly string[];
}

/** The folded state of all journals, behind a seam of questions and answers. Problems are thrown. */
export abstract class ReadModel {
  abstract ask(asked: Asked): Promise<Answered>;
  /** Commits that are handed over as they come carry their events only while somebody watches. */
  abstract watch(on: boolean): Promise<void>;
  /** Commits from a position on (it may begin earlier), in causal order, until `signal` aborts. */
  abstract catchUp(from: Position, signal: AbortSignal): AsyncIterable<readonly StreamedCommit[]>;
  /** Right before the first commits of a time or later. */
  abstract positionBefore(atMs: number): Promise<Position>;
  /** Walks all journals from zero, and says what it finds. */
  abstract verify(signal: AbortSignal): AsyncIterable<AuditLine>;
  /** How the place of a grant was chosen; null where that would be decided in another way today. */
  abstract choiceOf(placed: PlacedGrant): Promise<Choice | null>;
  abstract status(): ReadModelStatus;
}

export interface PlacedGrant {
  readonly cell: number;
  readonly grant: GrantId;
  /** So many agents are named: the one that was chosen and the best of the others. */
  readonly scoresMax: number;
}

/** A line of an audit: `void` and `snapshot` are as they should be, a `finding` is not. */
export type AuditLine =
  | { readonly kind: 'progress'; readonly journal: string; readonly seq: number }
  | {
      readonly kind: 'journal' | 'void' | 'snapshot' | 'finding';
      readonly journal: string;
      readonly message: string;
      readonly seq?: number;
      readonly offset?: number;
      readonly reason?: string;
      readonly digest?: string;
    }
  | { readonly kind: 'result'; readonly ok: boolean; readonly message: string };

/** A record that no reader accepts. */
export interface VoidRecord {
  readonly shard: JournalAddress;
  readonly reason: VoidReason;
  readonly offset: number;
}
