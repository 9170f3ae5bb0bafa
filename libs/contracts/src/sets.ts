import { assert } from '@orrery/kernel';
import type { Volume } from './resources.js';

/**
 * The form in which events, orders and reports speak of many things at once. A million tasks are a few thousand sets: what
 * their members share is said once, what differs stands in columns, and ids that follow each other are a first and a last.
 */

/** Inclusive ranges of whole numbers, ascending, none touching the next. */
export type Ranges = readonly (readonly [number, number])[];

/**
 * A sequence of ids of one journal (`<seq>.<ordinal>`). Each entry is a seq and then pairs of a first and a last ordinal:
 * `[[812, 0, 499, 510, 510]]` are 812.0 to 812.499 and 812.510. Where it stands beside members, the k-th id is that of
 * member k.
 */
export type IdRuns = readonly (readonly number[])[];

/** One number a member; a single one stands for all. */
export type Column = readonly number[];

/**
 * Where members sit, run by run in their order: so many, one after the other, on the agent of this number in this registration
 * of it. In columns, since a service that is spread has as many runs as tasks.
 */
export interface AgentRuns {
  readonly numbers: readonly number[];
  readonly epochs: Column;
  readonly counts: Column;
}

/**
 * Pods of one kind on their agents. Member k is the pod of the k-th index; each agent stands in one run only. Agents go by
 * the number that the cluster journal gave them.
 */
export interface Members {
  readonly indexes: Ranges;
  readonly agents: AgentRuns;
  /** Port name → the number that each member has. */
  readonly ports?: Readonly<Record<string, Column>>;
  /** Devices of each member. */
  readonly gpuIds?: readonly (readonly string[])[];
  /** Volumes of each member. */
  readonly volumes?: readonly (readonly Volume[])[];
}

/** A member by itself. */
export interface Member {
  readonly index: number;
  readonly agent: number;
  readonly epoch: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly gpuIds: readonly string[];
  readonly volumes: readonly Volume[];
}

// --- Ranges ---------------------------------------------------------------------------------------------------------

/** Sorted, without repeats. */
export function rangesOf(numbers: Iterable<number>): (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const number of [...numbers].sort((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last === undefined || number > last[1] + 1) ranges.push([number, number]);
    else last[1] = number;
  }
  return ranges;
}

/** In order, those that overlap or touch as one. */
export function mergedRanges(ranges: Ranges): [number, number][] {
  const merged: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((left, right) => left[0] - right[0])) {
    const last = merged.at(-1);
    if (last === undefined || from > last[1] + 1) merged.push([from, to]);
    else last[1] = Math.max(last[1], to);
  }
  return merged;
}

export function* numbersIn(ranges: Ranges): IterableIterator<number> {
  for (const [first, last] of ranges) for (let number = first; number <= last; number += 1) yield number;
}

export function countIn(ranges: Ranges): number {
  let count = 0;
  for (const [first, last] of ranges) count += last - first + 1;
  return count;
}

export function isIn(ranges: Ranges, number: number): boolean {
  return ranges.some(([first, last]) => first <= number && number <= last);
}

// --- Ids ------------------------------------------------------------------------------------------------------------

/** `<seq>.<ordinal>` */
export function idOf<Id extends string>(seq: number, ordinal: number): Id {
  return `${seq}.${ordinal}` as Id;
}

export function seqOf(id: string): number {
  return Number(id.slice(0, id.indexOf('.')));
}

export function ordinalOf(id: string): number {
  return Number(id.slice(id.indexOf('.') + 1));
}

/** Gathers ids into runs, in the order in which they come. */
export class IdRunsBuilder {
  readonly #runs: number[][] = [];
  count = 0;

  /** `count` ids from this one on. */
  add(seq: number, ordinal: number, count = 1): void {
    if (count === 0) return;
    this.count += count;
    const entry = this.#runs.at(-1);
    if (entry === undefined || entry[0] !== seq) this.#runs.push([seq, ordinal, ordinal + count - 1]);
    else if (entry.at(-1) === ordinal - 1) entry[entry.length - 1] = ordinal + count - 1;
    else entry.push(ordinal, ordinal + count - 1);
  }

  addId(id: string): void {
    this.add(seqOf(id), ordinalOf(id));
  }

  get runs(): IdRuns {
    return this.#runs;
  }
}

