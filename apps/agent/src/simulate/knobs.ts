import { checkShape } from '@orrery/contracts';
import { Type } from 'typebox';
import type { Distribution } from './chance.js';

/** What a simulated fleet is like and what befalls it. Equal knobs and seeds give equal fleets that fare alike. */
export interface Knobs {
  readonly seed: number;
  /** From the order to the process. */
  readonly startDelayMs: Distribution;
  /** From the start to the end; absent: tasks of goal RUNNING run until they are killed. */
  readonly runTimeMs?: Distribution;
  /** The same for tasks of goal FINISH and ONCE. */
  readonly finishAfterMs: Distribution;
  /** Exit code → how often tasks that end by themselves end with it. */
  readonly exitCodes: Readonly<Record<string, number>>;
  /** Share of launches that can't be started: ERROR, `start-failed`. */
  readonly startErrors: number;
  /** Share of launches that fail soon after their start. */
  readonly flapping: { readonly share: number; readonly afterMs: Distribution };
  /** From the start until a readiness check passes, where there is one. */
  readonly readyAfterMs: Distribution;
  /** From the kill to the end. */
  readonly stopDelayMs: Distribution;
  /** Agents that nothing comes from or reaches for a while; they go on as if a cable had been pulled. */
  readonly partitions?: {
    /** So many of the agents at a time. */
    readonly agents: number;
    readonly firstAfterMs: number;
    readonly lastMs: number;
    /** From one to the next; absent: there is one. */
    readonly everyMs?: number;
  };
  /** Agents whose heartbeats come less often than once a second. */
  readonly slowHeartbeats?: { readonly share: number; readonly everyMs: number };
  /** Agents tell what their tasks would use, each so often; absent: nothing. */
  readonly figures?: { readonly everyMs: number };
  /** Kinds of machines, mixed by their weights. */
  readonly machines: readonly MachineKind[];
  readonly regions: number;
  /** Of each region. */
  readonly zones: number;
  /** Launches for which room is made at once. */
  readonly launches: number;
}

export interface MachineKind {
  readonly weight: number;
  readonly cpus: number;
  /** MiB, as disk. */
  readonly memory: number;
  readonly disk: number;
  readonly gpus?: number;
  readonly attributes?: Readonly<Record<string, string>>;
}

const MIB_PER_CORE = 2048;
const DISK_MIB = 204_800;

export const defaultKnobs: Knobs = {
  seed: 1,
  startDelayMs: { uniform: [100, 1000] },
  finishAfterMs: { uniform: [500, 2000] },
  exitCodes: { '0': 1 },
  startErrors: 0,
  flapping: { share: 0, afterMs: { uniform: [100, 5000] } },
  readyAfterMs: { uniform: [50, 500] },
  stopDelayMs: { uniform: [10, 200] },
  machines: [
    [8, 4, 'small'],
    [16, 3, 'medium'],
    [32, 2, 'large'],
    [64, 1, 'huge'],
  ].map(([cpus, weight, size]) => ({
    weight: weight as number,
    cpus: cpus as number,
    memory: (cpus as number) * MIB_PER_CORE,
    disk: DISK_MIB,
    attributes: { size: size as string },
  })),
  regions: 1,
  zones: 3,
  launches: 65_536,
};

const strict = { additionalProperties: false } as const;
const ms = Type.Number({ minimum: 0, maximum: 86_400_000 });
const share = Type.Number({ minimum: 0, maximum: 1 });
const distribution = Type.Union([
  Type.Object({ fixed: ms }, strict),
  Type.Object({ uniform: Type.Unsafe<[number, number]>(Type.Array(ms, { minItems: 2, maxItems: 2 })) }, strict),
  Type.Object({ exponential: ms }, strict),
]);
const machine = Type.Object(
  {
    weight: Type.Number({ exclusiveMinimum: 0 }),
    cpus: Type.Number({ exclusiveMinimum: 0 }),
    memory: Type.Integer({ minimum: 0 }),
    disk: Type.Integer({ minimum: 0 }),
    gpus: Type.Optional(Type.Integer({ minimum: 0, maximum: 64 })),
    attributes: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  strict,
);
const schema = Type.Object(
  {
    seed: Type.Optional(Type.Integer({ minimum: 0 })),
    startDelayMs: Type.Optional(distribution),
    runTimeMs: Type.Optional(distribution),
    finishAfterMs: Type.Optional(distribution),
    exitCodes: Type.Optional(
      Type.Record(Type.String({ pattern: '^\\d{1,3}$' }), Type.Number({ minimum: 0 }), { minProperties: 1 }),
    ),
    startErrors: Type.Optional(share),
    flapping: Type.Optional(Type.Object({ share, afterMs: distribution }, strict)),
    readyAfterMs: Type.Optional(distribution),
    stopDelayMs: Type.Optional(distribution),
    partitions: Type.Optional(
      Type.Object(
        { agents: Type.Integer({ minimum: 1 }), firstAfterMs: ms, lastMs: ms, everyMs: Type.Optional(ms) },
        strict,
      ),
    ),
    slowHeartbeats: Type.Optional(Type.Object({ share, everyMs: ms }, strict)),
    figures: Type.Optional(Type.Object({ everyMs: Type.Number({ minimum: 1000, maximum: 60_000 }) }, strict)),
    machines: Type.Optional(Type.Array(machine, { minItems: 1 })),
    regions: Type.Optional(Type.Integer({ minimum: 1 })),
    zones: Type.Optional(Type.Integer({ minimum: 1 })),
    launches: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000_000 })),
  },
  strict,
);

/** The JSON of ORRERY_SIMULATE over the defaults; what is wrong is told by name. */
export function readKnobs(text: string | undefined): Knobs {
  if (text === undefined || text === '') return defaultKnobs;
  const wrong = (why: string) => new Error(`ORRERY_SIMULATE ${why}`);
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw wrong(`must be JSON: ${(error as Error).message}`);
  }
  const checked = checkShape(schema, given);
  if (!checked.ok) throw wrong(`${checked.refusal.field ?? ''} ${checked.refusal.message}`);
  return { ...defaultKnobs, ...(checked.value as Partial<Knobs>) };
}
