import { Type, type Static } from 'typebox';
import type { EpochMs } from '@orrery/kernel';
import type { PlacementRequest } from './allocation.js';
import type { LaunchSet, TaskTemplate } from './cluster.js';
import type { AgentId, GrantId, RequestId, RoleName, ServiceName } from './ids.js';
import type { Preemptor } from './preemption.js';
import { branded } from './schema.js';
import { ServiceSpec, type PlanStrategy } from './service-spec.js';
import type { IdRuns, Members, Ranges } from './sets.js';

const strict = { additionalProperties: false } as const;
const name = branded<ServiceName>('name of a service');
const plan = Type.String({ minLength: 1, maxLength: 63 });
const target = { name, plan, phase: Type.Optional(Type.String()), step: Type.Optional(Type.String()) };
const podTarget = { name, pod: Type.String({ pattern: '^[a-z0-9-]+-\\d+$', description: 'such as node-0' }) };
const someTasks = Type.Optional(
  Type.Array(Type.String({ minLength: 1, maxLength: 63 }), { minItems: 1, maxItems: 64 }),
);

export const servicesCommandSchemas = {
  /** Creates the service, or brings it to a new version: the body is the spec itself. No difference: no new version. */
  ApplyService: ServiceSpec,
  ScaleService: Type.Object(
    { name, pod: Type.String({ minLength: 1 }), count: Type.Integer({ minimum: 0, maximum: 1_000_000 }) },
    strict,
  ),
  UninstallService: Type.Object({ name }, strict),
  /** Applies an earlier version again, as a new one. */
  RollBackService: Type.Object({ name, version: Type.Integer({ minimum: 1 }) }, strict),
  /** Restart in place: same grant, next incarnation. */
  RestartPod: Type.Object(podTarget, strict),
  /** A new place; volumes are left behind. `fenced`: the operator's word that the old machine is off. */
  ReplacePod: Type.Object({ ...podTarget, fenced: Type.Optional(Type.Boolean()) }, strict),
  /** Its tasks, or those named, sleep in its place until it is resumed; what runs is restarted for it. */
  PausePod: Type.Object({ ...podTarget, tasks: someTasks }, strict),
  ResumePod: Type.Object({ ...podTarget, tasks: someTasks }, strict),
  PausePlan: Type.Object(target, strict),
  ResumePlan: Type.Object(target, strict),
  StartPlan: Type.Object({ name, plan, parameters: Type.Optional(Type.Record(Type.String(), Type.String())) }, strict),
  StopPlan: Type.Object({ name, plan }, strict),
  ForceCompletePlan: Type.Object(target, strict),
  ForceRestartPlan: Type.Object(target, strict),
} as const;

export type ServicesCommand = {
  [Name in keyof typeof servicesCommandSchemas]: {
    readonly type: Name;
    readonly body: Static<(typeof servicesCommandSchemas)[Name]>;
  };
}[keyof typeof servicesCommandSchemas];

export type PlanStatus =
  'PENDING' | 'PREPARED' | 'STARTING' | 'STARTED' | 'COMPLETE' | 'WAITING' | 'DELAYED' | 'IN_PROGRESS' | 'ERROR';

/** A phase brings the pods of one type to a target; each pod is a step named `<pod>-<index>`. */
export interface PhaseDefinition {
  readonly name: string;
  readonly pod: string;
  readonly strategy: PlanStrategy;
  /**
   * restart: as deploy, but pods that are already as they should be are started again, too. run: tasks that run to their end
   * in the place of a pod, beside its own; the pod is left as it is.
   */
  readonly action: 'deploy' | 'restart' | 'decommission' | 'run';
  /** Pod indexes, inclusive ranges, in the order of work. */
  readonly indexes: Ranges;
  /**
   * run: which tasks, one after the other; an index outweighs `default`. decommission: what drains a pod, before its own tasks
   * are ended.
   */
  readonly steps?: readonly PhaseSteps[];
  /** After so many failures of a task in a row a step is in ERROR. */
  readonly attemptsMax?: number;
  /** A step that is not complete so long after it started is in ERROR; absent: `deadlineOf` says. */
  readonly deadlineMs?: number;
  /** deploy, restart: how many pods of the type there may be too few, and how many stand in for them. */
  readonly rolling?: Rolling;
  /** deploy, restart: how long a pod has to stay ready without a failure before it counts as up. */
  readonly minimumUpMs?: number;
  /** deploy: its steps start together with those of the other phases of this gang. */
  readonly gang?: string;
}

export interface Rolling {
  readonly unavailableMax: number;
  /** Indexes from the count on, wanted until the phase that takes them down. */
  readonly surge: number;
}

export type PhaseSteps = readonly [pod: 'default' | number, tasks: readonly string[]];

export interface ServiceRef {
  readonly service: ServiceName;
  readonly generation: number;
}

