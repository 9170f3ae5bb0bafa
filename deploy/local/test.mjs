// `npm test [-- KIND …]`: the same set-up as `npm start`, then every kind of test but the long ones, or those named, one
// after the other.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Kinds that start processes of their own share two cores badly, so their specs run one by one. */
const ONE_BY_ONE = new Set(['local', 'e2e', 'packages', 'long']);
/** Run only when they are named. */
const LONG = new Set(['packages', 'long']);
const KIND_WITHIN_MS = 12 * 60 * 1000;
const LONG_KIND_WITHIN_MS = 45 * 60 * 1000;

await setUp();
const { default: config } = await import('../../test/jest.config.js');
/**
 * Each project of jest, the crash tests once more on several cells with a standby for each owner, and among the long ones ten
 * kills amid each kind of plan.
 */
const runs = [
  ...config.projects.map(({ displayName: name }) => ({ name, project: name, environment: {}, only: [] })),
  {
    name: 'e2e-cells',
    project: 'e2e',
    environment: { ORRERY_E2E_CELLS: '3', ORRERY_E2E_INSTANCES: '2' },
    only: ['crashes'],
  },
  { name: 'long', project: 'e2e', environment: { ORRERY_KILLS: '10' }, only: ['killed-plans'] },
];
const all = runs.map(({ name }) => name);
const asked = process.argv.slice(2);
const unknown = asked.find((kind) => !all.includes(kind));
if (unknown !== undefined) {
  console.error(`orrery: there is no kind of test named ${unknown}; there are ${all.join(', ')}`);
  process.exit(2);
}

const results = mkdtempSync(join(tmpdir(), 'orrery-test-'));
let passed = 0;
let failed = 0;
let skipped = 0;
for (const kind of runs.filter(({ name }) => (asked.length === 0 ? !LONG.has(name) : asked.includes(name)))) {
  const counted = await run(kind);
  passed += counted.passed;
  failed += counted.failed;
  skipped += counted.skipped;
}
rmSync(results, { recursive: true, force: true });
if (skipped > 0) console.log(`${skipped} skipped: this machine lacks what they test`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

/** One jest for one kind. A run that could not be counted, or whose files failed to load, has failed. */
async function run({ name, project, environment, only }) {
  const outputFile = join(results, `${name}.json`);
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const flags = ['--selectProjects', project, '--passWithNoTests', '--json', '--outputFile', outputFile];
  const child = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      jest,
      ...flags,
      ...only,
      ...(ONE_BY_ONE.has(project) ? ['--runInBand'] : []),
    ],
    { cwd: root, env: { ...process.env, ...environment }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  let late = false;
  const withinMs = LONG.has(name) ? LONG_KIND_WITHIN_MS : KIND_WITHIN_MS;
  const timer = setTimeout(() => {
    late = true;
    console.error(`orrery: the ${name} tests did not end within ${withinMs / 60_000} minutes`);
    child.kill('SIGKILL');
  }, withinMs);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  clearTimeout(timer);
  const report = readReport(outputFile);
  if (report === undefined) return { passed: 0, failed: code === 0 && !late ? 0 : 1, skipped: 0 };
  const counted = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
    skipped: report.numPendingTests,
  };
  return (code !== 0 || late) && counted.failed === 0 ? { ...counted, failed: 1 } : counted;
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // jest ended before it could report: counted as a failure by its exit code
  }
}
