import { accept, reject, unreachable, type Decision, type DecisionContext } from '@orrery/kernel';
import {
  gangSizeMax,
  idOf,
  idRunsOf,
  isOfScheduler,
  ordinalOf,
  placementCommandSchemas,
  priorityOf,
  rankedAs,
  portNumbersOf,
  portProblem,
  preferencesOf,
  OWN_SEQ_FROM,
  resourcesOf,
  seqOf,
  serviceOfScheduler,
  type AllocationCommand,
  type AllocationEvent,
  type ClusterEventOf,
  type GrantId,
  type PlacementCommand,
  type PlacementRequest,
  type PodNeeds,
  type RequestId,
} from '@orrery/contracts';
import {
  contradictionOf,
  leavesOf,
  neighbourIn,
  NO_PREFERENCES,
  preferenceProblem,
  ruleProblem,
} from '@orrery/scheduling';
import { grantsReturned } from './grants.js';
import { placementRequested } from './requests.js';
import type { AllocationState } from './state.js';

// Other people's schedulers: they ask for places and give them back by command. A service does the same by its journal.

export function isOfPlacement(command: AllocationCommand): command is PlacementCommand {
  return Object.hasOwn(placementCommandSchemas, command.type);
}

export function decideForScheduler(
  command: PlacementCommand,
  state: AllocationState,
  context: DecisionContext,
): Decision<AllocationEvent> {
  switch (command.type) {
    case 'RequestPlacement':
      return (
        refusalOfRules(command.body) ??
        refusalOfPreferences(command.body) ??
        refusalOfPorts(command.body) ??
        refusalOfGang(command.body) ??
        accept(...placementRequested(requestOf(command.body, context), state, context))
      );
    case 'WithdrawPlacement':
      return withdraw(command.body, state);
    case 'ReturnGrant':
      return returnGrants(command.body, state);
    default:
      return unreachable(command);
  }
}

type Body<Type extends PlacementCommand['type']> = Extract<PlacementCommand, { type: Type }>['body'];

/** What can never be placed is refused before it waits for ever. */
function refusalOfRules({
  constraints = [],
  count,
  pod,
  scheduler,
}: Body<'RequestPlacement'>): Decision<never> | undefined {
  const refuse = (at: string, message: string, remedy: string) =>
    reject('invalid-placement', `/constraints${at} ${message}`, { field: `/constraints${at}`, remedy });
  const problem = ruleProblem(constraints);
  if (problem !== undefined) return refuse(problem.path, problem.message, problem.remedy);
  const own = constraints.findIndex((rule) =>
    [...leavesOf([rule])].some((leaf) => {
      if ('operator' in leaf) return false;
      const of = neighbourIn(leaf);
      return of.pod === pod && (of.service ?? serviceOfScheduler(scheduler)) === serviceOfScheduler(scheduler);
    }),
  );
  if (own !== -1)
    return refuse(`/${own}`, `speaks of ${pod} itself`, 'pods of one kind are kept apart by hostname UNIQUE');
  const contradiction = contradictionOf(constraints, count);
  if (contradiction === undefined) return undefined;
  return refuse(
    `/${contradiction.at}`,
    `can never hold beside those before it: ${contradiction.message}`,
    'leave out one of them, or ask for fewer pods',
  );
}

function refusalOfPreferences({ affinities, spreads }: Body<'RequestPlacement'>): Decision<never> | undefined {
  const problem = preferenceProblem(preferencesOf(affinities, spreads) ?? NO_PREFERENCES);
  if (problem === undefined) return undefined;
  const { path: field, message, remedy } = problem;
  return reject('invalid-placement', `${field} ${message}`, { field, remedy });
}

function refusalOfPorts({ ports = {} }: Body<'RequestPlacement'>): Decision<never> | undefined {
  const names = new Set<string>();
  for (const [name, wish] of Object.entries(ports)) {
    const port = typeof wish === 'number' ? { port: wish } : wish;
    const problem = portProblem(port);
    const twin = portNumbersOf(name, port).find((number) => names.has(number.name));
    const field = `/ports/${name}${problem === undefined ? '' : `/${problem.field}`}`;
    if (problem !== undefined)
      return reject('invalid-placement', `${field} ${problem.message}`, { field, remedy: problem.remedy });
    if (twin !== undefined)
      return reject('invalid-placement', `${field} names ${twin.name} twice`, { field, remedy: 'another name' });
    for (const number of portNumbersOf(name, port)) names.add(number.name);
  }
  return undefined;
}

