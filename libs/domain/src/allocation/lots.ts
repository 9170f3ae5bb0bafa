import { assert, Table, type TableFollower } from '@orrery/kernel';
import {
  countIn,
  idOf,
  ordinalOf,
  priorityOf,
  rankedAs,
  seqOf,
  type AllocationEventOf,
  type GrantId,
  type IdRuns,
  type Members,
  type PodNeeds,
  type Ranges,
  type Ranked,
  type Resize,
  type RoleName,
  type ServiceName,
  type VolumeId,
  eachAgentRun,
} from '@orrery/contracts';
import type { Held } from '@orrery/scheduling';
import { rankKey, setKey } from './keys.js';
import type { KnownNeighbour } from './neighbours.js';
import { common, isAll, normalised, numbersAt, otherPositions, positionsOf, without } from './ranges.js';

/**
 * All grants of one `Placed` that live: what they share once, what differs in columns, member by member. A released grant
 * leaves its columns; a lot goes with its last one. Its key is its first grant.
 */
export interface LotRow extends Ranked {
  readonly service: ServiceName;
  readonly generation: number;
  readonly role: RoleName;
  readonly pod: string;
  readonly needs: PodNeeds;
  /** Ordinals of the grants, of the seq in the key; the k-th is member k. */
  readonly ordinals: Ranges;
  readonly indexes: Ranges;
  /** Agents by their numbers, each once, and how many members there are up to the end of its run. */
  readonly agents: Uint32Array;
  readonly ends: Uint32Array;
  /** Port name → the number that each member has. */
  readonly ports?: Readonly<Record<string, Uint32Array>>;
  readonly gpuIds?: readonly (readonly string[])[];
  /** Volumes of each member that are still there. */
  readonly volumes?: readonly (readonly VolumeId[])[];
  /** Ordinals of grants that are no longer charged to the role. */
  readonly superseded?: Ranges;
  /** Pods that may not come where these are. */
  readonly avoids?: readonly KnownNeighbour[];
  /** Of one grant that stands on another one of its pod: what it holds when that one is released. */
  readonly resizes?: Resize;
}

/** Some live grants of one lot. */
export interface LotPart {
  readonly key: GrantId;
  readonly lot: LotRow;
  readonly ordinals: Ranges;
}

export function lotOfPlaced(data: AllocationEventOf<'Placed'>['data']): { key: GrantId; lot: LotRow } | undefined {
  const { service, generation, role, pod, needs, grants, indexes, agents, ports, gpuIds, volumes, avoids, resizes } =
    data;
  const ranked = rankedAs(priorityOf(data), data.revocable === true);
  const [run] = grants;
  if (run === undefined) return undefined;
  assert(grants.length === 1 && run.length === 3, 'the grants of one Placed follow each other', { grants });
  const [seq, first, last] = run as [number, number, number];
  const count = last - first + 1;
  const runs = runsOfPlaced(agents);
  const lot: LotRow = {
    service,
    generation,
    role,
    pod,
    needs,
    ...ranked,
    ordinals: [[first, last]],
    indexes,
    ...runs,
    ...(ports === undefined ? {} : { ports: columnsOf(ports, count) }),
    ...(gpuIds === undefined ? {} : { gpuIds }),
    ...(volumes === undefined ? {} : { volumes: volumes.map((each) => each.map(({ volume }) => volume)) }),
    ...(avoids === undefined ? {} : { avoids: avoids.map((of) => ({ ...of, service: of.service ?? service })) }),
    ...(resizes === undefined ? {} : { resizes }),
  };
  assert(countOf(lot) === count && countIn(indexes) === count, 'members that do not count up', { count });
  return { key: idOf<GrantId>(seq, first), lot };
}

function runsOfPlaced(runs: Members['agents']): Pick<LotRow, 'agents' | 'ends'> {
  const ends = new Uint32Array(runs.numbers.length);
  eachAgentRun(runs, (_agent, _epoch, count, position, at) => {
    ends[at] = position + count;
  });
  return { agents: Uint32Array.from(runs.numbers), ends };
}

function columnsOf(
  ports: Readonly<Record<string, readonly number[]>>,
  count: number,
): Readonly<Record<string, Uint32Array>> {
  const columns: Record<string, Uint32Array> = {};
  for (const name in ports) {
    const column = ports[name]!;
    const numbers = new Uint32Array(count);
    if (column.length === count) numbers.set(column);
    else numbers.fill(column[0]!);
    columns[name] = numbers;
  }
  return columns;
}

export function countOf(lot: LotRow): number {
  return lot.ends.length === 0 ? 0 : lot.ends[lot.ends.length - 1]!;
}

