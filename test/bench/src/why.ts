import type { Constraint, RequestId } from '@orrery/contracts';
import { explainPending, waitingRequests } from '@orrery/domain';
import { Ledger, shapes, type Shape } from './ledger.js';
import type { BenchmarkOptions } from './options.js';
import type { BenchmarkResult } from './report.js';
import { percentile, round } from './statistics.js';

const AGENTS = 5_000;
const TASKS = 1_000_000;
const PODS_A_SET = 1_000;
const LOOKS = 200;
/** Small enough that a million fit. */
const small: Shape = { role: 'team-small', cpusMilli: 100, memoryMib: 128, ports: 1 };

/** Nothing of these will ever be found, each for another reason. */
const hopeless: readonly (readonly Constraint[])[] = [
  [],
  [{ field: 'rack', operator: 'IS', value: 'none' }],
  [{ field: 'hostname', operator: 'LIKE', value: 'machine-[0-9]+' }],
  [{ field: 'hostname', operator: 'UNIQUE' }],
  [{ field: '@zone', operator: 'GROUP_BY', value: '9' }],
];

/** Why a task waits, asked of the ledger in memory while a million run and others wait. */
export async function why({ agents = AGENTS, tasks = TASKS }: BenchmarkOptions): Promise<BenchmarkResult> {
  const ledger = new Ledger(agents, 1);
  for (let pods = 0, set = 0; pods < tasks; pods += PODS_A_SET, set += 1)
    ledger.ask({ shape: small, pods: Math.min(PODS_A_SET, tasks - pods), policy: set % 2 === 0 ? 'pack' : 'spread' });
  ledger.settle();
  let running = 0;
  for (const { number } of ledger.state.agents.values()) running += ledger.state.agents.fleet.pods[number]!;
  for (const constraints of hopeless)
    ledger.ask({ shape: shapes.at(-1)!, pods: 2 * agents * PODS_A_SET, policy: 'spread', constraints });
  ledger.settle();
  const waiting = Array.from(waitingRequests(ledger.state), ({ request }) => request);
  if (waiting.length !== hopeless.length) throw new Error(`${waiting.length} requests wait, not ${hopeless.length}`);
  const looks = Array.from({ length: LOOKS }, (_, look) => looked(ledger, waiting[look % waiting.length]!));
  return {
    name: 'why',
    durability: 'in memory: the fold of the allocation journal',
    settings: { agents, running, waiting: waiting.length, looks: LOOKS },
    metrics: { why_ms: round(Math.max(...looks)), why_p50_ms: round(percentile(looks, 0.5)) },
    spread: {},
  };
}

function looked({ state }: Ledger, request: RequestId): number {
  const from = performance.now();
  const reasons = explainPending(state, request);
  const ms = performance.now() - from;
  if (reasons === undefined || reasons.agents !== state.agents.size || reasons.examples.length === 0)
    throw new Error(`request ${request} is not explained: ${JSON.stringify(reasons)}`);
  return ms;
}
