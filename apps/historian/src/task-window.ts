import type { StateTold, TaskPieces, TaskSetRow } from '@orrery/cassandra';
import type { CommitRecord } from '@orrery/contracts';
import type { Partition, Piece } from './launch-book.js';
import { causeParts } from './rows.js';

const WINDOW_MS = 500;
const COMMITS_MAX = 1_000;
const PIECES_MAX = 50_000;
const ROWS_A_SEGMENT = 10_000;

/**
 * What commits that follow each other tell of tasks, gathered by partition and state: so a report that names twenty pods of
 * twenty services costs no row of its own. Where a window ends is told by the commits alone, so whoever folds the journal
 * again from the begin of a window writes the same rows under the same keys; one that was written while its window was still
 * open is overwritten with all it had, and more.
 */
export class TaskWindow {
  readonly #cell: number;
  readonly #firstSeq: number;
  readonly #period: number;
  readonly #groups = new Map<Partition, Group[]>();
  /** Told of since they were given out last. */
  readonly #changed = new Set<Group>();
  #pieces = 0;
  #event: EventPlace | undefined;

  constructor(cell: number, { seq, at }: CommitRecord) {
    this.#cell = cell;
    this.#firstSeq = seq;
    this.#period = Math.floor(at / WINDOW_MS);
  }

  /** Whether the commit, which is the next one, is part of this window. */
  takes({ seq, at }: CommitRecord): boolean {
    return (
      Math.floor(at / WINDOW_MS) === this.#period && seq - this.#firstSeq < COMMITS_MAX && this.#pieces < PIECES_MAX
    );
  }

  /** What is told from now on is told by this event of the commit. */
  begin({ seq, at, events }: CommitRecord, event: number): void {
    const [causeText, causeNumber] = causeParts(events[event]!.cause);
    this.#event = { seq, at, event, causeText, causeNumber };
  }

  tell(told: StateTold, piece: Piece): void {
    const group = this.#groupOf(told, piece);
    group.add(piece, this.#event!);
    this.#changed.add(group);
    this.#pieces += 1;
  }

  /** Rows that have something new since the last call. */
  rows(): TaskSetRow[] {
    const rows = Array.from(this.#changed, (group) => group.row(this.#cell, this.#firstSeq));
    this.#changed.clear();
    return rows;
  }

  #groupOf(told: StateTold, { run: { partition, task, incarnation } }: Piece): Group {
    let groups = this.#groups.get(partition);
    if (groups === undefined) this.#groups.set(partition, (groups = []));
    for (const group of groups) {
      if (group.task === task && group.incarnation === incarnation && isSame(group.told, told)) return group;
    }
    const segment = Math.floor(partition.rows / ROWS_A_SEGMENT);
    partition.rows += 1;
    const group = new Group({ partition, task, incarnation, told, segment, n: groups.length });
    groups.push(group);
    return group;
  }
}

function isSame(left: StateTold, right: StateTold): boolean {
  return (
    left === right ||
    (left.state === right.state &&
      left.ready === right.ready &&
      left.reason === right.reason &&
      left.message === right.message &&
      left.late === right.late &&
      left.exit?.code === right.exit?.code &&
      left.exit?.signal === right.exit?.signal &&
      left.exit?.oom === right.exit?.oom)
  );
}

interface EventPlace {
  readonly seq: number;
  readonly at: number;
  readonly event: number;
  readonly causeText: string;
  readonly causeNumber: number;
}

interface GroupHead {
  readonly partition: Partition;
  readonly task: string;
  readonly incarnation: number;
  readonly told: StateTold;
  readonly segment: number;
  readonly n: number;
}

/** One row to be. */
class Group {
  readonly told: StateTold;
  readonly task: string;
  readonly incarnation: number;
  readonly #head: GroupHead;
  readonly #columns = {
    ...{ counts: [], indexes: [], agents: [], launchSeqs: [], launchOrdinals: [] },
    ...{ seqs: [], events: [], ats: [], causeTexts: [], causeNumbers: [] },
  } as Record<keyof Omit<TaskPieces, 'causes'>, number[]>;
  readonly #causes: string[] = [];

  constructor(head: GroupHead) {
    this.#head = head;
    this.told = head.told;
    this.task = head.task;
    this.incarnation = head.incarnation;
  }

  add({ run, offset, count, agent }: Piece, { seq, at, event, causeText, causeNumber }: EventPlace): void {
    const columns = this.#columns;
    columns.counts.push(count);
    columns.indexes.push(run.index + offset);
    columns.agents.push(agent);
    columns.launchSeqs.push(run.launchSeq);
    columns.launchOrdinals.push(run.launchOrdinal + offset);
    columns.seqs.push(seq);
    columns.events.push(event);
    columns.ats.push(at);
    columns.causeTexts.push(this.#causeOf(causeText));
    columns.causeNumbers.push(causeNumber);
  }

  row(cell: number, seq: number): TaskSetRow {
    const { partition, told, ...head } = this.#head;
    const { service, generation, pod, bucket } = partition;
    const columns = Object.entries(this.#columns).map(([name, values]) => [name, shortest(values)]);
    const pieces = { ...Object.fromEntries(columns), causes: [...this.#causes] } as TaskPieces;
    return { service, generation, pod, bucket, ...head, seq, cell, ...told, pieces };
  }

  #causeOf(text: string): number {
    if (this.#causes.at(-1) === text) return this.#causes.length - 1;
    const known = this.#causes.indexOf(text);
    return known === -1 ? this.#causes.push(text) - 1 : known;
  }
}

/** A copy, since the group may grow; one number stands for all that are equal. */
function shortest(values: readonly number[]): readonly number[] {
  return values.every((value) => value === values[0]) ? values.slice(0, 1) : values.slice();
}
