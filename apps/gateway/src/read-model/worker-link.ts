import { Problem, type ProblemDetails } from '../problem.js';
import { problemOfAway } from '../servers-away.js';

/**
 * The seam between two threads: calls with one answer, streams that are pulled item by item (so the reader sets the pace),
 * and pushes. What crosses it is plain data.
 */
type ToServer =
  | { readonly kind: 'call'; readonly id: number; readonly method: string; readonly argument: unknown }
  | { readonly kind: 'pull'; readonly id: number; readonly method: string; readonly argument: unknown }
  | { readonly kind: 'cancel'; readonly id: number };

type ToClient =
  | { readonly kind: 'value'; readonly id: number; readonly value: unknown; readonly done?: boolean }
  | {
      readonly kind: 'problem';
      readonly id: number;
      readonly code: string;
      readonly message: string;
      readonly details: ProblemDetails;
    }
  | { readonly kind: 'push'; readonly topic: string; readonly value: unknown };

/** A port, or a worker. */
export interface LinkPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

export interface LinkHandlers {
  readonly calls: Readonly<Record<string, (argument: never) => unknown>>;
  readonly streams: Readonly<Record<string, (argument: never, signal: AbortSignal) => AsyncIterable<unknown>>>;
}

/** Serves calls and streams on its side of the port; gives the way to push. */
export function serveLink(port: LinkPort, { calls, streams }: LinkHandlers): (topic: string, value: unknown) => void {
  const open = new Map<number, { readonly iterator: AsyncIterator<unknown>; readonly ended: AbortController }>();
  const send = (message: ToClient) => port.postMessage(message);
  const fail = (id: number, error: unknown): void => {
    const known = error instanceof Problem ? error : problemOfAway(error);
    const problem = known ?? Problem.of('internal', (error as Error).stack ?? String(error));
    send({ kind: 'problem', id, code: problem.code, message: problem.message, details: problem.details });
  };
  const call = async (id: number, method: string, argument: unknown): Promise<void> => {
    send({ kind: 'value', id, value: await calls[method]!(argument as never) });
  };
  const pull = async (id: number, method: string, argument: unknown): Promise<void> => {
    let stream = open.get(id);
    if (stream === undefined) {
      const ended = new AbortController();
      stream = { iterator: streams[method]!(argument as never, ended.signal)[Symbol.asyncIterator](), ended };
      open.set(id, stream);
    }
    const { done, value } = await stream.iterator.next();
    if (done === true) open.delete(id);
    send({ kind: 'value', id, value, done: done === true });
  };
  port.on('message', (received) => {
    const message = received as ToServer;
    if (message.kind === 'call')
      call(message.id, message.method, message.argument).catch((error) => fail(message.id, error));
    else if (message.kind === 'pull') {
      pull(message.id, message.method, message.argument).catch((error: unknown) => {
        open.delete(message.id);
        fail(message.id, error);
      });
    } else {
      const stream = open.get(message.id);
      open.delete(message.id);
      stream?.ended.abort();
      stream?.iterator.return?.().catch((error: unknown) => fail(message.id, error));
    }
  });
  return (topic, value) => send({ kind: 'push', topic, value });
}

interface Waiting {
  readonly resolve: (message: ToClient & { kind: 'value' }) => void;
  readonly reject: (error: Error) => void;
}

/** The asking side of a port. */
export class LinkClient {
  readonly #port: LinkPort;
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;
  #broken: Error | undefined;

  constructor(port: LinkPort, onPush: (topic: string, value: unknown) => void) {
    this.#port = port;
    port.on('message', (received) => {
      const message = received as ToClient;
      if (message.kind === 'push') return onPush(message.topic, message.value);
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.kind === 'value') waiting?.resolve(message);
      else waiting?.reject(new Problem(message.code, message.message, message.details));
    });
  }

  async call<Value>(method: string, argument: unknown): Promise<Value> {
    return (await this.#send({ kind: 'call', id: (this.#ids += 1), method, argument })).value as Value;
  }

  async *stream<Item>(method: string, argument: unknown, signal: AbortSignal): AsyncGenerator<Item> {
    const id = (this.#ids += 1);
    const cancel = (): void => {
      this.#port.postMessage({ kind: 'cancel', id } satisfies ToServer);
      this.#waiting.get(id)?.resolve({ kind: 'value', id, value: undefined, done: true });
      this.#waiting.delete(id);
    };
    let over = false;
    signal.addEventListener('abort', cancel);
    try {
      while (!signal.aborted) {
        const { value, done } = await this.#send({ kind: 'pull', id, method, argument });
        if (done === true) return void (over = true);
        yield value as Item;
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      if (!over && !signal.aborted) cancel();
    }
  }

  /** The other side is gone: whoever waits is told, and whoever asks from now on. */
  break(error: Error): void {
    this.#broken = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #send(message: Extract<ToServer, { kind: 'call' | 'pull' }>): Promise<ToClient & { kind: 'value' }> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { resolve, reject });
      this.#port.postMessage(message);
    });
  }
}
