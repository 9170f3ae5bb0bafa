import type { Agent, Service, StreamedEvent, Task } from '../answers.js';
import { argument, type Call } from '../call.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import { fields, table } from '../output/table.js';
import { atOf, momentOf, showList } from '../reading.js';

interface State {
  readonly at: string;
  readonly position: string;
  readonly counts: Readonly<Record<string, unknown>>;
  readonly services: readonly Service[];
  readonly agents: readonly Agent[];
  readonly tasks: readonly Task[];
}

export async function state(call: Call): Promise<void> {
  const shown = await call.gateway.get<State>('/v1/state', atOf(call));
  await call.output.object(shown, { name: ({ position }) => position, people: stateText });
}

function stateText({ at, position, counts, services, agents, tasks }: State): string {
  return [
    fields({ at, position, ...counts }),
    table(
      [
        { title: 'SERVICE', cell: (service: Service) => service.name },
        { title: 'VERSION', cell: (service) => service.version },
        { title: 'STATE', cell: (service) => service.state },
      ],
      services,
    ),
    table(
      [
        { title: 'AGENT', cell: (agent: Agent) => agent.id },
        { title: 'STATE', cell: (agent) => agent.state },
      ],
      agents,
    ),
    table(
      [
        { title: 'TASK', cell: (task: Task) => task.id },
        { title: 'STATE', cell: (task) => task.state },
        { title: 'RUN', cell: (task) => task.incarnation, right: true },
        { title: 'AGENT', cell: (task) => task.agent },
      ],
      tasks,
    ),
  ].join('\n');
}

interface StateChange {
  readonly kind: string;
  readonly name: string;
  readonly change: string;
  readonly fields?: Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;
}

export async function diff(call: Call): Promise<void> {
  const [from, to] = [momentOf(argument(call, 0)), call.args[1]];
  const query = { from, to: to === undefined ? undefined : momentOf(to) };
  const { changes } = await call.gateway.get<{ changes: StateChange[] }>('/v1/diff', query);
  await call.output.list(changes, {
    name: ({ kind, name }) => `${kind}/${name}`,
    columns: [
      { title: 'KIND', cell: ({ kind }) => kind },
      { title: 'NAME', cell: ({ name }) => name },
      { title: 'CHANGE', cell: ({ change }) => change },
      { title: 'FIELDS', cell: ({ fields: changed }) => fieldsText(changed), shrinks: true },
    ],
  });
}

function fieldsText(changed: StateChange['fields']): string {
  return Object.entries(changed ?? {})
    .map(([field, { before, after }]) => `${field} ${JSON.stringify(before)} → ${JSON.stringify(after)}`)
    .join(', ');
}

interface AuditEntry {
  /** Absent: no command asked for it. */
  readonly commandId?: string;
  readonly journal: string;
  readonly seq: number;
  readonly at: string;
  readonly actor: string;
  readonly reason?: string;
  readonly type: string;
  readonly subject: string;
  readonly object?: { readonly kind: string; readonly name: string };
  readonly status: string;
  readonly code?: string;
  readonly followed?: readonly string[];
}

export async function auditLog(call: Call): Promise<void> {
  const { service, actor, since, until } = call.options as Record<string, string | undefined>;
  await showList<AuditEntry>(
    call,
    '/v1/audit',
    { service, actor, since: since && momentOf(since), until: until && momentOf(until) },
    {
      name: (entry) => entry.commandId ?? `${entry.journal}:${entry.seq}`,
      columns: [
        { title: 'AT', cell: (entry) => entry.at },
        { title: 'ACTOR', cell: (entry) => entry.actor },
        { title: 'COMMAND', cell: (entry) => entry.type },
        { title: 'OBJECT', cell: ({ object, subject }) => (object ? `${object.kind} ${object.name}` : subject) },
        { title: 'OUTCOME', cell: (entry) => entry.code ?? entry.status },
        { title: 'REASON', cell: (entry) => entry.reason, shrinks: true },
        { title: 'FOLLOWED', cell: (entry) => entry.followed?.join(' '), wide: true },
        { title: 'ID', cell: (entry) => entry.commandId, wide: true },
      ],
    },
  );
}

type AuditLine =
  | { readonly kind: 'progress'; readonly journal: string; readonly seq: number }
  | { readonly kind: 'journal' | 'void' | 'snapshot' | 'finding'; readonly journal: string; readonly message: string }
  | { readonly kind: 'result'; readonly ok: boolean; readonly message: string };

/** Progress goes to stderr, findings to stdout; exit code 1 when anything is wrong. */
export async function auditVerify(call: Call): Promise<ExitCode> {
  const { gateway, output, surroundings } = call;
  let ok = false;
  for await (const line of gateway.lines<AuditLine>('/v1/audit/verify', {}, surroundings.interrupted)) {
    if (line.kind === 'progress') output.remark(`${line.journal}: at seq ${line.seq}`);
    else await output.item(line, auditText);
    if (line.kind === 'result') ok = line.ok;
  }
  return ok ? exitCodes.done : exitCodes.error;
}

function auditText(line: Exclude<AuditLine, { kind: 'progress' }>): string {
  const mark = line.kind === 'finding' ? 'WRONG  ' : '';
  return line.kind === 'result' ? line.message : `${mark}${line.journal}: ${line.message}`;
}

export async function events(call: Call): Promise<void> {
  const { from, service, task, type, follow } = call.options as Record<string, string | undefined>;
  const follows = (follow as unknown) === true;
  // Without a start, what is to come is followed, and what has been is read from its beginning.
  const start = from === undefined ? (follows ? undefined : 'beginning') : momentOf(from);
  const query = { from: start, service, task, type, follow: follows };
  for await (const event of call.gateway.events(query, call.surroundings.interrupted)) {
    await call.output.item(event, eventText);
  }
}

function eventText(event: StreamedEvent): string {
  const about = event.service ?? event.agent ?? '-';
  return `${event.at}  ${event.type.padEnd(20)}  ${about.padEnd(16)}  ${event.journal}:${event.seq}  ${brief(event)}`;
}

function brief(event: StreamedEvent): string {
  const text = JSON.stringify(event.data ?? {});
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
