import type { Refusal } from '@orrery/kernel';
import { Type } from 'typebox';
import type { AgentReport } from './agent-protocol.js';
import type { AgentId, LaunchId, VolumeId } from './ids.js';
import { Capacity, FaultDomain } from './resources.js';
import { branded, checkShape } from './schema.js';

const count = Type.Integer({ minimum: 0 });
const launch = branded<LaunchId>('id of a launch');
const volumes = Type.Array(branded<VolumeId>('id of a volume'));
const text = Type.String({ maxLength: 65_536 });
/** A constant for programs. */
const reason = Type.String({ maxLength: 64 });

const ExitStatus = Type.Object({
  code: Type.Optional(Type.Integer()),
  signal: Type.Optional(Type.String({ maxLength: 32 })),
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

/** An entry: seq, then pairs of first and last ordinal. */
const idRuns = Type.Array(Type.Array(count, { minItems: 3, maxItems: 100_001 }), { maxItems: 100_000 });
const column = Type.Array(count, { minItems: 1, maxItems: 100_000 });

const TasksRun = Type.Object({
  launches: idRuns,
  sinceFrom: count,
  since: column,
  pids: column,
  ready: Type.Optional(Type.Literal(true)),
});

const TaskEnds = Type.Object({
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
  }),
  TaskStates: Type.Object({
    type: Type.Literal('TaskStates'),
    ...head,
    starting: Type.Optional(idRuns),
    running: Type.Optional(Type.Array(TasksRun, { maxItems: 1000 })),
    ready: Type.Optional(idRuns),
    unready: Type.Optional(idRuns),
    ended: Type.Optional(Type.Array(TaskEnds, { maxItems: 1000 })),
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
  return checked.ok ? { ok: true, report: checked.value as unknown as AgentReport } : checked;
}
