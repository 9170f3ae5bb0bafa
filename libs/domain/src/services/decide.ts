import { accept, unreachable, type Decider, type Decision, type DecisionContext, type EpochMs } from '@orrery/kernel';
import {
  idOf,
  IdRunsBuilder,
  isOfScheduler,
  ordinalOf,
  seqOf,
  type AgentId,
  type AllocationEvent,
  type ClusterEvent,
  type GrantId,
  type IdRuns,
  type ServiceRef,
  type ServicesEvent,
} from '@orrery/contracts';
import * as commands from './commands.js';
import { evolve } from './evolve.js';
import { tellOverdue } from './failing.js';
import type { ServicesInput } from './input.js';
import * as machines from './machines.js';
import * as pauses from './pauses.js';
import * as planCommands from './plan-commands.js';
import * as podCommands from './pod-commands.js';
import { placed } from './placed.js';
import { preemptionOrdered } from './preempted.js';
import { keysByService } from './pods.js';
import { pursue } from './progress.js';
import { tellProven } from './probation.js';
import { Proposal } from './proposal.js';
import { isOver } from './steps.js';
import { tasksReady, tasksRunning } from './readiness.js';
import { launchesRefused, pursueOwner, tasksEnded, tasksLost } from './recovery.js';
import { walkIds } from './run-members.js';
import { workOnRuns } from './run-work.js';
import { memberAt, RETURNED } from './runs.js';
import { deadlineKey, initialState, ownerKey, type PodRow, type ServicesState } from './state.js';

/** Pods whose time has come that one decision looks at. */
const DUE_PER_DECISION_MAX = 1024;
/** Characters that are left for the next plan. */
const ROOM_MIN = 64 * 1024;

/** What services are to be, and the plans that make them so. The owner is the service-manager; its README draws the states. */
export const services: Decider<ServicesInput, ServicesState, ServicesEvent> = {
  name: 'services',
  foldVersion: 10,
  initialState,
  decide,
  evolve,
  nextDeadline,
  continues,
};

function decide(input: ServicesInput, state: ServicesState, context: DecisionContext): Decision<ServicesEvent> {
  if (input.kind === 'foreign' && !concerning.has(input.event.type)) return accept();
  const proposal = new Proposal(state, context);
  switch (input.kind) {
    case 'command': {
      const answer = decideCommand(input, proposal);
      return answer.accepted ? proposal.decision : answer;
    }
    case 'foreign':
      reactTo(input.event, proposal);
      return proposal.decision;
    case 'internal':
      if (input.internal.type === 'tick') wakeDue(state, proposal);
      else goOn(state, proposal);
      return proposal.decision;
    case 'reports':
      return unreachable(input.reports[0]!);
    default:
      return unreachable(input);
  }
}

function decideCommand(
  { command, ifVersion }: Extract<ServicesInput, { kind: 'command' }>,
  proposal: Proposal,
): Decision<ServicesEvent> {
  switch (command.type) {
    case 'ApplyService':
      return commands.applyService(proposal, command.body, ifVersion);
    case 'ScaleService':
      return commands.scaleService(proposal, command.body, ifVersion);
    case 'RollBackService':
      return commands.rollBackService(proposal, command.body, ifVersion);
    case 'UninstallService':
      return commands.uninstallService(proposal, command.body, ifVersion);
    case 'StartPlan':
      return planCommands.startPlanByName(proposal, command.body);
    case 'StopPlan':
      return planCommands.stopPlanByName(proposal, command.body);
    case 'PausePlan':
      return planCommands.pausePlan(proposal, command.body);
    case 'ResumePlan':
      return planCommands.resumePlan(proposal, command.body);
    case 'ForceCompletePlan':
      return planCommands.forceCompletePlan(proposal, command.body);
    case 'ForceRestartPlan':
      return planCommands.forceRestartPlan(proposal, command.body);
    case 'RestartPod':
      return podCommands.restartPod(proposal, command.body);
    case 'ReplacePod':
      return podCommands.replacePod(proposal, command.body);
    case 'PausePod':
      return pauses.pausePod(proposal, command.body);
    case 'ResumePod':
      return pauses.resumePod(proposal, command.body);
    default:
      return unreachable(command);
  }
}

type Fact = AllocationEvent | ClusterEvent;
type Reactions = {
  readonly [Type in Fact['type']]?: (proposal: Proposal, data: Extract<Fact, { type: Type }>['data']) => void;
};

/** Facts of the other journals. What is not listed concerns their owners alone. */
const reactions: Reactions = {
  // What schedulers of others were given is for them to use or return.
  Placed: (proposal, data) => (isOfScheduler(data.service) ? undefined : placed(proposal, data)),
  PlacementPending: machines.placementPending,
  PreemptionOrdered: preemptionOrdered,
  GrantReleased: (proposal, { grants }) => grantsReleased(proposal, grants),
  LaunchRefused: launchesRefused,
  TasksRunning: tasksRunning,
  TasksReady: tasksReady,
  TasksEnded: tasksEnded,
  TasksLost: tasksLost,
  AgentUnreachable: machines.agentUnreachable,
  AgentRegistered: (proposal, data) => {
    machines.agentRegistered(proposal, data);
    machines.agentReturned(proposal, data);
  },
  AgentReturned: machines.agentReturned,
  AgentDraining: machines.agentDraining,
  AgentActivated: machines.agentActivated,
  AgentGone: machines.agentGone,
};
const concerning: ReadonlySet<string> = new Set(Object.keys(reactions));

