import { ByteReader, ByteWriter, type Plain } from '@orrery/kernel';
import type { TaskPieces, TaskSetRow, TaskStateRow } from './history-rows.js';

/** They share a partition. */
export const PODS_A_BUCKET = 1_024;

export function bucketOf(podIndex: number): number {
  return Math.floor(podIndex / PODS_A_BUCKET);
}

const columns = [
  ...(['counts', 'indexes', 'agents', 'launchSeqs', 'launchOrdinals', 'seqs', 'events', 'ats'] as const),
  ...(['causeTexts', 'causeNumbers'] as const),
];

/** One for all: what it holds is copied out before the next piece of work. */
const writer = new ByteWriter(64 * 1024);

/** The columns one after the other, then the causes: see the encoding of the kernel. Some ten bytes a piece. */
export function encodePieces(pieces: TaskPieces): Buffer {
  writer.reset();
  for (const column of columns) writer.value(pieces[column]);
  writer.value(pieces.causes);
  const { buffer, byteOffset, byteLength } = writer.take();
  return Buffer.from(buffer, byteOffset, byteLength);
}

export function decodePieces(bytes: Uint8Array): TaskPieces {
  const reader = new ByteReader(bytes);
  const decoded: Record<string, Plain> = {};
  for (const column of columns) decoded[column] = reader.value();
  decoded['causes'] = reader.value();
  return decoded as unknown as TaskPieces;
}

/** The lowest and the highest pod index. */
export function boundsOf(pieces: TaskPieces): readonly [number, number] {
  let [first, last] = [Infinity, -Infinity];
  for (let piece = 0; piece < pieceCount(pieces); piece += 1) {
    const index = at(pieces.indexes, piece);
    first = Math.min(first, index);
    last = Math.max(last, index + at(pieces.counts, piece) - 1);
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
  for (let piece = 0; piece < pieceCount(pieces); piece += 1) {
    const offset = index - at(pieces.indexes, piece);
    if (offset < 0 || offset >= at(pieces.counts, piece)) continue;
    const cause = pieces.causes[at(pieces.causeTexts, piece)];
    const causeNumber = at(pieces.causeNumbers, piece);
    yield {
      agent: at(pieces.agents, piece),
      state: {
        ...same,
        index,
        seq: at(pieces.seqs, piece),
        n: at(pieces.events, piece),
        at: at(pieces.ats, piece),
        launch: `${at(pieces.launchSeqs, piece)}.${at(pieces.launchOrdinals, piece) + offset}`,
        ...(cause === undefined ? {} : { cause: causeNumber < 0 ? cause : `${cause}${causeNumber}` }),
      },
    };
  }
}

/** Columns that say the same for all pieces have one number; that of all pieces that differ tells how many there are. */
function pieceCount(pieces: TaskPieces): number {
  let count = 0;
  for (const column of columns) count = Math.max(count, pieces[column].length);
  return count;
}

function at(column: readonly number[], piece: number): number {
  return column.length === 1 ? column[0]! : column[piece]!;
}
