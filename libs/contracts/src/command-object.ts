import { unreachable } from '@orrery/kernel';
import type { AllocationCommand } from './allocation.js';
import type { ClusterCommand } from './cluster.js';
import type { ServicesCommand } from './services.js';

export type ObjectKind =
  'service' | 'pod' | 'pods' | 'plan' | 'task' | 'agent' | 'role' | 'reservation' | 'volume' | 'scheduler' | 'setting';

/** What a command, or something that the plane did by itself, is about. */
export interface CommandObject {
  readonly kind: ObjectKind;
  /** As people call it: `events`, `events.broker-0`, `events.deploy`, `hello.web-0.server`, `eng/search`. */
  readonly name: string;
}

/** The narrowest thing that a command names. */
export function objectOfCommand(command: ServicesCommand | ClusterCommand | AllocationCommand): CommandObject {
  switch (command.type) {
    case 'ApplyService':
    case 'ScaleService':
    case 'UninstallService':
    case 'RollBackService':
      return { kind: 'service', name: command.body.name };
    case 'RestartPod':
    case 'ReplacePod':
    case 'PausePod':
    case 'ResumePod':
      return { kind: 'pod', name: `${command.body.name}.${command.body.pod}` };
    case 'PausePlan':
    case 'ResumePlan':
    case 'StartPlan':
    case 'StopPlan':
    case 'ForceCompletePlan':
    case 'ForceRestartPlan':
      return { kind: 'plan', name: `${command.body.name}.${command.body.plan}` };
    case 'DrainAgent':
    case 'ActivateAgent':
    case 'MarkAgentGone':
    case 'ConfirmLapse':
    case 'Reserve':
      return { kind: 'agent', name: command.body.agent };
    case 'KillTask':
    case 'OpenStream':
      return { kind: 'task', name: command.body.task };
    case 'SetRole':
    case 'SetQuota':
    case 'RemoveQuota':
      return { kind: 'role', name: command.body.role };
    case 'Unreserve':
      return { kind: 'reservation', name: command.body.reservation };
    case 'DestroyVolume':
    case 'AdoptVolume':
      return { kind: 'volume', name: command.body.volume };
    case 'SetFairness':
      return { kind: 'setting', name: 'fairness' };
    case 'SetPreemptionBudget':
      return { kind: 'setting', name: 'preemption-budget' };
    case 'RequestPlacement':
    case 'WithdrawPlacement':
    case 'ReturnGrant':
    case 'Launch':
    case 'Kill':
      return { kind: 'scheduler', name: command.body.scheduler };
    default:
      return unreachable(command);
  }
}
