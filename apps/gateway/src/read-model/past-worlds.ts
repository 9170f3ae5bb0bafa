import { foldUpTo, type Cut, type PastPorts } from '@orrery/control-loop';
import { journalName } from '../position.js';
import { Problem } from '../problem.js';
import { journalsOf, type Journal } from './followed-journals.js';
import type { Moment } from './query.js';
import { worldOf, type FoldedJournal, type World } from './world.js';

const WORLDS_MAX = 3;
const WAITING_MAX = 32;

/** States of the past, each folded once for all who ask for the same moment; the least used one is given up for a new one. */
export class PastWorlds {
  /** By moment, the last used one last. */
  readonly #worlds = new Map<string, Promise<FoldedWorld>>();
  #folding: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(
    private readonly cells: number,
    private readonly ports: PastPorts,
  ) {}

  async at(moment: Moment): Promise<World> {
    const key = JSON.stringify(moment);
    const known = this.#worlds.get(key);
    if (known !== undefined) {
      this.#worlds.delete(key);
      this.#worlds.set(key, known);
      return (await known).world;
    }
    return (await this.#fold(key, moment)).world;
  }

  /** One at a time: two of them would only make each other slower. */
  async #fold(key: string, moment: Moment): Promise<FoldedWorld> {
    if (this.#waiting >= WAITING_MAX) {
      throw Problem.of('too-many-reads-of-the-past', `${WAITING_MAX} reads of the past wait already`, {
        remedy: 'try again',
      });
    }
    this.#waiting += 1;
    const folded = this.#folding.then(() => this.#foldNow(moment)).finally(() => (this.#waiting -= 1));
    this.#folding = folded.catch(() => undefined);
    this.#worlds.set(key, folded);
    while (this.#worlds.size > WORLDS_MAX) this.#worlds.delete(this.#worlds.keys().next().value!);
    try {
      const world = await folded;
      // What more commits may still belong to is true now, and perhaps not for the next one who asks.
      if (!world.complete) this.#worlds.delete(key);
      return world;
    } catch (error) {
      this.#worlds.delete(key);
      throw error;
    }
  }

  async #foldNow(moment: Moment): Promise<FoldedWorld> {
    const cuts = await this.#cutsOf(moment);
    const journals: FoldedJournal[] = [];
    let complete = true;
    for (const journal of journalsOf(this.cells)) {
      const { domain, cell, folding } = journal;
      const past = await foldUpTo(journal, folding, cuts(journal), this.ports, breathe);
      complete &&= past.complete;
      journals.push({
        domain,
        cell,
        fold: past.fold as FoldedJournal['fold'],
        seq: past.position.seq,
        atMs: past.position.at,
      });
    }
    if (journals.every(({ seq }) => seq < 0)) {
      throw Problem.of('before-the-beginning', 'there was nothing yet at that moment', { field: 'at' });
    }
    return { world: worldOf(journals, moment.kind === 'time' ? moment.atMs : undefined), complete };
  }

  async #cutsOf(moment: Moment): Promise<(journal: Journal) => Cut> {
    switch (moment.kind) {
      case 'time':
        return () => ({ atMax: moment.atMs });
      case 'position':
        return ({ domain, cell }) => ({ seqMax: moment.journals[journalName(domain, cell)] ?? -1 });
      case 'commit': {
        const named = journalsOf(this.cells).find(({ domain, cell }) => journalName(domain, cell) === moment.journal);
        if (named === undefined) throw unknownCommit(moment.journal, moment.seq);
        const { position } = await foldUpTo(named, named.folding, { seqMax: moment.seq }, this.ports, breathe);
        if (position.seq !== moment.seq) throw unknownCommit(moment.journal, moment.seq);
        const isNamed = (journal: Journal) => journal.domain === named.domain && journal.cell === named.cell;
        return (journal) => (isNamed(journal) ? { seqMax: moment.seq } : { atMax: position.at });
      }
    }
  }
}

interface FoldedWorld {
  readonly world: World;
  readonly complete: boolean;
}

function unknownCommit(journal: string, seq: number): Problem {
  return Problem.of('before-the-beginning', `there is no commit ${journal}:${seq}`, { field: 'at' });
}

export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
