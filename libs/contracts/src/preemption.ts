import { Type, type Static } from 'typebox';
import type { EpochMs } from '@orrery/kernel';
import type { RequestId, RoleName, ServiceName } from './ids.js';
import type { IdRuns } from './sets.js';

/**
 * Who goes when there is not room for all. A pod has a priority, 0 to 100; one that is revocable lives on what nobody else
 * uses and is the first to go. The allocator decides and says so in its journal; what it takes comes back the usual way, by
 * `GrantReturned`.
 */
const strict = { additionalProperties: false } as const;

/** Of pods that say nothing (Nomad's default). */
export const PRIORITY_DEFAULT = 50;
/** A pod makes way only for one that is so much more important (Nomad's delta): near equals don't throw each other out. */
export const PRIORITY_DELTA = 10;
/** Nothing from here on is ever preempted: nobody can be `PRIORITY_DELTA` above it. */
export const PRIORITY_CRITICAL = 100 - PRIORITY_DELTA + 1;

export const Priority = Type.Integer({
  minimum: 0,
  maximum: 100,
  description: 'default 50; a pod makes way for one of its role, or of a role above, that is at least 10 higher',
});

export const preemptionCommandSchemas = {
  /** At most so many pods are preempted in any minute of a cell; 0: none, absent: 1 % of what runs, and at least 10. */
  SetPreemptionBudget: Type.Object(
    { perMinute: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })) },
    strict,
  ),
} as const;

export type PreemptionCommand = {
  [Name in keyof typeof preemptionCommandSchemas]: {
    readonly type: Name;
    readonly body: Static<(typeof preemptionCommandSchemas)[Name]>;
  };
}[keyof typeof preemptionCommandSchemas];

/** How much a place matters; absent: `PRIORITY_DEFAULT`, and not revocable. */
export interface Ranked {
  readonly priority?: number;
  readonly revocable?: true;
}

/** Whose pods need the room. */
export interface Preemptor {
  readonly request: RequestId;
  readonly service: ServiceName;
  readonly pod: string;
  readonly role: RoleName;
  readonly priority: number;
}

/** Pods of one kind that make way. */
export interface Victims extends Ranked {
  readonly service: ServiceName;
  readonly generation: number;
  readonly pod: string;
  readonly role: RoleName;
  readonly grants: IdRuns;
}

/** Places for the preemptor: so many pods on the agent of this number. */
export type NominatedPlace = readonly [agent: number, pods: number];

export type PreemptionEvent =
  /**
   * These grants are wanted back. Services end their pods and return them; a scheduler of others has until `noticeUntil` to
   * do it, then the master ends what runs there. What comes free is kept for the request until `until`.
   */
  | {
      readonly type: 'PreemptionOrdered';
      readonly data: {
        readonly preemption: string;
        readonly for: Preemptor;
        readonly places: readonly NominatedPlace[];
        readonly victims: readonly Victims[];
        readonly why: string;
        readonly at: EpochMs;
        readonly until: EpochMs;
        readonly noticeUntil: EpochMs;
      };
    }
  /** What is left of it is forgotten: room is kept no longer, and who did not make way may be asked again. */
  | { readonly type: 'PreemptionLapsed'; readonly data: { readonly preemptions: readonly string[] } }
  /** The time that schedulers of others had is over. */
  | { readonly type: 'PreemptionNoticeEnded'; readonly data: { readonly preemptions: readonly string[] } }
  /** Requests for which pods would be preempted when the budget lets it: looked at again at `until`. */
  | {
      readonly type: 'PreemptionHeld';
      readonly data: { readonly requests: readonly RequestId[]; readonly until: EpochMs };
    }
  | { readonly type: 'PreemptionResumed'; readonly data: { readonly requests: readonly RequestId[] } }
  | { readonly type: 'PreemptionBudgetSet'; readonly data: { readonly perMinute?: number } }
  /** A new version of a service gives its pods another priority, those that have a place or wait for one, too. */
  | {
      readonly type: 'PriorityChanged';
      readonly data: {
        readonly service: ServiceName;
        readonly generation: number;
        readonly pod: string;
        readonly priority: number;
      };
    };

/** What preemption does, or would do, for a pod that waits. */
export interface PreemptionReasons {
  /**
   * ordered: others are making way · budget: too many were preempted in the last minute · off: the budget is 0 ·
   * share: a service would lose more than a tenth of its pods at once · next: it is decided when its turn comes
   */
  readonly standing: 'ordered' | 'budget' | 'off' | 'share' | 'next';
  /** Pods that make way, or would have to. */
  readonly pods: number;
  readonly victims: readonly {
    readonly service: ServiceName;
    readonly pod: string;
    readonly role: RoleName;
    readonly priority: number;
    readonly revocable: boolean;
    readonly pods: number;
  }[];
  /** When it is looked at again. */
  readonly until?: EpochMs;
  readonly message: string;
}

export function priorityOf({ priority }: Pick<Ranked, 'priority'>): number {
  return priority ?? PRIORITY_DEFAULT;
}

/** As it is told: what says nothing new is left out. */
export function rankedAs(priority: number, revocable: boolean): Ranked {
  return {
    ...(priority === PRIORITY_DEFAULT ? {} : { priority }),
    ...(revocable ? { revocable: true as const } : {}),
  };
}
