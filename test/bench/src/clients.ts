import { randomUUID } from 'node:crypto';
import { commandHeaders, commandTopic, commandTypeName } from '@orrery/contracts';
import { KafkajsLog } from '@orrery/kafka';

export interface OutgoingCommand {
  /** Of the services domain. */
  readonly type: string;
  readonly subject: string;
  readonly body: unknown;
}

/** So many clients with a connection each, as programs that nobody coordinates. */
export class Clients {
  readonly #logs: readonly KafkajsLog[];

  private constructor(logs: readonly KafkajsLog[]) {
    this.#logs = logs;
  }

  static async connect(brokers: readonly string[], count: number): Promise<Clients> {
    const logs = Array.from({ length: count }, (_, index) => new KafkajsLog({ brokers, clientId: `client-${index}` }));
    // The first question opens the connections.
    await Promise.all(logs.map((log) => log.bounds({ topic: commandTopic('services'), partition: 0 })));
    return new Clients(logs);
  }

  /** Deals the commands out to the clients; each sends its own one after the other. Resolves when the broker has all. */
  async send(commands: readonly OutgoingCommand[]): Promise<void> {
    await Promise.all(
      this.#logs.map(async (log, client) => {
        for (let at = client; at < commands.length; at += this.#logs.length) {
          await log.publish(commandTopic('services'), [messageOf(commands[at]!, client)]);
        }
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.close()));
  }
}

function messageOf({ type, subject, body }: OutgoingCommand, client: number) {
  return {
    partition: 0,
    key: subject,
    headers: {
      [commandHeaders.specversion]: '1.0',
      [commandHeaders.id]: randomUUID(),
      [commandHeaders.type]: commandTypeName('services', type),
      [commandHeaders.source]: `client-${client}`,
      [commandHeaders.time]: new Date().toISOString(),
    },
    value: Buffer.from(JSON.stringify(body)),
  };
}
