import { idKey } from './keys.js';
import { RUN_MEMBERS_MIN, type RunRow } from './runs.js';
import { memberOf, type ClusterState, type LaunchRow } from './state.js';

/** A run while it is changed: rows are immutable, so its columns are copied once, and written when all is done. */
export class RunDraft {
  readonly told: number[];
  readonly #state: ClusterState;
  readonly #key: string;
  readonly #run: RunRow;
  #since: number[] | undefined;
  #left: number;

  constructor(state: ClusterState, key: string, run: RunRow) {
    this.#state = state;
    this.#key = key;
    this.#run = run;
    this.told = run.told.slice();
    this.#left = run.left;
  }

  setSince(member: number, since: number): void {
    const { since: before, told } = this.#run;
    this.#since ??= before.length < told.length ? told.map(() => before[0]!) : before.slice();
    this.#since[member] = since;
  }

  /** The member is here no longer. */
  drop(member: number): void {
    this.told[member] = 0;
    this.#left -= 1;
  }

  /** The member becomes a row of its own. */
  moveOut(member: number, change: (row: LaunchRow) => LaunchRow): void {
    const row = memberOf(this.#state, this.#now(), member)!;
    this.#state.launches.put(idKey(this.#run.seq, this.#run.first + member), change(row));
    this.drop(member);
  }

  write(): void {
    if (this.#left < RUN_MEMBERS_MIN) {
      this.told.forEach((told, member) => told !== 0 && this.moveOut(member, (row) => row));
      this.#state.runs.delete(this.#key);
    } else if (this.#since !== undefined || this.told.some((told, member) => told !== this.#run.told[member])) {
      this.#state.runs.put(this.#key, this.#now());
    }
  }

  #now(): RunRow {
    return { ...this.#run, told: this.told, since: this.#since ?? this.#run.since, left: this.#left };
  }
}
