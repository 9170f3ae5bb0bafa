import { idKey } from './keys.js';
import {
  idOfMember,
  PiecesDraft,
  RUN_MEMBERS_MIN,
  STAGING,
  withAgain,
  withoutAgain,
  type MemberId,
  type RunRow,
} from './runs.js';
import { memberOf, type ClusterState, type LaunchRow } from './state.js';

/** Runs while one event changes them: rows are immutable, so their columns are copied once, and written when all is done. */
export class RunDrafts {
  readonly #state: ClusterState;
  readonly #drafts = new Map<string, RunDraft>();

  constructor(state: ClusterState) {
    this.#state = state;
  }

  of(key: string, run: RunRow): RunDraft {
    let draft = this.#drafts.get(key);
    if (draft === undefined) this.#drafts.set(key, (draft = new RunDraft(this.#state, run)));
    return draft;
  }

  write(): void {
    for (const [key, draft] of this.#drafts) {
      const row = draft.made();
      if (row === undefined) this.#state.runs.delete(key);
      else this.#state.runs.put(key, row);
    }
  }
}

export class RunDraft {
  readonly #state: ClusterState;
  readonly #run: RunRow;
  readonly #pieces: PiecesDraft;
  #left: number;
  #again: readonly number[];

  constructor(state: ClusterState, run: RunRow) {
    this.#state = state;
    this.#run = run;
    this.#pieces = new PiecesDraft(run.pieces);
    this.#left = run.left;
    this.#again = run.again ?? NONE;
  }

  told(member: number): number {
    return this.#pieces.told(member);
  }

  tell(member: number, told: number): void {
    this.#pieces.tell(member, told);
  }

  setSince(member: number, since: number): void {
    this.#pieces.setSince(member, since);
  }

  /** The member is here no longer. */
  drop(member: number): void {
    this.tell(member, 0);
    this.#left -= 1;
    this.#again = withoutAgain(this.#again, member);
  }

  /** A member that was here runs again, under another name. `since`: as the run counts it. */
  takeBack(member: number, id: MemberId, since: number): void {
    this.tell(member, STAGING);
    this.setSince(member, since);
    this.#left += 1;
    this.#again = withAgain(this.#again, member, id);
  }

  /** The member becomes a row of its own. */
  moveOut(member: number, change: (row: LaunchRow) => LaunchRow): void {
    const now = this.#now();
    const { seq, ordinal } = idOfMember(now, member);
    this.#state.launches.put(idKey(seq, ordinal), change(memberOf(this.#state, now, member)!));
    this.drop(member);
  }

  /** The row as it is now, the one before where nothing changed; none when the rest are better off as rows of their own. */
  made(): RunRow | undefined {
    if (this.#left >= RUN_MEMBERS_MIN) {
      const isSame = this.#pieces.pieces === this.#run.pieces && this.#again === (this.#run.again ?? NONE);
      return isSame ? this.#run : this.#now();
    }
    for (let member = 0; member < this.#run.of.count; member += 1) {
      if (this.told(member) !== 0) this.moveOut(member, (row) => row);
    }
    return undefined;
  }

  #now(): RunRow {
    const again = this.#again.length === 0 ? {} : { again: this.#again };
    return { of: this.#run.of, pieces: this.#pieces.pieces, left: this.#left, ...again };
  }
}

const NONE: readonly number[] = Object.freeze([]);
