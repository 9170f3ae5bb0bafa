import { Type, type Static } from 'typebox';
import type { AgentId, ReservationId, RoleName, ServiceName, VolumeId } from './ids.js';
import { GivenAmounts, resourceNames, roleOfCommand, type ResourceName, type SomeResources } from './given-amounts.js';
import { GivenReserved, Labels, type Reserved } from './reserved.js';
import { branded } from './schema.js';

/** How roles share: weights, quotas, reservations, volumes. What an operator orders, and what the ledger says of it. */

const strict = { additionalProperties: false } as const;
const role = roleOfCommand;
const agent = branded<AgentId>('id of an agent');
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
      resources: GivenReserved,
      labels: Type.Optional(Labels),
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
  /** Re-declared by its agent: with what was refined out of it. */
  readonly resources: Reserved;
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