export function idRunsOf(ids: Iterable<string>): IdRuns {
  const builder = new IdRunsBuilder();
  for (const id of ids) builder.addId(id);
  return builder.runs;
}

/** Calls for each run of ordinals: `position` is that of its first id in the sequence. */
export function eachIdRun(
  runs: IdRuns,
  run: (seq: number, first: number, last: number, position: number) => void,
): void {
  let position = 0;
  for (const entry of runs) {
    const seq = entry[0]!;
    for (let at = 1; at < entry.length; at += 2) {
      const first = entry[at]!;
      const last = entry[at + 1]!;
      run(seq, first, last, position);
      position += last - first + 1;
    }
  }
}

export function* idsIn<Id extends string>(runs: IdRuns): IterableIterator<Id> {
  for (const entry of runs) {
    for (let at = 1; at < entry.length; at += 2) {
      for (let ordinal = entry[at]!; ordinal <= entry[at + 1]!; ordinal += 1) yield idOf<Id>(entry[0]!, ordinal);
    }
  }
}

export function countIds(runs: IdRuns): number {
  let count = 0;
  for (const entry of runs) for (let at = 1; at < entry.length; at += 2) count += entry[at + 1]! - entry[at]! + 1;
  return count;
}

/** Walks a sequence of ids piece by piece, from its beginning. */
export class IdCursor {
  readonly #runs: IdRuns;
  #entry = 0;
  #at = 1;
  #used = 0;

  constructor(runs: IdRuns) {
    this.#runs = runs;
  }

