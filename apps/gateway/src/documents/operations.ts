import { allocationCommandSchemas, clusterCommandSchemas, servicesCommandSchemas } from '@orrery/contracts';
import { Type, type TSchema } from 'typebox';
import { packageBody } from '../packages/package-body.js';
import { RepositoryPlace } from '../packages/repositories.js';
import * as answers from './answer-schemas.js';
import { execBody, execInput, execLine } from './exec-schemas.js';

/** One operation of the REST interface, as its document describes it. */
export interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly query?: readonly QueryName[];
  /** Body of a write; its path parameters are filled in. */
  readonly body?: TSchema;
  /** The answer, or the item of a list. */
  readonly answer: TSchema;
  readonly list?: true;
  readonly writes?: true;
  readonly contentType?: string;
}

export const queryParameters = {
  at: 'As it was then: a time (RFC 3339), a duration ago such as 10m, a commit such as services-0:42, or a position',
  limit: 'At most so many items, 1 to 10,000; default 100',
  cursor: '`next` of the page before',
  service: 'Of one service',
  task: 'About one task, such as hello.web-0.server, also where many are meant',
  agent: 'On one agent',
  state: 'In one state',
  unlaunched: 'true: behind them, those that no agent knows: PENDING, or FINISHED with all of their pod',
  from: 'Where to begin',
  to: 'Where to end',
  follow: 'Whether to go on with what comes',
  type: 'Of one type',
  stream: 'stdout or stderr',
  path: 'In the sandbox of the task; default its root',
  steps: 'At most so many steps of each phase',
  sort: 'By cpu (default) or memory, most first',
  scores: 'Of a task that was placed: so many agents with their scores, 0 to 100; default 4',
  actor: 'By one person or program',
  subject: 'About one service, agent or role',
  since: 'From this time on (RFC 3339), or since so long ago, such as 1h',
  until: 'Up to this time (RFC 3339), or until so long ago',
  generation: 'Of one creation of the service',
  verbose: 'With the position of every journal',
  query: 'Words that name, description or tags have',
  version: 'Of the package; default the newest',
  'dry-run': 'true: tell what it would do, change nothing',
} as const;
export type QueryName = keyof typeof queryParameters;

const services = servicesCommandSchemas;
const cluster = clusterCommandSchemas;
const page = ['at', 'limit', 'cursor'] as const;
const service = '/v1/services/{name}';

const read = (
  tag: string,
  path: string,
  summary: string,
  answer: TSchema,
  query: readonly QueryName[] = ['at'],
): Operation => ({
  method: 'get',
  tag,
  path,
  summary,
  answer,
  query,
});
const list = (
  tag: string,
  path: string,
  summary: string,
  answer: TSchema,
  query: readonly QueryName[] = page,
): Operation => ({
  ...read(tag, path, summary, answer, query),
  list: true,
});
const write = (
  tag: string,
  method: 'put' | 'post' | 'delete',
  path: string,
  summary: string,
  body?: TSchema,
): Operation => ({
  method,
  tag,
  path,
  summary,
  answer: answers.outcome,
  writes: true,
  ...(body === undefined ? {} : { body }),
});

/** `fenced` is of replace, `tasks` of pause and resume. */
const podVerb = Type.Union([services.ReplacePod, services.PausePod]);

