import { seqOf } from '@orrery/contracts';
import { foldUpTo, type FoldedPast, type PastPorts } from '@orrery/control-loop';
import { choiceOf, type AllocationState, type Choice } from '@orrery/domain';
import { breathe } from './past-worlds.js';
import type { PlacedGrant } from './read-model.js';
import { foldings } from './world.js';

const LEDGERS_MAX = 2;

/**
 * How pods came to their places. Nobody writes scores down: a grant names the commit that placed it, and that commit is
 * decided once more on the ledger as it was right before. What it costs is the fold from the nearest snapshot to there.
 */
export class Choices {
  /** By cell and seq, the last used one last: whoever asks for one pod of a set asks for others. */
  readonly #ledgers = new Map<string, Promise<Ledger>>();
  #folding: Promise<unknown> = Promise.resolve();

  constructor(private readonly ports: PastPorts) {}

  async of({ cell, grant, scoresMax }: PlacedGrant): Promise<Choice | null> {
    const { fold, next } = await this.#ledgerBefore(cell, seqOf(grant));
    if (next?.kind !== 'Commit') return null;
    fold.speculate(true);
    try {
      return choiceOf(fold.domain, next, grant, scoresMax) ?? null;
    } finally {
      fold.rollBack();
      fold.speculate(false);
    }
  }

  #ledgerBefore(cell: number, seq: number): Promise<Ledger> {
    const key = `${cell}:${seq}`;
    const known = this.#ledgers.get(key);
    this.#ledgers.delete(key);
    const ledger = known ?? this.#fold(cell, seq - 1);
    this.#ledgers.set(key, ledger);
    for (const oldest of this.#ledgers.keys()) {
      if (this.#ledgers.size <= LEDGERS_MAX) break;
      this.#ledgers.delete(oldest);
    }
    ledger.catch(() => this.#ledgers.delete(key));
    return ledger;
  }

  /** One at a time: two of them would only make each other slower. */
  #fold(cell: number, seqMax: number): Promise<Ledger> {
    const folded = this.#folding.then(() =>
      foldUpTo({ domain: 'allocation', cell }, foldings.allocation, { seqMax }, this.ports, breathe),
    );
    this.#folding = folded.catch(() => undefined);
    return folded as Promise<Ledger>;
  }
}

type Ledger = FoldedPast<AllocationState, never>;
