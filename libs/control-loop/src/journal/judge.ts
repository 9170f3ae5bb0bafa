import type { JournalPosition, JournalRecord, RecordedInput } from '@orrery/contracts';
import type { JournalRepair } from '../ports/journal-registry.js';
import type { LogMessage } from '../ports/log.js';
import { sha256 } from './hash.js';
import { readBody, readHead, type ReadableHead } from './records.js';

/** What a reader holds a journal to, besides the chain itself. */
export interface JournalRules {
  readonly journalId: string;
  readonly genesisHash: string;
  readonly repairs?: readonly JournalRepair[];
  /** A term with a higher one is beyond this reader; left out by readers that fold no state of the journal. */
  readonly foldVersion?: number;
  /** What is wrong with where the inputs of a commit start, if anything; left out by readers that keep no positions. */
  readonly inputsFault?: (inputs: readonly RecordedInput[]) => string | undefined;
}

export type Verdict =
  | {
      readonly kind: 'accepted';
      readonly record: JournalRecord;
      readonly cursor: JournalPosition;
    }
  | { readonly kind: 'void'; readonly reason: VoidReason; readonly cursor: JournalPosition }
  | { readonly kind: 'stop'; readonly reason: StopReason; readonly message: string };

/** `late`: a record whose seq is taken, the protocol at work. `unreadable`, `foreign`: not of this journal at all. */
export type VoidReason = 'unreadable' | 'foreign' | 'before-genesis' | 'late' | 'repaired';

export type StopReason =
  | 'offset-gap'
  | 'gap'
  | 'fork'
  | 'damaged'
  | 'fold-version'
  /** An older format wrote it. */
  | 'unreadable-event'
  | 'genesis-missing'
  | 'anchor-lost'
  | 'log-lost'
  | 'not-registered'
  | 'input-lost'
  /** Not the journal's fault: a broken invariant in this process. */
  | 'bug';

export type JudgedMessage = Pick<LogMessage, 'offset' | 'value'> & {
  /** What the value says, when it was parsed before. */
  readonly parsed?: unknown;
};
export type Judge = (cursor: JournalPosition, message: JudgedMessage, rules: JournalRules) => Verdict;

/**
 * The accept rules R0-R4 of the journal protocol. Every reader calls this one function on every message, so all of them
 * accept the same sequence, whoever wrote into the partition. The order matters: what is foreign or old is void whatever
 * else is wrong with it, so that garbage stops nobody; only a record that would be the next one and does not fit stops.
 */
export const judge: Judge = (cursor, message, rules) => {
  if (message.offset !== cursor.next) {
    return stop('offset-gap', `expected offset ${cursor.next}, found ${message.offset}: records were lost`);
  }
  const hash = message.value === null ? '' : sha256(message.value);
  const skip = (reason: VoidReason): Verdict => ({
    kind: 'void',
    reason,
    cursor: { ...cursor, next: cursor.next + 1 },
  });

  if (rules.repairs?.some((repair) => repair.offset === message.offset && repair.hash === hash))
    return skip('repaired');
  const head = readHead(message.value, message.parsed);
  if (head === undefined) return skip('unreadable');
  if (head.journalId !== rules.journalId) return skip('foreign');
  if (cursor.seq < 0 && hash !== rules.genesisHash) return skip('before-genesis');
  if (head.seq <= cursor.seq) return skip('late');
  if (head.seq > cursor.seq + 1) {
    return stop('gap', `expected seq ${cursor.seq + 1} at offset ${message.offset}, found ${head.seq}`);
  }
  const unlinked = whyUnlinked(cursor, head);
  if (unlinked !== undefined) return stop('fork', `seq ${head.seq} at offset ${message.offset}: ${unlinked}`);
  const record = readBody(head);
  if ('damage' in record) return stop('damaged', `seq ${head.seq} at offset ${message.offset}: ${record.damage}`);
  const beyond = whyBeyond(record, rules);
  if (beyond !== undefined) return beyond;
  return { kind: 'accepted', record, cursor: positionAfter(cursor, record, hash) };
};

