import { bucketOf, PODS_A_BUCKET } from '@orrery/cassandra';
import { eachIdRun, type IdRuns, type LaunchSet, type AgentRuns, eachAgentRun } from '@orrery/contracts';
import { assert, ByteReader, ByteWriter, type Plain } from '@orrery/kernel';

/**
 * Whose launches they are: what events of the cluster journal, which speak of launch ids, are about. Kept as runs, so that a
 * million tasks that were launched in sets cost a few bytes each.
 */
export interface Run {
  readonly partition: Partition;
  readonly task: string;
  readonly incarnation: number;
  /** So many launches and grants, each with ids that follow each other, of pods that do, too. */
  readonly count: number;
  readonly launchSeq: number;
  readonly launchOrdinal: number;
  readonly grantSeq: number;
  readonly grantOrdinal: number;
  readonly index: number;
  /** Number of the agent: one for all, or one each. */
  readonly agents: number | Uint32Array;
  /** What is known of each; one number while it is the same for all. */
  marks: number | Uint8Array;
  /** How many are not forgotten. */
  known: number;
}

/** 1,024 pods of one kind: what shares a partition of the history. */
export interface Partition {
  readonly service: string;
  readonly generation: number;
  readonly pod: string;
  readonly bucket: number;
  /** Rows that the history has of it so far. */
  rows: number;
  /** Runs that are about it. */
  runs: number;
  /** The service was removed: goes with its last run. */
  over: boolean;
}

/** Phase in the low bits, then flags. */
export const Mark = {
  phase: 7,
  staging: 0,
  starting: 1,
  running: 2,
  ended: 3,
  forgotten: 4,
  ready: 8,
  /** Its grant ends with it: nobody asks for it afterwards. */
  final: 16,
} as const;

/** Part of a run whose launches are on one agent and marked alike. */
export interface Piece {
  readonly run: Run;
  readonly offset: number;
  readonly count: number;
  readonly agent: number;
  readonly mark: number;
}

/** Answers with another mark for the launches of the piece, or leaves them as they are. */
type Visitor = (piece: Piece) => number | void;

const SLICE_BYTES = 512 * 1024;

export class LaunchBook {
  /** By seq of their launches, those of one seq in the order of their ordinals. */
  readonly #byLaunch = new Map<number, Run[]>();
  readonly #byGrant = new Map<number, Run[]>();
  readonly #partitions = new Map<string, Partition>();
  readonly #agentNumbers = new Map<string, number>();

  agentRegistered(agent: string, number: number): void {
    this.#agentNumbers.set(agent, number);
  }

  numberOf(agent: string): number | undefined {
    return this.#agentNumbers.get(agent);
  }

