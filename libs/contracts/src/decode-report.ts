import type { Refusal } from '@orrery/kernel';
import { Type } from 'typebox';
import type { AgentReport } from './agent-protocol.js';
import type { AgentId, LaunchId, VolumeId } from './ids.js';
import type { TaskEnds, TasksRun } from './cluster.js';
import { Capacity, FaultDomain } from './resources.js';
import { StaticReservation, staticProblem } from './reserved.js';
import { branded, checkShape } from './schema.js';
import { countIds, type IdRuns } from './sets.js';

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const launch = Type.Unsafe<LaunchId>(
  Type.String({ pattern: '^\\d{1,15}\\.\\d{1,15}$', description: 'id of a launch: seq.ordinal' }),
);
const volumes = Type.Array(branded<VolumeId>('id of a volume'));
const text = Type.String({ maxLength: 65_536 });
/** A constant for programs. */
const reason = Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' });

const ExitStatus = Type.Object({
  code: Type.Optional(Type.Integer()),
  signal: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9+-]{1,32}$' })),
  oom: Type.Optional(Type.Boolean()),
});

const head = {
  agent: branded<AgentId>('id of an agent'),
  session: Type.String({ minLength: 1, maxLength: 64 }),
  epoch: count,
  obeyed: count,
  m: count,
};

const literals = <Value extends string>(...values: readonly Value[]) =>
  Type.Union(values.map((value) => Type.Literal(value)));

const InventoryItem = Type.Object({
  launch,
  state: literals('ORDERED', 'RUNNING', 'FINISHED', 'FAILED', 'KILLED', 'ERROR'),
  pid: Type.Optional(count),
  since: Type.Optional(count),
  ready: Type.Optional(Type.Boolean()),
  exit: Type.Optional(ExitStatus),
  reason: Type.Optional(reason),
  message: Type.Optional(text),
});

/** Of one report: what is said of each becomes part of one decision, of which 256 KiB are possible. */
export const REPORT_LAUNCHES_MAX = 5000;
/** Without messages, which the decision shortens. */
const REPORT_LENGTH_MAX = 150_000;

/** An entry: seq, then pairs of first and last ordinal. */
const idRuns = Type.Array(Type.Array(count, { minItems: 3, maxItems: 1 + 2 * REPORT_LAUNCHES_MAX }), {
  maxItems: REPORT_LAUNCHES_MAX,
});
const column = Type.Array(count, { minItems: 1, maxItems: REPORT_LAUNCHES_MAX });

const TasksRunShape = Type.Object({
  launches: idRuns,
  sinceFrom: count,
  since: column,
  pids: column,
  ready: Type.Optional(Type.Literal(true)),
});

const TaskEndsShape = Type.Object({
  launches: idRuns,
  state: literals('FINISHED', 'FAILED', 'KILLED', 'ERROR'),
  exit: Type.Optional(ExitStatus),
  reason,
  message: Type.Optional(text),
  agentTime: Type.Optional(count),
});

/** Reports of agents by type. Fields that a newer agent adds are let through: what it reports still counts. */
export const agentReportSchemas = {
  Inventory: Type.Object({
    type: Type.Literal('Inventory'),
    ...head,
    launches: Type.Array(InventoryItem),
    volumes,
    hostname: Type.String({ minLength: 1, maxLength: 255 }),
    address: Type.String({ minLength: 1, maxLength: 255 }),
    capacity: Capacity,
    attributes: Type.Record(Type.String(), text),
    faultDomain: FaultDomain,
    reservations: Type.Optional(Type.Array(StaticReservation, { maxItems: 64 })),
  }),
  TaskStates: Type.Object({
    type: Type.Literal('TaskStates'),
    ...head,
    starting: Type.Optional(idRuns),
    running: Type.Optional(Type.Array(TasksRunShape, { maxItems: 100 })),
    ready: Type.Optional(idRuns),
    unready: Type.Optional(idRuns),
    ended: Type.Optional(Type.Array(TaskEndsShape, { maxItems: 1000 })),
  }),
  VolumesDestroyed: Type.Object({ type: Type.Literal('VolumesDestroyed'), ...head, volumes }),
} as const;

