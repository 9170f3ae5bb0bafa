import type { ServicesEventOf } from '@orrery/contracts';
import { codeAt, CodesDraft, type Codes } from './codes.js';
import {
  GONE,
  isIdleAt,
  levelAt,
  LIVE,
  memberAt,
  NONE,
  READY,
  RETURNED,
  RUNNING,
  type RunRow,
  STOPPING,
} from './runs.js';

type Seen = ServicesEventOf<'TasksObserved'>['data']['state'];

/** A run of which things are seen, one after the other: it is made anew once for all of them. */
export class RunDraft {
  isChanged = false;
  readonly #run: RunRow;
  readonly #status: Record<string, Codes>;
  readonly #drafts: Record<string, CodesDraft> = {};
  #running: number;
  #up: number;
  #idle: number;

  constructor(run: RunRow) {
    this.#run = run;
    this.#status = { ...run.status };
    this.#running = run.running;
    this.#up = run.up;
    this.#idle = run.idle;
  }

  /** False when the member can't stay in its run with that, or left it before. */
  observe(task: string, position: number, seen: Seen): boolean {
    const code = memberAt(this.#run, position);
    if (code === RETURNED) return true;
    if (code === GONE) return false;
    const known = codeAt(this.#status[task]!, position);
    if (known === NONE) return true;
    const next = nextStatus(known, code, seen);
    if (next === undefined) return false;
    if (next !== known) this.#write(task, position, code, next);
    return true;
  }

  #write(task: string, position: number, code: number, next: number): void {
    const before = code === LIVE ? levelAt(this.#status, position) : NONE;
    let draft = this.#drafts[task];
    if (draft === undefined) {
      this.#drafts[task] = draft = new CodesDraft(this.#run.status[task]!);
      this.#status[task] = draft.codes;
    }
    draft.set(position, next);
    this.isChanged = true;
    if (next === NONE && isIdleAt(this.#status, position)) this.#idle += 1;
    if (code !== LIVE) return;
    const after = levelAt(this.#status, position);
    if (after >= RUNNING && before < RUNNING) this.#running += 1;
    if (after === READY && before < READY) this.#up += 1;
  }

  /** Field by field, in the order in which runs are made: this is done for each report. */
  made(): RunRow {
    const run = this.#run;
    return {
      service: run.service,
      pod: run.pod,
      first: run.first,
      length: run.length,
      recipe: run.recipe,
      step: run.step,
      request: run.request,
      attempt: run.attempt,
      stopReason: run.stopReason,
      members: run.members,
      agents: run.agents,
      epochs: run.epochs,
      grants: run.grants,
      ports: run.ports,
      tasks: run.tasks,
      status: this.#status,
      pods: run.pods,
      running: this.#running,
      up: this.#up,
      idle: this.#idle,
      returned: run.returned,
    };
  }
}

function nextStatus(known: number, code: number, seen: Seen): number | undefined {
  switch (seen) {
    case 'RUNNING':
      return known === READY ? undefined : RUNNING;
    case 'READY':
      return READY;
    case 'ENDED':
      return code === STOPPING ? NONE : undefined;
    case 'FINISHED':
      return undefined;
  }
}
