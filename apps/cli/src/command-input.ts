import type { TerminalSize } from './answers.js';

/** A piece of the input of a command, as the gateway takes it. */
export interface InputPiece {
  readonly offset?: number;
  /** Base64. */
  readonly data?: string;
  readonly end?: boolean;
  readonly terminal?: TerminalSize;
}

const PIECE_BYTES_MAX = 48 * 1024;
/** Sent and not told to be taken by the command; it is told every 64 KiB. */
const AHEAD_BYTES_MAX = 256 * 1024;

/** Brings input to a command in pieces, one after the other, and no faster than it is read there. */
export class CommandInput {
  #sent = 0;
  #taken = 0;
  #sending: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;
  #size: TerminalSize | undefined;

  constructor(
    private readonly give: (piece: InputPiece) => Promise<void>,
    private readonly over: AbortSignal,
  ) {
    over.addEventListener('abort', () => this.#wake());
  }

  /** Resolves when all of it and its end were sent, or the command is over. */
  async bring(input: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const bytes of input) {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX) {
        await this.#room();
        if (this.over.aborted) return;
        const piece = bytes.subarray(at, at + PIECE_BYTES_MAX);
        await this.#send({ offset: this.#sent, data: Buffer.from(piece).toString('base64') });
        this.#sent += piece.length;
      }
    }
    if (!this.over.aborted) await this.#send({ offset: this.#sent, end: true });
  }

  /** The command has taken so many bytes. */
  taken(bytes: number): void {
    this.#taken = bytes;
    this.#wake();
  }

  /** The last size counts, when several come at once. */
  resize(size: TerminalSize): void {
    const isWaiting = this.#size !== undefined;
    this.#size = size;
    if (isWaiting) return;
    const sent = this.#sending.then(async () => {
      const terminal = this.#size;
      this.#size = undefined;
      if (terminal !== undefined && !this.over.aborted) await this.give({ terminal });
    });
    // A size that did not arrive spoils nothing; the next piece of input tells whether anything arrives.
    this.#sending = sent.catch(() => undefined);
  }

  #send(piece: InputPiece): Promise<void> {
    const sent = this.#sending.then(() => this.give(piece));
    this.#sending = sent.catch(() => undefined);
    return sent;
  }

  async #room(): Promise<void> {
    while (this.#sent - this.#taken >= AHEAD_BYTES_MAX && !this.over.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
