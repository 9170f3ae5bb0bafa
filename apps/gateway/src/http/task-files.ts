import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalid, parametersOf } from './parameters.js';
import { ResponseSink } from './response-sink.js';
import { answeredChunks, goneSignalOf, problemOfChunk, TaskStreams } from './task-streams.js';

const LIMIT_BYTES = 64 * 1024 * 1024;
const LISTING_SECS = 30;
const CONTENT_SECS = 300;
const FOLLOW_SECS = 900;

/** The sandbox of a task, as its agent shows it; ended tasks keep theirs until the agent needs the room. */
@Injectable()
export class TaskFiles {
  constructor(private readonly streams: TaskStreams) {}

  async list(request: FastifyRequest, reply: FastifyReply, task: string): Promise<void> {
    const { path = '.' } = parametersOf(request, ['path']);
    const place = await this.streams.whereabouts(request, task);
    const opened = await this.streams.open(place, { task, kind: 'files', path, 'ttl-secs': LISTING_SECS });
    const parts: Uint8Array[] = [];
    try {
      for await (const chunk of await answeredChunks(opened, goneSignalOf(reply))) {
        if (chunk.error !== undefined) throw problemOfChunk(chunk);
        parts.push(chunk.bytes);
      }
    } finally {
      opened.close();
    }
    await reply.type('application/json; charset=utf-8').send(Buffer.concat(parts));
  }

  /** Its bytes up to a limit; a client that wants more of a large file goes on with `from`. */
  async content(request: FastifyRequest, reply: FastifyReply, task: string): Promise<void> {
    const { path, from: start = '0', follow } = parametersOf(request, ['path', 'from', 'follow']);
    if (path === undefined) throw invalid('path', 'a path in the sandbox is needed', 'such as path=stdout');
    const from = Number(start);
    if (!Number.isSafeInteger(from)) throw invalid('from', `from is a byte, found ${start}`, 'such as from=-1000');
    const place = await this.streams.whereabouts(request, task);
    const follows = follow === 'true';
    const opened = await this.streams.open(place, {
      ...{ task, kind: 'file', path, from, follow: follows, 'limit-bytes': LIMIT_BYTES },
      'ttl-secs': follows ? FOLLOW_SECS : CONTENT_SECS,
    });
    try {
      const chunks = await answeredChunks(opened, goneSignalOf(reply));
      const sink = new ResponseSink(reply, 'application/octet-stream');
      for await (const { bytes, error } of chunks) {
        // A broken connection is the one way left to say that this is not the whole of it.
        if (error !== undefined) return void reply.raw.destroy();
        if (bytes.byteLength > 0 && !(await sink.write(bytes))) return;
      }
      sink.end();
    } finally {
      opened.close();
    }
  }
}