export const operations: readonly Operation[] = [
  list('services', '/v1/services', 'List services', answers.service),
  read('services', service, 'Show a service; its version is the ETag', answers.service),
  {
    ...write('services', 'put', service, 'Create a service or bring it to this spec', services.ApplyService),
    query: ['dry-run'],
  },
  write('services', 'delete', service, 'Uninstall a service'),
  list('services', `${service}/versions`, 'List its versions', answers.version),
  read('services', `${service}/diff`, 'What changed between two versions', answers.difference, ['at', 'from', 'to']),
  read('services', `${service}/owned`, 'What it owns, also after it was uninstalled', answers.owned),
  list('services', `${service}/endpoints`, 'List its addresses', answers.endpoint),
  write('services', 'post', `${service}/scale`, 'Set the number of pods of one type', services.ScaleService),
  write('services', 'post', `${service}/rollback`, 'Apply an earlier version again', services.RollBackService),
  list('plans', `${service}/plans`, 'List its plans', answers.plan),
  read('plans', `${service}/plans/{plan}`, 'Show phases and steps of a plan', answers.plan, ['at', 'steps']),
  write(
    'plans',
    'post',
    `${service}/plans/{plan}/{verb}`,
    'start, stop, pause, resume, force-complete, force-restart',
    services.PausePlan,
  ),
  list('pods', `${service}/pods`, 'List its pods', answers.pod),
  read('pods', `${service}/pods/{pod}`, 'Show a pod', answers.pod),
  write('pods', 'post', `${service}/pods/{pod}/{verb}`, 'restart, replace, pause, resume', podVerb),
  list('tasks', '/v1/tasks', 'List tasks', answers.task, [...page, 'service', 'agent', 'state', 'unlaunched']),
  list('tasks', '/v1/tasks/metrics', 'The tasks that use most', answers.measuredTask, [
    ...(['service', 'agent', 'sort', 'limit'] as const),
  ]),
  read('tasks', '/v1/tasks/{id}/metrics', 'What a task uses, and a short series', answers.measuredTask, []),
  read('tasks', '/v1/tasks/{id}', 'Show a task', answers.task),
  list('tasks', '/v1/tasks/{id}/history', 'Every state of every incarnation', answers.historyRow, [
    'limit',
    'cursor',
    'generation',
  ]),
  read('tasks', '/v1/tasks/{id}/why', 'Why it runs where it runs, or waits', answers.explanation, ['at', 'scores']),
  {
    ...read('tasks', '/v1/tasks/{id}/logs', 'What it wrote', answers.text, ['from', 'follow', 'stream']),
    contentType: 'text/plain',
  },
  read('tasks', '/v1/tasks/{id}/files', 'List a folder of its sandbox', answers.folder, ['path']),
  {
    ...read(
      'tasks',
      '/v1/tasks/{id}/files/content',
      'Read a file of its sandbox, at most 64 MiB at once',
      answers.text,
      [...(['path', 'from', 'follow'] as const)],
    ),
    contentType: 'application/octet-stream',
  },
  {
    ...read('tasks', '/v1/tasks/{id}/exec', 'Run a command inside it; the last line tells its exit', execLine, []),
    method: 'post',
    body: execBody,
    contentType: 'application/x-ndjson',
  },
  {
    ...read(
      'tasks',
      '/v1/tasks/{id}/exec/{stream}',
      'Give it input, or a new size of its terminal',
      answers.anything,
      [],
    ),
    method: 'post',
    body: execInput,
  },
  write('tasks', 'post', '/v1/tasks/{id}/kill', 'End the running incarnation', cluster.KillTask),
  list('agents', '/v1/agents', 'List agents', answers.agent),
  read('agents', '/v1/agents/{id}', 'Show an agent', answers.agent),
  list('agents', '/v1/agents/{id}/history', 'What happened to it', answers.anything, ['limit', 'cursor']),
  write('agents', 'post', '/v1/agents/{id}/{verb}', 'drain, activate, gone, confirm-lapse', cluster.DrainAgent),
  list('roles', '/v1/roles', 'List roles: weight, what they hold, what waits', answers.role),
  read('roles', '/v1/roles/{role}', 'Show a role, and why it is or is not its turn', answers.role),
  write('roles', 'put', '/v1/roles/{role}', 'Make a role, or set its weight', allocationCommandSchemas.SetRole),
  read('roles', '/v1/fairness', 'What shares are made of, and what is left out', answers.fairness),
  write('roles', 'put', '/v1/fairness', 'Leave scarce resources out of shares', allocationCommandSchemas.SetFairness),
  read('roles', '/v1/preemption', 'How many pods may be preempted a minute, and which make way', answers.preemption),
  write(
    'roles',
    'put',
    '/v1/preemption',
    'Set how many pods may be preempted a minute in each cell',
    allocationCommandSchemas.SetPreemptionBudget,
  ),
  list('roles', '/v1/quotas', 'List quotas and what is used of them', answers.quota),
  write('roles', 'put', '/v1/quotas/{role}', 'Set limit and guarantee of a role', allocationCommandSchemas.SetQuota),
  write('roles', 'delete', '/v1/quotas/{role}', 'Remove the quota of a role'),
  list('reservations', '/v1/reservations', 'List what is kept of agents for roles', answers.reservation),
  write(
    'reservations',
    'post',
    '/v1/reservations',
    'Keep a part of an agent for a role',
    allocationCommandSchemas.Reserve,
  ),
  { ...write('reservations', 'delete', '/v1/reservations/{id}', 'End a reservation'), query: ['agent'] },
  list('packages', '/v1/packages', 'Search packages', answers.packageLine, ['query', 'limit', 'cursor']),
  read('packages', '/v1/packages/{name}', 'Show a package and its options', answers.anything, ['version']),
  {
    ...read('packages', '/v1/packages/{name}/alerts', 'Its alerting rules, for Prometheus', answers.text, ['version']),
    contentType: 'application/yaml',
  },
  {
    ...read('packages', '/v1/packages/{name}/render', 'The service that comes of it', services.ApplyService, []),
    method: 'post',
    body: packageBody,
  },
  {
    ...write('packages', 'post', '/v1/packages/{name}/install', 'Make a service of it', packageBody),
    query: ['dry-run'],
  },
  {
    ...write('packages', 'post', '/v1/packages/{name}/update', 'Other options or another version', packageBody),
    query: ['dry-run'],
  },
  list('packages', '/v1/repositories', 'List repositories, in the order of search', RepositoryPlace, []),
  {
    ...list('packages', '/v1/repositories/{name}', 'Add a repository', RepositoryPlace, []),
    method: 'put',
    body: RepositoryPlace,
  },
  {
    ...list('packages', '/v1/repositories/{name}', 'Take a repository off the list', RepositoryPlace, []),
    method: 'delete',
  },
  list('volumes', '/v1/volumes', 'List volumes: who holds them, which outlived their pods', answers.volume),
  { ...write('volumes', 'delete', '/v1/volumes/{id}', 'Delete the data of a detached volume'), query: ['agent'] },
  {
    ...write('volumes', 'post', '/v1/volumes/{id}/adopt', 'Give a detached volume to a pod', answers.adoption),
    query: ['agent'],
  },
  read('past', '/v1/state', 'Services, agents and tasks at once', answers.state, ['at', 'limit']),
  read('past', '/v1/diff', 'What came, went and changed between two moments', answers.stateDifference, ['from', 'to']),
  list('past', '/v1/audit', 'Who did what, when, why, and what followed', answers.auditEntry, [
    ...(['limit', 'cursor', 'service', 'subject', 'actor', 'since', 'until'] as const),
  ]),
  {
    ...read('past', '/v1/audit/verify', 'Walk all journals from zero', answers.auditLine, []),
    contentType: 'application/x-ndjson',
  },
  {
    ...read('past', '/v1/doctor', 'Compare what should agree, and name each difference', answers.diagnosis, []),
    contentType: 'application/x-ndjson',
  },
  read('commands', '/v1/commands/{id}', 'What became of a command', answers.outcome, []),
  {
    ...read('events', '/v1/events', 'What happens, as it happens; resumes from Last-Event-ID', answers.event, [
      ...(['from', 'follow', 'service', 'task', 'type'] as const),
    ]),
    contentType: 'text/event-stream',
  },
  read('operations', '/livez', 'Whether the process lives', Type.Object({ status: Type.String() }), []),
  read('operations', '/readyz', 'Whether it serves', answers.readiness, ['verbose']),
  read('operations', '/v1/metrics/targets', 'Guests that Prometheus may scrape', answers.metricsTargets, []),
  { ...read('operations', '/metrics', 'For Prometheus', answers.text, []), contentType: 'text/plain' },
  read('documents', '/openapi.json', 'This document', answers.anything, []),
  read('documents', '/asyncapi.json', 'Topics and messages', answers.anything, []),
  read('documents', '/schemas', 'The JSON Schemas of all messages', answers.schemas, []),
  read(
    'documents',
    '/schemas/{file}',
    'The JSON Schema of a message, or of a service: service.json',
    answers.anything,
    [],
  ),
  { ...read('documents', '/docs', 'A page for people', answers.text, []), contentType: 'text/html' },
  { ...read('documents', '/', 'A page for people', answers.text, []), contentType: 'text/html' },
];
