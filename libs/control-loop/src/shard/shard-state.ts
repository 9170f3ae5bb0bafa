import { assert, type EpochMs } from '@orrery/kernel';

/**
 * The life of a shard in one process.
 *
 * ```
 * initial ──▶ loading ──▶ standby ◀──▶ taking-over ──▶ owning
 *                            ▲                           │
 *                            └───────────────────────────┘
 *     any of them ──▶ failed (what it knows may be wrong) or closed (asked to)
 * ```
 */
export type ShardState = keyof typeof legalPredecessors;

const legalPredecessors = {
  initial: [],
  loading: ['initial'],
  standby: ['loading', 'taking-over', 'owning'],
  'taking-over': ['standby'],
  /** From standby too: the hint came back before anybody else took over, so the term goes on. */
  owning: ['taking-over', 'standby'],
  failed: ['initial', 'loading', 'standby', 'taking-over', 'owning'],
  closed: ['initial', 'loading', 'standby', 'taking-over', 'owning', 'failed'],
} as const satisfies Record<string, readonly string[]>;

export function assertLegal(from: ShardState, to: ShardState): void {
  const legal: readonly string[] = legalPredecessors[to];
  assert(legal.includes(from), `a shard can't go from ${from} to ${to}`);
}

/** A shard as this process sees it: for health, readiness and people. */
export interface ShardStatus {
  readonly domain: string;
  readonly cell: number;
  readonly state: ShardState;
  readonly journalId: string | undefined;
  readonly seq: number;
  readonly term: number;
  /** Time of the last accepted commit. */
  readonly at: EpochMs;
  readonly longestTurnMs: number;
  readonly voidRecords: number;
  /** Why it failed. */
  readonly error: string | undefined;
}
