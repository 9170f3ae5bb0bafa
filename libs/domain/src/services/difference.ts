import type { ServiceSpec } from '@orrery/contracts';
import { digestOf, recipeOf } from './recipe.js';

export interface FieldChange {
  /** JSON pointer into the spec. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface PodDifference {
  readonly pod: string;
  readonly countBefore: number;
  readonly countAfter: number;
  /** What happens to the pods that stay: nothing, a new run in the same place, with another size there, or a new place. */
  readonly effect: 'none' | 'relaunch' | 'resize' | 'move';
}

export interface Difference {
  readonly changes: readonly FieldChange[];
  readonly pods: readonly PodDifference[];
}

/** What changes from one version to another, both with defaults written out; nothing before: everything is new. */
export function differenceOf(before: ServiceSpec | undefined, after: ServiceSpec): Difference {
  const names = [...new Set([...Object.keys(after.pods), ...Object.keys(before?.pods ?? {})])];
  return {
    changes: changesBetween('', before ?? {}, after),
    pods: names.map((pod) => ({
      pod,
      countBefore: countIn(before, pod),
      countAfter: countIn(after, pod),
      effect: effectOf(before, after, pod),
    })),
  };
}

/** The order of fields means nothing, but for that of the phases of plans. */
export function isSame(before: ServiceSpec, after: ServiceSpec): boolean {
  return digestOf(before) === digestOf(after) && JSON.stringify(before.plans) === JSON.stringify(after.plans);
}

function effectOf(before: ServiceSpec | undefined, after: ServiceSpec, pod: string): PodDifference['effect'] {
  const old = before === undefined ? undefined : recipeOf(before, pod);
  const now = recipeOf(after, pod);
  if (old === undefined || now === undefined || old.runDigest === now.runDigest) return 'none';
  if (old.needsDigest === now.needsDigest) return 'relaunch';
  return old.needs.volumes.length > 0 ? 'resize' : 'move';
}

function countIn(spec: ServiceSpec | undefined, pod: string): number {
  return spec?.pods[pod]?.count ?? 0;
}

function changesBetween(path: string, before: unknown, after: unknown): FieldChange[] {
  if (isFields(before) && isFields(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => changesBetween(`${path}/${escaped(name)}`, before[name], after[name]));
  }
  if (before === undefined && after === undefined) return [];
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
