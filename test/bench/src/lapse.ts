import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterEvent } from '@orrery/contracts';
import { eventually } from '@orrery/testing';
import { markJournals, readJournal } from './journal-reading.js';
import { durability } from './many-tasks.js';
import type { BenchmarkOptions } from './options.js';
import type { BenchmarkResult } from './report.js';
import { SimulatedCluster } from './simulated-cluster.js';
import { figuresOf, round } from './statistics.js';

const AGENTS = 5000;
const CUT_AT_A_TIME = 4;
const CUTS = 3;
/** Registration of everybody comes first. */
const FIRST_AFTER_MS = 60_000;
const EVERY_MS = 30_000;
const LAST_MS = 20_000;

/** Cuts the cables of a few among thousands of agents; how long the journal doesn't know it, from their last heartbeat on. */
export async function lapse(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { agents = AGENTS, runs = CUTS } = options;
  const partitions = { agents: CUT_AT_A_TIME, firstAfterMs: FIRST_AFTER_MS, everyMs: EVERY_MS, lastMs: LAST_MS };
  const cluster = await SimulatedCluster.start({ agents, launches: 1000, knobs: { partitions } });
  try {
    const marks = await markJournals(cluster.log);
    const lostAt = new Map<string, number>();
    let falsely = 0;
    const read = async () => {
      lostAt.clear();
      await readJournal(cluster.log, 'cluster', marks.cluster, ({ record, timestampMs }) => {
        for (const { type, data } of record.events as unknown as ClusterEvent[]) {
          if (type === 'AgentUnreachable') lostAt.set(`${data.agent}`, timestampMs);
        }
      });
      return lostAt.size >= runs * CUT_AT_A_TIME;
    };
    await eventually(read, {
      withinMs: FIRST_AFTER_MS + runs * EVERY_MS + 60_000,
      everyMs: 1000,
      what: `${runs * CUT_AT_A_TIME} agents are noticed to be away`,
    });
    const cutAt = cutsIn(readFileSync(join(cluster.cluster.home, 'logs', 'fleet-0.log'), 'utf8'));
    const noticed: number[] = [];
    for (const [agent, ms] of lostAt) {
      const cut = cutAt.get(agent);
      if (cut === undefined) falsely += 1;
      else noticed.push((ms - cut) / 1000);
    }
    const { metrics, spread } = figuresOf({ noticed_s: noticed.map(round) });
    return {
      name: 'lapse',
      durability,
      settings: { agents, cuts: runs, cutAtATime: CUT_AT_A_TIME },
      metrics: { noticed_max_s: round(Math.max(...noticed)), ...metrics, falsely },
      spread,
    };
  } finally {
    await cluster.stop();
  }
}

/** Agent → when its cable was cut, from the log of the fleet. */
function cutsIn(log: string): ReadonlyMap<string, number> {
  const cuts = new Map<string, number>();
  for (const line of log.split('\n')) {
    const agents = /cut off for \d+ ms: ([^"]+)/.exec(line)?.[1];
    if (agents === undefined) continue;
    const { time } = JSON.parse(line) as { time: string | number };
    for (const agent of agents.split(' ')) cuts.set(agent, new Date(time).getTime());
  }
  return cuts;
}
