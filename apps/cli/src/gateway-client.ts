import type { StreamedEvent } from './answers.js';
import { CliError, errorOfProblem, type Problem } from './cli-error.js';
import type { Installation } from './find-gateway.js';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Change {
  readonly body?: unknown;
  readonly query?: Query;
  readonly reason?: string | undefined;
  /** The version that the user saw; refused when it moved. */
  readonly ifVersion?: string | undefined;
}

/** What became of a command: the answer of the gateway to a write, and of `/v1/commands/{id}`. */
export interface Outcome {
  readonly commandId: string;
  readonly position: string;
  readonly status: 'pending' | 'accepted' | 'refused';
  /** The service, agent or role that it is about. */
  readonly subject?: string;
  readonly plans?: readonly { readonly service: string; readonly plan: string }[];
}

export interface GatewayClientOptions {
  /** Asked anew after a lost connection: a restarted gateway may have another port. */
  readonly find: () => Installation;
  readonly actor: string;
  /** How long a gateway that is away or not ready is waited for. */
  readonly patienceMs: number;
}

const WAIT_SECS = 10;
const PAGE_SIZE = 10_000;

/**
 * Speaks to the gateway. Each read sees what the calls before it did (positions); each write carries one id in every
 * attempt, so repeating it after a lost connection can't do it twice.
 */
export class GatewayClient {
  #position: string | undefined;

  constructor(private readonly options: GatewayClientOptions) {}

  get position(): string | undefined {
    return this.#position;
  }

  async get<Value>(path: string, query: Query = {}): Promise<Value> {
    const response = await this.#fetch(path, query, { headers: this.#reading(query) });
    return (await response.json()) as Value;
  }

