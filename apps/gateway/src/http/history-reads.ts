import { Injectable } from '@nestjs/common';
import type { AuditRow, CommandOutcomeRow, TaskStateRow } from '@orrery/cassandra';
import { endMessage, isOfScheduler, parseCommandType, parseTaskId, taskId } from '@orrery/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EventRing } from '../events/event-ring.js';
import { History } from '../history.js';
import { covers, encodePosition, type Position } from '../position.js';
import { Problem, statusOfCode } from '../problem.js';
import { problemOfAway } from '../servers-away.js';
import { encodeCursor, minPositionOf, pageOf, pageParameters, parametersOf, timeParameter } from './parameters.js';
import { Reads } from './reads.js';

const HISTORIAN = 'historian';
const CATCH_UP_MS = 5_000;
const LOOK_AGAIN_MS = 100;

/** Reads of the story that the historian writes down: of tasks, agents, commands, and who did what. */
@Injectable()
export class HistoryReads {
  constructor(
    private readonly history: History,
    private readonly reads: Reads,
    private readonly ring: EventRing,
  ) {}

  async task(request: FastifyRequest, reply: FastifyReply, id: string): Promise<void> {
    const parameters = parametersOf(request, ['generation', ...pageParameters]);
    const page = pageOf(parameters);
    const task = parseTaskId(id);
    if (task === undefined) throw unknownTask(id);
    await this.reached(minPositionOf(request));
    const generation = await this.generationOf(request, task.service, parameters['generation']);
    const states = generation === undefined ? [] : await asking(() => this.history.readTask({ ...task, generation }));
    if (states.length === 0) throw unknownTask(id);
    this.send(
      reply,
      pageOfRows(states, page, (row) => `${row.seq}.${row.n}`, taskStateJson),
    );
  }

  async agent(request: FastifyRequest, reply: FastifyReply, agent: string): Promise<void> {
    const page = pageOf(parametersOf(request, pageParameters));
    await this.reached(minPositionOf(request));
    const rows = await asking(() => this.history.agentHistory(agent));
    const json = ({ at, ...row }: (typeof rows)[number]) => ({ ...row, at: new Date(at).toISOString() });
    this.send(
      reply,
      pageOfRows(rows, page, (row) => `${row.seq}.${row.n}`, json),
    );
  }

  /** What became of a command that is too old for memory. */
  async outcome(commandId: string): Promise<object | undefined> {
    const row = await asking(() => this.history.outcome(commandId));
    return row === undefined || row.outcome === 'forwarded' ? undefined : outcomeRowJson(row);
  }

  async audit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['service', 'subject', 'actor', 'since', 'until', ...pageParameters]);
    const { service, actor, since, until } = parameters;
    const { limit, after } = pageOf(parameters);
    const subject = service ?? parameters['subject'];
    await this.reached(minPositionOf(request));
    const rows = await asking(() =>
      this.history.audit({
        limit,
        ...(subject === undefined ? {} : { subject }),
        ...(actor === undefined ? {} : { actor }),
        ...(since === undefined ? {} : { from: timeParameter('since', since) }),
        ...(until === undefined ? {} : { to: timeParameter('until', until) }),
        ...(after === undefined ? {} : { after: auditPlaceOf(after) }),
      }),
    );
    const last = rows.length < limit ? undefined : rows.at(-1);
    const next = last === undefined ? null : encodeCursor([last.at, last.journal, last.seq, last.n].join(' '));
    this.send(reply, { items: rows.map(auditJson), next });
  }

  /** Versions with who applied them, when and why, as far as that is written down and can be read. */
  async withAuthors(service: string, page: VersionPage): Promise<VersionPage> {
    try {
      const rows = await asking(() => this.history.serviceVersions(service));
      const items = page.items.map((item) => {
        const row = rows.find(({ version, generation }) => version === item.version && generation === item.generation);
        if (row === undefined) return item;
        const { at, actor, reason, commandId } = row;
        return { ...item, at: new Date(at).toISOString(), actor, reason, commandId };
      });
      return { ...page, items };
    } catch (error) {
      // The versions themselves are in the state: they are told without their authors.
      if (error instanceof Problem && error.code === 'history-away') return page;
      throw error;
    }
  }

  private async generationOf(
    request: FastifyRequest,
    service: string,
    given: string | undefined,
  ): Promise<number | undefined> {
    // Schedulers of others have one life.
    if (isOfScheduler(service)) return 0;
    if (given !== undefined) return Number(given);
    const living = await this.reads.whereabouts(request, service);
    // A service that was uninstalled has its last life in the history.
    return living?.generation ?? (await asking(() => this.history.serviceVersions(service)))[0]?.generation;
  }

  /** Waits until the historian has written down what the client has seen. */
  private async reached(wanted: Position | undefined): Promise<void> {
    if (wanted === undefined) return;
    for (const deadlineMs = Date.now() + CATCH_UP_MS; ;) {
      const written = await asking(() => this.history.positions(HISTORIAN));
      const journals = new Map(written.map(({ journal, seq }) => [journal.replace('/', '-'), seq]));
      if (covers({ journals, commands: wanted.commands }, wanted)) return;
      if (Date.now() > deadlineMs) {
        throw Problem.of('position-not-reached', 'the historian has not written down so far yet', {
          remedy: 'try again',
        });
      }
      await new Promise((done) => setTimeout(done, LOOK_AGAIN_MS));
    }
  }

  private send(reply: FastifyReply, page: object): void {
    void reply
      .header('orrery-position', encodePosition(this.ring.position))
      .header('cache-control', 'no-cache')
      .send(page);
  }
}

