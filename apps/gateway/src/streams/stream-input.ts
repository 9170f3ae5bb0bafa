import { agentInputTopic, streamHeaders, type TerminalSize } from '@orrery/contracts';
import type { Clock, Log } from '@orrery/control-loop';

/** A command in a task, and the lane of its agent. */
export interface InputTarget {
  readonly stream: string;
  readonly partition: number;
}

/** Over all streams of this gateway: what people type or send must not slow what the cluster decides on. */
const BYTES_PER_SECOND_MAX = 4 * 1024 * 1024;

/** What people send to commands in tasks: through the input topic, by the lane of the agent. */
export class StreamInput {
  #freeAt = 0;

  constructor(
    private readonly log: Pick<Log, 'publish'>,
    private readonly clock: Clock,
  ) {}

  /** Bytes for its stdin, the first of them at `offset`; the same ones may come again. */
  async send(
    target: InputTarget,
    { offset, bytes, end }: { readonly offset: number; readonly bytes: Uint8Array; readonly end: boolean },
  ): Promise<void> {
    await this.keepPace(bytes.byteLength);
    const headers = { [streamHeaders.offset]: `${offset}`, ...(end ? { [streamHeaders.end]: 'true' } : {}) };
    await this.publish(target, bytes, headers);
  }

  async resize(target: InputTarget, { rows, columns }: TerminalSize): Promise<void> {
    await this.publish(target, new Uint8Array(), { [streamHeaders.size]: `${rows}x${columns}` });
  }

  /** Somebody reads what it writes. */
  async listen(target: InputTarget): Promise<void> {
    await this.publish(target, new Uint8Array(), {});
  }

  /** Nobody waits for the command any more. */
  async cancel(target: InputTarget): Promise<void> {
    await this.publish(target, new Uint8Array(), { [streamHeaders.error]: 'cancelled' });
  }

  private async keepPace(bytes: number): Promise<void> {
    const now = this.clock.nowMs();
    this.#freeAt = Math.max(now, this.#freeAt) + (bytes / BYTES_PER_SECOND_MAX) * 1000;
    const aheadMs = this.#freeAt - now;
    if (aheadMs > 0) await new Promise<void>((resolve) => void this.clock.after(aheadMs, resolve));
  }

  private async publish(
    { stream, partition }: InputTarget,
    value: Uint8Array,
    more: Readonly<Record<string, string>>,
  ): Promise<void> {
    const headers = { [streamHeaders.stream]: stream, [streamHeaders.offset]: '0', ...more };
    await this.log.publish(agentInputTopic, [{ key: stream, headers, value, partition }]);
  }
}
