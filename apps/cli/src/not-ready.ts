import type { Pod, Service, Task } from './answers.js';
import { path, type Call } from './call.js';
import { CliError } from './cli-error.js';

/** Enough to find every kind of trouble; one of each is told. */
const PODS_LOOKED_AT = 1000;
const REASONS_MAX = 5;

/** Why pods of a service are not ready, one of each kind of trouble, a sentence each. */
export async function whyNotReady(call: Call, service: string): Promise<string[]> {
  try {
    const pods = await call.gateway.list<Pod>(path`/v1/services/${service}/pods`, {}, PODS_LOOKED_AT);
    const troubles = troublesIn(pods).slice(0, REASONS_MAX);
    return await Promise.all(troubles.map((trouble) => sentenceOf(call, service, trouble)));
  } catch (error) {
    // Who waited in vain is told so, whether or not the reason can be found out.
    if (error instanceof CliError) return [`why is not known: ${error.message}`];
    throw error;
  }
}

interface Trouble {
  readonly pod: Pod;
  /** With the pod. */
  readonly count: number;
}

function troublesIn(pods: readonly Pod[]): Trouble[] {
  const kinds = new Map<string, Trouble>();
  for (const pod of pods.filter(({ state }) => state !== 'READY' && state !== 'FINISHED')) {
    const kind = `${typeOf(pod)} ${pod.state} ${pod.message ?? ''}`;
    const known = kinds.get(kind);
    kinds.set(kind, { pod: known?.pod ?? pod, count: (known?.count ?? 0) + 1 });
  }
  return [...kinds.values()];
}

async function sentenceOf(call: Call, service: string, { pod, count }: Trouble): Promise<string> {
  const others = count === 1 ? '' : ` (and ${count - 1} more like it)`;
  const message = pod.message === undefined ? '' : `: ${pod.message}`;
  if (pod.state !== 'PLACING') return `${pod.name}${others} is ${pod.state}${message}${await whoTellsMore(call, pod)}`;
  // It has no tasks before it has a place: what they will be stands in the spec.
  const { spec } = await call.gateway.get<Service>(path`/v1/services/${service}`);
  const [task] = Object.keys(spec?.pods[typeOf(pod)]?.tasks ?? {});
  if (task === undefined) return `${pod.name}${others} is ${pod.state}${message}`;
  const id = `${service}.${pod.name}.${task}`;
  const { sentence } = await call.gateway.get<{ sentence: string }>(path`/v1/tasks/${id}/why`);
  return `${pod.name}${others} waits for a place: ${sentence}; \`orrery task why ${id}\` tells more`;
}

/** Of a pod that waits for its next try: what else there is to read, where a process of the last one ran. */
async function whoTellsMore(call: Call, { state, tasks = [] }: Pod): Promise<string> {
  const failed = tasks.find(({ failures = 0 }) => failures > 0);
  if (state !== 'DELAYED' || failed === undefined) return '';
  const { state: end } = await call.gateway.get<Task>(path`/v1/tasks/${failed.id}`);
  return end === 'FAILED' ? `; \`orrery task logs ${failed.id}\` tells more` : '';
}

function typeOf({ name }: Pod): string {
  return name.replace(/-\d+$/, '');
}
