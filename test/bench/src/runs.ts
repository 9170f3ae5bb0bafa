import type { BenchmarkResult } from './report.js';
import { spreadOf } from './statistics.js';

/**
 * One result of several runs of the same benchmark: of each figure the median, its smallest and largest value, and whatever
 * went beyond a limit in any of them. Figures that not every run has are left out.
 */
export function ofRuns(runs: readonly BenchmarkResult[]): BenchmarkResult {
  const [first] = runs;
  if (first === undefined) throw new Error('no runs');
  if (runs.length === 1) return first;
  const metrics: Record<string, number | Record<string, number>> = {};
  const spread: Record<string, { readonly min: number; readonly max: number }> = {};
  const medianOf = (name: string, values: readonly (number | undefined)[]): number | undefined => {
    const known = values.filter((value) => value !== undefined);
    if (known.length < runs.length) return undefined;
    const { median, min, max } = spreadOf(known);
    spread[name] = { min, max };
    return median;
  };
  for (const [name, value] of Object.entries(first.metrics)) {
    if (typeof value === 'number') {
      const values = runs.map(({ metrics: { [name]: each } }) => (typeof each === 'number' ? each : undefined));
      const median = medianOf(name, values);
      if (median !== undefined) metrics[name] = median;
      continue;
    }
    const parts: Record<string, number> = {};
    for (const part of Object.keys(value)) {
      const values = runs.map(({ metrics: { [name]: each } }) => (typeof each === 'object' ? each[part] : undefined));
      const median = medianOf(`${name}.${part}`, values);
      if (median !== undefined) parts[part] = median;
    }
    metrics[name] = parts;
  }
  const beyond = runs.flatMap((run, index) => (run.beyond ?? []).map((each) => `run ${index + 1}: ${each}`));
  const settings = { ...first.settings, runs: runs.length };
  return { ...first, settings, metrics, spread, ...(beyond.length === 0 ? {} : { beyond }) };
}
