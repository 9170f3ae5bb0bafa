import type { AgentId, GrantId, RequestId, RoleName, ServiceName, VolumeId } from './ids.js';
import type { Capacity, FaultDomain, PodNeeds } from './resources.js';
import type { Constraint, Neighbour, Preferences } from './rules.js';
import type { IdRuns, Members, Ranges } from './sets.js';
import {
  preemptionCommandSchemas,
  type PreemptionCommand,
  type PreemptionEvent,
  type PreemptionReasons,
  type Preemptor,
  type Ranked,
} from './preemption.js';
import type { ServiceRef } from './services.js';
import { placementCommandSchemas, type PlacementCommand, type PlacementEvent } from './schedulers.js';
import type { SomeResources } from './given-amounts.js';
import { sharingCommandSchemas, type SharingCommand, type SharingEvent } from './sharing.js';

/** Commands of the allocation domain: how roles share, and what schedulers of others wish for. */
export const allocationCommandSchemas = {
  ...sharingCommandSchemas,
  ...preemptionCommandSchemas,
  ...placementCommandSchemas,
} as const;

export type AllocationCommand = SharingCommand | PreemptionCommand | PlacementCommand;

/**
 * Why indexes of a request wait: how many agents each filter left, in the order of the filters, and examples with exact
 * shortfalls.
 */
export interface PendingReasons {
  readonly agents: number;
  readonly funnel: readonly { readonly filter: string; readonly rejected: number; readonly left: number }[];
  readonly examples: readonly {
    readonly agent: AgentId;
    readonly hostname: string;
    readonly filter: string;
    readonly message: string;
  }[];
  /** One sentence: what would let it through. */
  readonly remedy: string;
  /** Where the quota of a role stands in the way. */
  readonly quota?: QuotaObstacle;
  /** Where others could make way, or do. */
  readonly preemption?: PreemptionReasons;
  /** It had a place and made way for these. */
  readonly preemptedBy?: Preemptor;
  /** Of pods that are placed all at once or not at all: how many could be. */
  readonly gang?: GangReasons;
}

export interface GangReasons {
  readonly size: number;
  /** Fit now. The others are what it waits for. */
  readonly fitting: number;
  /** At most as many would fit if nothing else ran. */
  readonly fittingEmpty: number;
  /** By pod type, where it is of several. */
  readonly parts?: readonly { readonly pod: string; readonly size: number; readonly fitting: number }[];
}

/** What keeps a role from another pod, whatever room there is. */
export interface QuotaObstacle {
  /** `limit`: it and those below it may have no more. `guarantee`: what is left is kept for others. */
  readonly kind: 'limit' | 'guarantee';
  /** The role whose limit it is, or that waits. */
  readonly role: RoleName;
  readonly limit: SomeResources;
  readonly used: SomeResources;
  /** A pod needs, or all pods of a gang, in the resources that are short. */
  readonly needs: SomeResources;
  /** Pods of the gang. */
  readonly gang?: number;
}

