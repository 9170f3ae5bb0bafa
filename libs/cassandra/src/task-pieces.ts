import { ByteReader, ByteWriter } from '@orrery/kernel';
import type { TaskPieces, TaskSetRow, TaskStateRow } from './history-rows.js';

/** They share a partition. */
export const PODS_A_BUCKET = 1_024;

export function bucketOf(podIndex: number): number {
  return Math.floor(podIndex / PODS_A_BUCKET);
}

const columns = ['counts', 'indexes', 'agents', 'launchSeqs', 'launchOrdinals'] as const;
const tellingColumns = ['pieces', 'seqs', 'events', 'ats', 'causeTexts', 'causeNumbers'] as const;

/** One for all: what it holds is copied out before the next piece of work. */
const writer = new ByteWriter(64 * 1024);

/** The columns one after the other, then the causes: see the encoding of the kernel. Some five bytes a piece. */
export function encodePieces(pieces: TaskPieces): Buffer {
  writer.reset();
  writer.value(pieces.length);
  for (const column of columns) writer.value(pieces[column]);
  for (const column of tellingColumns) writer.value(pieces.tellings[column]);
  writer.value(pieces.causes);
  const { buffer, byteOffset, byteLength } = writer.take();
  return Buffer.from(buffer, byteOffset, byteLength);
}

export function decodePieces(bytes: Uint8Array): TaskPieces {
  const reader = new ByteReader(bytes);
  const length = reader.value();
  const decoded = Object.fromEntries(columns.map((column) => [column, reader.value()]));
  const tellings = Object.fromEntries(tellingColumns.map((column) => [column, reader.value()]));
  return { length, ...decoded, tellings, causes: reader.value() } as unknown as TaskPieces;
}

/** The lowest and the highest pod index. */
export function boundsOf({ length, indexes, counts }: TaskPieces): readonly [number, number] {
  let [first, last] = [Infinity, -Infinity];
  for (let piece = 0; piece < length; piece += 1) {
    const index = at(indexes, piece);
    first = Math.min(first, index);
    last = Math.max(last, index + at(counts, piece) - 1);
  }
  return [first, last];
}

/** A state of one task, and the number of the agent that it was on. */
export interface StateOfTask {
  readonly state: Omit<TaskStateRow, 'agent'>;
  readonly agent: number;
}

/** What a row says of the pod of this index: mostly once, but a state may come back within a window. */
export function* statesOf(row: TaskSetRow, index: number): Generator<StateOfTask> {
  const { pieces, segment: _, bucket: __, cell: ___, seq: ____, n: _____, ...same } = row;
  let telling = -1;
  for (let piece = 0, toldUpTo = 0; piece < pieces.length; piece += 1) {
    while (piece >= toldUpTo) toldUpTo += at(pieces.tellings.pieces, (telling += 1));
    const offset = index - at(pieces.indexes, piece);
    if (offset < 0 || offset >= at(pieces.counts, piece)) continue;
    yield {
      agent: at(pieces.agents, piece),
      state: {
        ...same,
        index,
        ...toldBy(pieces, telling),
        launch: `${at(pieces.launchSeqs, piece)}.${at(pieces.launchOrdinals, piece) + offset}`,
      },
    };
  }
}

function toldBy({ tellings, causes }: TaskPieces, telling: number): Pick<TaskStateRow, 'seq' | 'n' | 'at' | 'cause'> {
  const cause = causes[at(tellings.causeTexts, telling)];
  const causeNumber = at(tellings.causeNumbers, telling);
  return {
    seq: at(tellings.seqs, telling),
    n: at(tellings.events, telling),
    at: at(tellings.ats, telling),
    ...(cause === undefined ? {} : { cause: causeNumber < 0 ? cause : `${cause}${causeNumber}` }),
  };
}

function at(column: readonly number[], place: number): number {
  return column.length === 1 ? column[0]! : column[place]!;
}
