import type { Difference } from './answers.js';
import { changeLines, podLine } from './change-lines.js';
import { podRanges, rangesOf } from './output/lines.js';

/** What an apply would do, as the gateway tells it. */
export interface DryRun {
  readonly name: string;
  /** Now; none: the service is new. */
  readonly version: number | null;
  readonly changes: readonly Difference[];
  readonly pods: readonly PodEffect[];
  readonly plan: PlannedPlan | null;
  readonly places: readonly Place[];
}

interface PodEffect {
  readonly pod: string;
  readonly countBefore: number;
  readonly countAfter: number;
  readonly effect: 'new' | 'end' | 'none' | 'relaunch' | 'resize' | 'move';
}

interface PlannedPlan {
  readonly name: string;
  readonly strategy: string;
  readonly phases: readonly {
    readonly name: string;
    readonly pod: string;
    readonly strategy: string;
    readonly indexes: readonly (readonly [number, number])[];
  }[];
}

interface Place {
  readonly pod: string;
  readonly indexes: readonly number[];
  readonly hostname: string | null;
  readonly reasons?: { readonly agents: number; readonly remedy: string };
}

const AGENTS_SHOWN = 8;

/** For people: what changes, what becomes of the pods, the plan, the places. */
export function dryRunText(run: DryRun): string {
  const { name, version, changes, plan } = run;
  if (changes.length === 0) return `${name}: no change\n`;
  const lines =
    version === null
      ? [`${name} is new`, ...newLines(changes)]
      : [`${name} version ${version} → ${version + 1}`, ...changeLines(changes), ...run.pods.flatMap(effectLine)];
  return [...lines, ...planLines(plan), ...placeLines(run)].map((line) => `${line}\n`).join('');
}

/** Whether all pods have a place that ask for one. */
export function isPlaced({ places }: DryRun): boolean {
  return places.every(({ hostname }) => hostname !== null);
}

/** Of a new service: its role and its pods; the rest of the spec is what its author wrote, or a default. */
function newLines(changes: readonly Difference[]): string[] {
  const field = (path: string) => changes.find((change) => change.path === path)?.after;
  const pods = Object.entries((field('/pods') ?? {}) as object);
  return [`+ role ${String(field('/role') ?? '*')}`, ...pods.map(([pod, spec]) => `+ ${podLine(pod, spec)}`)];
}

const fates = {
  end: 'all of them end',
  none: 'those that stay are left alone',
  relaunch: 'those that stay run anew in their places',
  resize: 'those that stay run anew where they are, with another size',
  move: 'those that stay get a new place each',
} as const;

function effectLine({ pod, countBefore, countAfter, effect }: PodEffect): string[] {
  // What is new was told with what it asks for.
  if (effect === 'new' || (effect === 'none' && countBefore === countAfter)) return [];
  const count = countBefore === countAfter ? `${countAfter}` : `${countBefore} → ${countAfter}`;
  return [`pod ${pod}: ${count}, ${fates[effect]}`];
}

function planLines(plan: PlannedPlan | null): string[] {
  if (plan === null) return ['no plan runs'];
  const width = Math.max(0, ...plan.phases.map(({ name }) => name.length));
  const phases = plan.phases.map(
    ({ name, pod, strategy, indexes }) => `  ${name.padEnd(width)}  ${strategy}: ${podRanges(pod, indexes)}`,
  );
  return [`plan ${plan.name}, phases ${plan.strategy}`, ...phases];
}

function placeLines({ places, pods: effects }: DryRun): string[] {
  const pods = [...new Set(places.map(({ pod }) => pod))];
  const lines = pods.flatMap((pod) => {
    const own = places.filter((place) => place.pod === pod);
    const placed = own.filter(({ hostname }) => hostname !== null);
    const agents = placed
      .slice(0, AGENTS_SHOWN)
      .map(({ indexes, hostname }) => `${podRanges(pod, rangesOf(indexes))} on ${hostname}`);
    const more = placed.length > AGENTS_SHOWN ? [`… on ${placed.length} agents in all`] : [];
    return [
      ...(agents.length === 0 ? [] : [`  ${[...agents, ...more].join(', ')}`]),
      ...own.filter(({ hostname }) => hostname === null).map((place) => `  ${nowhere(place)}`),
    ];
  });
  const moved = effects.filter(({ effect }) => effect === 'move').map(({ pod }) => pod);
  const later = moved.length === 0 ? [] : [`  ${moved.join(', ')}: found pod by pod, when each has given up its place`];
  return lines.length + later.length === 0 ? [] : ['places, as it is now', ...lines, ...later];
}

function nowhere({ pod, indexes, reasons }: Place): string {
  const why = reasons === undefined ? '' : ` on any of ${reasons.agents} agents: ${reasons.remedy}`;
  return `${podRanges(pod, rangesOf(indexes))}: NO PLACE${why}`;
}
