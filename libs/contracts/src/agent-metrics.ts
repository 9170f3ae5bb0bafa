import { Type, type Static } from 'typebox';
import type { AgentId, LaunchId } from './ids.js';
import { branded, checkShape } from './schema.js';
import { columnOf, countIds, idsIn, valueAt, type Column, type IdRuns } from './sets.js';

/** What was measured of one task. A figure that can't be had on its machine is -1. */
export interface TaskFigures {
  /** Used on average since the round before, in thousandths of a core. */
  readonly cpusMilli: number;
  /** What can't be taken back without harm: caches of files do not count. */
  readonly memoryMib: number;
  /** Sandbox and volumes; of very many files only the first are counted. */
  readonly diskMib: number;
  /** Bytes a second. Only of a task that has a network of its own. */
  readonly receivedPerS: number;
  readonly sentPerS: number;
}

export const figureNames = [
  'cpusMilli',
  'memoryMib',
  'diskMib',
  'receivedPerS',
  'sentPerS',
] as const satisfies readonly (keyof TaskFigures)[];
export type FigureName = (typeof figureNames)[number];

export const noFigures: TaskFigures = {
  cpusMilli: -1,
  memoryMib: -1,
  diskMib: -1,
  receivedPerS: -1,
  sentPerS: -1,
};

/** Of one message; an agent with more tasks sends several a round. */
export const FIGURES_PER_MESSAGE_MAX = 5000;

const figure = Type.Integer({ minimum: -1, maximum: Number.MAX_SAFE_INTEGER });
const idRuns = Type.Array(Type.Array(Type.Integer({ minimum: 0 }), { minItems: 3 }), {
  maxItems: FIGURES_PER_MESSAGE_MAX,
  description: 'ids of launches; an entry is a seq, then pairs of a first and a last ordinal',
});
const column = Type.Array(figure, { maxItems: FIGURES_PER_MESSAGE_MAX });

/** What of the machine is used, by whomever. */
export const HostFigures = Type.Object({
  cpusMilli: Type.Integer({ minimum: 0, description: 'used since the round before, in thousandths of a core' }),
  cores: Type.Integer({ minimum: 1 }),
  memoryUsedMib: Type.Integer({ minimum: 0 }),
  memoryMib: Type.Integer({ minimum: 0 }),
  diskUsedMib: Type.Integer({ minimum: 0, description: 'of the file system that holds the sandboxes' }),
  diskMib: Type.Integer({ minimum: 0 }),
  load: Type.Number({ minimum: 0, description: 'of the last minute' }),
});
export type HostFigures = Static<typeof HostFigures>;

/**
 * One message on the metrics topic: what an agent measured in a round, of which it tells what changed noticeably since it
 * was last told. Never an input of a decision. A message that is `whole` speaks of every task that runs there; who begins
 * to read in the middle has everything after the next one.
 */
export const AgentMetrics = Type.Object({
  agent: branded<AgentId>('id of an agent'),
  session: Type.String({ minLength: 1, maxLength: 64 }),
  round: Type.Integer({ minimum: 1, description: 'of this session' }),
  at: Type.Integer({ minimum: 0, description: "milliseconds since 1970, by the agent's clock" }),
  /** First part of a round that tells everything: what was known before is forgotten. */
  whole: Type.Boolean(),
  host: Type.Optional(HostFigures),
  launches: Type.Unsafe<IdRuns>(idRuns),
  services: Type.Optional(
    Type.Array(Type.Unsafe<readonly [string, number]>(Type.Array(Type.Unknown(), { minItems: 2, maxItems: 2 })), {
      description: 'run by run over the launches: whose they are, and how many',
    }),
  ),
  columns: Type.Object(Object.fromEntries(figureNames.map((name) => [name, Type.Optional(column)])), {
    description: 'one number a launch, a single one stands for all; left out where none is known; -1: not known',
  }),
  gone: Type.Unsafe<IdRuns>(idRuns),
});

export interface AgentMetrics {
  readonly agent: AgentId;
  readonly session: string;
  readonly round: number;
  readonly at: number;
  readonly whole: boolean;
  readonly host?: HostFigures;
  readonly launches: IdRuns;
  readonly services?: readonly (readonly [service: string, count: number])[];
  readonly columns: FigureColumns;
  readonly gone: IdRuns;
}

export type FigureColumns = { readonly [name in FigureName]?: Column };

/** Figures in columns; a column of nothing but -1 is left out. */
export function figureColumns(rows: readonly TaskFigures[]): FigureColumns {
  const columns: { [name in FigureName]?: Column } = {};
  for (const name of figureNames) {
    if (rows.some((row) => row[name] >= 0)) columns[name] = columnOf(rows.map((row) => row[name]));
  }
  return columns;
}

/** Each launch that a message tells of, with its service where that is told. */
export function* figuresIn({ launches, services = [], columns }: AgentMetrics): IterableIterator<{
  readonly launch: LaunchId;
  readonly service: string | undefined;
  readonly figures: TaskFigures;
}> {
  let position = 0;
  let run = 0;
  let runEnd = services[0]?.[1] ?? 0;
  for (const launch of idsIn<LaunchId>(launches)) {
    while (position >= runEnd && run < services.length) runEnd += services[++run]?.[1] ?? 0;
    const figures = { ...noFigures };
    for (const name of figureNames) {
      const column = columns[name];
      if (column !== undefined) figures[name as 'cpusMilli'] = valueAt(column, position);
    }
    yield { launch, service: services[run]?.[0], figures };
    position += 1;
  }
}

/** A message from parsed JSON, or what is wrong with it: what it says must be readable without taking any memory for it. */
export function decodeAgentMetrics(
  body: unknown,
): { readonly ok: true; readonly metrics: AgentMetrics } | { readonly ok: false; readonly why: string } {
  const checked = checkShape(AgentMetrics, body);
  if (!checked.ok) return { ok: false, why: checked.refusal.message };
  const metrics = checked.value as AgentMetrics;
  const { launches, gone, columns } = metrics;
  const count = countIds(launches);
  for (const [field, runs] of Object.entries({ launches, gone })) {
    const pairs = runs.every(
      (run) => run.length % 2 === 1 && run.every((bound, at) => at < 2 || bound >= run[at - 1]!),
    );
    if (!pairs) return { ok: false, why: `${field} are no pairs of ordinals that ascend` };
    if (countIds(runs) > FIGURES_PER_MESSAGE_MAX)
      return { ok: false, why: `${field} are more than ${FIGURES_PER_MESSAGE_MAX}` };
  }
  const wrong = figureNames.find((name) => ![undefined, 1, count].includes(columns[name]?.length));
  return wrong === undefined ? { ok: true, metrics } : { ok: false, why: `${wrong} has no number for each launch` };
}
