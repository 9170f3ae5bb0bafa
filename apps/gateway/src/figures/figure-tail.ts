import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { agentMetricsTopic, decodeAgentMetrics, type TopicSizes } from '@orrery/contracts';
import type { Clock, Log, LogMessage, LogReader } from '@orrery/control-loop';
import type { FigureStore } from './figure-store.js';

/** So much of the past is read at the start, so that a new gateway knows the machines at once. */
const MESSAGES_BEFORE = 500;
const RETRY_MS = 5_000;
const FORGET_EVERY_MS = 10_000;

/** Follows the metrics topic into the store. Figures are soft: what can't be read is left out, and told by a counter. */
export class FigureTail implements OnModuleInit, OnModuleDestroy {
  readonly #readers = new Map<number, LogReader>();
  #closed = false;

  constructor(
    private readonly log: Pick<Log, 'follow' | 'bounds'>,
    private readonly clock: Clock,
    private readonly sizes: TopicSizes,
    private readonly store: FigureStore,
  ) {}

  onModuleInit(): void {
    for (let partition = 0; partition < this.sizes.cells * this.sizes.lanes; partition += 1)
      void this.#follow(partition);
    this.#forget();
  }

  async onModuleDestroy(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#readers.values()].map((reader) => reader.stop()));
  }

  async #follow(partition: number): Promise<void> {
    if (this.#closed) return;
    const source = { topic: agentMetricsTopic, partition };
    const again = () => void this.clock.after(RETRY_MS, () => void this.#follow(partition));
    try {
      const { low, high } = await this.log.bounds(source);
      if (this.#closed) return;
      const take = ({ messages }: { readonly messages: readonly LogMessage[] }) => messages.forEach(this.#take);
      this.#readers.set(partition, this.log.follow(source, Math.max(low, high - MESSAGES_BEFORE), take, again));
    } catch {
      again(); // the brokers are away, which /readyz tells: tried until they are back
    }
  }

  readonly #take = ({ value }: LogMessage): void => {
    if (value === null) return;
    // The bytes are a view into what was fetched for everybody.
    const bytes = Uint8Array.from(value);
    const decoded = decodeAgentMetrics(parsed(bytes));
    if (decoded.ok) this.store.take(decoded.metrics, bytes, this.clock.nowMs());
    else this.store.unreadable += 1;
  };

  #forget(): void {
    if (this.#closed) return;
    this.store.forget(this.clock.nowMs());
    this.clock.after(FORGET_EVERY_MS, () => this.#forget());
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as unknown;
  } catch {
    return undefined; // no message of an agent: counted as such
  }
}
