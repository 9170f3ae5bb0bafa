import { Injectable } from '@nestjs/common';
import { agentLogsTopic, agentPartition, cellOfAgent } from '@orrery/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { checkCommand, CommandSender } from '../commands/command-sender.js';
import { Outcomes } from '../commands/outcomes.js';
import { LogTail, type StreamChunks } from '../streams/log-tail.js';
import { Problem } from '../problem.js';
import { ReadModel } from '../read-model/read-model.js';
import { GatewaySettings } from '../settings.js';
import { actorOf, invalid, minPositionOf, parametersOf } from './parameters.js';
import { ResponseSink } from './response-sink.js';
import { serviceOfTask } from './writes.js';

const LIMIT_BYTES = 16 * 1024 * 1024;
const FOLLOW_SECS = 900;
const READ_SECS = 60;
const OPENED_WITHIN_MS = 10_000;

interface Wanted {
  readonly task: string;
  readonly kind: 'stdout' | 'stderr';
  readonly follow: boolean;
  readonly agent: string;
  readonly cell: number;
  readonly actor: string;
}

/**
 * What a task wrote, as its agent sends it: the stream is opened by a command, its bytes come through the log topic. A
 * stream ends by its limits; while the client follows, the next one is opened where the last one ended.
 */
@Injectable()
export class TaskLogs {
  constructor(
    private readonly model: ReadModel,
    private readonly sender: CommandSender,
    private readonly outcomes: Outcomes,
    private readonly tail: LogTail,
    private readonly settings: GatewaySettings,
  ) {}

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
      actor: actorOf(request),
      ...(await this.whereabouts(request, task)),
    };
    const first = await this.open(wanted, start);
    const sink = new ResponseSink(reply, 'text/plain; charset=utf-8');
    try {
      await this.forward(wanted, first, sink);
    } finally {
      sink.end();
    }
  }

  private async forward(wanted: Wanted, first: StreamChunks, sink: ResponseSink): Promise<void> {
    for (let chunks = first; ;) {
      let next: number | undefined;
      let failed: string | undefined;
      for await (const chunk of chunks.read(sink.gone)) {
        if (chunk.bytes.byteLength > 0 && !(await sink.write(chunk.bytes))) break;
        next = chunk.offset + chunk.bytes.byteLength;
        failed = chunk.error;
      }
      chunks.close();
      if (failed !== undefined) await sink.write(`\n[orrery: ${failed}]\n`);
      if (!wanted.follow || sink.gone.aborted || failed !== undefined || next === undefined) return;
      chunks = await this.open(wanted, next);
    }
  }

  /** Listens first, then asks the agent: its first bytes must not be missed. */
  private async open({ task, kind, follow, agent, cell, actor }: Wanted, from: number): Promise<StreamChunks> {
    const stream = randomUUID();
    const chunks = await this.tail.listen(
      { topic: agentLogsTopic, partition: agentPartition(agent, cell, this.settings) },
      stream,
    );
    try {
      const body = {
        stream,
        task,
        kind,
        from,
        follow,
        'limit-bytes': LIMIT_BYTES,
        'ttl-secs': follow ? FOLLOW_SECS : READ_SECS,
      };
      const command = {
        domain: 'cluster',
        name: 'OpenStream',
        key: serviceOfTask(task),
        cell,
        body,
        id: stream,
        actor,
      } as const;
      checkCommand(command);
      const next = this.outcomes.next(stream);
      await this.sender.send(command);
      const outcome = await next.within(OPENED_WITHIN_MS);
      if (outcome?.status === 'accepted') return chunks;
      if (outcome?.refusal !== undefined) throw Problem.refused(outcome.refusal);
      throw Problem.of('not-ready', 'the master did not open the stream in time', { remedy: 'try again' });
    } catch (error) {
      chunks.close();
      throw error;
    }
  }

  private async whereabouts(request: FastifyRequest, task: string): Promise<{ agent: string; cell: number }> {
    const minPosition = minPositionOf(request);
    const query = { ask: 'task', id: task } as const;
    const { body } = await this.model.ask({ query, ...(minPosition === undefined ? {} : { minPosition }) });
    const { agent } = JSON.parse(Buffer.from(body).toString()) as { agent: string };
    return { agent, cell: cellOfAgent(agent) };
  }
}