function refusalOfGang(body: Body<'RequestPlacement'>): Decision<never> | undefined {
  const most = gangSizeMax(needsIn(body));
  if (body.gang !== true || body.count <= most) return undefined;
  return reject('invalid-placement', `/count is ${body.count}, and ${most} such pods can be placed all at once`, {
    field: '/count',
    remedy: 'ask for fewer, or without gang',
  });
}

function requestOf(body: Body<'RequestPlacement'>, context: DecisionContext): PlacementRequest {
  const first = body.first ?? 0;
  const preferences = preferencesOf(body.affinities, body.spreads);
  const request = idOf<RequestId>(OWN_SEQ_FROM + context.seq, context.nextIds(1));
  return {
    request,
    service: serviceOfScheduler(body.scheduler),
    generation: 0,
    role: body.role,
    pod: body.pod,
    indexes: [[first, first + body.count - 1]],
    needs: needsIn(body),
    constraints: body.constraints ?? [],
    policy: body.policy ?? 'spread',
    ...(body.gang === true ? { gang: { id: request } } : {}),
    ...(preferences === undefined ? {} : { preferences }),
    attempt: 1,
    avoid: [],
    replaces: [],
    ...rankedAs(priorityOf(body), body.revocable === true),
  };
}

function needsIn(body: Body<'RequestPlacement'>): PodNeeds {
  const { cpusMilli = 0, memoryMib = 0, diskMib = 0, gpus = 0 } = resourcesOf(body.needs);
  const ports = Object.entries(body.ports ?? {})
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([name, port]) => portNumbersOf(name, typeof port === 'number' ? { port } : port))
    .map(({ suffix: _suffix, ...need }) => need);
  return { cpusMilli, memoryMib, diskMib, gpus, ports, volumes: [] };
}

function withdraw(
  { scheduler, request }: Body<'WithdrawPlacement'>,
  state: AllocationState,
): Decision<AllocationEvent> {
  const row = state.requests.get(request);
  if (row === undefined)
    return reject('unknown-request', `no request ${request} waits`, {
      field: '/request',
      remedy: 'its id stands in RequestQueued; what was placed is given back by ReturnGrant',
    });
  if (row.service !== serviceOfScheduler(scheduler))
    return reject('not-yours', `request ${request} is of ${row.service}`, { field: '/request' });
  return accept({ type: 'RequestDropped', data: { request, indexes: row.indexes } });
}

function returnGrants({ scheduler, grants }: Body<'ReturnGrant'>, state: AllocationState): Decision<AllocationEvent> {
  const service = serviceOfScheduler(scheduler);
  for (const [at, grant] of grants.entries()) {
    const lot = /^\d+\.\d+$/.test(grant) ? state.lots.find(grant)?.lot : undefined;
    if (lot === undefined)
      return reject('unknown-grant', `there is no grant ${grant}`, {
        field: `/grants/${at}`,
        remedy: 'ids of grants stand in Placed; a grant that was released is no more',
      });
    if (lot.service !== service)
      return reject('not-yours', `grant ${grant} is of ${lot.service}`, { field: `/grants/${at}` });
  }
  return accept({ type: 'GrantsReturning', data: { service, generation: 0, grants: idRunsOf(inOrder(grants)) } });
}

function inOrder(grants: readonly GrantId[]): GrantId[] {
  return [...grants].sort((left, right) => seqOf(left) - seqOf(right) || ordinalOf(left) - ordinalOf(right));
}

/** The master closed them: nothing runs there and nothing will. */
export function grantsClosed(
  { service, generation, grants }: ClusterEventOf<'GrantsClosed'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  return isOfScheduler(service) ? grantsReturned({ service, generation, grants }, state) : [];
}
