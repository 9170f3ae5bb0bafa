import type { LaunchSet } from '@orrery/contracts';
import { Table, type EpochMs } from '@orrery/kernel';
import { idKey, indexKey } from './keys.js';

/** What all launches of a set have in common. */
export type LaunchKind = Pick<
  LaunchSet,
  'service' | 'generation' | 'version' | 'pod' | 'task' | 'templateDigest' | 'incarnation'
>;

/** Whole numbers, one a member; a single one stands for all. */
type Numbers = readonly number[];

/**
 * Launches of one kind whose ids, grants and pod indexes follow each other: member k is launch `first + k`, on grant
 * `grant + k`, of pod `index + k`. What reports change stands in pieces of a few members each, and a change copies the one
 * that it is in: with tasks that begin one by one, copies of longer columns would cost more than all the rest.
 */
export interface RunRow {
  readonly of: RunShared;
  /** What is told of each member of the piece, then since when it is so, in milliseconds from `acceptedAt`. */
  readonly pieces: readonly Piece[];
  /** Members that are here. */
  readonly left: number;
  /**
   * Those that ended and run again where they ran, on the same grant: member, seq and ordinal of the launch, incarnation, four
   * numbers each, by member.
   */
  readonly again?: readonly number[];
}

/** Numbers that `again` has of each. */
const AGAIN = 4;

/** A launch of a run, by the name that it has now. */
export interface MemberId {
  readonly seq: number;
  readonly ordinal: number;
  readonly incarnation: number;
}

export function idOfMember({ of, again }: RunRow, member: number): MemberId {
  const at = again === undefined ? -1 : againAt(again, member);
  return at < 0
    ? { seq: of.seq, ordinal: of.first + member, incarnation: of.incarnation }
    : { seq: again![at + 1]!, ordinal: again![at + 2]!, incarnation: again![at + 3]! };
}

/** Whether the member has the name that it had when the run was accepted. */
export function isFirst({ again }: RunRow, member: number): boolean {
  return again === undefined || againAt(again, member) < 0;
}

function againAt(again: readonly number[], member: number): number {
  const at = againFrom(again, member);
  return again[at] === member ? at : -1;
}

/** Where the member stands or would stand. */
function againFrom(again: readonly number[], member: number): number {
  let [low, high] = [0, again.length / AGAIN];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (again[middle * AGAIN]! < member) low = middle + 1;
    else high = middle;
  }
  return low * AGAIN;
}

export function withAgain(again: readonly number[] = [], member: number, id: MemberId): readonly number[] {
  return again.toSpliced(againFrom(again, member), 0, member, id.seq, id.ordinal, id.incarnation);
}

export function withoutAgain(again: readonly number[], member: number): readonly number[] {
  const at = againAt(again, member);
  return at < 0 ? again : again.toSpliced(at, AGAIN);
}

/** Whether the name fits into the index of those that run again. */
export function canBeAgain({ seq, ordinal }: Pick<MemberId, 'seq' | 'ordinal'>): boolean {
  return ordinal < ORDINALS && seq < SEQS;
}

const ORDINALS = 2 ** 24;
const SEQS = 2 ** 29;

/** What never changes. */
export interface RunShared extends LaunchKind {
  readonly seq: number;
  readonly first: number;
  readonly count: number;
  readonly index: number;
  readonly grantSeq: number;
  readonly grant: number;
  /** By number. */
  readonly agents: Numbers;
  readonly ports: Readonly<Record<string, Numbers>>;
  readonly acceptedAt: EpochMs;
}

export type Piece = readonly number[];

export const RUN_MEMBERS_MAX = 256;
/** Fewer are rows of their own: a member that is gone still takes its place in the columns. */
export const RUN_MEMBERS_MIN = 8;

const MEMBERS_PER_PIECE = 16;

// What is told of a member: its pid × 32 and these marks; 0 when it is here no longer.
export const STAGING = 1;
export const STARTING = 2;
export const RUNNING = 3;
export const PHASE = 3;
export const READY = 4;
export const UNWANTED = 8;
export const FINAL = 16;
export const PID_UNIT = 32;
/** Beyond them a member is a row of its own: integers of 31 bits are what an engine keeps in place. */
export const PID_MAX = 2 ** 25;
export const SINCE_MAX = 2 ** 30;

export function toldOf({ pieces }: RunRow, member: number): number {
  return pieces[Math.floor(member / MEMBERS_PER_PIECE)]![member % MEMBERS_PER_PIECE]!;
}

export function sinceOf({ pieces }: RunRow, member: number): number {
  const piece = pieces[Math.floor(member / MEMBERS_PER_PIECE)]!;
  return piece[piece.length / 2 + (member % MEMBERS_PER_PIECE)]!;
}

/** Of a run that was just accepted: runs share them until their members differ. */
export function stagedPieces(count: number): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let left = count; left > 0; left -= MEMBERS_PER_PIECE) {
    pieces.push(STAGED[Math.min(left, MEMBERS_PER_PIECE)]!);
  }
  return pieces;
}

const STAGED: readonly Piece[] = Array.from({ length: MEMBERS_PER_PIECE + 1 }, (_, members) =>
  Object.freeze([...new Array<number>(members).fill(STAGING), ...new Array<number>(members).fill(0)]),
);

/** Pieces that are changed: those before stay as they are. */
export class PiecesDraft {
  readonly #before: readonly Piece[];
  #pieces: number[][] | undefined;
  /** Which of them were copied, a bit each. */
  #copied = 0;

  constructor(before: readonly Piece[]) {
    this.#before = before;
  }

  get pieces(): readonly Piece[] {
    return this.#pieces ?? this.#before;
  }

  told(member: number): number {
    return this.pieces[Math.floor(member / MEMBERS_PER_PIECE)]![member % MEMBERS_PER_PIECE]!;
  }

