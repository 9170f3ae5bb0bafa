import { createHash, type Hash } from 'node:crypto';
import type { JournalPosition, RecordedInput } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import { acceptedPosition } from '../journal/position.js';
import type { LogMessage, TopicPartition } from '../ports/log.js';
import type { JournalAddress } from '../shard/hosting.js';
import type { ForeignRow } from '../state/loop-state.js';
import type { Fact } from './journal-queue.js';

interface SliceRun {
  readonly kind: 'slice';
  readonly source: TopicPartition;
  readonly at: EpochMs;
  readonly from: number;
  readonly hash: Hash;
  to: number;
}

interface JournalRun {
  readonly kind: 'journal';
  readonly address: JournalAddress;
  readonly at: EpochMs;
  readonly fromSeq: number;
  readonly fromEvent: number;
  toSeq: number;
  toEvent: number | undefined;
  cursor: JournalPosition;
}

interface InternalRun {
  readonly kind: 'internal';
  readonly at: EpochMs;
  readonly seed: number;
  readonly input: unknown;
}

/** The inputs of one commit in the order in which they were decided on, in runs of the same source and time. */
export class RecordedRuns {
  readonly #runs: (SliceRun | JournalRun | InternalRun)[] = [];
  /** Where each source goes on, behind the runs so far. */
  readonly #ends = new Map<string, { seq: number; event: number }>();
  #internalBytes = 0;
  #isCut = false;

  get count(): number {
    return this.#runs.length;
  }

  /** What the runs take in the commit, generously. */
  get bytes(): number {
    return this.#runs.length * 600 + this.#internalBytes;
  }

  /** What comes next is not decided on together with what came last. */
  cut(): void {
    this.#isCut = true;
  }

  addMessage(source: TopicPartition, { offset, value }: LogMessage, position: number, at: EpochMs): void {
    const last = this.#runs.at(-1);
    const key = `${source.topic}/${source.partition}`;
    if (last?.kind === 'slice' && last.source === source && last.at === at && !this.#isCut) {
      last.to = offset + 1;
      last.hash.update(value ?? '');
    } else {
      const from = this.#ends.get(key)?.seq ?? position;
      const hash = createHash('sha256').update(value ?? '');
      this.#runs.push({ kind: 'slice', source, at, from, to: offset + 1, hash });
      this.#isCut = false;
    }
    this.#ends.set(key, { seq: offset + 1, event: 0 });
  }

  addFact(address: JournalAddress, key: string, fact: Fact, position: ForeignRow | undefined, at: EpochMs): void {
    const last = this.#runs.at(-1);
    const cursor = acceptedPosition(fact.cursor);
    const toEvent = fact.isLast ? undefined : fact.eventsDone;
    if (last?.kind === 'journal' && last.address === address && last.at === at) {
      Object.assign(last, { toSeq: fact.seq, toEvent, cursor });
    } else {
      const { seq, event } = this.#ends.get(key) ?? startOf(position);
      this.#runs.push({
        kind: 'journal',
        address,
        at,
        fromSeq: seq,
        fromEvent: event,
        toSeq: fact.seq,
        toEvent,
        cursor,
      });
    }
    this.#ends.set(key, fact.isLast ? { seq: fact.seq + 1, event: 0 } : { seq: fact.seq, event: fact.eventsDone });
  }

  addInternal(input: unknown, seed: number, at: EpochMs): void {
    this.#runs.push({ kind: 'internal', at, seed, input });
    this.#internalBytes += Buffer.byteLength(JSON.stringify(input));
  }

  /** As the commit of this time records them. */
  recorded(commitAt: EpochMs): RecordedInput[] {
    return this.#runs.map((run) => {
      const earlier = run.at === commitAt ? {} : { at: run.at };
      switch (run.kind) {
        case 'internal':
          return run;
        case 'slice': {
          const { source, from, to, hash } = run;
          return { kind: 'slice', ...source, from, to, sha256: hash.copy().digest('hex'), ...earlier };
        }
        case 'journal': {
          const { address, fromSeq, fromEvent, toSeq, toEvent, cursor } = run;
          return {
            kind: 'journal',
            ...address,
            fromSeq,
            ...(fromEvent === 0 ? {} : { fromEvent }),
            toSeq,
            ...(toEvent === undefined ? {} : { toEvent }),
            cursor,
            ...earlier,
          };
        }
      }
    });
  }
}

function startOf(position: ForeignRow | undefined): { seq: number; event: number } {
  if (position === undefined) return { seq: 0, event: 0 };
  return position.events === undefined
    ? { seq: position.seq + 1, event: 0 }
    : { seq: position.seq, event: position.events };
}