/** Which run of agents a member stands in. */
export function runOf({ ends }: LotRow, position: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Positions of the members on an agent: none, or one range. */
export function positionsOn({ agents, ends }: LotRow, agent: number): Ranges {
  const run = agents.indexOf(agent);
  return run === -1 ? [] : [[run === 0 ? 0 : ends[run - 1]!, ends[run]! - 1]];
}

/** Calls for each agent that has any of these members, ascending by position: `first` and `last` are positions. */
export function eachRun(
  lot: LotRow,
  positions: Ranges,
  each: (agent: number, first: number, last: number) => void,
): void {
  const { agents, ends } = lot;
  for (const [from, to] of positions) {
    let run = runOf(lot, from);
    for (let first = from; first <= to; run += 1) {
      const last = Math.min(to, ends[run]! - 1);
      each(agents[run]!, first, last);
      first = last + 1;
    }
  }
}

export function allPositions(lot: LotRow): Ranges {
  const count = countOf(lot);
  return count === 0 ? [] : [[0, count - 1]];
}

/** Ordinals of the grants that are charged to the role. */
export function chargedIn({ ordinals, superseded }: LotRow): Ranges {
  return superseded === undefined ? ordinals : without(ordinals, superseded);
}

/** Numbers of all ports that these members have. */
export function portsAt({ ports }: LotRow, first: number, last: number): number[] {
  const numbers: number[] = [];
  for (const name in ports) {
    const column = ports[name]!;
    for (let position = first; position <= last; position += 1) numbers.push(column[position]!);
  }
  return numbers;
}

/** The lot without these grants; nothing when none is left. */
export function withoutGrants(lot: LotRow, gone: Ranges): LotRow | undefined {
  const ordinals = without(lot.ordinals, gone);
  if (ordinals.length === 0) return undefined;
  const kept = otherPositions(countOf(lot), positionsOf(lot.ordinals, gone));
  const { superseded: before, ...rest } = lot;
  const superseded = before === undefined ? [] : without(before, gone);
  return {
    ...rest,
    ordinals,
    indexes: numbersAt(lot.indexes, kept),
    ...runsAt(lot, kept),
    ...(lot.ports === undefined ? {} : { ports: portsKept(lot.ports, kept) }),
    ...(lot.gpuIds === undefined ? {} : { gpuIds: listAt(lot.gpuIds, kept) }),
    ...(lot.volumes === undefined ? {} : { volumes: listAt(lot.volumes, kept) }),
    ...(superseded.length === 0 ? {} : { superseded }),
  };
}

function runsAt(lot: LotRow, kept: Ranges): Pick<LotRow, 'agents' | 'ends'> {
  const agents: number[] = [];
  const ends: number[] = [];
  let count = 0;
  eachRun(lot, kept, (agent, first, last) => {
    count += last - first + 1;
    if (agents.at(-1) === agent) ends[ends.length - 1] = count;
    else {
      agents.push(agent);
      ends.push(count);
    }
  });
  return { agents: Uint32Array.from(agents), ends: Uint32Array.from(ends) };
}

function portsKept(ports: Readonly<Record<string, Uint32Array>>, kept: Ranges): Readonly<Record<string, Uint32Array>> {
  const columns: Record<string, Uint32Array> = {};
  for (const name in ports) {
    const column = new Uint32Array(countIn(kept));
    let at = 0;
    for (const [first, last] of kept) {
      column.set(ports[name]!.subarray(first, last + 1), at);
      at += last - first + 1;
    }
    columns[name] = column;
  }
  return columns;
}

function listAt<Item>(list: readonly Item[], kept: Ranges): Item[] {
  return kept.flatMap(([first, last]) => list.slice(first, last + 1));
}

export function withSuperseded(lot: LotRow, ordinals: Ranges): LotRow {
  return { ...lot, superseded: normalised([...(lot.superseded ?? []), ...ordinals]) };
}

// --- The table ------------------------------------------------------------------------------------------------------

/** Lots, found by any of their grants and by the agents they lie on. */
export class LotTable extends Table<GrantId, LotRow> {
  readonly #bySeq = new LotsBySeq();
  readonly #byAgent: LotsByAgent;

  constructor() {
    super('lots', {
      set: (row) => setKey(row),
      rank: (row) => rankKey(row),
      resizes: ({ resizes }) => (resizes === undefined ? undefined : [resizes.grant, '*']),
      avoids: ({ avoids }) => avoids?.map((of) => of.service),
    });
    this.follow(this.#bySeq);
    this.#byAgent = new LotsByAgent(() => this.entries());
    this.follow(this.#byAgent);
  }

  /** The lot of a grant that lives. */
  find(grant: GrantId): LotPart | undefined {
    const ordinal = ordinalOf(grant);
    for (const part of this.parts(seqOf(grant), ordinal, ordinal)) return part;
    return undefined;
  }

  /** Of these grants those that live, lot by lot. */
  live(grants: IdRuns): LotPart[] {
    const found = new Map<GrantId, { lot: LotRow; ordinals: (readonly [number, number])[] }>();
    for (const entry of grants)
      for (let at = 1; at < entry.length; at += 2)
        for (const { key, lot, ordinals } of this.parts(entry[0]!, entry[at]!, entry[at + 1]!)) {
          const known = found.get(key);
          if (known === undefined) found.set(key, { lot, ordinals: [...ordinals] });
          else known.ordinals.push(...ordinals);
        }
    return Array.from(found, ([key, { lot, ordinals }]) => ({ key, lot, ordinals: normalised(ordinals) }));
  }

  /** Keys of the lots that have grants on an agent, in the order in which they were placed. */
  on(agent: number): GrantId[] {
    return this.#byAgent.on(agent).filter((key) => this.get(key)!.agents.includes(agent));
  }

  /** Ports and devices that grants hold on an agent. */
  *heldOn(agent: number): IterableIterator<Held> {
    for (const key of this.on(agent)) {
      const lot = this.get(key)!;
      for (const [first, last] of positionsOn(lot, agent))
        yield { ports: portsAt(lot, first, last), gpuIds: (lot.gpuIds ?? []).slice(first, last + 1).flat() };
    }
  }

  private *parts(seq: number, first: number, last: number): IterableIterator<LotPart> {
    for (const start of this.#bySeq.from(seq, first)) {
      if (start > last) return;
      const key = idOf<GrantId>(seq, start);
      const lot = this.get(key)!;
      const ordinals = common(lot.ordinals, [[first, last]]);
      if (ordinals.length > 0) yield { key, lot, ordinals: isAll(ordinals, lot.ordinals) ? lot.ordinals : ordinals };
    }
  }
}

/** First ordinals of the lots of each commit, ascending. */
class LotsBySeq implements TableFollower<GrantId, LotRow> {
  readonly #firsts = new Map<number, number[]>();

  /** Firsts of the lots that may have a grant of this ordinal or a later one. */
  *from(seq: number, ordinal: number): IterableIterator<number> {
    const firsts = this.#firsts.get(seq) ?? [];
    for (let at = Math.max(0, after(firsts, ordinal) - 1); at < firsts.length; at += 1) yield firsts[at]!;
  }

  written(key: GrantId, before: LotRow | undefined, row: LotRow | undefined): void {
    if ((before === undefined) === (row === undefined)) return;
    const seq = seqOf(key);
    const first = ordinalOf(key);
    const firsts = this.#firsts.get(seq);
    if (row !== undefined) {
      if (firsts === undefined) this.#firsts.set(seq, [first]);
      else firsts.splice(after(firsts, first), 0, first);
    } else if (firsts!.length === 1) this.#firsts.delete(seq);
    else firsts!.splice(firsts!.indexOf(first), 1);
  }

  cleared(): void {
    this.#firsts.clear();
  }
}

/** How many of the ascending numbers are not greater than this one. */
function after(numbers: readonly number[], number: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! <= number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Lots by the numbers of their agents. Few ask: it is made when the first one does, and kept up from then on. A lot may stand
 * here that has nothing on the agent any more.
 */
class LotsByAgent implements TableFollower<GrantId, LotRow> {
  readonly #all: () => Iterable<readonly [GrantId, LotRow]>;
  #keys: Map<number, GrantId[]> | undefined;

  constructor(all: () => Iterable<readonly [GrantId, LotRow]>) {
    this.#all = all;
  }

  on(agent: number): GrantId[] {
    if (this.#keys === undefined) {
      this.#keys = new Map();
      for (const [key, lot] of this.#all()) this.#add(key, lot);
    }
    return [...(this.#keys.get(agent) ?? [])].sort(
      (left, right) => seqOf(left) - seqOf(right) || ordinalOf(left) - ordinalOf(right),
    );
  }

  written(key: GrantId, before: LotRow | undefined, row: LotRow | undefined): void {
    if (this.#keys === undefined || before?.agents === row?.agents) return;
    if (before !== undefined) this.#remove(key, before);
    if (row !== undefined) this.#add(key, row);
  }

  cleared(): void {
    this.#keys = undefined;
  }

  #add(key: GrantId, { agents }: LotRow): void {
    for (const agent of agents) {
      const keys = this.#keys!.get(agent);
      if (keys === undefined) this.#keys!.set(agent, [key]);
      else keys.push(key);
    }
  }

  #remove(key: GrantId, { agents }: LotRow): void {
    for (const agent of agents) {
      const keys = this.#keys!.get(agent)!;
      keys.splice(keys.lastIndexOf(key), 1);
    }
  }
}
