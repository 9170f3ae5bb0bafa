/** Error codes of the Kafka protocol that this library tells apart. */
export const OFFSET_OUT_OF_RANGE = 1;

const names: Readonly<Record<number, string>> = {
  [-1]: 'unknown server error',
  1: 'offset out of range',
  2: 'corrupt message',
  3: 'unknown topic or partition',
  5: 'leader not available',
  6: 'not leader or follower',
  7: 'request timed out',
  9: 'replica not available',
  10: 'message too large',
  13: 'network exception',
  17: 'invalid topic',
  18: 'record list too large',
  19: 'not enough replicas',
  20: 'not enough replicas after append',
  29: 'topic authorization failed',
  31: 'cluster authorization failed',
  32: 'invalid timestamp',
  43: 'unsupported for message format',
  44: 'policy violation',
  56: 'storage error',
  74: 'fenced leader epoch',
  75: 'unknown leader epoch',
  78: 'offset not available',
  87: 'invalid record',
};

/** Somebody else leads the partition, or will in a moment: ask who, and ask again. */
const passing: ReadonlySet<number> = new Set([3, 5, 6, 7, 8, 9, 13, 56, 74, 75, 78]);

/** The message was looked at and is not in the log. Any other error of a produce request leaves it in doubt. */
const refusals: ReadonlySet<number> = new Set([2, 10, 17, 18, 29, 31, 32, 35, 42, 43, 44, 76, 87]);
const notAppended: ReadonlySet<number> = new Set([3, 5, 6, 19]);

export function errorName(code: number): string {
  return names[code] ?? `error ${code}`;
}

export function isPassing(code: number): boolean {
  return passing.has(code);
}

export function isRefusal(code: number): boolean {
  return refusals.has(code);
}

/** Not in the log for now, and the same message may be taken a moment later. */
export function isNotAppended(code: number): boolean {
  return notAppended.has(code);
}

/** The log will not take this message, however often it is sent. It is not in the log. */
export class LogRefusal extends Error {
  readonly code = 'log-refused';

  constructor(place: string, brokerCode: number) {
    super(`${place} refused the message: ${errorName(brokerCode)}`);
    this.name = 'LogRefusal';
  }
}

/** A reader can't go on: its position is not, or no longer, in the log, or the broker can't serve it. */
export class ReadFailed extends Error {
  constructor(
    readonly code: 'offset-out-of-range' | 'read-failed',
    message: string,
  ) {
    super(message);
    this.name = 'ReadFailed';
  }
}
