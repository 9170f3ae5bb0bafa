import { streamHeaders, type StreamOrder } from '@orrery/contracts';
import type { Clock, LogMessage } from '@orrery/control-loop';
import type { RunningCommand, TaskCommand } from '@orrery/runtimes';
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

const INPUT_BYTES_MAX = 1024 * 1024;

/** One command in a task, for somebody who waits for it: its output goes out in order, what is sent to it goes in. */
export class CommandStream {
  readonly #order: StreamOrder;
  readonly #world: CommandWorld;
  #command: RunningCommand | undefined;
  #failure: StreamFailure | undefined;
  #sent: Promise<void> = Promise.resolve();
  #offset = 0;
  #inputBytes = 0;

  constructor(order: StreamOrder, world: CommandWorld) {
    this.#order = order;
    this.#world = world;
  }

  get launch(): string {
    return this.#order.launch;
  }

  /** Resolves with the bytes it wrote and its exit code. */
  async run(): Promise<{ readonly offset: number; readonly exit: number }> {
    const { clock, begin, input } = this.#world;
    const leftMs = this.#order.untilMs - clock.nowMs();
    if (leftMs <= 0) throw new StreamFailure('time-over', 'its time was over before it began');
    const cancelTimer = clock.after(leftMs, () => this.end('time-over', 'the command was ended: its time is over'));
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
      cancelTimer();
      this.#command?.kill();
      await stopInput?.();
    }
  }

  end(code: string, message: string): void {
    this.#failure ??= new StreamFailure(code, message);
    this.#command?.kill();
  }

  #take({ headers, value }: LogMessage): void {
    if (headers[streamHeaders.error] !== undefined)
      return this.end('cancelled', 'nobody waits for the command any more');
    this.#inputBytes += value?.length ?? 0;
    if (this.#inputBytes > INPUT_BYTES_MAX)
      return this.end('too-large', `a command takes at most ${INPUT_BYTES_MAX} bytes of input`);
    if (value !== null && value.length > 0) this.#command?.write(Uint8Array.from(value));
    if (headers[streamHeaders.end] !== undefined) this.#command?.endInput();
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