interface VersionPage {
  readonly items: readonly { readonly version: number; readonly generation: number }[];
  readonly next: string | null;
}

async function asking<Value>(ask: () => Promise<Value>): Promise<Value> {
  try {
    return await ask();
  } catch (error) {
    throw problemOfAway(error) ?? error;
  }
}

function pageOfRows<Row>(
  rows: readonly Row[],
  { limit, after }: { readonly limit: number; readonly after?: string },
  keyOf: (row: Row) => string,
  json: (row: Row) => object,
): object {
  const start = after === undefined ? 0 : rows.findIndex((row) => keyOf(row) === after) + 1;
  const page = rows.slice(start, start + limit);
  const more = start + limit < rows.length;
  return { items: page.map(json), next: more ? encodeCursor(keyOf(page.at(-1)!)) : null };
}

function taskStateJson({ service, pod, index, task, at, ...row }: TaskStateRow): object {
  const { incarnation, seq, state, agent, reason, cause, launch, ready, exit, late } = row;
  return {
    task: taskId(service, pod, index, task),
    incarnation,
    seq,
    state,
    at: new Date(at).toISOString(),
    agent: agent ?? null,
    reason: reason ?? null,
    message: endMessage(row) ?? null,
    cause: cause ?? null,
    ...{ launch, ready, exit, late },
  };
}

function outcomeRowJson(row: CommandOutcomeRow): object {
  const { commandId, at, domain, cell, seq, outcome, commandType, subject, actor, reason, refusal } = row;
  return {
    commandId,
    status: outcome,
    type: parseCommandType(commandType)?.name ?? commandType,
    subject,
    at: new Date(at).toISOString(),
    actor,
    reason,
    journal: `${domain}-${cell}`,
    seq,
    ...(refusal === undefined ? {} : { refusal, httpStatus: statusOfCode(refusal.code) }),
  };
}

function auditJson({ at, journal, seq, type, actor, subject, reason, commandId, detail }: AuditRow): object {
  const details = detail === undefined ? {} : (JSON.parse(detail) as object);
  return {
    commandId,
    at: new Date(at).toISOString(),
    actor,
    reason,
    type,
    subject,
    journal: journal.replace('/', '-'),
    seq,
    ...details,
  };
}

function auditPlaceOf(after: string): Pick<AuditRow, 'at' | 'journal' | 'seq' | 'n'> {
  const [at, journal, seq, n] = after.split(' ');
  return { at: Number(at), journal: journal ?? '', seq: Number(seq), n: Number(n) };
}

function unknownTask(id: string): Problem {
  return Problem.of('unknown-task', `nothing is written down about a task ${id}`, {
    remedy: 'see the list of tasks; a task is named like hello.web-0.server',
  });
}
