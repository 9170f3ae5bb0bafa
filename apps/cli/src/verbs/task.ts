import type { Folder, HistoryRow, MeasuredTask, Task } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import { ageText } from '../duration.js';
import type { Listing } from '../output/output.js';
import { explanationText, type Explanation } from '../explanation.js';
import { agentIdOf } from '../find-agent.js';
import { atOf, repeating, showList, showObject } from '../reading.js';
import { isLiving } from '../task-states.js';
import { waitUntil } from '../waiting.js';

const TOP_DEFAULT = 50;
/** Agents measure as often. */
const TOP_EVERY_MS = 5000;

const tasks: Listing<Task> = {
  name: (task) => task.id,
  columns: [
    { title: 'TASK', cell: (task) => task.id },
    { title: 'STATE', cell: (task) => task.state },
    { title: 'READY', cell: (task) => task.ready },
    { title: 'RUN', cell: (task) => task.incarnation, right: true },
    { title: 'AGENT', cell: (task) => task.agent },
    { title: 'ADDRESS', cell: addresses, shrinks: true },
    {
      title: 'AGE',
      cell: (task) => (task.since === undefined ? undefined : ageText(Date.parse(task.since), Date.now())),
    },
    { title: 'MESSAGE', cell: (task) => task.message, shrinks: true, unlessNone: (task) => task.message !== undefined },
    { title: 'PID', cell: (task) => task.pid, right: true, wide: true },
    { title: 'SINCE', cell: (task) => task.since, wide: true },
  ],
};

export async function list(call: Call): Promise<void> {
  const { service, agent: meant, state } = call.options as { service?: string; agent?: string; state?: string };
  const agent = meant === undefined ? undefined : await agentIdOf(call, meant);
  // A service that nobody knows has no tasks either: say which of the two it is. `@batch` is no service but a scheduler.
  if (service !== undefined && !service.startsWith('@'))
    await call.gateway.get(path`/v1/services/${service}`, atOf(call));
  await showList(call, '/v1/tasks', { service, agent, state, unlaunched: true }, tasks);
}

export async function show(call: Call): Promise<void> {
  await showObject<Task>(call, path`/v1/tasks/${argument(call, 0)}`, { name: tasks.name });
}

export async function history(call: Call): Promise<void> {
  await showList<HistoryRow>(
    call,
    path`/v1/tasks/${argument(call, 0)}/history`,
    {},
    {
      name: (row) => `${row.task}#${row.incarnation}`,
      columns: [
        { title: 'AT', cell: (row) => row.at },
        { title: 'RUN', cell: (row) => row.incarnation, right: true },
        { title: 'STATE', cell: (row) => row.state },
        { title: 'AGENT', cell: (row) => row.agent },
        { title: 'REASON', cell: (row) => row.reason },
        { title: 'MESSAGE', cell: (row) => row.message, shrinks: true },
        { title: 'SEQ', cell: (row) => row.seq, right: true, wide: true },
        { title: 'CAUSE', cell: (row) => causeText(row.cause), wide: true },
      ],
    },
  );
}

const busiest: Listing<MeasuredTask> = {
  name: (task) => task.id,
  columns: [
    { title: 'TASK', cell: (task) => task.id },
    { title: 'STATE', cell: (task) => task.state },
    { title: 'CPU', cell: ({ usage }) => usage?.cpus?.toFixed(2), right: true },
    { title: 'ASKED', cell: ({ asked }) => asked?.cpus, right: true },
    { title: '%CPU', cell: ({ usage, asked }) => percent(usage?.cpus, asked?.cpus), right: true },
    { title: 'MEMORY MIB', cell: ({ usage }) => usage?.memory, right: true },
    { title: 'LIMIT', cell: ({ asked }) => asked?.memory || undefined, right: true },
    { title: '%MEM', cell: ({ usage, asked }) => percent(usage?.memory, asked?.memory), right: true },
    { title: 'DISK MIB', cell: ({ usage }) => usage?.disk, right: true },
    { title: 'NET IN/S', cell: ({ usage }) => usage?.network?.receivedPerSecond, right: true, unlessNone: hasNetwork },
    { title: 'NET OUT/S', cell: ({ usage }) => usage?.network?.sentPerSecond, right: true, unlessNone: hasNetwork },
    { title: 'AGENT', cell: (task) => task.agent, wide: true },
    { title: 'MEASURED', cell: ({ usage }) => usage?.at, wide: true },
  ],
};

