import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalid, parametersOf } from './parameters.js';
import { ResponseSink } from './response-sink.js';
import { TaskStreams, type OpenedStream, type Whereabouts } from './task-streams.js';

const LIMIT_BYTES = 16 * 1024 * 1024;
const FOLLOW_SECS = 900;
const READ_SECS = 60;

interface Wanted {
  readonly task: string;
  readonly kind: 'stdout' | 'stderr';
  readonly follow: boolean;
  readonly place: Whereabouts;
}

/**
 * What a task wrote, as its agent sends it: the stream is opened by a command, its bytes come through the log topic. A
 * stream ends by its limits; while the client follows, the next one is opened where the last one ended.
 */
@Injectable()
export class TaskLogs {
  constructor(private readonly streams: TaskStreams) {}

  async stream(request: FastifyRequest, reply: FastifyReply, task: string): Promise<void> {
    const { from, follow, stream } = parametersOf(request, ['from', 'follow', 'stream']);
    if (stream !== undefined && stream !== 'stdout' && stream !== 'stderr') {
      throw invalid('stream', `stream is stdout or stderr, found ${stream}`, 'use stream=stdout');
    }
    const start = from === undefined ? 0 : Number(from);
    if (!Number.isSafeInteger(start))
      throw invalid('from', `from is a byte, found ${from}`, 'such as from=0 or from=-1000');
    const wanted: Wanted = {
      task,
      kind: stream ?? 'stdout',
      follow: follow === 'true',
      place: await this.streams.whereabouts(request, task),
    };
    const first = await this.open(wanted, start);
    const sink = new ResponseSink(reply, 'text/plain; charset=utf-8');
    try {
      await this.forward(wanted, first, sink);
    } finally {
      sink.end();
    }
  }

  private async forward(wanted: Wanted, first: OpenedStream, sink: ResponseSink): Promise<void> {
    for (let opened = first; ;) {
      let next: number | undefined;
      let failed: string | undefined;
      for await (const chunk of opened.chunks.read(sink.gone)) {
        if (chunk.bytes.byteLength > 0 && !(await sink.write(chunk.bytes))) break;
        next = chunk.offset + chunk.bytes.byteLength;
        failed = chunk.error;
      }
      opened.close();
      if (failed !== undefined) await sink.write(`\n[orrery: ${failed}]\n`);
      if (!wanted.follow || sink.gone.aborted || failed !== undefined || next === undefined) return;
      opened = await this.open(wanted, next);
    }
  }

  private open({ task, kind, follow, place }: Wanted, from: number): Promise<OpenedStream> {
    const ttl = follow ? FOLLOW_SECS : READ_SECS;
    return this.streams.open(place, { task, kind, from, follow, 'limit-bytes': LIMIT_BYTES, 'ttl-secs': ttl });
  }
}
