import { countMembers, type AllocationEvent, type AllocationEventOf, type Constraint } from '@orrery/contracts';
import { Books, Ledger, shapes, type Wished } from './ledger.js';
import type { BenchmarkOptions } from './options.js';
import type { BenchmarkResult } from './report.js';
import { figuresOf, round } from './statistics.js';

const FLEETS = [5_000, 50_000];
const LOAD = 0.7;
const SETS = 100;
const PODS_A_SET = 1_000;
const SINGLES = 5_000;
const RUNS = 3;

type Placed = AllocationEventOf<'Placed'>['data'];

interface Case {
  readonly name: string;
  readonly policy: Wished['policy'];
  /** 1: one by one, each in a decision of its own. */
  readonly pods: number;
  readonly constraints?: readonly Constraint[];
}

const cases: readonly Case[] = [
  { name: 'sets_pack', policy: 'pack', pods: PODS_A_SET },
  { name: 'sets_spread', policy: 'spread', pods: PODS_A_SET },
  {
    name: 'sets_grouped_by_zone',
    policy: 'spread',
    pods: PODS_A_SET,
    constraints: [{ field: '@zone', operator: 'GROUP_BY' }],
  },
  {
    name: 'sets_two_a_host',
    policy: 'spread',
    pods: PODS_A_SET,
    constraints: [{ field: 'hostname', operator: 'MAX_PER', value: '2' }],
  },
  { name: 'singles_pack', policy: 'pack', pods: 1 },
  { name: 'singles_spread', policy: 'spread', pods: 1 },
];

/**
 * The scheduler alone: decisions and their fold in memory, on one core, over unequal machines that are held at 70 % of their
 * cpus, ten shapes of pods with one or two ports, ten roles in fair order. Every event is expanded pod by pod and checked
 * against books of our own. Rates are placements a second of processor time, so that a busy machine tells the same.
 */
export async function place({ agents, runs = RUNS }: BenchmarkOptions): Promise<BenchmarkResult> {
  const rates: Record<string, number[]> = {};
  for (const fleet of agents === undefined ? FLEETS : [agents])
    for (const each of cases) {
      // The first run warms up.
      const all = Array.from({ length: runs + 1 }, (_, run) => round(placementsPerS(fleet, each, run)));
      rates[`${each.name}_${fleet}`] = all.slice(1);
    }
  const { metrics, spread } = figuresOf(rates);
  const first = agents ?? FLEETS[0]!;
  return {
    name: 'place',
    durability: 'in memory: decisions and their fold, no log',
    settings: {
      load: LOAD,
      shapes: shapes.length,
      roles: shapes.length,
      pods_a_set: PODS_A_SET,
      sets: SETS,
      singles: SINGLES,
      runs,
    },
    metrics: {
      placements_per_s: round(Math.min(metrics[`sets_pack_${first}`]!, metrics[`sets_spread_${first}`]!)),
      one_by_one_per_s: metrics[`singles_spread_${first}`]!,
      ...metrics,
    },
    spread,
  };
}

function placementsPerS(agents: number, { policy, pods, constraints = [] }: Case, seed: number): number {
  const ledger = new Ledger(agents, seed);
  const load = new Load(ledger);
  load.fill(policy);
  const sets = pods === 1 ? SINGLES / shapes.length : SETS / shapes.length;
  let placed = 0;
  let busyMs = 0;
  for (let batch = 0; batch < sets; batch += 1) {
    load.lighten();
    const events: AllocationEvent[] = [];
    const from = process.cpuUsage();
    for (const shape of shapes) {
      const wished = { shape, pods, policy, constraints };
      if (pods === 1) events.push(...ledger.ask(wished));
      else ledger.queue(wished);
    }
    for (const event of ledger.settle()) events.push(event);
    const { user, system } = process.cpuUsage(from);
    busyMs += (user + system) / 1_000;
    placed += load.take(events);
    ledger.dropWaiting();
  }
  return (placed / busyMs) * 1_000;
}

/** Holds a fleet at a share of its cpus: what was placed first goes first. */
class Load {
  readonly #ledger: Ledger;
  readonly #books: Books;
  readonly #live: Placed[] = [];
  readonly #wanted: number;
  #cpusMilli = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#books = new Books(ledger.state);
    let total = 0;
    for (const { capacity } of ledger.state.agents.values()) total += capacity.cpusMilli;
    this.#wanted = total * LOAD;
  }

  fill(policy: Wished['policy']): void {
    for (let set = 0; this.#cpusMilli < this.#wanted; set += 1) {
      this.take(this.#ledger.ask({ shape: shapes[set % shapes.length]!, pods: PODS_A_SET, policy }));
      this.take(this.#ledger.settle());
      this.#ledger.dropWaiting();
    }
  }

  lighten(): void {
    while (this.#cpusMilli > this.#wanted) {
      const oldest = this.#live.shift()!;
      this.#ledger.release(oldest.grants);
      this.#books.released(oldest);
      this.#cpusMilli -= cpusIn(oldest);
    }
  }

  /** Pods placed. */
  take(events: readonly AllocationEvent[]): number {
    const before = this.#books.pods;
    for (const event of events) {
      if (event.type !== 'Placed') continue;
      this.#books.placed(event.data);
      this.#live.push(event.data);
      this.#cpusMilli += cpusIn(event.data);
    }
    return this.#books.pods - before;
  }
}

function cpusIn(placed: Placed): number {
  return placed.needs.cpusMilli * countMembers(placed);
}
