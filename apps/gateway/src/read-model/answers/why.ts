import { endMessage, parseTaskId, podName, type GrantId, type PendingReasons, type Preemptor } from '@orrery/contracts';
import {
  explainPending,
  grantOf,
  podView,
  taskViewOf,
  waitingRequests,
  type PodView,
  type RequestRow,
  type TaskView,
} from '@orrery/domain';
import { Problem } from '../../problem.js';
import type { Answer } from '../query.js';
import type { Cell, World } from '../world.js';
import { findPod } from './pods.js';
import { cellOf } from './services.js';
import { findTask } from './tasks.js';
import { shortReason } from './unlaunched.js';

/** Why a task runs where it runs, why it ended, or what it waits for. */
export function explain(world: World, id: string): Answer {
  const task = parseTaskId(id);
  if (task === undefined)
    throw Problem.of('unknown-task', `${id} is no task`, { remedy: 'a task is named like hello.web-0.server' });
  const found = findTask(world, id);
  const known = world.cells.find(({ services }) => services.services.has(task.service));
  const pod = known === undefined ? undefined : podView(known.services, task.service, podName(task.pod, task.index));
  if (pod?.state === 'PLACING') return { value: { task: id, ...whyPending(known!, task, pod) } };
  if (found !== undefined) {
    const here = whyHere(found.cell, taskViewOf(found.cell.cluster, found.row), found.row.grant, pod);
    return { value: { task: id, ...here, ...whyNotResized(found.cell, task, here.sentence) } };
  }
  const cell = cellOf(world, task.service);
  const view = findPod(cell, task.service, podName(task.pod, task.index));
  if (!view.tasks.some((known) => known.task === task.task)) {
    throw Problem.of('unknown-task', `${view.name} has no task ${task.task}`, {
      remedy: `tasks: ${view.tasks.map((known) => known.task).join(', ')}`,
    });
  }
  return {
    value: { task: id, state: 'PENDING', sentence: view.message ?? 'it is being launched', pod: podPart(view) },
  };
}

function whyHere({ cell, allocation }: Cell, view: TaskView, grant: GrantId, pod: PodView | undefined) {
  const held = grantOf(allocation, grant);
  const { state, agent, hostname, since, reason, exit, incarnation } = view;
  const message = endMessage(view);
  return {
    state,
    sentence: sentenceOf({ ...view, ...(message === undefined ? {} : { message }) }, pod),
    incarnation,
    agent,
    hostname,
    since: new Date(since).toISOString(),
    ...{ reason, message, exit },
    grant: {
      ...{ id: grant, cell },
      ...(held === undefined ? {} : { role: held.role, needs: held.needs, superseded: held.superseded === true }),
      ...(held === undefined ? {} : { priority: held.priority, revocable: held.revocable === true }),
    },
    ...(pod === undefined ? {} : { pod: podPart(pod) }),
  };
}

function sentenceOf({ state, hostname, reason, message }: TaskView, pod: PodView | undefined): string {
  switch (state) {
    case 'STAGING':
    case 'STARTING':
      return `it was placed on ${hostname} and is starting there`;
    case 'RUNNING':
      return `it runs on ${hostname}, where its pod holds a grant`;
    case 'KILLING':
      return `it is being ended on ${hostname}${pod?.preemptedBy === undefined ? '' : ` to make way for ${namedOf(pod.preemptedBy)}`}`;
    case 'UNREACHABLE':
      return `${hostname} does not answer: it may still run there`;
    default: {
      const ended = `it is ${state}${reason === undefined ? '' : `: ${reason}`}${message === undefined ? '' : `, ${message}`}`;
      return pod?.message === undefined ? ended : `${ended}; the pod ${pod.message}`;
    }
  }
}

function whyPending({ allocation }: Cell, task: { service: string; pod: string; index: number }, pod: PodView): object {
  const request = requestOf(allocation, task);
  if (request === undefined) {
    return { state: 'PENDING', sentence: 'the allocator has not looked for a place yet', pod: podPart(pod) };
  }
  const reasons = explainPending(allocation, request.request) ?? request.reasons;
  return {
    state: 'PENDING',
    sentence: reasons === undefined ? 'it waits for a place' : reasonsSentence(reasons),
    request: {
      id: request.request,
      role: request.role,
      attempt: request.attempt,
      needs: request.needs,
      constraints: request.constraints,
    },
    ...(reasons === undefined ? {} : { reasons: reasonsJson(reasons) }),
    pod: podPart(pod),
  };
}

/** What its machine lacks for the size that it is to have. */
function whyNotResized(
  { allocation }: Cell,
  task: { service: string; pod: string; index: number },
  sentence: string,
): object {
  const request = requestOf(allocation, task);
  if (request?.resizes === undefined) return {};
  const reasons = explainPending(allocation, request.request, undefined, task.index);
  if (reasons === undefined) return {};
  const [nearest] = reasons.examples;
  const lacks = nearest === undefined ? '' : `${nearest.hostname} ${nearest.message}; `;
  return {
    sentence: `${sentence}; it is to have another size and waits for room: ${lacks}${reasons.remedy}`,
    request: { id: request.request, role: request.role, attempt: request.attempt, needs: request.needs },
    reasons: reasonsJson(reasons),
  };
}

function requestOf(
  allocation: Cell['allocation'],
  task: { service: string; pod: string; index: number },
): RequestRow | undefined {
  for (const request of waitingRequests(allocation)) {
    if (request.service !== task.service || request.pod !== task.pod) continue;
    if (request.indexes.some(([first, last]) => task.index >= first && task.index <= last)) return request;
  }
  return undefined;
}

function reasonsJson(reasons: PendingReasons): object {
  const { preemption } = reasons;
  if (preemption?.until === undefined) return reasons;
  return { ...reasons, preemption: { ...preemption, until: new Date(preemption.until).toISOString() } };
}

function reasonsSentence(reasons: PendingReasons): string {
  const { remedy, preemption, preemptedBy } = reasons;
  const made = preemptedBy === undefined ? [] : [`it made way for ${namedOf(preemptedBy)}`];
  return [...made, shortReason(reasons), remedy, ...(preemption === undefined ? [] : [preemption.message])].join('; ');
}

function namedOf({ service, pod, role, priority }: Preemptor): string {
  return `${service} ${pod} (${role}, priority ${priority})`;
}

function podPart({ name, state, message, preemptedBy, until }: PodView): object {
  return {
    ...{ name, state, message },
    ...(preemptedBy === undefined ? {} : { preemptedBy }),
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
  };
}
