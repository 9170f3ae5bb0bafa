import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { outcomeJson, pendingJson } from '../../commands/outcome-json.js';
import { Outcomes } from '../../commands/outcomes.js';
import { EventRing } from '../../events/event-ring.js';
import { encodePosition } from '../../position.js';
import { Problem } from '../../problem.js';
import { HistoryReads } from '../history-reads.js';
import { parametersOf, waitMsOf } from '../parameters.js';

@Controller('v1/commands')
export class CommandsController {
  constructor(
    private readonly outcomes: Outcomes,
    private readonly ring: EventRing,
    private readonly history: HistoryReads,
  ) {}

  /** From memory, else from Cassandra; with `Prefer: wait=N` it may still be to come. */
  @Get(':id')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    parametersOf(request, []);
    const waitMs = waitMsOf(request);
    const next = this.outcomes.next(id);
    const known = this.outcomes.get(id);
    if (known !== undefined) {
      next.forget();
      return this.send(reply, outcomeJson(known, this.position));
    }
    const written = await this.history.outcome(id).finally(() => waitMs === undefined && next.forget());
    if (written !== undefined) {
      next.forget();
      return this.send(reply, { position: this.position, ...written });
    }
    const outcome = waitMs === undefined ? undefined : await next.within(waitMs);
    if (outcome !== undefined) return this.send(reply, outcomeJson(outcome, this.position));
    if (waitMs !== undefined) return this.send(reply.status(202), pendingJson(id, this.position));
    throw Problem.of('unknown-command', `nothing is known of a command ${id}`, {
      remedy: 'it may not be decided yet: ask again, or with Prefer: wait=10',
    });
  }

  private get position(): string {
    return encodePosition(this.ring.position);
  }

  private send(reply: FastifyReply, body: object): void {
    void reply.header('orrery-position', this.position).send(body);
  }
}
