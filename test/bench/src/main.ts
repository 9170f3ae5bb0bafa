import { parseArgs } from 'node:util';
import { failover } from './failover.js';
import { printReport, writeReport, type BenchmarkResult } from './report.js';
import { smoke } from './smoke.js';

const benchmarks: Readonly<Record<string, () => Promise<BenchmarkResult>>> = { smoke, failover };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: 'bench-out' } },
});
const run = Object.hasOwn(benchmarks, positionals[0] ?? '') ? benchmarks[positionals[0]!] : undefined;
if (run === undefined) {
  console.error(`usage: npm run bench -- NAME [--out DIR]\nbenchmarks: ${Object.keys(benchmarks).join(', ')}`);
  process.exitCode = 2;
} else {
  const result = await run();
  printReport(result);
  console.log(`\nwritten to ${writeReport(result, values.out)}`);
}
