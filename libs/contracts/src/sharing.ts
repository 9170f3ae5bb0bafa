import { Type, type Static } from 'typebox';
import type { AgentId, ReservationId, RoleName, ServiceName, VolumeId } from './ids.js';
import type { Resources } from './resources.js';
import { branded } from './schema.js';

/** How roles share: weights, quotas, reservations, volumes. What an operator orders, and what the ledger says of it. */

const strict = { additionalProperties: false } as const;
export const roleOfCommand = Type.Unsafe<RoleName>(
  Type.String({
    pattern: '^(\\*|[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)$',
    maxLength: 255,
    description: 'a path such as eng/search',
  }),
);
const role = roleOfCommand;
const agent = branded<AgentId>('id of an agent');
const mebibytes = Type.Integer({ minimum: 0, maximum: 1_099_511_627_776, description: 'MiB' });

/** Amounts as people give them; what is left out is not spoken of. */
export const GivenAmounts = Type.Object(
  {
    cpus: Type.Optional(
      Type.Number({ minimum: 0, maximum: 4_194_304, multipleOf: 0.001, description: 'cores, up to three decimals' }),
    ),
    memory: Type.Optional(mebibytes),
    disk: Type.Optional(mebibytes),
    gpus: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_048_576, description: 'whole devices' })),
  },
  { ...strict, minProperties: 1 },
);
export type GivenAmounts = Static<typeof GivenAmounts>;

export const resourceNames = ['cpus', 'memory', 'disk', 'gpus'] as const;
export type ResourceName = (typeof resourceNames)[number];

export const sharingCommandSchemas = {
  SetRole: Type.Object({ role, weight: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }) }, strict),
  /** Resources that few have: nobody falls behind for holding them. */
  SetFairness: Type.Object(
    { scarce: Type.Array(Type.Enum([...resourceNames]), { uniqueItems: true, maxItems: 4 }) },
    strict,
  ),
  /**
   * At most, and at least, for a role and all below it. Replaces what was set before. `cells`: each of so many cells counts
   * an equal part. `force`: even when more is used already; nothing is taken away, nothing is added.
   */
  SetQuota: Type.Object(
    {
      role,
      limit: Type.Optional(GivenAmounts),
      guarantee: Type.Optional(GivenAmounts),
      cells: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024 })),
      force: Type.Optional(Type.Boolean()),
    },
    strict,
  ),
  RemoveQuota: Type.Object({ role }, strict),
  /** Keeps a part of an agent for a role and those below it. `refines`: takes it out of a reservation of a role above. */
  Reserve: Type.Object(
    {
      agent,
      role,
      resources: GivenAmounts,
      labels: Type.Optional(
        Type.Record(Type.String({ maxLength: 63 }), Type.String({ maxLength: 255 }), { maxProperties: 64 }),
      ),
      refines: Type.Optional(branded<ReservationId>('id of a reservation')),
    },
    strict,
  ),
  Unreserve: Type.Object({ agent, reservation: branded<ReservationId>('id of a reservation') }, strict),
  /** Of a volume that no pod holds: its data is deleted. */
  DestroyVolume: Type.Object({ agent, volume: branded<VolumeId>('id of a volume') }, strict),
  /** The next time that this pod gets a place, it is where the volume is, and the volume is its own. */
  AdoptVolume: Type.Object(
    {
      agent,
      volume: branded<VolumeId>('id of a volume'),
      service: branded<ServiceName>('name of a service'),
      pod: Type.String({ pattern: '^[a-z0-9-]+-\\d+$', description: 'such as node-0' }),
    },
    strict,
  ),
} as const;

/** In the form that decisions use; a resource that is not named is not bounded. */
export type SomeResources = Partial<Resources>;

export interface Quota {
  readonly limit?: SomeResources;
  readonly guarantee?: SomeResources;
  /** Each cell counts one of so many equal parts. */
  readonly cells: number;
}

export type SharingCommand = {
  [Name in keyof typeof sharingCommandSchemas]: {
    readonly type: Name;
    readonly body: Static<(typeof sharingCommandSchemas)[Name]>;
  };
}[keyof typeof sharingCommandSchemas];

/** Part of an agent that is kept for a role and those below it. */
export interface Reservation {
  readonly reservation: ReservationId;
  readonly agent: AgentId;
  readonly role: RoleName;
  readonly resources: Resources;
  readonly labels: Readonly<Record<string, string>>;
  /** Declared by the agent, ends with its declaration; else an operator's. */
  readonly static?: true;
  /** Taken out of this one, and given back to it. */
  readonly refines?: ReservationId;
}

export type SharingEvent =
  | { readonly type: 'RoleSet'; readonly data: { readonly role: RoleName; readonly weight: number } }
  | { readonly type: 'FairnessSet'; readonly data: { readonly scarce: readonly ResourceName[] } }
  | { readonly type: 'QuotaSet'; readonly data: Quota & { readonly role: RoleName } }
  | { readonly type: 'QuotaRemoved'; readonly data: { readonly role: RoleName } }
  | { readonly type: 'ReservationMade'; readonly data: Reservation }
  | { readonly type: 'ReservationEnded'; readonly data: { readonly reservations: readonly ReservationId[] } }
  /** A detached volume waits for a pod, whose next place is there. */
  | {
      readonly type: 'VolumeAdopted';
      readonly data: {
        readonly volume: VolumeId;
        readonly service: ServiceName;
        readonly pod: string;
        readonly index: number;
      };
    };

export function resourcesOf({ cpus, memory, disk, gpus }: GivenAmounts): SomeResources {
  return {
    ...(cpus === undefined ? {} : { cpusMilli: Math.round(cpus * 1000) }),
    ...(memory === undefined ? {} : { memoryMib: memory }),
    ...(disk === undefined ? {} : { diskMib: disk }),
    ...(gpus === undefined ? {} : { gpus }),
  };
}

export function givenOf({ cpusMilli, memoryMib, diskMib, gpus }: SomeResources): GivenAmounts {
  return {
    ...(cpusMilli === undefined ? {} : { cpus: cpusMilli / 1000 }),
    ...(memoryMib === undefined ? {} : { memory: memoryMib }),
    ...(diskMib === undefined ? {} : { disk: diskMib }),
    ...(gpus === undefined ? {} : { gpus }),
  };
}
