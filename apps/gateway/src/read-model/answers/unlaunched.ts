import type { PendingReasons } from '@orrery/contracts';
import { currentLaunch, podCounts, podView, podViews, recipeAt, waitingRequests, type PodView } from '@orrery/domain';
import type { Keyed } from '../paging.js';
import type { Cell } from '../world.js';

/** A task of a pod that no agent knows: it waits, or has finished and gave back what its pod held. */
export interface Unlaunched {
  readonly cell: Cell;
  readonly service: string;
  readonly pod: PodView;
  readonly task: string;
  readonly incarnation: number;
}

export const unlaunchedStates = ['PENDING', 'FINISHED'] as const;
export type UnlaunchedState = (typeof unlaunchedStates)[number];

const PODS_AT_ONCE = 256;
/** Behind all keys of launched tasks, so that listing those costs nothing more. */
const MARK = '~';

/** In the order of their keys, which follow those of all tasks that agents know; from the pod of `after` on. */
export function* unlaunchedTasks(
  cell: Cell,
  wanted: { readonly service: string | undefined; readonly state: string | undefined },
  after: string | undefined,
): Generator<Keyed<Unlaunched>> {
  const [from = '', pod, index] = after?.startsWith(MARK) === true ? after.slice(MARK.length).split(' ') : [];
  for (const name of wanted.service === undefined ? cell.services.services.keys(from) : [wanted.service]) {
    if (!hasUnlaunched(cell, name)) continue;
    for (const view of podsFrom(cell, name, name === from ? `${pod}-${Number(index)}` : undefined)) {
      const state = stateOf(view);
      if (state === undefined || (wanted.state ?? state) !== state) continue;
      for (const { task, incarnation } of tasksOf(cell, name, view, state)) {
        yield [keyOf(name, view, task), { cell, service: name, pod: view, task, incarnation }];
      }
    }
  }
}

export function unlaunchedJson({ cell, service, pod, task, incarnation }: Unlaunched): object {
  const state = stateOf(pod);
  const message = state === 'PENDING' ? (reasonOf(cell, service, pod) ?? pod.message) : undefined;
  return {
    id: `${service}.${pod.name}.${task}`,
    service,
    pod: pod.name,
    task,
    agent: pod.agent,
    state,
    incarnation,
    ready: false,
    version: pod.version,
    ...(message === undefined ? {} : { message }),
  };
}

/** Whether any pod of the service is neither up nor on its way: told from its tallies, however many pods there are. */
function hasUnlaunched({ services }: Cell, service: string): boolean {
  if (!services.services.has(service)) return false;
  return Object.values(podCounts(services, service)).some(
    ({ pods, running, finished }) => pods > running || finished > 0,
  );
}

function* podsFrom({ services }: Cell, service: string, first: string | undefined): Generator<PodView> {
  let after = first;
  const begun = first === undefined ? undefined : podView(services, service, first);
  if (begun !== undefined) yield begun;
  for (;;) {
    const views = podViews(services, service, PODS_AT_ONCE, after);
    yield* views;
    if (views.length < PODS_AT_ONCE) return;
    after = views.at(-1)!.name;
  }
}

type TaskOfPod = Pick<PodView['tasks'][number], 'task' | 'incarnation' | 'status'>;

/** A pod that never had a place has no tasks yet: those of its recipe are meant. */
function tasksOf(cell: Cell, service: string, pod: PodView, state: UnlaunchedState): TaskOfPod[] {
  const meant = recipeAt(cell.services, service, pod.version, pod.pod)?.tasks ?? [];
  const begun: readonly TaskOfPod[] = pod.tasks;
  const tasks = begun.length > 0 ? begun : meant.map(({ name }) => ({ task: name, incarnation: 0, status: 'idle' }));
  return tasks
    .filter(({ status }) => (status === 'finished') === (state === 'FINISHED'))
    .filter(({ task }) => currentLaunch(cell.cluster, `${service}.${pod.name}.${task}`) === undefined)
    .toSorted((left, right) => (left.task < right.task ? -1 : 1));
}

function stateOf({ state }: PodView): UnlaunchedState | undefined {
  if (state === 'FINISHED') return 'FINISHED';
  return state === 'PLACING' || state === 'DELAYED' || state === 'WAITING' ? 'PENDING' : undefined;
}

/** What the allocator told last of the request that the pod waits with. */
function reasonOf({ allocation }: Cell, service: string, pod: PodView): string | undefined {
  if (pod.state !== 'PLACING') return undefined;
  for (const request of waitingRequests(allocation)) {
    if (request.service !== service || request.pod !== pod.pod) continue;
    if (!request.indexes.some(([first, last]) => pod.index >= first && pod.index <= last)) continue;
    return request.reasons === undefined ? 'it waits for a place' : shortReason(request.reasons);
  }
  return undefined;
}

/** `no place on any of 3 agents: resources rules out 3`; `task why` tells the rest. */
export function shortReason({ agents, funnel }: PendingReasons): string {
  const filters = funnel
    .filter(({ rejected }) => rejected > 0)
    .map(({ filter, rejected }) => `${filter} rules out ${rejected}`);
  return `no place on any of ${agents} agents${filters.length === 0 ? '' : `: ${filters.join(', ')}`}`;
}

function keyOf(service: string, { pod, index }: PodView, task: string): string {
  return `${MARK}${service} ${pod} ${String(index).padStart(7, '0')} ${task}`;
}