/** A typed report from parsed JSON, or why it is none. */
export function decodeAgentReport(
  body: unknown,
): { readonly ok: true; readonly report: AgentReport } | { readonly ok: false; readonly refusal: Refusal } {
  const type = typeof body === 'object' && body !== null ? (body as { readonly type?: unknown }).type : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(agentReportSchemas, type)) {
    const message = `there is no report of type ${JSON.stringify(type) ?? 'undefined'}`;
    return { ok: false, refusal: { code: 'unknown-type', message, field: '/type' } };
  }
  const checked = checkShape(agentReportSchemas[type as AgentReport['type']], body);
  if (!checked.ok) return checked;
  const report = checked.value as unknown as AgentReport;
  const refusal =
    report.type === 'TaskStates'
      ? refusalOfSets(report)
      : report.type === 'Inventory'
        ? staticProblem(report.capacity, report.reservations ?? [])
        : undefined;
  return refusal === undefined ? { ok: true, report } : { ok: false, refusal };
}

type TaskStates = Extract<AgentReport, { type: 'TaskStates' }>;

/** What no schema can say: ids come in pairs that ascend, columns have a number for each of them, and there are not too many. */
function refusalOfSets({ starting = [], running = [], ready = [], unready = [], ended = [] }: TaskStates) {
  const sets: [field: string, launches: IdRuns][] = [
    ['/starting', starting],
    ...running.map(({ launches }, at): [string, IdRuns] => [`/running/${at}/launches`, launches]),
    ['/ready', ready],
    ['/unready', unready],
    ...ended.map(({ launches }, at): [string, IdRuns] => [`/ended/${at}/launches`, launches]),
  ];
  let launches = 0;
  for (const [field, ids] of sets) {
    const wrong = ids.find((entry) => entry.length % 2 === 0 || descends(entry));
    if (wrong !== undefined) {
      return invalid(
        field,
        `${field} has an entry that is no seq and pairs of a first and a last ordinal: ${wrong[0]}, …`,
      );
    }
    launches += countIds(ids);
  }
  if (launches > REPORT_LAUNCHES_MAX) {
    return invalid('/', `the report speaks of ${launches} launches, at most ${REPORT_LAUNCHES_MAX} are possible`);
  }
  const length = lengthOf(
    sets.map(([, ids]) => ids),
    running,
    ended,
  );
  if (length > REPORT_LENGTH_MAX) {
    const message = `the report takes up to ${length} characters, at most ${REPORT_LENGTH_MAX} are possible`;
    return { code: 'too-large', message };
  }
  for (const [at, tasks] of running.entries()) {
    const expected = countIds(tasks.launches);
    for (const name of ['since', 'pids'] as const) {
      const { length } = tasks[name];
      if (length === 1 || length === expected) continue;
      const field = `/running/${at}/${name}`;
      return invalid(field, `${field} has ${length} numbers for ${expected} launches`);
    }
  }
  return undefined;
}

/** Never less than the report has without its messages. */
function lengthOf(sets: readonly IdRuns[], running: readonly TasksRun[], ended: readonly TaskEnds[]): number {
  let length = 0;
  const add = (numbers: readonly number[]) => {
    for (const number of numbers) length += number < 1e9 ? 10 : 17;
  };
  for (const ids of sets) ids.forEach(add);
  for (const { since, pids } of running) [since, pids].forEach(add);
  for (const { message: _, launches: __, ...end } of ended) length += JSON.stringify(end).length;
  return length;
}

function descends(entry: readonly number[]): boolean {
  for (let at = 1; at + 1 < entry.length; at += 2) if (entry[at + 1]! < entry[at]!) return true;
  return false;
}

function invalid(field: string, message: string): Refusal {
  return { code: 'invalid-field', message, field };
}
