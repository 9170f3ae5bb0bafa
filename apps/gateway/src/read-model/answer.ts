import { unreachable } from '@orrery/kernel';
import { listAgents, showAgent } from './answers/agents.js';
import { dryRun } from './answers/dry-run.js';
import { listEndpoints } from './answers/endpoints.js';
import { listPlans, showPlan } from './answers/plans.js';
import { listPods, showPod } from './answers/pods.js';
import { diffVersions, listServices, listVersions, rolesOf, showService, whereabouts } from './answers/services.js';
import { agentOf, listReservations, listVolumes } from './answers/kept.js';
import { measuredTasks } from './answers/measured-tasks.js';
import { metricsTargets } from './answers/metrics-targets.js';
import { listQuotas, listRoles, showFairness, showPreemption, showRole } from './answers/roles.js';
import { showOwned } from './answers/owned.js';
import { showState } from './answers/state.js';
import { listTasks, showTask } from './answers/tasks.js';
import { explain } from './answers/why.js';
import type { Answer, Query } from './query.js';
import type { World } from './world.js';

/** Any question about any state, of now or of the past. What can't be answered is thrown as a problem. */
export function answer(world: World, query: Query): Answer {
  switch (query.ask) {
    case 'services':
      return { value: listServices(world, query.page) };
    case 'service':
      return showService(world, query.name);
    case 'owned':
      return showOwned(world, query.name);
    case 'service-versions':
      return { value: listVersions(world, query.name, query.page) };
    case 'service-diff':
      return diffVersions(world, query.name, query.from, query.to);
    case 'endpoints':
      return { value: listEndpoints(world, query.name, query.page) };
    case 'metrics-targets':
      return { value: metricsTargets(world) };
    case 'plans':
      return { value: listPlans(world, query.name, query.page) };
    case 'plan':
      return showPlan(world, query.name, query.plan, query.steps);
    case 'pods':
      return { value: listPods(world, query.name, query.page) };
    case 'pod':
      return showPod(world, query.name, query.pod);
    case 'tasks':
      return { value: listTasks(world, query, query.page) };
    case 'task':
      return showTask(world, query.id);
    case 'measured-tasks':
      return measuredTasks(world, query);
    case 'why':
      return explain(world, query.id);
    case 'agents':
      return { value: listAgents(world, query.page) };
    case 'agent':
      return showAgent(world, query.id);
    case 'roles':
      return { value: listRoles(world, query.page) };
    case 'quotas':
      return { value: listQuotas(world, query.page) };
    case 'reservations':
      return { value: listReservations(world, query.page) };
    case 'volumes':
      return { value: listVolumes(world, query.page) };
    case 'agent-of':
      return agentOf(world, query.kind, query.id);
    case 'role':
      return showRole(world, query.role);
    case 'fairness':
      return showFairness(world);
    case 'preemption':
      return showPreemption(world);
    case 'state':
      return showState(world, query.page);
    case 'dry-run':
      return dryRun(world, query.name, query.body);
    case 'roles-of':
      return { value: rolesOf(world, query.services) };
    case 'whereabouts':
      return { value: whereabouts(world, query.service) };
    default:
      return unreachable(query);
  }
}
