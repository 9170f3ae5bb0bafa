import { Injectable } from '@nestjs/common';
import { parseTaskId } from '@orrery/contracts';
import { History } from '../history.js';
import { ReadModel } from '../read-model/read-model.js';
import type { Query } from '../read-model/query.js';
import type { ShownState } from '../state-difference.js';

export type Diagnosis =
  | {
      readonly check: 'fold' | 'journals' | 'history' | 'agents' | 'services' | 'tasks';
      readonly ok: boolean;
      readonly about: string;
      readonly message: string;
      readonly remedy?: string;
    }
  | { readonly check: 'result'; readonly ok: boolean; readonly message: string };

type Finding = Exclude<Diagnosis, { check: 'result' }>;

const LAG_MAX = 1_000;
const TASKS_COMPARED_MAX = 200;
const PAGE = { limit: 10_000 };

/** Compares what should agree (journals, snapshots, folds, history, agents) and names each difference and what to do. */
@Injectable()
export class Doctor {
  constructor(
    private readonly model: ReadModel,
    private readonly history: History,
  ) {}

  async *examine(signal: AbortSignal): AsyncGenerator<Diagnosis> {
    let differences = 0;
    for await (const finding of this.findings(signal)) {
      if (!finding.ok) differences += 1;
      yield finding;
    }
    const message = differences === 0 ? 'everything agrees' : `${differences} differences, see above`;
    yield { check: 'result', ok: differences === 0, message };
  }

  private async *findings(signal: AbortSignal): AsyncGenerator<Finding> {
    yield* this.fold();
    const state = await this.state();
    yield* agents(state);
    yield* services(state);
    yield* this.written(state);
    yield* this.journals(signal);
  }

  private *fold(): Generator<Finding> {
    const { ready, journals, problems } = this.model.status();
    const remedy = 'look at the log of the gateway; it catches up by itself unless it says why not';
    for (const message of problems) yield { check: 'fold', ok: false, about: 'gateway', message, remedy };
    for (const { journal, seq, lag } of journals) {
      const ok = ready && lag <= LAG_MAX;
      const message = `folded up to seq ${seq}, ${lag} records behind the log`;
      yield { check: 'fold', ok, about: journal, message, ...(ok ? {} : { remedy }) };
    }
  }

  /** Whether the historian is as far as the gateway, and what it wrote of single tasks is what the journals say. */
  private async *written(state: ShownState): AsyncGenerator<Finding> {
    const folded = this.model.status().journals;
    const remedy = 'look at the log of the historian and at Cassandra; it writes what is missing by itself';
    const written = new Map(
      (await this.history.positions('historian')).map(({ journal, seq }) => [journal.replace('/', '-'), seq]),
    );
    for (const { journal, seq } of folded) {
      const behind = seq - (written.get(journal) ?? -1);
      const ok = behind <= LAG_MAX;
      yield {
        check: 'history',
        ok,
        about: journal,
        message: `${Math.max(0, behind)} commits behind`,
        ...(ok ? {} : { remedy }),
      };
    }
    for (const task of state.tasks.slice(0, TASKS_COMPARED_MAX) as unknown as readonly ShownTask[])
      yield* this.told(task, state);
  }

  private async *told(task: ShownTask, state: ShownState): AsyncGenerator<Finding> {
    const parts = parseTaskId(task.id);
    const service = state.services.find(({ name }) => name === task.service) as { generation?: number } | undefined;
    if (parts === undefined || service?.generation === undefined) return;
    const [last] = await this.history.readTask({ ...parts, generation: service.generation }, { newest: 1 });
    // UNREACHABLE and KILLING lie over the state that was told last.
    if (last?.incarnation === task.incarnation && (last.state === task.state || task.state === 'UNREACHABLE')) return;
    const message = `is ${task.state} (incarnation ${task.incarnation}), the history ends with ${last?.state ?? 'nothing'}`;
    yield {
      check: 'tasks',
      ok: false,
      about: task.id,
      message,
      remedy: 'ask again: it is right once the historian has caught up',
    };
  }

  private async *journals(signal: AbortSignal): AsyncGenerator<Finding> {
    for await (const line of this.model.verify(signal)) {
      if (line.kind === 'progress' || line.kind === 'result' || line.kind === 'void') continue;
      const wrong = line.kind === 'finding';
      const remedy =
        'the journal itself decides what is true: see `orrery audit verify`, and who may write to its topic';
      yield { check: 'journals', ok: !wrong, about: line.journal, message: line.message, ...(wrong ? { remedy } : {}) };
    }
  }

  private async state(): Promise<ShownState> {
    const query: Query = { ask: 'state', page: PAGE };
    const { body } = await this.model.ask({ query });
    return JSON.parse(Buffer.from(body).toString()) as ShownState;
  }
}

interface ShownTask {
  readonly id: string;
  readonly service: string;
  readonly state: string;
  readonly incarnation: number;
}

function* agents({ agents: shown }: ShownState): Generator<Finding> {
  for (const { id, hostname, state } of shown as readonly { id: string; hostname: string; state: string }[]) {
    const ok = state !== 'UNREACHABLE';
    const message = `${hostname} is ${state}`;
    const remedy = 'bring the machine back, or say `orrery agent gone` when it never will';
    yield { check: 'agents', ok, about: id, message, ...(ok ? {} : { remedy }) };
  }
}

function* services({ services: shown }: ShownState): Generator<Finding> {
  for (const { name, state } of shown as readonly { name: string; state: string }[]) {
    const ok = state !== 'DEGRADED';
    const remedy = `see \`orrery plan show ${name} recovery\` and \`orrery task why\` for what it waits for`;
    yield { check: 'services', ok, about: name, message: `is ${state}`, ...(ok ? {} : { remedy }) };
  }
}
