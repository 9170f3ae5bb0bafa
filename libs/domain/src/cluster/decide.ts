import type { AgentReport, AllocationEvent, ClusterCommand, ClusterEvent, ServicesEvent } from '@orrery/contracts';
import { accept, unreachable, type Decider, type Decision, type DecisionContext } from '@orrery/kernel';
import { activateAgent, drainAgent, drainDeadlines, loseTasksOfGone, markAgentGone } from './agents.js';
import { evolve } from './evolve.js';
import type { ClusterInput, ClusterInternal } from './input.js';
import { decideInventory } from './inventories.js';
import { confirmLapse, heardAgain, lapse, nextRefill, releaseHeldLapses } from './lapses.js';
import { acceptKills, acceptLaunches, forgetReturned, forgetService, killTask } from './launches.js';
import { decideTaskStates, decideTogether, decideVolumesDestroyed, isOfTasks } from './reports.js';
import { initialState, type ClusterState } from './state.js';
import { closeGrants, killForScheduler, launchForScheduler, mayClose, openGrants, returnGrants } from './schedulers.js';
import { openStream } from './streams.js';
import { syncBehind } from './syncs.js';
import { destroyVolumes } from './volumes.js';

/** Facts about agents and tasks. The owner is the master; its README draws the states. */
export const cluster: Decider<ClusterInput, ClusterState, ClusterEvent> = {
  name: 'cluster',
  foldVersion: 4,
  initialState,
  decide,
  evolve,
  nextDeadline,
  continues: (state) => state.agents.countBy('losing', 'yes') > 0 || mayClose(state),
};

function decide(input: ClusterInput, state: ClusterState, context: DecisionContext): Decision<ClusterEvent> {
  switch (input.kind) {
    case 'command':
      return decideCommand(input.command, state, context);
    case 'foreign':
      return decideForeign(input.event, state, context);
    case 'reports':
      return input.reports.length === 1
        ? decideReport(input.reports[0]!, state)
        : decideTogether(input.reports.filter(isOfTasks), state);
    case 'internal':
      return decideInternal(input.internal, state, context);
    default:
      return unreachable(input);
  }
}

function decideCommand(command: ClusterCommand, state: ClusterState, context: DecisionContext): Decision<ClusterEvent> {
  switch (command.type) {
    case 'DrainAgent':
      return drainAgent(command.body, state, context);
    case 'ActivateAgent':
      return activateAgent(command.body, state);
    case 'MarkAgentGone':
      return markAgentGone(command.body, state);
    case 'ConfirmLapse':
      return confirmLapse(command.body, state, context);
    case 'KillTask':
      return killTask(command.body, state);
    case 'OpenStream':
      return openStream(command.body, state, context);
    case 'Launch':
      return launchForScheduler(command.body, state, context);
    case 'Kill':
      return killForScheduler(command.body, state);
    default:
      return unreachable(command);
  }
}

/** What the other owners decided. Everything that is not listed concerns them alone. */
function decideForeign(
  event: ServicesEvent | AllocationEvent,
  state: ClusterState,
  context: DecisionContext,
): Decision<ClusterEvent> {
  switch (event.type) {
    case 'LaunchOrdered':
      return acceptLaunches(event.data, state, context);
    case 'KillOrdered':
      return acceptKills(event.data, state);
    case 'GrantReturned':
      return forgetReturned(event.data, state);
    case 'ServiceRemoved':
      return forgetService(event.data, state);
    case 'VolumeDestroying':
      return destroyVolumes(event.data, state);
    case 'Placed':
      return openGrants(event.data);
    case 'GrantsReturning':
      return returnGrants(event.data, state);
    default:
      return accept();
  }
}

function decideReport(report: AgentReport, state: ClusterState): Decision<ClusterEvent> {
  switch (report.type) {
    case 'Inventory':
      return decideInventory(report, state);
    case 'TaskStates':
      return decideTaskStates(report, state);
    case 'VolumesDestroyed':
      return decideVolumesDestroyed(report, state);
    default:
      return unreachable(report);
  }
}

function decideInternal(
  internal: ClusterInternal | { readonly type: 'tick' | 'continue' },
  state: ClusterState,
  context: DecisionContext,
): Decision<ClusterEvent> {
  switch (internal.type) {
    case 'lease-lapsed':
      return lapse(internal, state, context);
    case 'heartbeat-from-unreachable':
      return heardAgain(internal, state);
    case 'obeyed-behind':
      return syncBehind(internal, state);
    case 'tick':
      return accept(...releaseHeldLapses(state, context), ...drainDeadlines(state, context));
    case 'continue':
      return mayClose(state) ? accept(...closeGrants(state)) : loseTasksOfGone(state);
    default:
      return unreachable(internal);
  }
}

function nextDeadline(state: ClusterState): number | undefined {
  let earliest = nextRefill(state);
  for (const [, { drainDeadline }] of state.agents.by('deadline', 'yes')) {
    if (drainDeadline !== undefined && (earliest === undefined || drainDeadline < earliest)) earliest = drainDeadline;
  }
  return earliest;
}