  /** Calls for each run of ordinals among the next `count` ids. */
  take(count: number, run: (seq: number, first: number, count: number) => void): void {
    for (let left = count; left > 0;) {
      const entry = this.#runs[this.#entry];
      assert(entry !== undefined, 'fewer ids than members', { missing: left });
      const first = entry[this.#at]! + this.#used;
      const here = Math.min(left, entry[this.#at + 1]! - first + 1);
      run(entry[0]!, first, here);
      left -= here;
      this.#used += here;
      if (first + here <= entry[this.#at + 1]!) return;
      this.#used = 0;
      this.#at += 2;
      if (this.#at < entry.length) continue;
      this.#at = 1;
      this.#entry += 1;
    }
  }

  skip(count: number): void {
    if (count > 0) this.take(count, () => undefined);
  }
}

/** Walks ranges of numbers piece by piece, from their beginning. */
export class RangeCursor {
  readonly #ranges: Ranges;
  #at = 0;
  #used = 0;

  constructor(ranges: Ranges) {
    this.#ranges = ranges;
  }

  /** Calls for each range among the next `count` numbers. */
  take(count: number, range: (first: number, count: number) => void): void {
    for (let left = count; left > 0;) {
      const next = this.#ranges[this.#at];
      assert(next !== undefined, 'fewer indexes than members', { missing: left });
      const first = next[0] + this.#used;
      const here = Math.min(left, next[1] - first + 1);
      range(first, here);
      left -= here;
      this.#used += here;
      if (first + here <= next[1]) return;
      this.#used = 0;
      this.#at += 1;
    }
  }

  skip(count: number): void {
    if (count > 0) this.take(count, () => undefined);
  }
}

// --- Columns --------------------------------------------------------------------------------------------------------

export function valueAt(column: Column, position: number): number {
  return column.length === 1 ? column[0]! : column[position]!;
}

/** A column as short as it can be told. */
export function columnOf(values: readonly number[]): Column {
  const [first] = values;
  return values.length > 1 && values.every((value) => value === first) ? [first!] : values;
}

// --- Agents ---------------------------------------------------------------------------------------------------------

/** `position` is that of the run's first member. */
export function eachAgentRun(
  { numbers, epochs, counts }: AgentRuns,
  run: (agent: number, epoch: number, count: number, position: number, at: number) => void,
): void {
  let position = 0;
  for (let at = 0; at < numbers.length; at += 1) {
    const count = valueAt(counts, at);
    run(numbers[at]!, valueAt(epochs, at), count, position, at);
    position += count;
  }
}

/** Run by run, where there are few; `eachAgentRun` makes no objects. */
export function* agentRunsIn(runs: AgentRuns): IterableIterator<[agent: number, epoch: number, count: number]> {
  for (const [at, number] of runs.numbers.entries()) yield [number, valueAt(runs.epochs, at), valueAt(runs.counts, at)];
}

export function agentRunsOf(runs: Iterable<readonly [agent: number, epoch: number, count: number]>): AgentRuns {
  const builder = new AgentRunsBuilder();
  for (const run of runs) builder.add(...run);
  return builder.runs;
}

/** Gathers where members sit, in their order. */
export class AgentRunsBuilder {
  readonly #numbers: number[] = [];
  readonly #epochs: number[] = [];
  readonly #counts: number[] = [];

  add(agent: number, epoch: number, count = 1): void {
    const last = this.#numbers.length - 1;
    if (last >= 0 && this.#numbers[last] === agent && this.#epochs[last] === epoch) {
      this.#counts[last]! += count;
    } else {
      this.#numbers.push(agent);
      this.#epochs.push(epoch);
      this.#counts.push(count);
    }
  }

  get runs(): AgentRuns {
    return { numbers: this.#numbers, epochs: columnOf(this.#epochs), counts: columnOf(this.#counts) };
  }
}

// --- Members --------------------------------------------------------------------------------------------------------

export function countMembers({ indexes }: Members): number {
  return countIn(indexes);
}

/** Each member by itself, in order: for what is rare; sets are worked on run by run. */
export function* membersIn(members: Members): IterableIterator<Member> {
  const { numbers, epochs, counts } = members.agents;
  let run = 0;
  let left = numbers.length === 0 ? 0 : valueAt(counts, 0);
  let position = 0;
  for (const index of numbersIn(members.indexes)) {
    while (left === 0) left = valueAt(counts, ++run);
    yield { index, agent: numbers[run]!, epoch: valueAt(epochs, run), ...extrasAt(members, position) };
    left -= 1;
    position += 1;
  }
}

const NO_PORTS: Readonly<Record<string, number>> = Object.freeze({});
const NONE: readonly never[] = Object.freeze([]);

/** What a member has beside its index and agent. */
export function extrasAt(members: Members, position: number): Pick<Member, 'ports' | 'gpuIds' | 'volumes'> {
  return {
    ports: members.ports === undefined ? NO_PORTS : portsAt(members.ports, position),
    gpuIds: members.gpuIds?.[position] ?? NONE,
    volumes: members.volumes?.[position] ?? NONE,
  };
}

function portsAt(columns: Readonly<Record<string, Column>>, position: number): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const name in columns) ports[name] = valueAt(columns[name]!, position);
  return ports;
}

/** The members at these positions, which ascend. */
export function membersAt(members: Members, positions: Iterable<number>): Members {
  const wanted = new Set(positions);
  let position = 0;
  const builder = new MembersBuilder();
  for (const member of membersIn(members)) if (wanted.has(position++)) builder.add(member);
  return builder.members;
}

/** Gathers members whose indexes ascend and of which those on one agent come one after the other. */
export class MembersBuilder {
  readonly #indexes: [number, number][] = [];
  readonly #agents = new AgentRunsBuilder();
  readonly #ports = new Map<string, number[]>();
  readonly #gpuIds: (readonly string[])[] = [];
  readonly #volumes: (readonly Volume[])[] = [];
  count = 0;

  add({ index, agent, epoch, ports, gpuIds, volumes }: Member): void {
    const range = this.#indexes.at(-1);
    if (range !== undefined) assert(index > range[1], 'members out of order', { index, after: range[1] });
    if (range !== undefined && range[1] === index - 1) range[1] = index;
    else this.#indexes.push([index, index]);
    this.#agents.add(agent, epoch);
    for (const name in ports) {
      const column = this.#ports.get(name);
      if (column === undefined) this.#ports.set(name, [ports[name]!]);
      else column.push(ports[name]!);
    }
    this.#gpuIds.push(gpuIds);
    this.#volumes.push(volumes);
    this.count += 1;
  }

  get members(): Members {
    const ports = Object.fromEntries(Array.from(this.#ports, ([name, values]) => [name, columnOf(values)]));
    return {
      indexes: this.#indexes,
      agents: this.#agents.runs,
      ...(this.#ports.size === 0 ? {} : { ports }),
      ...(this.#gpuIds.every((ids) => ids.length === 0) ? {} : { gpuIds: this.#gpuIds }),
      ...(this.#volumes.every((volumes) => volumes.length === 0) ? {} : { volumes: this.#volumes }),
    };
  }
}
