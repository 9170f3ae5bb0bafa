import { c1m, c2m, mixed } from './c1m.js';
import { churn } from './churn.js';
import { drf } from './drf.js';
import { failover } from './failover.js';
import { fanOut } from './fan-out.js';
import { jobs } from './jobs.js';
import { lapse } from './lapse.js';
import { memory } from './memory.js';
import { readOptions, usage, type BenchmarkOptions } from './options.js';
import { place } from './place.js';
import { plans } from './plans.js';
import { printReport, writeReport, type BenchmarkResult } from './report.js';
import { ofRuns } from './runs.js';
import { smoke } from './smoke.js';
import { steps } from './steps.js';
import { why } from './why.js';

const benchmarks: Readonly<Record<string, (options: BenchmarkOptions) => Promise<BenchmarkResult>>> = {
  smoke,
  failover,
  drf,
  c1m,
  c2m,
  mixed,
  jobs,
  churn,
  'fan-out': fanOut,
  lapse,
  memory,
  place,
  plans,
  steps,
  why,
};

/** What takes its own runs, of what it has set up once. */
const repeatsItself = new Set(['drf', 'place', 'smoke', 'steps']);

const { name, options } = readOptions(process.argv.slice(2));
const run = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
if (run === undefined) {
  console.error(`${usage}\nbenchmarks: ${Object.keys(benchmarks).join(', ')}`);
  process.exitCode = 2;
} else {
  const results: BenchmarkResult[] = [];
  const runs = repeatsItself.has(name) ? 1 : (options.runs ?? 1);
  while (results.length < runs) results.push(await run(options));
  const result = ofRuns(results);
  printReport(result);
  console.log(`\nwritten to ${writeReport(result, options.out)}`);
}