/** overdue: what a step runs beside a pod, which goes on. */
export type KillReason =
  | 'scaled-down'
  | 'replaced'
  | 'restarted'
  | 'updated'
  | 'uninstalled'
  | 'drained'
  | 'preempted'
  | 'paused'
  | 'resumed'
  | 'overdue';

export type ServicesEvent =
  /** `spec` has its defaults filled in. The outcome of ApplyService, ScaleService and RollBackService. */
  | {
      readonly type: 'ServiceApplied';
      readonly data: ServiceRef & {
        readonly version: number;
        readonly specDigest: string;
        readonly role: RoleName;
        readonly spec: ServiceSpec;
        /** Pod type → the version in which its recipe (templates and needs) first stood: equal numbers need no relaunch. */
        readonly recipes: Readonly<Record<string, number>>;
      };
    }
  | {
      readonly type: 'PlanStarted';
      readonly data: ServiceRef & {
        readonly plan: string;
        readonly run: string;
        readonly version: number;
        readonly strategy: PlanStrategy;
        readonly phases: readonly PhaseDefinition[];
        /** Environment of the tasks that its steps run. */
        readonly parameters?: Readonly<Record<string, string>>;
        /** What follows when a step fails; absent: nothing more starts. */
        readonly onFailure?: 'rollback' | 'continue';
        /** When the whole of it has to be complete. */
        readonly until?: EpochMs;
        /** It takes back what failed: why. */
        readonly reason?: string;
      };
    }
  | { readonly type: 'StepStarted'; readonly data: StepRef & At }
  | { readonly type: 'StepCompleted'; readonly data: StepRef & { readonly forced?: boolean } }
  /**
   * The plan is in ERROR: nothing more of it starts until somebody restarts, resumes or stops it, or what it waits for comes
   * after all. `then`: it goes on without these steps, or the version before it is applied again.
   */
  | {
      readonly type: 'StepFailed';
      readonly data: StepRef & {
        readonly reason: string;
        /** Id of the task that failed, whose output may tell more. */
        readonly task?: string;
        readonly then?: 'rollback' | 'continue';
      };
    }
  | { readonly type: 'StepRestarted'; readonly data: StepRef & At }
  /** No step of the phase may start before more pods of its type are up: why. */
  | {
      readonly type: 'PhaseHeldBack';
      readonly data: ServiceRef & At & { readonly plan: string; readonly phase: string; readonly reason: string };
    }
  /** They have stayed ready for the minimum time of the plan that changes their service: from here on they count as up. */
  | { readonly type: 'ProbationPassed'; readonly data: ServiceRef & { readonly pod: string; readonly indexes: Ranges } }
  /** decommission: what the tasks of the steps had to do is done, or passed over by force. From here on these pods only end. */
  | { readonly type: 'PodsDrained'; readonly data: StepRef & At & { readonly forced?: boolean } }
  | {
      readonly type: 'PlanPaused';
      readonly data: ServiceRef & { readonly plan: string; readonly phase?: string; readonly step?: string };
    }
  | {
      readonly type: 'PlanResumed';
      readonly data: ServiceRef & At & { readonly plan: string; readonly phase?: string; readonly step?: string };
    }
  | { readonly type: 'PlanStopped'; readonly data: ServiceRef & { readonly plan: string; readonly run: string } }
  /** Every step of the phase counts as done: an operator's word. */
  | { readonly type: 'PhaseCompleted'; readonly data: ServiceRef & { readonly plan: string; readonly phase: string } }
  | {
      readonly type: 'PlanCompleted';
      readonly data: ServiceRef & { readonly plan: string; readonly run: string; readonly forced?: boolean };
    }
  | { readonly type: 'PlacementRequested'; readonly data: PlacementRequest }
  | {
      readonly type: 'PlacementWithdrawn';
      readonly data: ServiceRef & {
        readonly request: RequestId;
        readonly pod: string;
        readonly indexes: Ranges;
      };
    }
  /** Places that came in one piece too large to launch on in one commit; the launches follow. */
  | {
      readonly type: 'GrantsTaken';
      readonly data: ServiceRef &
        Members & {
          readonly pod: string;
          readonly grants: IdRuns;
          /** They are launched when all their peers have places. */
          readonly waits?: true;
        };
    }
  /** There is room for a pod to be what is wanted of it, on this grant and where it is, once it has let go of the one it has. */
  | {
      readonly type: 'SizeGranted';
      readonly data: ServiceRef & {
        readonly pod: string;
        readonly index: number;
        readonly grant: GrantId;
        /** `<task>.<port>` → number, all of them. */
        readonly ports: Readonly<Record<string, number>>;
        readonly gpuIds: readonly string[];
      };
    }
  /**
   * The number under which the cluster journal knows an agent: what sets of this journal mean by it. Told again when its
   * address is another one.
   */
  | {
      readonly type: 'AgentNamed';
      readonly data: { readonly number: number; readonly agent: AgentId; readonly address: string };
    }
  /** `template` stands for all launches of the set. `plan`: a step of it runs this task beside the pod's own. */
  | {
      readonly type: 'LaunchOrdered';
      readonly data: LaunchSet & { readonly template: TaskTemplate; readonly plan?: string };
    }
  | {
      readonly type: 'KillOrdered';
      readonly data: ServiceRef & {
        readonly launches: IdRuns;
        readonly reason: KillReason;
        readonly graceMs?: number;
        /** preempted: for whom they make way. */
        readonly by?: Preemptor;
      };
    }
  /** Only when no launch was ever ordered on it, or every launch on it is known to have ended. */
  | {
      readonly type: 'GrantReturned';
      readonly data: ServiceRef & { readonly grants: IdRuns; readonly destroyVolumes?: boolean };
    }
  /**
   * What this domain remembers of the cluster's facts about its launches, of any services. ENDED: over, and to be run again
   * if still wanted.
   */
  | {
      readonly type: 'TasksObserved';
      readonly data: {
        readonly state: 'RUNNING' | 'READY' | 'FINISHED' | 'ENDED';
        readonly at: EpochMs;
        readonly launches: IdRuns;
      };
    }
  /** What this domain remembers of the state of an agent on which it holds something. */
  | {
      readonly type: 'AgentNoted';
      readonly data: {
        readonly agent: AgentId;
        readonly epoch: number;
        readonly state: 'ACTIVE' | 'UNREACHABLE' | 'DRAINING' | 'GONE';
        /** UNREACHABLE: there are more pods on it than one decision deals with; the rest follows. */
        readonly more?: boolean;
      };
    }
  /** The allocator has released grants whose end an uninstall waits for. */
  | { readonly type: 'ReleaseNoted'; readonly data: ServiceRef & { readonly grants: IdRuns } }
  /** A task ended by itself and will be started again in place. */
  | {
      readonly type: 'RetryScheduled';
      readonly data: ServiceRef & {
        readonly pod: string;
        readonly index: number;
        readonly task: string;
        readonly until: EpochMs;
        readonly failures: number;
        /** The pod's other tasks are restarted with it. */
        readonly wholePod?: boolean;
        /** A step of this plan runs the task. */
        readonly plan?: string;
      };
    }
  /** The pod gets a new place; the old grant stays on its agent until it is known to be free. */
  | {
      readonly type: 'ReplaceStarted';
      readonly data: ServiceRef & {
        readonly pod: string;
        readonly indexes: Ranges;
        readonly cause: 'agent-unreachable' | 'agent-gone' | 'drain' | 'operator' | 'preempted';
        /** preempted: for whom they make way. */
        readonly by?: Preemptor;
        /** Pods with data after the loss of a machine: no place is asked for before (`min-replace-delay-secs`). */
        readonly from?: EpochMs;
      };
    }
  /** A pod with volumes on a lost agent waits for its return, the deadline, or the operator. */
  | {
      readonly type: 'RecoveryWaiting';
      readonly data: ServiceRef & {
        readonly pod: string;
        readonly index: number;
        readonly agent: AgentId;
        readonly until?: EpochMs;
      };
    }
  | {
      readonly type: 'RecoveryEnded';
      readonly data: ServiceRef & { readonly pod: string; readonly indexes: Ranges };
    }
  /** These tasks of it sleep from their next start on. */
  | {
      readonly type: 'PodPaused';
      readonly data: ServiceRef & { readonly pod: string; readonly index: number; readonly tasks: readonly string[] };
    }
  /** These tasks of it run their commands again from their next start on. */
  | {
      readonly type: 'PodResumed';
      readonly data: ServiceRef & { readonly pod: string; readonly index: number; readonly tasks: readonly string[] };
    }
  | { readonly type: 'UninstallStarted'; readonly data: ServiceRef }
  /** What stays on agents that can't be reached: collected when they return or are gone. */
  | {
      readonly type: 'LeftBehind';
      readonly data: ServiceRef & { readonly grants: IdRuns; readonly agents: readonly AgentId[] };
    }
  | { readonly type: 'ServiceRemoved'; readonly data: ServiceRef & { readonly leftOn: readonly AgentId[] } };

/** When it was decided: deadlines count from there. */
interface At {
  readonly at: EpochMs;
}

export interface StepRef extends ServiceRef {
  readonly plan: string;
  readonly phase: string;
  /** Pod indexes of the phase's pod type that this is about. */
  readonly indexes: Ranges;
}

export type ServicesEventType = ServicesEvent['type'];
export type ServicesEventOf<Type extends ServicesEventType> = Extract<ServicesEvent, { type: Type }>;
