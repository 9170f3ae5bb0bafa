/**
 * A code for each position, in pieces of 64: whoever changes one copies one piece. Arrays of so few bytes live on the heap like
 * any object; longer ones cost a hundred times as much to make.
 */
export type Codes = readonly Uint8Array[];

const PIECE_BITS = 6;
const PIECE_LENGTH = 1 << PIECE_BITS;

/** All 0. */
export function newCodes(length: number): Codes {
  return Array.from({ length: Math.ceil(length / PIECE_LENGTH) }, (_, piece) => {
    return new Uint8Array(Math.min(PIECE_LENGTH, length - piece * PIECE_LENGTH));
  });
}

export function codeAt(codes: Codes, position: number): number {
  return codes[position >> PIECE_BITS]![position & (PIECE_LENGTH - 1)]!;
}

/** The same code for so many positions. */
export function withCodes(codes: Codes, from: number, count: number, code: number): Codes {
  return codes.map((piece, at) => {
    const begin = Math.max(0, from - at * PIECE_LENGTH);
    const end = Math.min(piece.length, from + count - at * PIECE_LENGTH);
    return begin < end ? new Uint8Array(piece).fill(code, begin, end) : piece;
  });
}

export function cutCodes(codes: Codes, from: number, to: number): Codes {
  const cut = newCodes(to - from);
  for (let position = from; position < to; position += 1) {
    const at = position - from;
    cut[at >> PIECE_BITS]![at & (PIECE_LENGTH - 1)] = codeAt(codes, position);
  }
  return cut;
}

/** Codes in the making: pieces are copied when they are first written to. */
export class CodesDraft {
  readonly codes: Uint8Array[];
  readonly #before: Codes;

  constructor(before: Codes) {
    this.#before = before;
    this.codes = [...before];
  }

  set(position: number, code: number): void {
    const piece = position >> PIECE_BITS;
    if (this.codes[piece] === this.#before[piece]) this.codes[piece] = new Uint8Array(this.#before[piece]!);
    this.codes[piece]![position & (PIECE_LENGTH - 1)] = code;
  }
}
