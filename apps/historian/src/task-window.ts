import type { StateTold, TaskPieces, TaskSetRow, Tellings } from '@orrery/cassandra';
import { columnOf, type CommitRecord } from '@orrery/contracts';
import type { Partition, Piece } from './launch-book.js';
import { causeParts } from './rows.js';

const WINDOW_MS = 1_000;
const COMMITS_MAX = 1_000;
const PIECES_MAX = 100_000;
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
  #changed: Group[] = [];
  #pieces = 0;
  #event: EventPlace | undefined;
  /** What the last piece was told of: those of one event and service follow each other. */
  #last: Group | undefined;

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
    const { partition, task, incarnation } = piece.run;
    if (this.#last?.isOf(partition, task, incarnation, told) !== true) this.#last = this.#groupOf(told, piece);
    if (!this.#last.isChanged) this.#changed.push(this.#last);
    this.#last.add(piece, this.#event!);
    this.#pieces += 1;
  }

  /** Rows that have something new since the last call; `isOver`: nothing more is told. */
  rows({ isOver }: { readonly isOver: boolean }): TaskSetRow[] {
    const rows = this.#changed.map((group) => group.row(this.#cell, this.#firstSeq, isOver));
    this.#changed = [];
    return rows;
  }

  #groupOf(told: StateTold, { run: { partition, task, incarnation } }: Piece): Group {
    let groups = this.#groups.get(partition);
    if (groups === undefined) this.#groups.set(partition, (groups = []));
    for (const group of groups) if (group.isOf(partition, task, incarnation, told)) return group;
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
  isChanged = false;
  readonly #head: GroupHead;
  readonly #counts = new Column();
  readonly #indexes = new Column();
  readonly #agents = new Column();
  readonly #launchSeqs = new Column();
  readonly #launchOrdinals = new Column();
  /** One each for `pieces`. */
  readonly #tellings: EventPlace[] = [];
  readonly #pieces: number[] = [];

  constructor(head: GroupHead) {
    this.#head = head;
  }

  isOf(partition: Partition, task: string, incarnation: number, told: StateTold): boolean {
    const head = this.#head;
    return (
      head.partition === partition && head.task === task && head.incarnation === incarnation && isSame(head.told, told)
    );
  }

  add({ run, offset, count, agent }: Piece, telling: EventPlace): void {
    this.isChanged = true;
    this.#counts.add(count);
    this.#indexes.add(run.index + offset);
    this.#agents.add(agent);
    this.#launchSeqs.add(run.launchSeq);
    this.#launchOrdinals.add(run.launchOrdinal + offset);
    const last = this.#tellings.length - 1;
    if (this.#tellings[last] === telling) {
      this.#pieces[last]! += 1;
    } else {
      this.#tellings.push(telling);
      this.#pieces.push(1);
    }
  }

  row(cell: number, seq: number, isOver: boolean): TaskSetRow {
    this.isChanged = false;
    const { partition, told, ...head } = this.#head;
    const { service, generation, pod, bucket } = partition;
    const causes = [...new Set(this.#tellings.map(({ causeText }) => causeText))];
    const pieces: TaskPieces = {
      length: this.#counts.length,
      counts: this.#counts.values(isOver),
      indexes: this.#indexes.values(isOver),
      agents: this.#agents.values(isOver),
      launchSeqs: this.#launchSeqs.values(isOver),
      launchOrdinals: this.#launchOrdinals.values(isOver),
      tellings: this.#told(causes),
      causes,
    };
    return { service, generation, pod, bucket, ...head, seq, cell, ...told, pieces };
  }

  #told(causes: readonly string[]): Tellings {
    const column = (of: (telling: EventPlace) => number) => columnOf(this.#tellings.map(of));
    return {
      pieces: columnOf([...this.#pieces]),
      seqs: column(({ seq }) => seq),
      events: column(({ event }) => event),
      ats: column(({ at }) => at),
      causeTexts: column(({ causeText }) => causes.indexOf(causeText)),
      causeNumbers: column(({ causeNumber }) => causeNumber),
    };
  }
}

/** Numbers of which many are equal: they are one number until another one comes. */
class Column {
  length = 0;
  #first = 0;
  #values: number[] | undefined;

  add(value: number): void {
    if (this.length === 0) this.#first = value;
    if (this.#values === undefined && value !== this.#first) {
      this.#values = new Array<number>(this.length).fill(this.#first);
    }
    this.#values?.push(value);
    this.length += 1;
  }

  /** One number stands for all that are equal; a copy, unless nothing more is added. */
  values(isOver: boolean): readonly number[] {
    if (this.#values === undefined) return [this.#first];
    return isOver ? this.#values : this.#values.slice();
  }
}
