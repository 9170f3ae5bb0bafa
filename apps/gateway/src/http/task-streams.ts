import { Injectable } from '@nestjs/common';
import { agentLogsTopic, agentPartition, cellOfAgent, type ClusterCommand } from '@orrery/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { checkCommand, CommandSender } from '../commands/command-sender.js';
import { Outcomes } from '../commands/outcomes.js';
import { Problem } from '../problem.js';
import { ReadModel } from '../read-model/read-model.js';
import { GatewaySettings } from '../settings.js';
import { LogTail, type StreamChunk, type StreamChunks } from '../streams/log-tail.js';
import { actorOf, minPositionOf } from './parameters.js';
import { serviceOfTask } from './writes.js';

type OpenStream = Extract<ClusterCommand, { type: 'OpenStream' }>['body'];

/** What is asked of the agent of a task. */
export type StreamWish = Omit<OpenStream, 'stream' | 'ttl-secs'> & { readonly 'ttl-secs': number };

export interface Whereabouts {
  readonly agent: string;
  readonly cell: number;
  readonly actor: string;
}

export interface OpenedStream {
  readonly stream: string;
  /** The lane of its agent. */
  readonly partition: number;
  readonly chunks: StreamChunks;
  /** It lives: the time that it may stay silent begins anew. */
  readonly heard: () => void;
  readonly close: () => void;
}

const OPENED_WITHIN_MS = 10_000;
/** After its time, an agent that lives has said that the stream ended. */
const LAST_WORD_MS = 10_000;

/** Opens streams of tasks: by a command, so that each is decided on and on record; the bytes come through the log topic. */
@Injectable()
export class TaskStreams {
  /** Those that are served here, by their lane. */
  readonly #open = new Map<string, number>();

  constructor(
    private readonly model: ReadModel,
    private readonly sender: CommandSender,
    private readonly outcomes: Outcomes,
    private readonly tail: LogTail,
    private readonly settings: GatewaySettings,
  ) {}

  async whereabouts(request: FastifyRequest, task: string): Promise<Whereabouts> {
    const minPosition = minPositionOf(request);
    const query = { ask: 'task', id: task } as const;
    const { body } = await this.model.ask({ query, ...(minPosition === undefined ? {} : { minPosition }) });
    const { agent } = JSON.parse(Buffer.from(body).toString()) as { agent: string };
    return { agent, cell: cellOfAgent(agent), actor: actorOf(request) };
  }

  /** Listens first, then asks the agent: its first bytes must not be missed. */
  async open({ agent, cell, actor }: Whereabouts, wish: StreamWish): Promise<OpenedStream> {
    const stream = randomUUID();
    const body: OpenStream = { stream, ...wish };
    const key = serviceOfTask(wish.task);
    const command = { domain: 'cluster', name: 'OpenStream', key, cell, body, id: stream, actor } as const;
    checkCommand(command);
    const partition = agentPartition(agent, cell, this.settings);
    const chunks = await this.tail.listen({ topic: agentLogsTopic, partition }, stream);
    try {
      const next = this.outcomes.next(stream);
      await this.sender.send(command);
      const outcome = await next.within(OPENED_WITHIN_MS);
      if (outcome?.refusal !== undefined) throw Problem.refused(outcome.refusal);
      if (outcome?.status !== 'accepted')
        throw Problem.of('not-ready', 'the master did not open the stream in time', { remedy: 'try again' });
    } catch (error) {
      chunks.close();
      throw error;
    }
    const timer = setTimeout(() => chunks.fail('the agent fell silent'), wish['ttl-secs'] * 1000 + LAST_WORD_MS);
    this.#open.set(stream, partition);
    const close = (): void => {
      this.#open.delete(stream);
      clearTimeout(timer);
      chunks.close();
    };
    return { stream, partition, chunks, heard: () => void timer.refresh(), close };
  }

  /** The lane of a stream of a task, also of one that another gateway serves. */
  async partitionOf(request: FastifyRequest, task: string, stream: string): Promise<number> {
    const known = this.#open.get(stream);
    if (known !== undefined) return known;
    const { agent, cell } = await this.whereabouts(request, task);
    return agentPartition(agent, cell, this.settings);
  }
}

/** Chunks whose first one has come: so an agent that can't serve a stream is still answered for with a status. */
export async function answeredChunks({ chunks }: OpenedStream, gone: AbortSignal): Promise<AsyncIterable<StreamChunk>> {
  const rest = chunks.read(gone);
  const timer = setTimeout(() => chunks.fail('the agent does not answer'), OPENED_WITHIN_MS);
  const first = await rest.next().finally(() => clearTimeout(timer));
  if (first.done === true) return rest;
  if (first.value.error !== undefined) throw problemOfChunk(first.value);
  return (async function* () {
    yield first.value;
    yield* rest;
  })();
}

/** Aborted when the client has closed its connection. */
export function goneSignalOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.on('close', () => gone.abort());
  return gone.signal;
}

export function problemOfChunk({ error = '', code = 'stream-failed' }: StreamChunk): Problem {
  return new Problem(code, error);
}
