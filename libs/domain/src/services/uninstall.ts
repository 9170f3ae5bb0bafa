import { idRunsOf, type AgentId, type GrantId } from '@orrery/contracts';
import { agentNamed } from './agents.js';
import type { Proposal } from './proposal.js';
import { dropSizes } from './resizing.js';
import { runsOf } from './run-rows.js';
import { memberAt, RETURNED } from './runs.js';
import { ownerKey, planKey, type LeavingRow, type PodRow, type ServiceRow, type ServicesRows } from './state.js';

/** Goes on without what these pods hold on machines that can't be reached: it is collected when they return or are gone. */
export function leaveBehind(proposal: Proposal, service: ServiceRow, pods: readonly PodRow[]): void {
  dropSizes(proposal, service, pods);
  const grants = pods.map((row) => row.seat!.grant);
  noteLeftBehind(
    proposal,
    service,
    grants,
    pods.map((row) => row.seat!.agent),
  );
}

/** The last step of an uninstall: nothing is held any more, but for what is left on machines that can't be reached. */
export function finishUninstall(proposal: Proposal, name: string): void {
  const service = proposal.state.services.get(name);
  if (service === undefined || !service.uninstalling) return;
  const plan = proposal.state.plans.get(planKey(name, 'uninstall'));
  if (plan?.status !== 'running' || plan.phases.some((phase) => phase.done < phase.total)) return;
  const left: [GrantId, LeavingRow][] = [];
  for (const [grant, row] of proposal.state.leaving.by('owner', ownerKey(name, service.generation))) {
    if (proposal.state.agents.get(row.agent)?.state !== 'UNREACHABLE') return;
    left.push([grant as GrantId, row]);
  }
  const onRuns = agentsOfReturned(proposal.state, name);
  if (onRuns === undefined) return;
  const forgotten = left.filter(([, row]) => !row.leftBehind);
  noteLeftBehind(
    proposal,
    service,
    forgotten.map(([grant]) => grant),
    forgotten.map(([, row]) => row.agent),
  );
  const { generation } = service;
  proposal.emit({ type: 'PlanCompleted', data: { service: service.name, generation, plan: plan.plan, run: plan.run } });
  const leftOn = distinct([...left.map(([, row]) => row.agent), ...onRuns]);
  proposal.emit({ type: 'ServiceRemoved', data: { service: service.name, generation, leftOn } });
}

/** Where grants of runs wait for their release; nothing while one of these machines can be reached. */
function agentsOfReturned(rows: ServicesRows, service: string): AgentId[] | undefined {
  const agents = new Set<AgentId>();
  for (const [, run] of runsOf(rows, service)) {
    if (run.returned === 0) continue;
    for (let position = 0; position < run.length; position += 1) {
      if (memberAt(run, position) !== RETURNED) continue;
      const agent = agentNamed(rows, run.agents[position]!);
      if (rows.agents.get(agent)?.state !== 'UNREACHABLE') return undefined;
      agents.add(agent);
    }
  }
  return [...agents];
}

function noteLeftBehind(
  proposal: Proposal,
  service: ServiceRow,
  grants: readonly GrantId[],
  agents: readonly AgentId[],
): void {
  if (grants.length === 0) return;
  const { name, generation } = service;
  proposal.emit({
    type: 'LeftBehind',
    data: { service: name, generation, grants: idRunsOf(grants), agents: distinct(agents) },
  });
}

function distinct(agents: readonly AgentId[]): AgentId[] {
  return [...new Set(agents)].sort();
}
