import { endMessage, type AgentId, type LaunchId } from '@orrery/contracts';
import { currentLaunch, launchOf, podView, podViews, taskViewOf, type PodView } from '@orrery/domain';
import { encodeCursor } from '../../http/parameters.js';
import { Problem } from '../../problem.js';
import type { ListAnswer } from '../paging.js';
import type { Answer, Page } from '../query.js';
import type { Cell, World } from '../world.js';
import { cellOf } from './services.js';
import { taskJson } from './tasks.js';

export function listPods(world: World, name: string, { limit, after }: Page): ListAnswer {
  const cell = cellOf(world, name);
  const pods = podViews(cell.services, name, limit + 1, after);
  const shown = pods.slice(0, limit);
  const next = pods.length > limit ? encodeCursor(shown.at(-1)!.name) : null;
  return { items: shown.map((pod) => podJson(cell, name, pod)), next };
}

export function showPod(world: World, name: string, pod: string): Answer {
  const cell = cellOf(world, name);
  return { value: podJson(cell, name, findPod(cell, name, pod)) };
}

export function findPod(cell: Cell, service: string, pod: string): PodView {
  const view = /^.+-\d+$/.test(pod) ? podView(cell.services, service, pod) : undefined;
  if (view !== undefined) return view;
  throw Problem.of('unknown-pod', `${service} has no pod ${pod}`, {
    remedy: 'a pod is named like web-0; see the list of pods',
  });
}

/** What is going on with a pod, and how its last try ended where it waits for the next: `waits for …; server: exited with code 7`. */
export function messageOf({ cluster }: Cell, service: string, { name, state, message, tasks }: PodView) {
  const failed = state === 'DELAYED' ? tasks.find(({ failures }) => failures > 0) : undefined;
  const last = failed && currentLaunch(cluster, `${service}.${name}.${failed.task}`);
  const how = last && endMessage(taskViewOf(cluster, last));
  return message === undefined || how === undefined ? message : `${message}; ${failed!.task}: ${how}`;
}

function podJson(cell: Cell, service: string, view: PodView): object {
  const { name, state, agent, version, volumes, preemptedBy, until, tasks } = view;
  const message = messageOf(cell, service, view);
  return {
    name,
    service,
    state,
    ...(message === undefined ? {} : { message }),
    agent,
    hostname: agent === null ? null : (hostnameOf(cell, agent) ?? null),
    version,
    volumes,
    ...(preemptedBy === undefined ? {} : { preemptedBy }),
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
    tasks: tasks.map((task) => taskOfPod(cell, service, view, task)),
  };
}

/** As the cluster sees the task; before it does, as far as it got. */
function taskOfPod(cell: Cell, service: string, pod: PodView, task: PodView['tasks'][number]): object {
  const { launch, failures, until, incarnation, paused } = task;
  const row = launch === undefined ? undefined : launchOf(cell.cluster, launch as LaunchId);
  const retry = {
    ...(paused === undefined ? {} : { paused }),
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
  };
  if (row !== undefined) return { ...taskJson(cell, row), failures, ...retry };
  const id = `${service}.${pod.name}.${task.task}`;
  return {
    id,
    service,
    pod: pod.name,
    task: task.task,
    agent: pod.agent,
    state: 'PENDING',
    incarnation,
    ready: false,
    failures,
    ...retry,
  };
}

function hostnameOf({ cluster }: Cell, agent: string): string | undefined {
  return cluster.agents.get(agent as AgentId)?.hostname;
}