export type AllocationEvent =
  | {
      readonly type: 'AgentOpened';
      readonly data: {
        readonly agent: AgentId;
        /** Of the cluster journal: how sets name this agent. */
        readonly number: number;
        readonly epoch: number;
        readonly hostname: string;
        readonly capacity: Capacity;
        readonly attributes: Readonly<Record<string, string>>;
        readonly faultDomain: FaultDomain;
      };
    }
  /** Nothing new there; all grants stay on the agent. */
  | {
      readonly type: 'AgentClosed';
      readonly data: {
        readonly agent: AgentId;
        readonly reason: 'unreachable' | 'draining' | 'gone';
        /** A drain outlives the loss of the agent: it stays closed when it is back. */
        readonly draining?: boolean;
      };
    }
  /** A wish for places is in the queue of its role. Needs and constraints are kept, since no other journal may be needed to understand this one. */
  | { readonly type: 'RequestQueued'; readonly data: PlacementRequest }
  /** `grants`: what each member holds on its agent until `GrantReleased`. Ports are named `<task>.<port>`. */
  | {
      readonly type: 'Placed';
      readonly data: Members &
        Ranked & {
          readonly request: RequestId;
          readonly service: ServiceName;
          readonly generation: number;
          readonly role: RoleName;
          readonly pod: string;
          readonly needs: PodNeeds;
          readonly grants: IdRuns;
          /** Pods that these avoid, and that therefore may not come where these are. */
          readonly avoids?: readonly Neighbour[];
          /** One pod, which holds another grant there: `needs`, ports and devices are what it has beside that one. */
          readonly resizes?: Resize;
        };
    }
  | {
      readonly type: 'PlacementPending';
      readonly data: {
        readonly request: RequestId;
        readonly service: ServiceName;
        readonly generation: number;
        readonly pod: string;
        /** All that wait. */
        readonly indexes: Ranges;
        readonly reasons: PendingReasons;
      };
    }
  /** Tried again and still waiting for the reasons told before; without a list: all that wait. */
  | { readonly type: 'RequestsTried'; readonly data: { readonly requests?: readonly RequestId[] } }
  /** Withdrawn before it was placed. */
  | {
      readonly type: 'RequestDropped';
      readonly data: { readonly request: RequestId; readonly indexes: Ranges };
    }
  /** No longer charged to the role, still to the agent, until it is returned. */
  | { readonly type: 'GrantSuperseded'; readonly data: { readonly grants: IdRuns } }
  /** The only end of a grant. */
  | { readonly type: 'GrantReleased'; readonly data: { readonly grants: IdRuns } }
  | {
      readonly type: 'VolumeDestroying';
      readonly data: {
        readonly agent: AgentId;
        readonly epoch: number;
        /** Absent: a pod holds them no longer. */
        readonly grant?: GrantId;
        readonly volumes: readonly VolumeId[];
      };
    }
  | {
      readonly type: 'VolumeDestroyed';
      readonly data: { readonly agent: AgentId; readonly grant?: GrantId; readonly volumes: readonly VolumeId[] };
    }
  /** What a service that was removed still owns here: told when it is removed, and when that is nothing any more. */
  | {
      readonly type: 'ServiceAccounted';
      readonly data: ServiceRef & {
        readonly reservations: number;
        readonly volumes: number;
        /** Where. */
        readonly agents: readonly AgentId[];
      };
    }
  | PlacementEvent
  | PreemptionEvent
  | SharingEvent;

/**
 * What becomes of a grant that stands on another one of its pod: when that one is released, it holds all of this, and its
 * volumes. Until then both count, so that what runs and what comes after it have room.
 */
export interface Resize {
  readonly grant: GrantId;
  readonly needs: PodNeeds;
  /** Kept of the other grant, as those of a member. */
  readonly ports: Readonly<Record<string, number>>;
  readonly gpuIds: readonly string[];
}

export interface PlacementRequest extends Ranked {
  readonly request: RequestId;
  readonly service: ServiceName;
  readonly generation: number;
  readonly role: RoleName;
  readonly pod: string;
  /** Pod indexes that want a place. */
  readonly indexes: Ranges;
  readonly needs: PodNeeds;
  readonly constraints: readonly Constraint[];
  /** Fill agents up, or keep load even. */
  readonly policy: 'pack' | 'spread';
  /** 1 for the first, + 1 each time that a place turned out to be gone. */
  readonly attempt: number;
  /** Agents not to be chosen again. */
  readonly avoid: readonly AgentId[];
  /** Old grants that the new ones stand in for, by index. */
  readonly replaces: readonly { readonly index: number; readonly grant: GrantId }[];
  /** Grants of pods that stay where they are and are to hold `needs`: as soon as there is room beside what they hold. */
  readonly resizes?: readonly { readonly index: number; readonly grant: GrantId }[];
  /** The pods had places and made way for these. */
  readonly preemptedBy?: Preemptor;
  /** All that wait of it, and of the other requests of this gang, are placed at once, or none of them. */
  readonly gang?: GangRef;
  /** What they would rather have, and can do without. */
  readonly preferences?: Preferences;
}

/** Requests that are placed together or not at all, one for each kind of pods. */
export interface GangRef {
  /** Of the first of its requests. */
  readonly id: RequestId;
  /** Others of it follow in the same commit: until then it is not complete. */
  readonly more?: true;
}

export type AllocationEventType = AllocationEvent['type'];
export type AllocationEventOf<Type extends AllocationEventType> = Extract<AllocationEvent, { type: Type }>;