  tell(member: number, told: number): void {
    if (this.told(member) !== told) this.#own(member)[member % MEMBERS_PER_PIECE] = told;
  }

  setSince(member: number, since: number): void {
    const piece = this.#own(member);
    piece[piece.length / 2 + (member % MEMBERS_PER_PIECE)] = since;
  }

  #own(member: number): number[] {
    const at = Math.floor(member / MEMBERS_PER_PIECE);
    this.#pieces ??= this.#before.slice() as number[][];
    if ((this.#copied & (1 << at)) === 0) {
      this.#copied |= 1 << at;
      this.#pieces[at] = this.#pieces[at]!.slice();
    }
    return this.#pieces[at]!;
  }
}

export function numberAt(numbers: Numbers, member: number): number {
  return numbers.length === 1 ? numbers[0]! : numbers[member]!;
}

export function runKey({ service, pod, index, task, seq, first }: RunShared): string {
  return `${service}.${pod}.${indexKey(index)}.${task}.${idKey(seq, first)}`;
}

interface MemberRef {
  readonly key: string;
  readonly member: number;
}

/** A run, and its ordinals. */
export interface RunRef {
  readonly key: string;
  readonly first: number;
  readonly last: number;
}

/** Runs in the order of services, pods and indexes; they are found by launch and by agent as well. */
export class RunTable extends Table<string, RunRow> {
  /** Of each seq, by first ordinal. */
  readonly #bySeq = new Map<number, RunRef[]>();
  /** Of each agent by number, in no order. */
  readonly #byAgent = new Map<number, string[]>();
  /** Launches that run again, by their names as one number. */
  readonly #again = new Map<number, MemberRef>();

  constructor() {
    super('runs');
    this.follow({
      written: (key, before, after) => {
        if (before === undefined && after !== undefined) this.#file(key, after);
        if (before !== undefined && after === undefined) this.#remove(key, before);
        if (before?.again !== after?.again) this.#fileAgain(key, before?.again, after?.again);
      },
      cleared: () => {
        this.#bySeq.clear();
        this.#byAgent.clear();
        this.#again.clear();
      },
    });
  }

  /** The runs that have any of these ordinals, by ordinal: from `at` on, as long as they begin at `last` or before. */
  overlapping(seq: number, first: number): { readonly refs: readonly RunRef[]; readonly at: number } {
    const refs = this.ofSeq(seq);
    const at = lastUpTo(refs, first);
    return { refs, at: at >= 0 && refs[at]!.last >= first ? at : at + 1 };
  }

  /** By first ordinal. */
  ofSeq(seq: number): readonly RunRef[] {
    return this.#bySeq.get(seq) ?? NO_REFS;
  }

  get hasAgain(): boolean {
    return this.#again.size > 0;
  }

  /** Where this launch is a member that runs again. */
  again(seq: number, ordinal: number): MemberRef | undefined {
    return this.#again.get(seq * ORDINALS + ordinal);
  }

  /** Keys of the runs that had a member on this agent when they were accepted. */
  onAgent(agent: number): readonly string[] {
    return this.#byAgent.get(agent) ?? NONE;
  }

  /** Runs that have this pod index, of any task and generation. */
  *ofPod(service: string, pod: string, index: number): IterableIterator<[string, RunRow]> {
    const prefix = `${service}.${pod}.`;
    const until = `${prefix}${indexKey(index)}/`;
    for (const entry of this.entries(`${prefix}${indexKey(Math.max(0, index - RUN_MEMBERS_MAX + 1))}`)) {
      if (entry[0] >= until) return;
      if (index < entry[1].of.index + entry[1].of.count) yield entry;
    }
  }

  #file(key: string, run: RunRow): void {
    const { seq, first, count, agents } = run.of;
    const refs = this.#bySeq.get(seq);
    const ref = { key, first, last: first + count - 1 };
    if (refs === undefined) this.#bySeq.set(seq, [ref]);
    else refs.splice(lastUpTo(refs, ref.first) + 1, 0, ref);
    for (const agent of distinct(agents)) {
      const keys = this.#byAgent.get(agent);
      if (keys === undefined) this.#byAgent.set(agent, [key]);
      else keys.push(key);
    }
  }

  #fileAgain(key: string, before: readonly number[] = [], after: readonly number[] = []): void {
    for (let at = 0; at < before.length; at += AGAIN) this.#again.delete(before[at + 1]! * ORDINALS + before[at + 2]!);
    for (let at = 0; at < after.length; at += AGAIN) {
      this.#again.set(after[at + 1]! * ORDINALS + after[at + 2]!, { key, member: after[at]! });
    }
  }

  #remove(key: string, run: RunRow): void {
    const { seq, agents } = run.of;
    const refs = this.#bySeq.get(seq)!.filter((ref) => ref.key !== key);
    if (refs.length === 0) this.#bySeq.delete(seq);
    else this.#bySeq.set(seq, refs);
    for (const agent of distinct(agents)) {
      const keys = this.#byAgent.get(agent)!;
      if (keys.length === 1) this.#byAgent.delete(agent);
      else {
        keys[keys.indexOf(key)] = keys.at(-1)!;
        keys.pop();
      }
    }
  }
}

const NONE: readonly string[] = Object.freeze([]);
const NO_REFS: readonly RunRef[] = Object.freeze([]);

/** Members of one agent mostly follow each other. */
function distinct(agents: Numbers): Iterable<number> {
  return agents.length === 1 ? agents : new Set(agents);
}

/** The last one that begins at this ordinal or before it; -1: none does. */
export function lastUpTo(refs: readonly RunRef[], ordinal: number): number {
  let low = 0;
  let high = refs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (refs[middle]!.first <= ordinal) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
