import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../problem.js';
import type { StreamChunk } from '../streams/log-tail.js';
import { StreamInput } from '../streams/stream-input.js';
import { parametersOf } from './parameters.js';
import { ResponseSink } from './response-sink.js';
import { answeredChunks, goneSignalOf, TaskStreams, type OpenedStream, type StreamWish } from './task-streams.js';

const STDIN_BYTES_MAX = 64 * 1024;
const LIMIT_BYTES = 64 * 1024 * 1024;
const TTL_SECS = 60;

/** Runs a command inside a task and answers with what it writes, line by line of NDJSON; the last tells how it ended. */
@Injectable()
export class TaskExec {
  constructor(
    private readonly streams: TaskStreams,
    private readonly input: StreamInput,
  ) {}

  async run(
    request: FastifyRequest,
    reply: FastifyReply,
    task: string,
    given: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    parametersOf(request, []);
    const { stdin, wish } = wishOf(task, given);
    const place = await this.streams.whereabouts(request, task);
    const opened = await this.streams.open(place, wish);
    const ended = { yes: false };
    try {
      await this.answer(opened, stdin, reply, ended);
    } finally {
      opened.close();
      if (!ended.yes) await this.input.cancel(opened.partition, opened.stream);
    }
  }

  private async answer(
    opened: OpenedStream,
    stdin: Uint8Array,
    reply: FastifyReply,
    ended: { yes: boolean },
  ): Promise<void> {
    const chunks = await answeredChunks(opened, goneSignalOf(reply));
    await this.input.send(opened.partition, opened.stream, stdin);
    const sink = new ResponseSink(reply, 'application/x-ndjson');
    try {
      for await (const chunk of chunks) {
        if (chunk.exit !== undefined) ended.yes = true;
        const line = lineOf(chunk);
        if (line !== undefined && !(await sink.write(`${JSON.stringify(line)}\n`))) return;
      }
    } finally {
      sink.end();
    }
  }
}

function lineOf({
  bytes,
  output = 'stdout',
  end,
  exit,
  error,
  code = 'stream-failed',
}: StreamChunk): object | undefined {
  if (error !== undefined) return { error, code };
  if (end) return exit === undefined ? { error: 'its exit code was not told', code: 'stream-failed' } : { exit };
  if (bytes.byteLength === 0) return undefined;
  return { stream: output, data: Buffer.from(bytes).toString('base64') };
}

function wishOf(task: string, given: Readonly<Record<string, unknown>>): { stdin: Uint8Array; wish: StreamWish } {
  const { cmd, stdin = '', 'ttl-secs': ttl = TTL_SECS, ...unknown } = given;
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined) {
    const remedy = 'known here: cmd, stdin, ttl-secs';
    throw Problem.of('unknown-field', `there is no field ${stranger} here`, { field: `/${stranger}`, remedy });
  }
  if (typeof stdin !== 'string' || Buffer.byteLength(stdin) > STDIN_BYTES_MAX) {
    const remedy = 'for more, let the command fetch it';
    throw Problem.of('invalid-field', `stdin is a text of at most ${STDIN_BYTES_MAX} bytes`, {
      field: '/stdin',
      remedy,
    });
  }
  if (cmd === undefined)
    throw Problem.of('invalid-field', 'there is no command', { field: '/cmd', remedy: 'such as ["ls", "-l"]' });
  // Their shapes are checked with the command that carries them.
  const wish = { task, kind: 'exec', cmd, 'limit-bytes': LIMIT_BYTES, 'ttl-secs': ttl } as StreamWish;
  return { stdin: Buffer.from(stdin), wish };
}