  /** Adds the launches of a set, and tells the runs that they became. */
  accepted(set: LaunchSet): Run[] {
    if (set.incarnation > 1) this.#forgetEndedBefore(set);
    const added = runsOf(set, (bucket) => this.#partition(set, bucket));
    for (const run of added) this.#add(run);
    return added;
  }

  /** The known launches among these, piece by piece; each may be marked anew on the way. */
  visit(launches: IdRuns, visitor: Visitor): void {
    const over: Run[] = [];
    eachIdRun(launches, (seq, first, last) => {
      const runs = this.#byLaunch.get(seq);
      if (runs === undefined) return;
      for (let at = firstBehind(runs, first); at < runs.length && runs[at]!.launchOrdinal <= last; at += 1) {
        const run = runs[at]!;
        const from = Math.max(first, run.launchOrdinal) - run.launchOrdinal;
        const to = Math.min(last, run.launchOrdinal + run.count - 1) - run.launchOrdinal;
        visitPieces(run, from, to, visitor);
        if (run.known === 0) over.push(run);
      }
    });
    for (const run of over) this.#drop(run);
  }

  /** All known launches on an agent. */
  visitAgent(agent: number, visitor: (piece: Piece) => void): void {
    for (const runs of this.#byLaunch.values()) {
      for (const run of runs) {
        if (typeof run.agents === 'number' && run.agents !== agent) continue;
        if (typeof run.agents !== 'number' && !run.agents.includes(agent)) continue;
        visitPieces(run, 0, run.count - 1, (piece) => void (piece.agent === agent && visitor(piece)));
      }
    }
  }

  /** What had ended on these grants is known no longer. */
  grantsForgotten(grants: IdRuns): void {
    this.#forgetEnded(grants, () => true);
  }

  serviceForgotten(service: string, generation: number): void {
    for (const runs of [...this.#byLaunch.values()]) {
      for (const run of [...runs]) {
        const { partition } = run;
        if (partition.service !== service || partition.generation !== generation) continue;
        visitPieces(run, 0, run.count - 1, ({ mark }) => (isEnded(mark) ? Mark.forgotten : undefined));
        if (run.known === 0) this.#drop(run);
      }
    }
    for (const partition of this.#partitions.values()) {
      if (partition.service !== service || partition.generation !== generation) continue;
      partition.over = true;
      if (partition.runs === 0) this.#partitions.delete(keyOf(partition, partition.bucket));
    }
  }

  /** All that it knows, in slices of about half a MiB. */
  *slices(): Generator<Uint8Array> {
    const writer = new ByteWriter(SLICE_BYTES + 64 * 1024);
    const numbers = new Map<Partition, number>();
    const lines = function* (book: LaunchBook): Generator<Plain> {
      for (const [agent, number] of book.#agentNumbers) yield ['agent', agent, number];
      for (const partition of book.#partitions.values()) {
        numbers.set(partition, numbers.size);
        const { service, generation, pod, bucket, rows, over } = partition;
        yield ['partition', service, generation, pod, bucket, rows, over];
      }
      for (const runs of book.#byLaunch.values())
        for (const run of runs) yield lineOf(run, numbers.get(run.partition)!);
    };
    for (const line of lines(this)) {
      writer.value(line);
      if (writer.length < SLICE_BYTES) continue;
      yield writer.take();
      writer.reset();
    }
    if (writer.length > 0) yield writer.take();
  }

  static of(slices: Iterable<Uint8Array>): LaunchBook {
    const book = new LaunchBook();
    const partitions: Partition[] = [];
    for (const slice of slices) {
      for (const reader = new ByteReader(slice); !reader.done;) {
        const [kind, ...line] = reader.value() as unknown as [string, ...never[]];
        if (kind === 'agent') book.agentRegistered(line[0]!, line[1]!);
        else if (kind === 'partition') partitions.push(book.#loadPartition(line));
        else book.#add(runOfLine(line, partitions));
      }
    }
    return book;
  }

  #loadPartition([service, generation, pod, bucket, rows, over]: readonly never[]): Partition {
    const partition = this.#partition({ service: service!, generation: generation!, pod: pod! }, bucket!);
    partition.rows = rows!;
    partition.over = over!;
    return partition;
  }

  #partition(
    of: { readonly service: string; readonly generation: number; readonly pod: string },
    bucket: number,
  ): Partition {
    const key = keyOf(of, bucket);
    let partition = this.#partitions.get(key);
    if (partition === undefined) {
      const { service, generation, pod } = of;
      partition = { service, generation, pod, bucket, rows: 0, runs: 0, over: false };
      this.#partitions.set(key, partition);
    }
    return partition;
  }

  #add(run: Run): void {
    run.partition.runs += 1;
    insert(this.#byLaunch, run.launchSeq, run, ({ launchOrdinal }) => launchOrdinal);
    insert(this.#byGrant, run.grantSeq, run, ({ grantOrdinal }) => grantOrdinal);
  }

  #drop(run: Run): void {
    remove(this.#byLaunch, run.launchSeq, run);
    remove(this.#byGrant, run.grantSeq, run);
    const { partition } = run;
    partition.runs -= 1;
    if (partition.over && partition.runs === 0) this.#partitions.delete(keyOf(partition, partition.bucket));
  }

  /** An ended incarnation is known until the next one takes its place, which has the same grant or comes after its return. */
  #forgetEndedBefore({ grants, task, incarnation }: LaunchSet): void {
    this.#forgetEnded(grants, (run) => run.task === task && run.incarnation < incarnation);
  }

  #forgetEnded(grants: IdRuns, isMeant: (run: Run) => boolean): void {
    eachIdRun(grants, (seq, first, last) => {
      for (const run of [...(this.#byGrant.get(seq) ?? [])]) {
        const from = Math.max(first, run.grantOrdinal) - run.grantOrdinal;
        const to = Math.min(last, run.grantOrdinal + run.count - 1) - run.grantOrdinal;
        if (from > to || !isMeant(run)) continue;
        visitPieces(run, from, to, ({ mark }) => (isEnded(mark) ? Mark.forgotten : undefined));
        if (run.known === 0) this.#drop(run);
      }
    });
  }
}

export function isEnded(mark: number): boolean {
  return (mark & Mark.phase) === Mark.ended;
}

function keyOf(
  { service, generation, pod }: { readonly service: string; readonly generation: number; readonly pod: string },
  bucket: number,
): string {
  return `${service} ${generation} ${pod} ${bucket}`;
}

/** Splits the members of a set wherever their ids, their grants or their pods do not follow each other. */
function runsOf(set: LaunchSet, partitionOf: (bucket: number) => Partition): Run[] {
  const launches = new Walk(idSpans(set.launches));
  const grants = new Walk(idSpans(set.grants));
  const agents = new Walk(agentSpans(set.agents));
  const runs: Run[] = [];
  for (const [first, last] of set.indexes) {
    for (let index = first; index <= last;) {
      const bucket = bucketOf(index);
      const count = Math.min(last + 1 - index, (bucket + 1) * PODS_A_BUCKET - index, launches.left, grants.left);
      const [launch, grant] = [launches.take(count), grants.take(count)];
      runs.push({
        partition: partitionOf(bucket),
        task: set.task,
        incarnation: set.incarnation,
        count,
        launchSeq: launch.number,
        launchOrdinal: launch.ordinal,
        grantSeq: grant.number,
        grantOrdinal: grant.ordinal,
        index,
        agents: agentsOf(agents, count),
        marks: Mark.staging,
        known: count,
      });
      index += count;
    }
  }
  return runs;
}

interface Span {
  readonly number: number;
  readonly ordinal: number;
  readonly count: number;
}

function idSpans(runs: IdRuns): Span[] {
  const spans: Span[] = [];
  eachIdRun(runs, (number, first, last) => spans.push({ number, ordinal: first, count: last - first + 1 }));
  return spans;
}

function agentSpans(runs: AgentRuns): Span[] {
  const spans: Span[] = [];
  eachAgentRun(runs, (number, _, count) => spans.push({ number, ordinal: 0, count }));
  return spans;
}

/** Takes so many from spans, one after the other. */
class Walk {
  readonly #spans: readonly Span[];
  #at = 0;
  #taken = 0;

  constructor(spans: readonly Span[]) {
    this.#spans = spans;
  }

  /** In the span at hand. */
  get left(): number {
    const span = this.#spans[this.#at];
    assert(span !== undefined, 'a set has more members than ids', { spans: this.#spans.length });
    return span.count - this.#taken;
  }

  /** At most as many as are left. */
  take(count: number): Span {
    const { number, ordinal } = this.#spans[this.#at]!;
    const taken = { number, ordinal: ordinal + this.#taken, count };
    this.#taken += count;
    if (this.left === 0) {
      this.#at += 1;
      this.#taken = 0;
    }
    return taken;
  }
}

function agentsOf(agents: Walk, count: number): number | Uint32Array {
  if (agents.left >= count) return agents.take(count).number;
  const each = new Uint32Array(count);
  for (let at = 0; at < count;) {
    const { number, count: taken } = agents.take(Math.min(agents.left, count - at));
    each.fill(number, at, at + taken);
    at += taken;
  }
  return each;
}

function visitPieces(run: Run, from: number, to: number, visitor: Visitor): void {
  for (let offset = from; offset <= to;) {
    const mark = markOf(run, offset);
    const end = endOfAlike(run, offset, to);
    const count = end - offset;
    if (mark !== Mark.forgotten) {
      const agent = typeof run.agents === 'number' ? run.agents : run.agents[offset]!;
      const now = visitor({ run, offset, count, agent, mark });
      if (now !== undefined && now !== mark) markAll(run, offset, count, now);
    }
    offset = end;
  }
}

/** The offset behind the last launch, up to `to`, with the agent and the mark of the one at `offset`. */
function endOfAlike({ agents, marks }: Run, offset: number, to: number): number {
  let end = offset + 1;
  if (typeof agents === 'number' && typeof marks === 'number') return to + 1;
  while (
    end <= to &&
    (typeof agents === 'number' || agents[end] === agents[offset]) &&
    (typeof marks === 'number' || marks[end] === marks[offset])
  ) {
    end += 1;
  }
  return end;
}

function markOf({ marks }: Run, offset: number): number {
  return typeof marks === 'number' ? marks : marks[offset]!;
}

function markAll(run: Run, offset: number, count: number, mark: number): void {
  if (mark === Mark.forgotten) run.known -= count;
  if (count === run.count) {
    run.marks = mark;
    return;
  }
  if (typeof run.marks === 'number') run.marks = new Uint8Array(run.count).fill(run.marks);
  run.marks.fill(mark, offset, offset + count);
}

function lineOf(run: Run, partition: number): Plain {
  const { task, incarnation, count, launchSeq, launchOrdinal, grantSeq, grantOrdinal, index, agents, marks } = run;
  return [
    ...['run', partition, task, incarnation, count, launchSeq, launchOrdinal, grantSeq, grantOrdinal, index],
    ...[agents, marks],
  ];
}

type Line = [number, string, number, number, number, number, number, number, number, Run['agents'], Run['marks']];

function runOfLine(line: readonly never[], partitions: readonly Partition[]): Run {
  const [partition, task, incarnation, count, launchSeq, launchOrdinal, grantSeq, grantOrdinal, index, agents, marks] =
    line as unknown as Line;
  const each = typeof marks === 'number' ? [] : marks;
  const known = marks === Mark.forgotten ? 0 : count - each.filter((mark) => mark === Mark.forgotten).length;
  return {
    partition: partitions[partition]!,
    ...{ task, incarnation, count, launchSeq, launchOrdinal, grantSeq, grantOrdinal, index, agents, marks, known },
  };
}

/** Position of the first run that reaches to this ordinal or lies behind it: runs of launches never overlap. */
function firstBehind(runs: readonly Run[], ordinal: number): number {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]!.launchOrdinal + runs[middle]!.count <= ordinal) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(into: Map<number, Run[]>, seq: number, run: Run, ordinalOf: (run: Run) => number): void {
  const runs = into.get(seq);
  if (runs === undefined) return void into.set(seq, [run]);
  let at = runs.length;
  while (at > 0 && ordinalOf(runs[at - 1]!) > ordinalOf(run)) at -= 1;
  runs.splice(at, 0, run);
}

function remove(from: Map<number, Run[]>, seq: number, run: Run): void {
  const runs = from.get(seq)!;
  if (runs.length === 1) from.delete(seq);
  else runs.splice(runs.indexOf(run), 1);
}
