import { agentInputTopic, streamHeaders } from '@orrery/contracts';
import type { Log } from '@orrery/control-loop';

/** What people send to commands in tasks: through the input topic, by the lane of the agent. */
export class StreamInput {
  constructor(private readonly log: Pick<Log, 'append'>) {}

  /** All that the command gets on its stdin. */
  async send(partition: number, stream: string, bytes: Uint8Array): Promise<void> {
    await this.append(partition, stream, bytes, { [streamHeaders.end]: 'true' });
  }

  /** Nobody waits for the command any more. */
  async cancel(partition: number, stream: string): Promise<void> {
    await this.append(partition, stream, new Uint8Array(), { [streamHeaders.error]: 'cancelled' });
  }

  private async append(
    partition: number,
    stream: string,
    value: Uint8Array,
    more: Readonly<Record<string, string>>,
  ): Promise<void> {
    const headers = { [streamHeaders.stream]: stream, [streamHeaders.offset]: '0', ...more };
    await this.log.append({ topic: agentInputTopic, partition }, { key: stream, headers, value });
  }
}
