import {
  agentCommandsTopic,
  agentHeartbeatsTopic,
  agentInputTopic,
  agentLogsTopic,
  agentMetricsTopic,
  agentReportsTopic,
  type AgentId,
  type AgentMetrics,
  type AgentOrder,
  type AgentReport,
  streamHeaders,
  type Heartbeat,
  type LaneOrder,
} from '@orrery/contracts';
import type { Clock, Log, LogMessage, LogReader } from '@orrery/control-loop';

export interface BrokerLinkOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly agent: AgentId;
  /** The agent's lane of its cell. */
  readonly partition: number;
  readonly warn: (message: string) => void;
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

type Order = AgentOrder | LaneOrder;

/** What the agent sends and hears: its lane of the agent topics, and of that only what carries its own key or none. */
export class BrokerLink {
  readonly #options: BrokerLinkOptions;
  #reports: Promise<unknown> = Promise.resolve();
  #heartbeat: Promise<void> | undefined;
  #reader: LogReader | undefined;
  #closed = false;

  constructor(options: BrokerLinkOptions) {
    this.#options = options;
  }

  /** Reports reach the log in the order of the calls, each as often as it takes. False: the link was closed before. */
  report(report: AgentReport): Promise<boolean> {
    const value = Buffer.from(JSON.stringify(report));
    const send = async () => {
      await this.#send(agentReportsTopic, value);
      return true;
    };
    const sent = this.#reports.then(() => this.#untilDone('report', send)).then((done) => done === true);
    this.#reports = sent;
    return sent;
  }

  /** Left out while the one before is under way: only the newest means anything. */
  beat(heartbeat: Heartbeat): void {
    if (this.#heartbeat !== undefined || this.#closed) return;
    this.#heartbeat = this.#send(agentHeartbeatsTopic, Buffer.from(JSON.stringify(heartbeat)))
      .catch((error: unknown) => this.#options.warn(`no heartbeat: ${messageOf(error)}`))
      .finally(() => (this.#heartbeat = undefined));
  }

  async figures(message: AgentMetrics): Promise<void> {
    await this.#send(agentMetricsTopic, Buffer.from(JSON.stringify(message)));
  }

  async chunk(stream: string, headers: Readonly<Record<string, string>>, value: Uint8Array): Promise<void> {
    const { log, partition } = this.#options;
    await log.publish(agentLogsTopic, [{ key: stream, headers, value, partition }]);
  }

  /** From now on what is sent to a stream comes to `onMessage`; resolves with what ends that. */
  async input(
    stream: string,
    onMessage: (message: LogMessage) => void,
    onError: (error: Error) => void,
  ): Promise<() => Promise<void>> {
    const { log, partition } = this.#options;
    const source = { topic: agentInputTopic, partition };
    const { high } = await log.bounds(source);
    const onBatch = ({ messages }: { readonly messages: readonly LogMessage[] }) => {
      for (const message of messages) if (message.headers[streamHeaders.stream] === stream) onMessage(message);
    };
    const reader = log.follow(source, high, onBatch, onError);
    return async () => reader.stop();
  }

  /**
   * Follows the orders from the end as it is now. Nothing before can be for this process: orders name its session, which
   * nobody knows until its Inventory is in the log. So reports wait until the end is known; everything else goes on.
   */
  follow(onOrders: (orders: readonly Order[]) => Promise<void>): void {
    this.#reports = this.#reports.then(async () => this.#followFrom((await this.#bounds())?.high ?? 0, onOrders));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#reader?.stop();
  }

  #followFrom(from: number, onOrders: (orders: readonly Order[]) => Promise<void>): void {
    if (this.#closed) return;
    let next = from;
    this.#reader = this.#options.log.follow(
      this.#source,
      from,
      async ({ messages }) => {
        const orders = messages.map((message) => this.#orderIn(message)).filter((order) => order !== undefined);
        if (orders.length > 0) await onOrders(orders);
        next = (messages.at(-1)?.offset ?? next - 1) + 1;
      },
      (error) => {
        this.#options.warn(`reading orders stopped: ${error.message}`);
        void this.#goOn(next, onOrders);
      },
    );
  }

  /** Orders that retention took, or a topic that was made anew: the gap shows in n, and a Sync heals it. */
  async #goOn(next: number, onOrders: (orders: readonly Order[]) => Promise<void>): Promise<void> {
    await this.#pause(RETRY_MS_MAX);
    const bounds = await this.#bounds();
    if (bounds === undefined) return;
    this.#followFrom(next >= bounds.low && next <= bounds.high ? next : bounds.high, onOrders);
  }

  #bounds(): Promise<{ readonly low: number; readonly high: number } | undefined> {
    return this.#untilDone('end of orders', () => this.#options.log.bounds(this.#source));
  }

  get #source() {
    return { topic: agentCommandsTopic, partition: this.#options.partition };
  }

  #orderIn({ key, value, offset }: LogMessage): Order | undefined {
    if (value === null || (key !== null && Buffer.from(key).toString() !== this.#options.agent)) return undefined;
    try {
      return JSON.parse(Buffer.from(value).toString()) as Order;
    } catch (error) {
      this.#options.warn(`the order at offset ${offset} is no JSON: ${messageOf(error)}`);
      return undefined;
    }
  }

  #send(topic: string, value: Uint8Array): Promise<void> {
    const { log, agent, partition } = this.#options;
    return log.publish(topic, [{ key: agent, value, partition }]);
  }

  async #untilDone<Result>(what: string, attempt: () => Promise<Result>): Promise<Result | undefined> {
    for (let waitMs = RETRY_MS_MIN; !this.#closed; waitMs = Math.min(RETRY_MS_MAX, waitMs * 2)) {
      try {
        return await attempt();
      } catch (error) {
        if (this.#closed) return undefined;
        this.#options.warn(`${what} failed, tried again in ${waitMs} ms: ${messageOf(error)}`);
        await this.#pause(waitMs);
      }
    }
    return undefined;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