function reactTo({ type, data }: Fact, proposal: Proposal): void {
  const react = reactions[type] as ((proposal: Proposal, data: Fact['data']) => void) | undefined;
  react?.(proposal, data);
}

/** An uninstall waits for these; nobody else does. */
function grantsReleased(proposal: Proposal, grants: IdRuns): void {
  const owners = new Map<string, { owner: ServiceRef; grants: IdRunsBuilder }>();
  const file = (owner: ServiceRef, seq: number, ordinal: number) => {
    const key = ownerKey(owner.service, owner.generation);
    const filed = owners.get(key) ?? { owner, grants: new IdRunsBuilder() };
    filed.grants.add(seq, ordinal);
    owners.set(key, filed);
  };
  const alone = (grant: GrantId) => {
    const row = proposal.state.leaving.get(grant);
    if (row?.returned === true) file(row, seqOf(grant), ordinalOf(grant));
  };
  walkIds<GrantId>(proposal.state, 'grant', grants, {
    known: ({ run, position: at, seq, first }, from, count) => {
      const { generation } = proposal.state.services.get(run.service)!;
      const owner = { service: run.service, generation };
      for (let position = from; position < from + count; position += 1) {
        const ordinal = first + position - at;
        if (memberAt(run, position) === RETURNED) file(owner, seq, ordinal);
        else alone(idOf(seq, ordinal));
      }
    },
    unknown: alone,
  });
  for (const { owner, grants: released } of owners.values()) {
    const { service, generation } = owner;
    proposal.emit({ type: 'ReleaseNoted', data: { service, generation, grants: released.runs } });
    pursueOwner(proposal, owner, []);
  }
}

function continues(state: ServicesState): boolean {
  if (state.plans.countBy('rollsBack', 'rollsBack') > 0) return true;
  if (state.plans.countBy('open', 'open') > 0 || state.agents.countBy('more', 'more') > 0) return true;
  return state.runs.countBy('work', 'work') > 0;
}

function nextDeadline(state: ServicesState): EpochMs | undefined {
  const earliest = [state.pods, state.plans].flatMap((table) => table.firstOf('due', '') ?? []).sort();
  return earliest.length === 0 ? undefined : Number(earliest[0]);
}

function wakeDue(state: ServicesState, proposal: Proposal): void {
  const now = deadlineKey(proposal.context.at)!;
  const due: PodRow[] = [];
  for (const deadline of state.pods.valuesOf('due')) {
    if (deadline > now || due.length >= DUE_PER_DECISION_MAX) break;
    for (const [, row] of state.pods.by('due', deadline)) {
      if (due.length >= DUE_PER_DECISION_MAX) break;
      due.push(row);
    }
  }
  for (const [name, keys] of keysByService(due)) {
    const waiting = due.filter((row) => row.service === name && isWaiting(row));
    tellProven(
      proposal,
      due.filter((row) => row.service === name),
    );
    machines.waitedLongEnough(proposal, proposal.state.services.get(name)!, waiting);
    pursue(proposal, name, keys);
  }
  tellOverduePlans(state, proposal, now);
}

function tellOverduePlans(state: ServicesState, proposal: Proposal, now: string): void {
  let plans = 0;
  for (const deadline of state.plans.valuesOf('due')) {
    if (deadline > now || plans >= PLANS_PER_DECISION_MAX) return;
    for (const [key, { service }] of state.plans.by('due', deadline)) {
      if (plans >= PLANS_PER_DECISION_MAX || proposal.room < ROOM_MIN) return;
      plans += 1;
      tellOverdue(proposal, key);
      pursue(proposal, service, []);
    }
  }
}

function isWaiting({ status }: PodRow): boolean {
  return status === 'waiting' || status === 'placing';
}

/** Plans that one decision goes on with. */
const PLANS_PER_DECISION_MAX = 256;

/**
 * What was more than one decision takes: pods of a lost machine first, then members of runs that hold a place for nothing,
 * then plans with steps that may start, or with none left.
 */
function goOn(state: ServicesState, proposal: Proposal): void {
  for (const [agent, { more }] of state.agents.by('more', 'more')) {
    return machines.agentUnreachable(proposal, { agent: agent as AgentId, epoch: more! });
  }
  for (const [, plan] of state.plans.by('rollsBack', 'rollsBack')) return commands.takeBack(proposal, plan);
  if (state.runs.countBy('work', 'work') > 0) return workOnRuns(proposal, state);
  let plans = 0;
  for (const [, plan] of state.plans.by('open', 'open')) {
    pursue(proposal, plan.service, []);
    plans += 1;
    // One that started much has taken its time.
    if (plans >= PLANS_PER_DECISION_MAX || proposal.room < ROOM_MIN || !isOver(plan)) return;
  }
}
