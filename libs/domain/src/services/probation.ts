import type { EpochMs } from '@orrery/kernel';
import { rangesOf, type PodSpec, type ServiceSpec } from '@orrery/contracts';
import { isVisiting, wavesOf } from './recipe.js';
import type { Proposal } from './proposal.js';
import { planKey, type PodRow, type ServicesRows } from './state.js';
import { isOpen } from './steps.js';
import { isServing } from './tallies.js';

/**
 * How long pods that change stay ready before they count, where a process that exists is all that says they are: what is broken
 * mostly ends within it, and a plan over pods that are well is not held up for long. Nomad waits 10 s (`min_healthy_time`) and
 * Kubernetes not at all (`minReadySeconds`). A readiness check is better evidence than time.
 */
const MINIMUM_UP_MS = 2000;
/** Ends fall on multiples of this, so that pods that came up together are dealt with together. */
const GRAIN_MS = 250;

/** What the spec says for all pods that a plan brings up; nothing where these count as soon as they are ready. */
export function minimumUpOf(spec: ServiceSpec, pod: string): { readonly minimumUpMs?: number } {
  const seconds = spec.pods[pod]?.update?.['minimum-up'] ?? 0;
  return seconds === 0 ? {} : { minimumUpMs: Math.round(seconds * 1000) };
}

/** The same for pods that take the place of others, which guard nothing unless they prove themselves. */
export function minimumUpOfChange(spec: ServiceSpec, pod: string): { readonly minimumUpMs?: number } {
  const known = spec.pods[pod];
  if (known?.update?.['minimum-up'] !== undefined) return minimumUpOf(spec, pod);
  return known === undefined || isChecked(spec, pod, known) ? {} : { minimumUpMs: MINIMUM_UP_MS };
}

/** Whether more than the existence of processes says that such a pod is ready, or none of it stays. */
function isChecked(spec: ServiceSpec, pod: string, { tasks }: PodSpec): boolean {
  const waves = wavesOf(spec, pod);
  const staying = Object.entries(tasks).filter(
    ([name, task]) => !isVisiting(name, task, waves) && (task.goal ?? 'RUNNING') === 'RUNNING',
  );
  return staying.length === 0 || staying.some(([, task]) => task['readiness-check'] !== undefined);
}

/** A pod that was not ready and is, while a plan that asks for a minimum time changes pods of its type. */
export function withProbation(rows: ServicesRows, before: PodRow, after: PodRow, at: EpochMs): PodRow {
  if (!isServing(after)) return withoutProbation(after);
  if (isServing(before)) return after;
  const minimumUpMs = minimumUpNow(rows, after);
  if (minimumUpMs === undefined) return after;
  return { ...after, probationUntil: Math.ceil((at + minimumUpMs) / GRAIN_MS) * GRAIN_MS };
}

export function withoutProbation(row: PodRow): PodRow {
  return row.probationUntil === undefined ? row : { ...row, probationUntil: undefined };
}

function minimumUpNow(rows: ServicesRows, { service: name, pod }: PodRow): number | undefined {
  const plan = rows.services.get(name)?.plan;
  const row = plan === undefined ? undefined : rows.plans.get(planKey(name, plan));
  if (row === undefined || !isOpen(row)) return undefined;
  return row.phases.find((phase) => phase.pod === pod && phase.minimumUpMs !== undefined)?.minimumUpMs;
}

/** Pods of one service whose time has come are up. */
export function tellProven(proposal: Proposal, rows: readonly PodRow[]): void {
  const { at } = proposal.context;
  const proven = new Map<string, PodRow[]>();
  for (const row of rows) {
    if (row.probationUntil === undefined || row.probationUntil > at || !isServing(row)) continue;
    const others = proven.get(row.pod);
    if (others === undefined) proven.set(row.pod, [row]);
    else others.push(row);
  }
  for (const [pod, pods] of proven) {
    const { service } = pods[0]!;
    const { generation } = proposal.state.services.get(service)!;
    const indexes = rangesOf(pods.map(({ index }) => index).sort((left, right) => left - right));
    proposal.emit({ type: 'ProbationPassed', data: { service, generation, pod, indexes } });
  }
}