/** R3, the head: the next record names the one before it and the term it belongs to. */
function whyUnlinked(cursor: JournalPosition, head: ReadableHead): string | undefined {
  if (head['prevHash'] !== cursor.hash) return `expected prevHash ${cursor.hash}, found ${String(head['prevHash'])}`;
  switch (head['kind']) {
    case 'TermStarted':
      if (Number(head['term']) > cursor.term && head['writer'] !== '') return undefined;
      return `a term after ${cursor.term} was expected, found ${String(head['term'])}`;
    case 'Commit':
      if (head['term'] === cursor.term && head['writer'] === cursor.writer && cursor.writer !== '') return undefined;
      return `expected term ${cursor.term} of ${cursor.writer}, found ${String(head['term'])} of ${String(head['writer'])}`;
    case 'Genesis':
      return cursor.seq < 0 ? undefined : 'a second genesis';
    default:
      return undefined; // An unknown kind is damage, which the body tells.
  }
}

/** R3, the body: a fold that this reader lacks, or inputs that do not go on where the state ends. */
function whyBeyond(record: JournalRecord, rules: JournalRules): Verdict | undefined {
  if (record.kind === 'TermStarted' && record.foldVersion > (rules.foldVersion ?? Infinity)) {
    return stop(
      'fold-version',
      `term ${record.term} folds by version ${record.foldVersion}, this reader knows ${rules.foldVersion}: upgrade it`,
    );
  }
  const fault = record.kind === 'Commit' ? rules.inputsFault?.(record.inputs) : undefined;
  return fault === undefined ? undefined : stop('fork', `seq ${record.seq}: ${fault}`);
}

function positionAfter(cursor: JournalPosition, record: JournalRecord, hash: string): JournalPosition {
  const { term, writer, seq, at } = record;
  return { journalId: cursor.journalId, next: cursor.next + 1, lastOffset: cursor.next, term, writer, seq, hash, at };
}

function stop(reason: StopReason, message: string): Verdict {
  return { kind: 'stop', reason, message };
}

/** A reader that met what no honest run of the protocol contains. Everything it knows may be wrong: it stops. */
export class JournalStopped extends Error {
  constructor(
    readonly reason: StopReason,
    message: string,
  ) {
    super(`${reason}: ${message}`);
    this.name = 'JournalStopped';
  }
}

/**
 * W1-W3: what an acknowledged offset means to a writer whose record is unresolved and whose fold is exactly J[0..next):
 * its own record is next; something stands before it and must be read first; or the log forgot what was folded.
 */
export type AckMeaning = 'accepted' | 'read-on' | 'log-lost';
export type AckRule = (offset: number, next: number) => AckMeaning;

export const meaningOfAck: AckRule = (offset, next) => {
  if (offset < next) return 'log-lost';
  return offset === next ? 'accepted' : 'read-on';
};

/**
 * B2: what is wrong with the record found where the last accepted one stood, if anything. A log that lost it, or was made
 * again, is not the log that was read, and nothing in it may be believed.
 */
export type AnchorRule = (cursor: JournalPosition, found: JudgedMessage | undefined) => string | undefined;

export const anchorFault: AnchorRule = ({ lastOffset, seq, term, hash }, found) => {
  const value = found?.value ?? undefined;
  if (value === undefined || sha256(value) !== hash) return `seq ${seq} is no longer at offset ${lastOffset}`;
  const head = readHead(value);
  if (head?.seq === seq && head['term'] === term) return undefined;
  return `offset ${lastOffset} holds seq ${head?.seq} of term ${String(head?.['term'])}, expected ${seq} of ${term}`;
};

/** The decisions of the protocol, as values: a simulation hosts shards with one of them replaced, to prove it is needed. */
export interface JournalProtocol {
  readonly judge: Judge;
  readonly meaningOfAck: AckRule;
  readonly anchorFault: AnchorRule;
}

export const journalProtocol: JournalProtocol = { judge, meaningOfAck, anchorFault };
