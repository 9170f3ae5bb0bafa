import { Type, type Static, type TSchema } from 'typebox';
import type { GrantId, LaunchId, RequestId, RoleName, ServiceName } from './ids.js';
import type { PodNeeds } from './resources.js';
import { Priority, type Ranked } from './preemption.js';
import { PortWish } from './ports.js';
import { Affinity, Constraint, Spread } from './rules.js';
import { branded } from './schema.js';
import { TaskSpec } from './service-spec.js';
import type { IdRuns, Members } from './sets.js';
import { GivenAmounts, roleOfCommand } from './given-amounts.js';

/**
 * Other people's schedulers, the second level of Mesos: any Kafka client may ask for places under a role, launch on them
 * what it likes, and give them back. It reads the same events as everybody: `Placed` and `PlacementPending` in the
 * allocation journal, what becomes of its launches in the cluster journal.
 *
 *   RequestPlacement ─▶ Placed ─▶ GrantsOpened ─▶ Launch ─▶ LaunchAccepted … TasksEnded ─▶ Launch again, or
 *   ReturnGrant ─▶ GrantsReturning ─▶ GrantsClosing (what still runs is killed) ─▶ GrantsClosed ─▶ GrantReleased
 *
 * What is preempted (`PreemptionOrdered` names its grants) it has to end and return by `noticeUntil`; what is left then the
 * allocator returns for it, and the master ends what runs there.
 *
 * Its commands go to the partition of the cell that it wants places in. Its tasks stand under the name `@<scheduler>`, which
 * no service can have.
 */
const strict = { additionalProperties: false } as const;
const scheduler = Type.String({
  pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'name of the scheduler: lower-case letters, digits, dashes, at most 63',
});
const podName = Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$', description: 'a kind of its pods' });
const grants = Type.Array(branded<GrantId>('id of a grant'), { minItems: 1, maxItems: 1000, uniqueItems: true });

export const placementCommandSchemas = {
  /** Places for `count` equal pods, numbered from `first`. */
  RequestPlacement: Type.Object(
    {
      scheduler,
      role: roleOfCommand,
      pod: podName,
      count: Type.Integer({ minimum: 1, maximum: 100_000 }),
      first: Type.Optional(Type.Integer({ minimum: 0, maximum: 900_000 })),
      needs: GivenAmounts,
      /** `<task>.<port>` → number; 0: any free one. */
      ports: Type.Optional(
        Type.Record(
          Type.String({ pattern: '^[a-z0-9-]+\\.[a-z0-9-]+$' }),
          Type.Unsafe<number | PortWish>({
            ...PortWish,
            type: ['integer', 'object'],
            ...{ minimum: 0, maximum: 65_535, description: '0: any free one; or ranges, count, consecutive' },
          }),
        ),
      ),
      constraints: Type.Optional(Type.Array(Constraint, { maxItems: 64 })),
      policy: Type.Optional(Type.Union([Type.Literal('pack'), Type.Literal('spread')])),
      priority: Type.Optional(Priority),
      /** Best effort: beyond quota and share, and the first to go. */
      revocable: Type.Optional(Type.Boolean()),
      affinities: Type.Optional(Type.Array(Affinity, { maxItems: 16 })),
      spreads: Type.Optional(Type.Array(Spread, { maxItems: 16 })),
      gang: Type.Optional(Type.Boolean({ description: 'all places at once, or none' })),
    },
    strict,
  ),
  /** What of it still waits is not wanted any more. */
  WithdrawPlacement: Type.Object({ scheduler, request: branded<RequestId>('id of a request') }, strict),
  /** What runs there is killed first. */
  ReturnGrant: Type.Object({ scheduler, grants }, strict),
} as const;

export const launchCommandSchemas = {
  /** One task on each of these grants: all of them, or none. */
  Launch: Type.Object(
    { scheduler, name: podName, task: TaskSpec, image: Type.Optional(Type.String()), grants },
    strict,
  ),
  /** Ends launches; their grants stay. */
  Kill: Type.Object(
    {
      scheduler,
      launches: Type.Array(branded<LaunchId>('id of a launch'), { minItems: 1, maxItems: 1000, uniqueItems: true }),
      'grace-secs': Type.Optional(Type.Number({ minimum: 0, maximum: 86_400 })),
    },
    strict,
  ),
} as const;

type CommandsIn<Schemas extends Readonly<Record<string, TSchema>>> = {
  [Name in keyof Schemas]: { readonly type: Name; readonly body: Static<Schemas[Name]> };
}[keyof Schemas];

export type PlacementCommand = CommandsIn<typeof placementCommandSchemas>;
export type LaunchCommand = CommandsIn<typeof launchCommandSchemas>;

export interface SchedulerRef {
  readonly service: ServiceName;
  readonly generation: number;
}

/** In the allocation journal: the scheduler wants these no longer; the master sees to it that nothing runs there. */
export type PlacementEvent = {
  readonly type: 'GrantsReturning';
  readonly data: SchedulerRef & { readonly grants: IdRuns };
};

/** In the cluster journal: what a scheduler may launch on, kept here since no other journal may be asked. */
export type SchedulerGrantEvent =
  | {
      readonly type: 'GrantsOpened';
      readonly data: Members &
        SchedulerRef &
        Ranked & {
          readonly role: RoleName;
          readonly pod: string;
          readonly needs: PodNeeds;
          readonly grants: IdRuns;
        };
    }
  /** Nothing new is launched on them; they are closed when the last launch there has ended. */
  | { readonly type: 'GrantsClosing'; readonly data: { readonly grants: IdRuns } }
  /** Nothing runs on them and nothing will: the allocator releases them. */
  | { readonly type: 'GrantsClosed'; readonly data: SchedulerRef & { readonly grants: IdRuns } };

/** The name under which the pods of a scheduler stand beside those of services. */
export function serviceOfScheduler(name: string): ServiceName {
  return `@${name}` as ServiceName;
}

export function isOfScheduler(service: string): boolean {
  return service.startsWith('@');
}

/**
 * Requests that the allocation journal makes, and launches that the cluster journal makes, are numbered from here on: below
 * are those of the services journal, which does not get that far.
 */
export const OWN_SEQ_FROM = 2 ** 45;
