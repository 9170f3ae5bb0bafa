import { accept, unreachable, type Decider, type Decision, type DecisionContext } from '@orrery/kernel';
import type { AllocationEvent, ClusterEvent, ServicesEvent } from '@orrery/contracts';
import { accountsOver, closeAccount } from './accounts.js';
import {
  agentActivated,
  agentDraining,
  agentGone,
  agentRegistered,
  agentReturned,
  agentUnreachable,
} from './agents.js';
import { evolve } from './evolve.js';
import { grantsLeftBehind, grantsReturned, serviceRemoved, volumesGone } from './grants.js';
import type { AllocationInput } from './input.js';
import { nextDeadline, preemptionsDue } from './preemption-timers.js';
import { budgetFollowed, prioritiesApplied, setPreemptionBudget } from './priorities.js';
import { placementRequested, placementWithdrawn } from './requests.js';
import { Round } from './round.js';
import { decideForScheduler, grantsClosed, isOfPlacement } from './schedulers.js';
import { decideSharing, followed } from './sharing.js';
import { initialState, workWaits, type AllocationState } from './state.js';

/** Who gets what, where. The owner is the allocator; the README draws the life of a grant and of a request. */
export const allocation: Decider<AllocationInput, AllocationState, AllocationEvent> = {
  name: 'allocation',
  foldVersion: 5,
  initialState,
  decide,
  evolve,
  nextDeadline,
  continues: (state) => state.accounts.countBy('over', 'yes') > 0 || workWaits(state),
};

function decide(input: AllocationInput, state: AllocationState, context: DecisionContext): Decision<AllocationEvent> {
  switch (input.kind) {
    case 'command':
      if (isOfPlacement(input.command)) return decideForScheduler(input.command, state, context);
      return input.command.type === 'SetPreemptionBudget'
        ? setPreemptionBudget(input.command, state)
        : decideSharing(input.command, state, context);
    case 'foreign':
      return accept(...decideForeign(input.event, state, context));
    case 'internal':
      return accept(...(input.internal.type === 'continue' ? goOn(state, context) : preemptionsDue(state, context.at)));
    case 'reports':
      return unreachable(input.reports[0]!);
    default:
      return unreachable(input);
  }
}

function goOn(state: AllocationState, context: DecisionContext): AllocationEvent[] {
  const over = accountsOver(state);
  return over.length > 0 ? over : new Round(state, context).run();
}

/** What the other owners decided. Everything that is not listed concerns them alone. */
function decideForeign(
  event: ClusterEvent | ServicesEvent | AllocationEvent,
  state: AllocationState,
  context: DecisionContext,
): AllocationEvent[] {
  switch (event.type) {
    case 'AgentRegistered':
      return agentRegistered(event.data, state, context);
    case 'AgentReturned':
      return agentReturned(event.data, state);
    case 'AgentUnreachable':
      return agentUnreachable(event.data, state);
    case 'AgentDraining':
      return agentDraining(event.data, state);
    case 'AgentActivated':
      return agentActivated(event.data, state);
    case 'AgentGone':
      return agentGone(event.data, state);
    case 'VolumesGone':
      return volumesGone(event.data, state);
    case 'PlacementRequested':
      return placementRequested(event.data, state, context);
    case 'PlacementWithdrawn':
      return placementWithdrawn(event.data, state);
    case 'GrantReturned':
      return grantsReturned(event.data, state);
    case 'LeftBehind':
      return grantsLeftBehind(event.data, state);
    case 'GrantsClosed':
      return grantsClosed(event.data, state);
    case 'ServiceRemoved':
      return [...serviceRemoved(event.data, state), ...closeAccount(event.data, state)];
    case 'ServiceApplied':
      return prioritiesApplied(event.data, state);
    case 'PreemptionBudgetSet':
      return budgetFollowed(event, state);
    case 'RoleSet':
    case 'FairnessSet':
    case 'QuotaSet':
    case 'QuotaRemoved':
      return followed(event, state);
    default:
      return [];
  }
}
