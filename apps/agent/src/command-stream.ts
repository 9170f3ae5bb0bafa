import { streamHeaders, type StreamOrder } from '@orrery/contracts';
import type { Clock, LogMessage } from '@orrery/control-loop';
import type { RunningCommand, TaskCommand, TerminalSize } from '@orrery/runtimes';
import { StreamFailure } from './stream-failure.js';

export interface CommandWorld {
  readonly clock: Clock;
  /** Begins the command of the order; rejects when its task does not run. */
  readonly begin: (order: StreamOrder, onOutput: TaskCommand['onOutput']) => Promise<RunningCommand>;
  readonly input: (
    stream: string,
    onMessage: (message: LogMessage) => void,
    onError: (error: Error) => void,
  ) => Promise<() => Promise<void>>;
  readonly send: (offset: number, bytes: Uint8Array, headers: Readonly<Record<string, string>>) => Promise<void>;
}

/** Over its whole life. */
const INPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Given and not yet taken by the command: whoever gives more did not wait to be told. */
const INPUT_WAITING_BYTES_MAX = 1024 * 1024;
const TELL_TAKEN_BYTES = 64 * 1024;

/** One command in a task, for somebody who waits for it: its output goes out in order, what is sent to it goes in. */
export class CommandStream {
  readonly #order: StreamOrder;
  readonly #world: CommandWorld;
  readonly #patienceMs: number;
  #command: RunningCommand | undefined;
  #failure: StreamFailure | undefined;
  #sent: Promise<void> = Promise.resolve();
  #offset = 0;
  #givenBytes = 0;
  #takenBytes = 0;
  #toldBytes = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(order: StreamOrder, world: CommandWorld) {
    this.#order = order;
    this.#world = world;
    this.#patienceMs = order.untilMs - world.clock.nowMs();
  }

  get launch(): string {
    return this.#order.launch;
  }

  /** Resolves with the bytes it wrote and its exit code. */
  async run(): Promise<{ readonly offset: number; readonly exit: number }> {
    const { begin, input } = this.#world;
    if (this.#patienceMs <= 0) throw new StreamFailure('time-over', 'its time was over before it began');
    this.#setTimer();
    let stopInput: (() => Promise<void>) | undefined;
    try {
      // Before anybody can know that it runs: the first input must not be missed.
      stopInput = await input(
        this.#order.stream,
        (message) => this.#take(message),
        (error) => this.end('stream-failed', `its input can't be read: ${error.message}`),
      );
      this.#command = await begin(this.#order, (output, bytes) => this.#pass(output, bytes));
      if (this.#failure !== undefined) this.#command.kill();
      const [exit] = await Promise.all([this.#command.ended, this.#say(new Uint8Array(), {})]);
      if (this.#failure !== undefined) throw this.#failure;
      return { offset: this.#offset, exit };
    } finally {
      this.#cancelTimer?.();
      this.#command?.kill();
      await stopInput?.();
    }
  }

  end(code: string, message: string): void {
    this.#failure ??= new StreamFailure(code, message);
    this.#command?.kill();
  }

  /** One that follows has this time from each word of its reader on. */
  #setTimer(): void {
    const [code, message] = this.#order.follow
      ? ['abandoned', `the command was ended: nobody asked for it for ${Math.round(this.#patienceMs / 1000)} s`]
      : ['time-over', 'the command was ended: its time is over'];
    this.#cancelTimer?.();
    this.#cancelTimer = this.#world.clock.after(this.#patienceMs, () => this.end(code!, message!));
  }

  #take({ headers, value }: LogMessage): void {
    if (headers[streamHeaders.error] !== undefined)
      return this.end('cancelled', 'nobody waits for the command any more');
    if (this.#order.follow) this.#setTimer();
    const size = sizeIn(headers[streamHeaders.size]);
    if (size !== undefined) this.#resize(size);
    const bytes = Uint8Array.from(value ?? []);
    const isLast = headers[streamHeaders.end] !== undefined;
    if (bytes.length === 0 && !isLast) {
      if (size === undefined) this.#tell({});
      return;
    }
    const repeated = this.#givenBytes - Number(headers[streamHeaders.offset]);
    if (repeated < 0) return this.end('stream-failed', 'a part of its input was lost');
    this.#give(bytes.subarray(repeated));
    if (isLast) this.#command?.endInput();
  }

  #resize(size: TerminalSize): void {
    this.#command?.resize(size).catch((error: Error) => this.end('stream-failed', `no new size: ${error.message}`));
  }

  #give(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#givenBytes += bytes.length;
    if (this.#givenBytes > INPUT_BYTES_MAX)
      return this.end('too-large', `a command takes at most ${INPUT_BYTES_MAX} bytes of input`);
    if (this.#givenBytes - this.#takenBytes > INPUT_WAITING_BYTES_MAX)
      return this.end('too-large', `more than ${INPUT_WAITING_BYTES_MAX} bytes were sent ahead of what it reads`);
    void this.#command?.write(bytes).then(() => {
      this.#takenBytes += bytes.length;
      if (this.#takenBytes - this.#toldBytes < TELL_TAKEN_BYTES) return;
      this.#toldBytes = this.#takenBytes;
      this.#tell({ [streamHeaders.taken]: `${this.#takenBytes}` });
    });
  }

  /** Without bytes: whether it arrives is for the last word of the stream to find out. */
  #tell(headers: Readonly<Record<string, string>>): void {
    this.#say(new Uint8Array(), headers).catch((error: Error) => this.end('stream-failed', error.message));
  }

  async #pass(output: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> {
    await this.#say(bytes, { [streamHeaders.output]: output });
  }

  /** Both outputs, one after the other, up to the limit. */
  #say(bytes: Uint8Array, headers: Readonly<Record<string, string>>): Promise<void> {
    this.#sent = this.#sent.then(async () => {
      const { limitBytes } = this.#order;
      const part = bytes.subarray(0, limitBytes - this.#offset);
      if (part.length > 0 || bytes.length === 0) await this.#world.send(this.#offset, part, headers);
      this.#offset += part.length;
      if (part.length < bytes.length)
        this.end('limit-reached', `the command was ended: it wrote more than ${limitBytes} bytes`);
    });
    return this.#sent;
  }
}

/** `24x80`: rows, columns. */
function sizeIn(text = ''): TerminalSize | undefined {
  const [, rows, columns] = /^([1-9]\d{0,3})x([1-9]\d{0,3})$/.exec(text) ?? [];
  return rows === undefined ? undefined : { rows: Number(rows), columns: Number(columns) };
}
