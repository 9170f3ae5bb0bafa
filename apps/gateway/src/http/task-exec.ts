import { Injectable } from '@nestjs/common';
import { checkShape } from '@orrery/contracts';
import { systemClock } from '@orrery/control-loop';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema, Static } from 'typebox';
import { execBody, execInput, type ExecBody } from '../documents/exec-schemas.js';
import { Problem } from '../problem.js';
import type { StreamChunk } from '../streams/log-tail.js';
import { StreamInput } from '../streams/stream-input.js';
import { parametersOf } from './parameters.js';
import { ResponseSink } from './response-sink.js';
import { answeredChunks, goneSignalOf, TaskStreams, type OpenedStream, type StreamWish } from './task-streams.js';

const STDIN_BYTES_MAX = 64 * 1024;
const LIMIT_BYTES = 64 * 1024 * 1024;
/** Of a command whose client does not say how long; of an interactive one, from each word of ours that it is read. */
const TTL_SECS = 60;
const WORD_MS = 10_000;

/** A request to run something, once it is known where. */
interface Run {
  readonly task: string;
  readonly body: ExecBody;
  readonly isInteractive: boolean;
  readonly opened: OpenedStream;
}

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
    const body = checked(execBody, given);
    const isInteractive = body.interactive === true || body.terminal !== undefined;
    const wish = wishOf(task, body, isInteractive);
    const opened = await this.streams.open(await this.streams.whereabouts(request, task), wish);
    const ended = { yes: false };
    try {
      await this.answer({ task, body, isInteractive, opened }, reply, ended);
    } finally {
      opened.close();
      if (!ended.yes) await this.input.cancel(opened);
    }
  }

  /** More input of an interactive command; whichever gateway serves its answer. */
  async give(
    request: FastifyRequest,
    reply: FastifyReply,
    { id: task, stream }: { readonly id: string; readonly stream: string },
    given: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    parametersOf(request, []);
    const { offset, data = '', end = false, terminal } = checked(execInput, given);
    const bytes = Buffer.from(data, 'base64');
    if (offset === undefined && (bytes.length > 0 || end)) {
      const remedy = 'the bytes given before: 0 at first';
      throw Problem.of('invalid-field', 'input needs its offset', { field: '/offset', remedy });
    }
    const target = { stream, partition: await this.streams.partitionOf(request, task, stream) };
    if (terminal !== undefined) await this.input.resize(target, terminal);
    if (offset !== undefined) await this.input.send(target, { offset, bytes, end });
    await reply.code(200).send({});
  }

  private async answer(run: Run, reply: FastifyReply, ended: { yes: boolean }): Promise<void> {
    const { task, body, isInteractive, opened } = run;
    const chunks = await answeredChunks(opened, goneSignalOf(reply));
    if (!isInteractive) await this.input.send(opened, { offset: 0, bytes: Buffer.from(body.stdin ?? ''), end: true });
    const sink = new ResponseSink(reply, 'application/x-ndjson');
    const stopWords = isInteractive ? this.keepAlive(opened, sink) : () => undefined;
    const write = (line: object) => sink.write(`${JSON.stringify(line)}\n`);
    try {
      if (isInteractive) await write({ input: `/v1/tasks/${encodeURIComponent(task)}/exec/${opened.stream}` });
      for await (const chunk of chunks) {
        if (isInteractive) opened.heard();
        if (chunk.exit !== undefined) ended.yes = true;
        const line = lineOf(chunk);
        if (line !== undefined && !(await write(line))) return;
      }
    } finally {
      stopWords();
      sink.end();
    }
  }

  /** Tells the command that it is read, and finds out whether it is: an empty line goes to a client that may be gone. */
  private keepAlive(opened: OpenedStream, sink: ResponseSink): () => void {
    let cancel = (): void => undefined;
    const again = (): void => {
      cancel = systemClock.after(WORD_MS, () => {
        void sink.write('\n');
        // A word that did not get through is as good as none: both sides end what falls silent.
        this.input.listen(opened).then(again, again);
      });
    };
    again();
    return () => cancel();
  }
}

function lineOf({
  bytes,
  output = 'stdout',
  end,
  exit,
  taken,
  error,
  code = 'stream-failed',
}: StreamChunk): object | undefined {
  if (error !== undefined) return { error, code };
  if (end) return exit === undefined ? { error: 'its exit code was not told', code: 'stream-failed' } : { exit };
  if (taken !== undefined) return { taken };
  if (bytes.byteLength === 0) return undefined;
  return { stream: output, data: Buffer.from(bytes).toString('base64') };
}

function checked<Schema extends TSchema>(schema: Schema, given: unknown): Static<Schema> {
  const found = checkShape(schema, given);
  if (!found.ok) throw Problem.refused(found.refusal);
  return found.value;
}

function wishOf(task: string, body: ExecBody, isInteractive: boolean): StreamWish {
  const { cmd, stdin, terminal, 'ttl-secs': ttl } = body;
  if (stdin !== undefined && isInteractive) {
    const remedy = 'leave it out, and send it to the address that the answer tells';
    throw Problem.of('invalid-field', 'an interactive command gets its input in pieces', { field: '/stdin', remedy });
  }
  if (Buffer.byteLength(stdin ?? '') > STDIN_BYTES_MAX) {
    const remedy = 'for more, make it interactive';
    const message = `stdin is a text of at most ${STDIN_BYTES_MAX} bytes`;
    throw Problem.of('invalid-field', message, { field: '/stdin', remedy });
  }
  return {
    ...{ task, kind: 'exec', cmd, 'limit-bytes': LIMIT_BYTES, 'ttl-secs': ttl ?? TTL_SECS },
    ...(terminal === undefined ? {} : { terminal }),
    ...(isInteractive && ttl === undefined ? { follow: true } : {}),
  };
}
