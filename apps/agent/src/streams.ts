import { lstat, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { streamHeaders, type StreamOrder } from '@orrery/contracts';
import type { Clock } from '@orrery/control-loop';
import { CommandStream, type CommandWorld } from './command-stream.js';
import { failureOf, StreamFailure } from './stream-failure.js';

export interface StreamsOptions extends Pick<CommandWorld, 'begin' | 'input'> {
  readonly clock: Clock;
  readonly placeOf: (launch: string, path: string) => string;
  readonly send: (stream: string, headers: Readonly<Record<string, string>>, value: Uint8Array) => Promise<void>;
  readonly warn: (message: string) => void;
}

const STREAMS_MAX = 64;
const COMMANDS_MAX = 16;
const CHUNK_BYTES_MAX = 64 * 1024;
const LOOK_AGAIN_MS = 200;
const CLOSE_MS_MAX = 1000;
/** Over all streams of this agent: what people look at must not slow what the cluster decides on. */
const BYTES_PER_SECOND_MAX = 4 * 1024 * 1024;
const ENTRIES_MAX = 1000;

/** Sends files of tasks through the log topic while somebody wants to see them: bounded in bytes, time, number and pace. */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #open = new Map<string, Promise<void>>();
  readonly #commands = new Set<CommandStream>();
  #freeAt = 0;
  #closed = false;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  open(order: StreamOrder): void {
    if (this.#open.has(order.stream) || this.#closed) return;
    const served = this.#serve(order).finally(() => this.#open.delete(order.stream));
    this.#open.set(order.stream, served);
  }

  /** The task has ended, and with it what runs in it. */
  endCommandsOf(launch: string): void {
    for (const command of this.#commands) {
      if (command.launch === launch) command.end('task-ended', 'the task has ended, and the command with it');
    }
  }

  /** Ends the open ones, and waits a moment for them to say so. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const command of this.#commands) command.end('agent-stopped', 'the agent stops');
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(CLOSE_MS_MAX, resolve);
      void Promise.all(this.#open.values()).then(cancel).then(resolve);
    });
  }

  async #serve(order: StreamOrder): Promise<void> {
    try {
      if (this.#open.size >= STREAMS_MAX)
        throw new StreamFailure('busy', `${STREAMS_MAX} streams of this agent are open`);
      const { offset, exit } = await this.#serveKind(order);
      const told = exit === undefined ? {} : { [streamHeaders.exit]: `${exit}` };
      await this.#send(order, offset, new Uint8Array(), { [streamHeaders.end]: 'true', ...told });
    } catch (error) {
      const { message, code } = failureOf(error, order.path);
      await this.#send(order, 0, new Uint8Array(), {
        [streamHeaders.end]: 'true',
        [streamHeaders.error]: message,
        [streamHeaders.code]: code,
      }).catch((failure: Error) => this.#options.warn(`stream ${order.stream}: ${message}; ${failure.message}`));
    }
  }

  async #serveKind(order: StreamOrder): Promise<{ readonly offset: number; readonly exit?: number }> {
    if (order.kind === 'exec') return this.#runCommand(order);
    return { offset: order.kind === 'files' ? await this.#sendListing(order) : await this.#sendFile(order) };
  }

  async #runCommand(order: StreamOrder): Promise<{ readonly offset: number; readonly exit: number }> {
    if (this.#commands.size >= COMMANDS_MAX)
      throw new StreamFailure('busy', `${COMMANDS_MAX} commands of this agent are open`);
    const { clock, begin, input } = this.#options;
    const send: CommandWorld['send'] = (offset, bytes, headers) => this.#send(order, offset, bytes, headers);
    const command = new CommandStream(order, { clock, begin, input, send });
    this.#commands.add(command);
    return command.run().finally(() => this.#commands.delete(command));
  }

  /** Resolves with the offset after the last byte that was sent. */
  async #sendFile(order: StreamOrder): Promise<number> {
    const path = this.#placeOf(order);
    const found = await stat(path);
    if (!found.isFile()) throw new StreamFailure('not-a-file', `${order.path ?? order.kind} is no file`);
    let { size } = found;
    let offset = order.from < 0 ? Math.max(0, size + order.from) : Math.min(order.from, size);
    let left = order.limitBytes;
    // Tells that it is served, before the first byte may come.
    await this.#send(order, offset, new Uint8Array());
    while (left > 0 && !this.#isOver(order)) {
      ({ size } = await stat(path));
      // The file was rotated: what follows begins at its start.
      if (size < offset) offset = 0;
      if (size === offset) {
        if (!order.follow) break;
        await this.#pause(LOOK_AGAIN_MS);
        continue;
      }
      const chunk = await readAt(path, offset, Math.min(CHUNK_BYTES_MAX, left, size - offset));
      await this.#send(order, offset, chunk);
      offset += chunk.length;
      left -= chunk.length;
    }
    return offset;
  }

  /** A folder's entries; of a file, itself. */
  async #sendListing(order: StreamOrder): Promise<number> {
    const place = this.#placeOf(order);
    const isFolder = (await stat(place)).isDirectory();
    const names = isFolder ? (await readdir(place)).sort() : [basename(place)];
    const folder = isFolder ? place : dirname(place);
    const listed = await Promise.all(names.slice(0, ENTRIES_MAX).map((name) => entryOf(folder, name)));
    const entries = listed.filter((entry) => entry !== undefined);
    const text = JSON.stringify({ path: order.path ?? '.', entries, more: names.length > ENTRIES_MAX });
    const value = Buffer.from(text);
    await this.#send(order, 0, value);
    return value.length;
  }

  #placeOf({ launch, kind, path = '.' }: StreamOrder): string {
    return this.#options.placeOf(launch, kind === 'stdout' || kind === 'stderr' ? kind : path);
  }

  #isOver({ untilMs }: StreamOrder): boolean {
    return this.#closed || this.#options.clock.nowMs() >= untilMs;
  }

  async #send(
    { stream }: StreamOrder,
    offset: number,
    value: Uint8Array,
    more: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const now = this.#options.clock.nowMs();
    this.#freeAt = Math.max(now, this.#freeAt) + (value.length / BYTES_PER_SECOND_MAX) * 1000;
    if (this.#freeAt > now) await this.#pause(this.#freeAt - now);
    await this.#options.send(
      stream,
      { [streamHeaders.stream]: stream, [streamHeaders.offset]: `${offset}`, ...more },
      value,
    );
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }
}

/** Nothing for an entry that was removed meanwhile. A link is described as itself: where it leads may be out of bounds. */
async function entryOf(folder: string, name: string) {
  const found = await lstat(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  const kind = found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : found.isFile() ? 'file' : 'other';
  return { name, kind, size: found.size, modifiedAt: found.mtime.toISOString() };
}

async function readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
