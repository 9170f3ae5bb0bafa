import { createServer, type Server, type Socket } from 'node:net';
import type { Log, LogReader, TopicPartition } from '@orrery/control-loop';

interface Asked {
  readonly id: number;
  readonly op: 'publish' | 'bounds' | 'follow';
  readonly topic?: string;
  readonly messages?: readonly WireMessage[];
  readonly source?: TopicPartition;
  readonly from?: number;
}

interface WireMessage {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly value: string;
  readonly partition: number;
}

/** Serves a log of this process to agents that are processes of their own, and may die at any moment. */
export class SocketLog {
  readonly #log: Log;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(log: Log) {
    this.#log = log;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async listen(log: Log, path: string): Promise<SocketLog> {
    const served = new SocketLog(log);
    await new Promise<void>((resolve) => served.#server.listen(path, resolve));
    return served;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    const readers: LogReader[] = [];
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      for (const reader of readers) void reader.stop();
    });
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) void this.#answer(JSON.parse(line) as Asked, socket, readers);
    });
  }

  async #answer({ id, op, ...asked }: Asked, socket: Socket, readers: LogReader[]): Promise<void> {
    const tell = (answer: object): void => {
      if (!socket.destroyed) socket.write(`${JSON.stringify({ id, ...answer })}\n`);
    };
    if (op === 'publish') {
      const messages = asked.messages!.map((message) => ({ ...message, value: Buffer.from(message.value, 'base64') }));
      await this.#log.publish(asked.topic!, messages);
      return tell({ done: true });
    }
    if (op === 'bounds') return tell({ done: await this.#log.bounds(asked.source!) });
    const reader = this.#log.follow(
      asked.source!,
      asked.from!,
      ({ messages, highWatermark }) =>
        tell({
          batch: messages.map(({ key, value, ...rest }) => ({ ...rest, key: text(key), value: text(value) })),
          highWatermark,
        }),
      (error) => socket.destroy(error),
    );
    readers.push(reader);
  }
}

function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64');
}
