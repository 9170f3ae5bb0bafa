import {
  countIn,
  IdRunsBuilder,
  idRunsOf,
  idsIn,
  membersIn,
  MembersBuilder,
  type AgentId,
  type AllocationEventOf,
  type GrantId,
  type Member,
  type Members,
} from '@orrery/contracts';
import { agentNamed, numberOf } from './agents.js';
import { fitsDecision, orderLaunches, tasksToStart, type Start } from './launch.js';
import { podAt } from './pods.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { recipeAt, recipeFor } from './recipe.js';
import { sizeGranted } from './resizing.js';
import { spansIn } from './run-rows.js';
import { fitLaunches, orderSets } from './run-work.js';
import { memberAt, PLACING } from './runs.js';
import type { PodRow, Seat, ServiceRow, ServicesRows } from './state.js';
import { requestPlaces, withdrawWishes } from './placement.js';
import { isWanted, wantedCount } from './wanted.js';

type Placed = AllocationEventOf<'Placed'>['data'];

/**
 * Places have been found. A pod that still wants the one it asked for is launched there; any other grant goes back at once,
 * for nobody else would return it.
 */
export function placed(proposal: Proposal, data: Placed): void {
  if (data.resizes !== undefined) {
    const key = sizeGranted(proposal, data);
    return key === undefined ? undefined : pursue(proposal, data.service, [key]);
  }
  const service = proposal.state.services.get(data.service);
  const known = service?.generation === data.generation ? service : undefined;
  if (known !== undefined && placedTogether(proposal, known, data)) return pursue(proposal, data.service, []);
  const starts: Start[] = [];
  const unwanted: GrantId[] = [];
  const answered: PodRow[] = [];
  const lost: { row: PodRow; seat: Seat }[] = [];
  const grants = idsIn<GrantId>(data.grants);
  for (const member of membersIn(data)) {
    const seat = seatOf(proposal.state, member, grants.next().value as GrantId);
    const row = podAt(proposal.state, data.service, data.pod, member.index);
    const recipe = known === undefined || row === undefined ? undefined : recipeFor(proposal.state, known, row);
    const wanted = known !== undefined && row?.request === data.request && isWanted(proposal.state, known, row);
    if (!wanted || recipe === undefined) {
      unwanted.push(seat.grant);
      // Answered, so nobody is asked any more: a pod that is wanted again later asks anew.
      if (row?.request === data.request) answered.push(row);
    } else if (isLost(proposal.state, seat)) lost.push({ row, seat });
    else starts.push({ row, seat, recipe, tasks: tasksToStart(row, recipe, seat, proposal.context.at, false) });
  }
  if (known !== undefined) withdrawWishes(proposal, known, answered);
  giveBack(proposal, data, [...unwanted, ...lost.map(({ seat }) => seat.grant)]);
  if (known === undefined) return;
  requestPlaces(
    proposal,
    known,
    lost.map(({ row, seat }) => ({ row, avoid: [seat.agent] })),
  );
  const told = starts.some(({ recipe }) => Object.keys(recipe.peers).length > 0);
  // Who is told of others is launched once all that this answer places are known.
  if (!told && fitsDecision(proposal, starts)) orderLaunches(proposal, known, starts);
  else if (starts.length > 0) keepForLater(proposal, data, starts, told);
  pursue(proposal, data.service, []);
}

/** Places for members of runs, all of which still want them: nobody has to be looked at by himself. */
function placedTogether(proposal: Proposal, service: ServiceRow, data: Placed): boolean {
  const { state } = proposal;
  if (data.gpuIds !== undefined || data.volumes !== undefined) return false;
  const wanted = wantedCount(state, service, data.pod);
  if (data.indexes.some(([, last]) => last >= wanted)) return false;
  const spans = spansIn(state, data.service, data.pod, data.indexes);
  let found = 0;
  for (const { run, from, to } of spans) {
    if (run.request !== data.request || run.recipe !== spans[0]!.run.recipe) return false;
    for (let position = from; position <= to; position += 1) if (memberAt(run, position) !== PLACING) return false;
    found += to - from + 1;
  }
  if (found === 0 || found < countIn(data.indexes)) return false;
  for (const [agent] of state.agents.entries()) {
    const number = numberOf(state, agent as AgentId);
    if (number !== undefined && data.agents.numbers.includes(number)) return false;
  }
  const { run } = spans[0]!;
  const recipe = recipeAt(state, data.service, run.recipe, data.pod);
  if (recipe === undefined) return false;
  const { indexes, agents, ports, grants } = data;
  const members: Members = { indexes, agents, ...(ports === undefined ? {} : { ports }) };
  if (fitLaunches(proposal, recipe, found, agents.numbers.length))
    orderSets(proposal, service, { run, recipe }, { ...members, grants });
  else proposal.emit({ type: 'GrantsTaken', data: { ...refOf(service), pod: data.pod, ...members, grants } });
  return true;
}

function refOf({ name, generation }: ServiceRow) {
  return { service: name, generation };
}

function seatOf(rows: ServicesRows, { agent, epoch, ports, gpuIds, volumes }: Member, grant: GrantId): Seat {
  return { grant, agent: agentNamed(rows, agent), number: agent, epoch, ports, gpuIds, volumes, used: false };
}

/** Not simply ACTIVE: no place for a launch. */
function isLost(rows: ServicesRows, { agent }: Seat): boolean {
  return rows.agents.has(agent);
}

function giveBack(proposal: Proposal, { service, generation }: Placed, grants: readonly GrantId[]): void {
  if (grants.length === 0) return;
  proposal.emit({ type: 'GrantReturned', data: { service, generation, grants: idRunsOf(grants) } });
}

function keepForLater(
  proposal: Proposal,
  { service, generation, pod }: Placed,
  starts: readonly Start[],
  told: boolean,
): void {
  const members = new MembersBuilder();
  const grants = new IdRunsBuilder();
  for (const { row, seat } of starts) {
    members.add({ ...seat, index: row.index, agent: seat.number });
    grants.addId(seat.grant);
  }
  const waits = told ? ({ waits: true } as const) : {};
  const data = { service, generation, pod, ...members.members, grants: grants.runs, ...waits };
  proposal.emit({ type: 'GrantsTaken', data });
}
