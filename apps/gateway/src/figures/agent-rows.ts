import { figureNames, ordinalOf, seqOf, type LaunchId, type TaskFigures } from '@orrery/contracts';

/** A launch id as one number: 32 bits of seq and 20 of ordinal, beyond which a launch has no figures. */
const ORDINALS = 2 ** 20;
const COLUMNS = figureNames.length;

export interface Row {
  readonly launch: LaunchId;
  readonly service: number;
  readonly figures: TaskFigures;
}

/** What is known of the tasks of one agent, in columns sorted by launch: 32 bytes each, so that a million fit. */
export class AgentRows {
  #keys = new Float64Array(0);
  #services = new Uint32Array(0);
  #figures = new Float32Array(0);

  get size(): number {
    return this.#keys.length;
  }

  /** Puts rows in, forgets others, and takes at most `roomFor` more than there were. Says how many had no room. */
  change(told: readonly Row[], gone: readonly LaunchId[], roomFor: number): number {
    const fresh = new Map<number, Row>();
    for (const row of told) {
      const key = keyOf(row.launch);
      const at = this.#find(key);
      if (at < 0) fresh.set(key, row);
      else this.#put(at, row);
    }
    const doomed = new Set(gone.map(keyOf).filter((key) => this.#find(key) >= 0));
    const admitted = [...fresh].filter(([key]) => key >= 0).slice(0, Math.max(0, roomFor + doomed.size));
    if (admitted.length > 0 || doomed.size > 0) this.#rebuild(new Map(admitted), doomed);
    return fresh.size - admitted.length;
  }

  clear(): void {
    this.#keys = new Float64Array(0);
    this.#services = new Uint32Array(0);
    this.#figures = new Float32Array(0);
  }

  of(launch: LaunchId): TaskFigures | undefined {
    const at = this.#find(keyOf(launch));
    return at < 0 ? undefined : this.#figuresAt(at);
  }

  rowAt(at: number): Row {
    const key = this.#keys[at]!;
    const launch = `${Math.floor(key / ORDINALS)}.${key % ORDINALS}` as LaunchId;
    return { launch, service: this.#services[at]!, figures: this.#figuresAt(at) };
  }

  serviceAt(at: number): number {
    return this.#services[at]!;
  }

  figureAt(at: number, column: number): number {
    return this.#figures[at * COLUMNS + column]!;
  }

  #figuresAt(at: number): TaskFigures {
    const values = figureNames.map((name, column) => [name, this.#figures[at * COLUMNS + column]!]);
    return Object.fromEntries(values) as unknown as TaskFigures;
  }

  #find(key: number): number {
    let low = 0;
    let high = this.#keys.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#keys[middle]!;
      if (found === key) return middle;
      if (found < key) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #put(at: number, { service, figures }: Row): void {
    this.#services[at] = service;
    figureNames.forEach((name, column) => (this.#figures[at * COLUMNS + column] = figures[name]));
  }

  #rebuild(fresh: ReadonlyMap<number, Row>, doomed: ReadonlySet<number>): void {
    const before = { keys: this.#keys, services: this.#services, figures: this.#figures };
    const keys = [...before.keys].filter((key) => !doomed.has(key));
    const all = Float64Array.from([...keys, ...fresh.keys()]).sort();
    this.#keys = all;
    this.#services = new Uint32Array(all.length);
    this.#figures = new Float32Array(all.length * COLUMNS);
    let old = 0;
    for (const [at, key] of all.entries()) {
      const row = fresh.get(key);
      if (row !== undefined) {
        this.#put(at, row);
        continue;
      }
      while (before.keys[old] !== key) old += 1;
      this.#services[at] = before.services[old]!;
      this.#figures.set(before.figures.subarray(old * COLUMNS, (old + 1) * COLUMNS), at * COLUMNS);
    }
  }
}

/** Negative where an id has no number. */
function keyOf(launch: LaunchId): number {
  const ordinal = ordinalOf(launch);
  return ordinal < ORDINALS && seqOf(launch) < 2 ** 32 ? seqOf(launch) * ORDINALS + ordinal : -1;
}
