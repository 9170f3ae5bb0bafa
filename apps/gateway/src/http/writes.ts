import { Injectable } from '@nestjs/common';
import { cellOfAgent, cellOfName, parseTaskId, type DomainName, type ServiceSpec } from '@orrery/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { bodyDigest, checkCommand, CommandSender, type SentCommand } from '../commands/command-sender.js';
import { outcomeJson, pendingJson } from '../commands/outcome-json.js';
import { Outcomes, type KnownOutcome } from '../commands/outcomes.js';
import { EventRing } from '../events/event-ring.js';
import { encodePosition, journalName } from '../position.js';
import { Problem, problemBody } from '../problem.js';
import { GatewaySettings } from '../settings.js';
import { actorOf, headerOf, ifVersionOf, reasonOf, waitMsOf } from './parameters.js';
import { Reads } from './reads.js';

/** A command that a request stands for. */
export interface Asking {
  readonly domain: DomainName;
  readonly name: string;
  readonly key: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly cell: number;
  /** Refused when the service moved on since; a client's own If-Match goes before. */
  readonly ifVersion?: string;
}

/** Turns writes into commands and answers with their position, or with their outcome where the client waits for it. */
@Injectable()
export class Writes {
  constructor(
    private readonly sender: CommandSender,
    private readonly outcomes: Outcomes,
    private readonly ring: EventRing,
    private readonly reads: Reads,
    private readonly settings: GatewaySettings,
  ) {}

  async service(
    request: FastifyRequest,
    reply: FastifyReply,
    name: string,
    command: string,
    body: object,
  ): Promise<void> {
    const cell = await this.cellOfService(request, name, (body as { cell?: unknown }).cell);
    await this.submit(request, reply, { domain: 'services', name: command, key: name, cell, body: { ...body } });
  }

  /** Brings a service to this spec; with `ifVersion` only if that is still its version. */
  async apply(request: FastifyRequest, reply: FastifyReply, spec: ServiceSpec, ifVersion?: string): Promise<void> {
    const cell = await this.cellOfService(request, spec.name, spec.cell);
    const asking = { domain: 'services', name: 'ApplyService', key: spec.name, cell, body: { ...spec } } as const;
    await this.submit(request, reply, { ...asking, ...(ifVersion !== undefined && { ifVersion }) });
  }

  async task(request: FastifyRequest, reply: FastifyReply, task: string, command: string, body: object): Promise<void> {
    const asking = { domain: 'cluster', name: command, key: serviceOfTask(task), body: { ...body, task } } as const;
    await this.submit(request, reply, { ...asking, cell: await this.cellOfService(request, asking.key) });
  }

  async agent(
    request: FastifyRequest,
    reply: FastifyReply,
    agent: string,
    command: string,
    body: object,
  ): Promise<void> {
    const cell = cellOfAgent(agent);
    if (cell >= this.settings.cells) throw unknownAgent(agent);
    await this.submit(request, reply, { domain: 'cluster', name: command, key: agent, cell, body: { ...body, agent } });
  }

  /** The cell that the spec names, else the one where the service lives, else that of its name. */
  async cellOfService(request: FastifyRequest, name: string, wished?: unknown): Promise<number> {
    if (typeof wished === 'number' && Number.isInteger(wished) && wished >= 0 && wished < this.settings.cells)
      return wished;
    if (this.settings.cells === 1) return 0;
    return (await this.reads.whereabouts(request, name))?.cell ?? cellOfName(name, this.settings.cells);
  }

  async submit(request: FastifyRequest, reply: FastifyReply, asking: Asking): Promise<void> {
    const id = headerOf(request, 'idempotency-key') ?? randomUUID();
    checkCommand({ ...asking, id });
    const known = this.outcomes.get(id);
    // A repeat needs no second message: what became of the command is known already.
    if (known?.bodyDigest === bodyDigest(asking.body)) return this.tell(request, reply, known);
    const [reason, ifVersion] = [reasonOf(request), ifVersionOf(request) ?? asking.ifVersion];
    const next = this.outcomes.next(id);
    let sent: SentCommand;
    try {
      sent = await this.sender.send({
        ...asking,
        id,
        actor: actorOf(request),
        ...(reason === undefined ? {} : { reason }),
        ...(ifVersion === undefined ? {} : { ifVersion }),
      });
    } catch (error) {
      next.forget();
      throw error;
    }
    const waitMs = waitMsOf(request);
    const outcome = await next.within(waitMs ?? 0);
    if (outcome !== undefined && waitMs !== undefined) return this.tell(request, reply, outcome);
    const position = this.positionOf(asking.domain, sent);
    void reply
      .status(202)
      .header('orrery-position', position)
      .header('location', `/v1/commands/${encodeURIComponent(id)}`)
      .send(pendingJson(id, position));
  }

  private tell(request: FastifyRequest, reply: FastifyReply, outcome: KnownOutcome): void {
    const position = encodePosition(this.ring.position);
    void reply.header('orrery-position', position);
    if (outcome.status === 'accepted') {
      if (waitMsOf(request) !== undefined) void reply.header('preference-applied', 'wait');
      void reply.status(200).send(outcomeJson(outcome, position));
      return;
    }
    const problem = Problem.refused(outcome.refusal!);
    const body = { ...problemBody(problem, request.url), commandId: outcome.command, position };
    void reply.status(problem.status).header('content-type', 'application/problem+json').send(JSON.stringify(body));
  }

  /** All that was folded here, and this command: who waits for this position sees what it did. */
  private positionOf(domain: DomainName, { cell, offset }: SentCommand): string {
    const { journals, commands } = this.ring.position;
    const name = journalName(domain, cell);
    return encodePosition({
      journals,
      commands: new Map(commands).set(name, Math.max(offset, commands.get(name) ?? -1)),
    });
  }
}

export function serviceOfTask(task: string): string {
  const parsed = parseTaskId(task);
  if (parsed !== undefined) return parsed.service;
  throw Problem.of('unknown-task', `${task} is no task`, { remedy: 'a task is named like hello.web-0.server' });
}

function unknownAgent(agent: string): Problem {
  return Problem.of('unknown-agent', `there is no agent ${agent}`, { remedy: 'see the list of agents' });
}