  /** All items of a list, page by page, up to `limit`. */
  async list<Item>(path: string, query: Query = {}, limit = Number.POSITIVE_INFINITY): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const size = Math.min(PAGE_SIZE, limit - items.length);
      const page = await this.get<{ items: Item[]; next: string | null }>(path, { ...query, limit: size, cursor });
      items.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined && items.length < limit);
    return items;
  }

  /** Sends a command and waits for its outcome; a refusal is thrown. */
  async change(method: 'PUT' | 'POST' | 'DELETE', path: string, change: Change = {}): Promise<Outcome> {
    const id = crypto.randomUUID();
    const headers: Record<string, string> = { 'idempotency-key': id, prefer: `wait=${WAIT_SECS}` };
    if (change.body !== undefined) headers['content-type'] = 'application/json';
    if (change.reason !== undefined) headers['orrery-reason'] = encodeURIComponent(change.reason);
    if (change.ifVersion !== undefined) headers['if-match'] = `"${change.ifVersion}"`;
    const body = change.body === undefined ? {} : { body: JSON.stringify(change.body) };
    const response = await this.#fetch(path, change.query ?? {}, { method, headers, ...body });
    let outcome = (await response.json()) as Outcome;
    this.#position = outcome.position;
    while (outcome.status === 'pending') outcome = await this.#outcome(id);
    this.#position = outcome.position;
    return outcome;
  }

  /** What is no command: a question whose body is too large for an address, or a setting that may be made twice. */
  async ask<Value>(method: 'PUT' | 'POST' | 'DELETE', path: string, query: Query, body?: object): Promise<Value> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { ...this.#reading({}), ...(body !== undefined && { 'content-type': 'application/json' }) };
    const response = await this.#fetch(path, query, { method, headers, ...sent });
    return (await response.json()) as Value;
  }

  /** The lines of a stream of NDJSON, until it ends or `signal` aborts it. */
  async *lines<Item>(path: string, query: Query = {}, signal?: AbortSignal): AsyncGenerator<Item> {
    yield* itemsIn<Item>(this.bytes(path, query, 'application/x-ndjson', signal));
  }

  /** Runs something once and hands on what it tells: never tried again, since nobody knows whether it ran. */
  async *once<Item>(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<Item> {
    const headers = { ...this.#reading({}), 'content-type': 'application/json', accept: 'application/x-ndjson' };
    const tried = await this.#try(path, {}, { method: 'POST', headers, body: JSON.stringify(body), signal });
    if (tried.response?.ok !== true) throw await tried.error();
    try {
      if (tried.response.body !== null) yield* itemsIn<Item>(tried.response.body as AsyncIterable<Uint8Array>);
    } catch (error) {
      if (signal.aborted) return;
      throw new CliError('stream-lost', `the connection to the gateway is lost: ${(error as Error).message}`, {
        remedy: 'what was begun is ended; look at what it did before you try again',
      });
    }
  }

  /** Sends a piece of what is being given: the gateway knows one that comes again. */
  async give(path: string, piece: object, signal: AbortSignal): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const response = await this.#fetch(path, {}, { method: 'POST', headers, body: JSON.stringify(piece), signal });
    await response.text();
  }

  /**
   * Events as they happen. A stream that was cut off, because the gateway was restarted or this client was slow, goes on at
   * the last event seen: nothing is missed.
   */
  async *events(query: Query, signal: AbortSignal): AsyncGenerator<StreamedEvent> {
    for (let from = query['from']; ;) {
      try {
        for await (const event of this.lines<StreamedEvent>('/v1/events', { ...query, from }, signal)) {
          from = event.position;
          if (event.type !== 'stream-ended') yield event;
        }
        if (query['follow'] !== true || signal.aborted) return;
      } catch (error) {
        if (!(error instanceof CliError) || error.code !== 'stream-lost') throw error;
        // Cut off before its first event: the answer had said where it begins.
        from ??= this.#position;
      }
    }
  }

  async *text(path: string, query: Query, accept: string, signal?: AbortSignal): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    for await (const chunk of this.bytes(path, query, accept, signal)) yield decoder.decode(chunk, { stream: true });
  }

  async *bytes(path: string, query: Query, accept: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const headers = { ...this.#reading(query), accept };
    const response = await this.#fetch(path, query, { headers, ...(signal === undefined ? {} : { signal }) });
    if (response.body === null) return;
    try {
      for await (const chunk of response.body) yield chunk as Uint8Array;
    } catch {
      if (signal?.aborted === true) return;
      throw new CliError('stream-lost', 'the stream was cut off: the connection to the gateway is lost', {
        remedy: `read on with --from ${this.#position ?? 'the last position shown'}`,
      });
    }
  }

  async #outcome(id: string): Promise<Outcome> {
    const headers = { ...this.#reading({}), prefer: `wait=${WAIT_SECS}` };
    const response = await this.#fetch(`/v1/commands/${encodeURIComponent(id)}`, {}, { headers });
    const outcome = (await response.json()) as Outcome & { refusal?: Omit<Problem, 'status'>; httpStatus?: number };
    if (outcome.status !== 'refused') return outcome;
    const { refusal, httpStatus } = outcome;
    throw errorOfProblem({
      status: httpStatus ?? 422,
      ...refusal,
      detail: (refusal as { message?: string })?.message ?? '',
    });
  }

  #reading(query: Query): Record<string, string> {
    // A read of the past names its own moment: nothing to wait for.
    if (this.#position === undefined || query['at'] !== undefined) return {};
    return { 'orrery-min-position': this.#position };
  }

  async #fetch(path: string, query: Query, init: RequestInit & { headers: Record<string, string> }): Promise<Response> {
    const deadlineMs = Date.now() + this.options.patienceMs;
    for (let pauseMs = 100; ; pauseMs = Math.min(1000, pauseMs * 2)) {
      const tried = await this.#try(path, query, init);
      if (tried.response?.ok === true) {
        this.#position = tried.response.headers.get('orrery-position') ?? this.#position;
        return tried.response;
      }
      const goesOn = tried.response === undefined || tried.response.status === 503;
      if (!goesOn || init.signal?.aborted === true || Date.now() + pauseMs > deadlineMs) throw await tried.error();
      await new Promise((done) => setTimeout(done, pauseMs));
    }
  }

  async #try(
    path: string,
    query: Query,
    init: RequestInit & { headers: Record<string, string> },
  ): Promise<{ response?: Response; error: () => Promise<CliError> }> {
    const { url, token } = this.options.find();
    const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const headers = { ...init.headers, ...authorization, 'orrery-actor': this.options.actor };
    try {
      const response = await fetch(addressOf(url, path, query), { ...init, headers });
      return { response, error: () => problemOf(response) };
    } catch (error) {
      const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).message;
      const unreachable = new CliError('gateway-unreachable', `the gateway at ${url} does not answer: ${cause}`, {
        remedy: 'see `orrery status`; start the cluster with `npm start` or `orrery up`',
      });
      return { error: async () => unreachable };
    }
  }
}

function addressOf(url: string, path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? url + path : `${url}${path}?${parameters}`;
}

async function problemOf(response: Response): Promise<CliError> {
  const text = await response.text();
  if (response.headers.get('content-type')?.includes('json') !== true) {
    return new CliError(`http-${response.status}`, `the gateway answered ${response.status}: ${text.slice(0, 200)}`);
  }
  return errorOfProblem({ ...(JSON.parse(text) as Problem), status: response.status });
}

async function* itemsIn<Item>(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Item> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line !== '') yield JSON.parse(line) as Item;
  }
  if (rest !== '') yield JSON.parse(rest) as Item;
}