export async function top(call: Call): Promise<void> {
  const { service, agent: meant, sort } = call.options as { service?: string; agent?: string; sort?: string };
  const agent = meant === undefined ? undefined : await agentIdOf(call, meant);
  if (service !== undefined && !service.startsWith('@')) await call.gateway.get(path`/v1/services/${service}`);
  const limit = (call.options['limit'] as number | undefined) ?? TOP_DEFAULT;
  await repeating(call, TOP_EVERY_MS, async () => {
    const tasks = await call.gateway.list<MeasuredTask>('/v1/tasks/metrics', { service, agent, sort }, limit);
    await call.output.list(tasks, busiest);
  });
}

function percent(used: number | undefined, asked: number | undefined): string | undefined {
  return used === undefined || !asked ? undefined : `${Math.round((used / asked) * 100)}%`;
}

function hasNetwork({ usage }: MeasuredTask): boolean {
  return usage?.network !== undefined;
}

/** Both outputs, each to its own, as if the task ran here; one alone to stdout. */
export async function logs(call: Call): Promise<void> {
  const { options, surroundings, output } = call;
  if (options['stderr'] === true) return printLog(call, 'stderr', (text) => output.raw(text));
  const stdout = printLog(call, 'stdout', (text) => output.raw(text));
  // A position is one in one of them.
  const isAlone = options['stdout'] === true || options['from'] !== undefined;
  await Promise.all([stdout, ...(isAlone ? [] : [printLog(call, 'stderr', surroundings.err)])]);
}

async function printLog(call: Call, stream: 'stdout' | 'stderr', print: (text: string) => void): Promise<void> {
  const query = {
    stream,
    follow: call.options['follow'] === true ? true : undefined,
    from: call.options['from'] as number | undefined,
  };
  const { gateway, surroundings } = call;
  const chunks = gateway.text(path`/v1/tasks/${argument(call, 0)}/logs`, query, 'text/plain', surroundings.interrupted);
  for await (const chunk of chunks) print(chunk);
}

export async function files(call: Call): Promise<void> {
  const { options, gateway, output, surroundings } = call;
  const [task, file] = [argument(call, 0), call.args[1] ?? '.'];
  if (options['cat'] !== true) {
    const folder = await gateway.get<Folder>(path`/v1/tasks/${task}/files`, { path: file });
    await output.list(folder.entries, entries);
    if (folder.more) output.remark(`only the first ${folder.entries.length} entries are shown`);
    return;
  }
  const query = {
    path: file,
    from: options['from'] as number | undefined,
    follow: options['follow'] === true ? true : undefined,
  };
  const address = path`/v1/tasks/${task}/files/content`;
  const chunks = gateway.bytes(address, query, 'application/octet-stream', surroundings.interrupted);
  for await (const chunk of chunks) surroundings.bytes('stdout', chunk);
}

const entries: Listing<Folder['entries'][number]> = {
  name: ({ name }) => name,
  columns: [
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'KIND', cell: ({ kind }) => kind },
    { title: 'SIZE', cell: ({ size }) => size, right: true },
    { title: 'MODIFIED', cell: ({ modifiedAt }) => modifiedAt },
  ],
};

export async function kill(call: Call): Promise<void> {
  const id = argument(call, 0);
  const before = await call.gateway.get<Task>(path`/v1/tasks/${id}`);
  await confirm(call, `Kill ${id} (incarnation ${before.incarnation})?`);
  const graceMs = call.options['grace'] as number | undefined;
  const body = graceMs === undefined ? {} : { 'grace-secs': graceMs / 1000 };
  const outcome = await call.gateway.change('POST', path`/v1/tasks/${id}/kill`, { body, reason: call.options.reason });
  if (call.options.detach !== true) {
    await waitUntil(call, { service: before.service, waitsFor: `kill of ${id}` }, async () => {
      const now = await call.gateway.get<Task>(path`/v1/tasks/${id}`);
      const done = now.incarnation > before.incarnation || !isLiving(now);
      return { done, progress: `${id} incarnation ${now.incarnation} ${now.state}` };
    });
  }
  await call.output.object(
    { task: id, ...outcome },
    { name: () => id, people: () => `${id} incarnation ${before.incarnation} killed\n` },
  );
}

export async function why(call: Call): Promise<void> {
  const scores = call.options['scores'] as number | undefined;
  await showObject<Explanation>(
    call,
    path`/v1/tasks/${argument(call, 0)}/why`,
    { name: ({ task }) => task, people: explanationText },
    scores === undefined ? {} : { scores },
  );
}

function addresses(task: Task): string | undefined {
  if (task.address === undefined) return undefined;
  const ports = Object.values(task.ports ?? {});
  return ports.length === 0 ? task.address : ports.map((port) => `${task.address}:${port}`).join(' ');
}

function causeText(cause: unknown): string | undefined {
  return cause === undefined || typeof cause === 'string' ? (cause as string | undefined) : JSON.stringify(cause);
}
