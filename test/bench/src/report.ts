import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkout } from '@orrery/testing';

/** What every benchmark prints and writes to `DIR/NAME.json`. */
export interface BenchmarkResult {
  readonly name: string;
  /** How safe an acknowledged write was while these figures were taken. */
  readonly durability: string;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly metrics: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
  /** Of the runs that the medians were taken from. */
  readonly spread: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
  /** Limits that hold whatever is measured, and did not. */
  readonly beyond?: readonly string[];
  /** What the figures were taken from, where single ones are worth a look. */
  readonly samples?: readonly object[];
}

export function writeReport(result: BenchmarkResult, folder: string): string {
  const file = join(folder, `${result.name}.json`);
  mkdirSync(folder, { recursive: true });
  const machine = { commit: commit(), cores: availableParallelism(), node: process.version };
  writeFileSync(file, `${JSON.stringify({ ...machine, ...result }, undefined, 2)}\n`);
  return file;
}

export function printReport({ name, durability, settings, metrics, spread, beyond = [] }: BenchmarkResult): void {
  const rowOf = (metric: string, value: number) => {
    const { [metric]: range } = spread;
    return [metric, String(value), range === undefined ? '' : `${range.min} … ${range.max}`];
  };
  const rows = Object.entries(metrics).flatMap(([metric, value]) =>
    typeof value === 'number'
      ? [rowOf(metric, value)]
      : Object.entries(value).map(([part, each]) => rowOf(`${metric}.${part}`, each)),
  );
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  console.log(`\n${name}  (${availableParallelism()} cores, Node ${process.version}; ${durability})`);
  console.log(
    Object.entries(settings)
      .map(([setting, value]) => `${setting}=${value}`)
      .join(' '),
  );
  for (const [metric, value, range] of rows) {
    console.log(`  ${metric!.padEnd(widths[0]!)}  ${value!.padStart(widths[1]!)}  ${range!}`.trimEnd());
  }
  for (const each of beyond) console.log(`  BEYOND THE LIMIT  ${each}`);
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: checkout, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
