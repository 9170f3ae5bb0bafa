import type { AllocationEventOf, Grant, GrantId } from '@orrery/contracts';
import { fitsDecision, orderLaunches, tasksToStart, type Start } from './launch.js';
import { podAt } from './pods.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { recipeFor } from './recipe.js';
import type { PodRow, Seat } from './state.js';
import { requestPlaces, withdrawWishes } from './placement.js';
import { isWanted } from './wanted.js';

type Placed = AllocationEventOf<'Placed'>['data'];

/**
 * Places have been found. A pod that still wants the one it asked for is launched there; any other grant goes back at once,
 * for nobody else would return it.
 */
export function placed(proposal: Proposal, data: Placed): void {
  const service = proposal.state.services.get(data.service);
  const known = service?.generation === data.generation ? service : undefined;
  const starts: Start[] = [];
  const unwanted: GrantId[] = [];
  const answered: PodRow[] = [];
  const lost: { row: PodRow; grant: Grant }[] = [];
  for (const grant of data.grants) {
    const row = podAt(proposal.state, data.service, data.pod, grant.index);
    const recipe = known === undefined || row === undefined ? undefined : recipeFor(proposal.state, known, row);
    const wanted = known !== undefined && row?.request === data.request && isWanted(proposal.state, known, row);
    if (!wanted || recipe === undefined) {
      unwanted.push(grant.grant);
      // Answered, so nobody is asked any more: a pod that is wanted again later asks anew.
      if (row?.request === data.request) answered.push(row);
    } else if (proposal.state.agents.has(grant.agent)) lost.push({ row, grant });
    else {
      const seat = seatOf(grant);
      starts.push({ row, seat, recipe, tasks: tasksToStart(row, recipe, seat, proposal.context.at, false) });
    }
  }
  if (known !== undefined) withdrawWishes(proposal, known, answered);
  giveBack(proposal, data, [...unwanted, ...lost.map(({ grant }) => grant.grant)]);
  if (known === undefined) return;
  requestPlaces(
    proposal,
    known,
    lost.map(({ row, grant }) => ({ row, avoid: [grant.agent] })),
  );
  if (fitsDecision(proposal, starts)) orderLaunches(proposal, known, starts);
  else keepForLater(proposal, data, starts);
  pursue(proposal, data.service, []);
}

function seatOf({ grant, agent, epoch, ports, gpuIds, volumes }: Grant): Seat {
  return { grant, agent, epoch, ports, gpuIds, volumes, used: false };
}

function giveBack(proposal: Proposal, { service, generation }: Placed, grants: readonly GrantId[]): void {
  if (grants.length > 0) proposal.emit({ type: 'GrantReturned', data: { service, generation, grants } });
}

function keepForLater(proposal: Proposal, data: Placed, rest: readonly Start[]): void {
  const grants = rest.map(({ row, seat }): Grant => {
    const { grant, agent, epoch, ports, gpuIds, volumes } = seat;
    return { grant, index: row.index, agent, epoch, ports, gpuIds, volumes };
  });
  const { service, generation, pod } = data;
  proposal.emit({ type: 'GrantsTaken', data: { service, generation, pod, grants } });
}
