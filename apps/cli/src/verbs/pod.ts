import type { Pod, Task } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import { waitForPlans } from '../plan-progress.js';
import { fields, table } from '../output/table.js';
import { showList, showObject } from '../reading.js';
import { whyNotReady } from '../not-ready.js';
import { waitUntil } from '../waiting.js';

export async function list(call: Call): Promise<void> {
  await showList<Pod>(
    call,
    path`/v1/services/${argument(call, 0)}/pods`,
    {},
    {
      name: (pod) => pod.name,
      columns: [
        { title: 'POD', cell: (pod) => pod.name },
        { title: 'STATE', cell: (pod) => pod.state },
        { title: 'AGENT', cell: (pod) => pod.agent },
        { title: 'TASKS', cell: tasksOf, shrinks: true },
        { title: 'MESSAGE', cell: (pod) => pod.message, shrinks: true },
      ],
    },
  );
}

export async function show(call: Call): Promise<void> {
  await showObject<Pod>(call, podPath(call), { name: (pod) => pod.name, people: podText });
}

function tasksOf({ tasks = [] }: Pod): string {
  return tasks.map(({ task, state }) => `${task} ${state}`).join(', ');
}

function podText({ tasks = [], ...pod }: Pod): string {
  const rows = table(
    [
      { title: 'TASK', cell: ({ id }: Task) => id },
      { title: 'STATE', cell: ({ state }) => state },
      { title: 'READY', cell: ({ ready }) => ready },
      { title: 'RUN', cell: ({ incarnation }) => incarnation, right: true },
      { title: 'FAILURES', cell: ({ failures }) => failures, right: true },
      { title: 'PID', cell: ({ pid }) => pid, right: true },
    ],
    tasks,
  );
  return `${fields(pod)}\n${rows}`;
}

export async function restart(call: Call): Promise<void> {
  await change(call, 'restart', {});
}

export async function replace(call: Call): Promise<void> {
  await confirm(call, `Replace ${argument(call, 1)} of ${argument(call, 0)}: its volumes are left behind. Go on?`);
  await change(call, 'replace', call.options['fenced'] === true ? { fenced: true } : {});
}

export async function pause(call: Call): Promise<void> {
  await change(call, 'pause', tasksNamed(call), isPausedAs(call, true));
}

export async function resume(call: Call): Promise<void> {
  await change(call, 'resume', tasksNamed(call), isPausedAs(call, false));
}

function tasksNamed(call: Call): { readonly tasks?: readonly string[] } {
  const tasks = call.options['task'] as readonly string[] | undefined;
  return tasks === undefined ? {} : { tasks };
}

/** Every task sleeps, or runs its command, as it was told; what was so before is not waited for again. */
function isPausedAs(call: Call, paused: boolean) {
  const named = tasksNamed(call).tasks;
  return (before: Pod, now: Pod): boolean => {
    const isMeant = ({ task, state }: Task) => (named?.includes(task) ?? true) && state !== 'FINISHED';
    const changes = (before.tasks ?? []).some((task) => isMeant(task) && (task.paused === true) !== paused);
    return !changes || isRenewed(before, now);
  };
}

async function change(
  call: Call,
  verb: 'restart' | 'replace' | 'pause' | 'resume',
  body: object,
  isDone = isRenewed,
): Promise<void> {
  const [service, pod] = [argument(call, 0), argument(call, 1)];
  const before = await call.gateway.get<Pod>(podPath(call));
  const outcome = await call.gateway.change('POST', `${podPath(call)}/${verb}`, { body, reason: call.options.reason });
  if (call.options.detach !== true) {
    await waitForPlans(call, outcome);
    const why = () => whyNotReady(call, service);
    await waitUntil(call, { service, waitsFor: `${verb} of ${pod}`, why }, async () => {
      const now = await call.gateway.get<Pod>(podPath(call));
      return { done: isDone(before, now), progress: `${pod} ${now.state} on ${now.agent ?? 'no agent yet'}` };
    });
  }
  const after = await call.gateway.get<Pod>(podPath(call));
  await call.output.object(after, {
    name: () => pod,
    people: () => `${pod} ${after.state} on ${after.agent ?? 'no agent yet'}\n`,
  });
}

/** All tasks run again, each as a later incarnation than before, but those that had done their work. */
export function isRenewed(before: Pod, now: Pod): boolean {
  const incarnations = new Map((before.tasks ?? []).map((task) => [task.task, task.incarnation]));
  const done = new Set((before.tasks ?? []).filter(({ state }) => state === 'FINISHED').map(({ task }) => task));
  const tasks = now.tasks ?? [];
  return (
    tasks.length > 0 &&
    tasks.every((task) => {
      const stays = task.state === 'FINISHED' && done.has(task.task);
      return stays || (isUp(task) && task.incarnation > (incarnations.get(task.task) ?? 0));
    })
  );
}

function isUp(task: { readonly state: string; readonly ready?: boolean }): boolean {
  return task.state === 'FINISHED' || (task.state === 'RUNNING' && task.ready !== false);
}

function podPath(call: Call): string {
  return path`/v1/services/${argument(call, 0)}/pods/${argument(call, 1)}`;
}
