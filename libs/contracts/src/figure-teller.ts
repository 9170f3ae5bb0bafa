import {
  FIGURES_PER_MESSAGE_MAX,
  figureColumns,
  figureNames,
  type AgentMetrics,
  type TaskFigures,
} from './agent-metrics.js';
import type { LaunchId } from './ids.js';
import { idRunsOf, ordinalOf, seqOf } from './sets.js';

export interface MeasuredTask {
  readonly service: string;
  readonly figures: TaskFigures;
}

/** The part of a message that tells of tasks. */
export type ToldFigures = Pick<AgentMetrics, 'whole' | 'launches' | 'services' | 'columns' | 'gone'>;

/** Rounds from one that tells everything to the next. */
export const WHOLE_EVERY_ROUNDS = 12;

/** From where on a change is worth telling: so much, and such a share of what was told before. */
const noticeable: Readonly<Record<keyof TaskFigures, { readonly least: number; readonly share: number }>> = {
  cpusMilli: { least: 10, share: 0.05 },
  memoryMib: { least: 1, share: 0.02 },
  diskMib: { least: 1, share: 0.02 },
  receivedPerS: { least: 1024, share: 0.1 },
  sentPerS: { least: 1024, share: 0.1 },
};

/**
 * Makes the messages of one agent: what was told last stays in memory, and of each round goes out what has moved away from
 * it. So readers are never further off than what counts as noticeable.
 */
export class FigureTeller {
  #told = new Map<LaunchId, TaskFigures>();
  #rounds = 0;

  /** What to send after a round; nothing at all when nothing changed. */
  tell(measured: ReadonlyMap<LaunchId, MeasuredTask>): ToldFigures[] {
    const whole = this.#rounds % WHOLE_EVERY_ROUNDS === 0;
    this.#rounds += 1;
    const gone = whole ? [] : [...this.#told.keys()].filter((launch) => !measured.has(launch));
    const told = [...measured].filter(([launch, { figures }]) => whole || hasMoved(this.#told.get(launch), figures));
    this.#told = new Map([...measured.keys()].map((launch) => [launch, this.#told.get(launch)!]));
    for (const [launch, { figures }] of told) this.#told.set(launch, figures);
    if (!whole && told.length === 0 && gone.length === 0) return [];
    told.sort(([left], [right]) => inOrder(left, right));
    const parts = [toldOf(told.splice(0, FIGURES_PER_MESSAGE_MAX), whole, gone)];
    while (told.length > 0) parts.push(toldOf(told.splice(0, FIGURES_PER_MESSAGE_MAX), false, []));
    return parts;
  }
}

function hasMoved(before: TaskFigures | undefined, now: TaskFigures): boolean {
  return before === undefined || figureNames.some((name) => isNoticeable(name, before[name], now[name]));
}

/** Whether a reader who knows `before` should be told `now`. Something and nothing are always told apart. */
export function isNoticeable(name: keyof TaskFigures, before: number, now: number): boolean {
  if (before === now) return false;
  if (before <= 0 || now <= 0) return true;
  const { least, share } = noticeable[name];
  return Math.abs(now - before) >= Math.max(least, before * share);
}

function toldOf(tasks: readonly (readonly [LaunchId, MeasuredTask])[], whole: boolean, gone: LaunchId[]): ToldFigures {
  const services: [string, number][] = [];
  for (const [, { service }] of tasks) {
    const last = services.at(-1);
    if (last?.[0] === service) last[1] += 1;
    else services.push([service, 1]);
  }
  return {
    whole,
    launches: idRunsOf(tasks.map(([launch]) => launch)),
    services,
    columns: figureColumns(tasks.map(([, { figures }]) => figures)),
    gone: idRunsOf(gone.sort(inOrder)),
  };
}

function inOrder(left: LaunchId, right: LaunchId): number {
  return seqOf(left) - seqOf(right) || ordinalOf(left) - ordinalOf(right);
}
