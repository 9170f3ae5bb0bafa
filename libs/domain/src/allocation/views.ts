import {
  countIn,
  idOf,
  isIn,
  numbersIn,
  priorityOf,
  seqOf,
  type AgentId,
  type GrantId,
  type PendingReasons,
  type PlacementRequest,
  type PodNeeds,
  type Preemptor,
  type QuotaObstacle,
  type RequestId,
  type Resources,
  type RoleName,
  type ServiceName,
  type VolumeId,
} from '@orrery/contracts';
import { amountsOf, minus, NOTHING, plus, runsOf, Session, times, type Found, type Wish } from '@orrery/scheduling';
import {
  chargedNeedsOf,
  placeNeedsOf,
  whereItsVolumeIs,
  withAdoptions,
  withVolumes,
  type AdoptingRow,
} from './adoption.js';
import { positionsOn, runOf, type LotPart } from './lots.js';
import { firstOf, numbersAt, positionsOf } from './ranges.js';
import { seekTogether, type GangPlaces } from './gang-places.js';
import { chargedForGang, gangOf, sizeOfGang } from './gang-rows.js';
import { gangFittingEmpty, gangReasons, GangTurns } from './gangs.js';
import { RoundNominations } from './nominations.js';
import { orderedFor, preemptionReasons, preemptorOfGrant } from './preemption-views.js';
import { quotaReasons, Quotas } from './quotas.js';
import { reasonsOf } from './reasons.js';
import { RoundReservations } from './reservations.js';
import { remedyForGrowing } from './resizing.js';
import { rulesOf } from './rules.js';
import { SetPeers, sizeOfSet } from './set-peers.js';
import { isComplete, NEW_ROLE, type AllocationState, type RequestRow } from './state.js';

/** A grant by itself, with what it shares with others of its `Placed`. */
export interface GrantView {
  readonly grant: GrantId;
  readonly service: ServiceName;
  readonly generation: number;
  readonly role: RoleName;
  readonly pod: string;
  readonly index: number;
  readonly needs: PodNeeds;
  readonly agent: AgentId;
  /** By their names. */
  readonly ports: Readonly<Record<string, number>>;
  readonly gpuIds: readonly string[];
  /** Volumes that are still there. */
  readonly volumes: readonly VolumeId[];
  /** No longer charged to the role. */
  readonly superseded?: true;
  readonly priority: number;
  readonly revocable?: true;
  /** It is wanted back for these. */
  readonly makesWayFor?: Preemptor;
}

/** In the order in which they were placed. */
export function* grantsOnAgent(state: AllocationState, agent: AgentId): IterableIterator<GrantView> {
  const number = state.agents.get(agent)?.number;
  if (number === undefined) return;
  for (const key of state.lots.on(number)) {
    const lot = state.lots.get(key)!;
    for (const ordinal of numbersIn(numbersAt(lot.ordinals, positionsOn(lot, number))))
      yield viewOf(state, { key, lot, ordinals: [[ordinal, ordinal]] });
  }
}

export function grantOf(state: AllocationState, grant: GrantId): GrantView | undefined {
  const part = state.lots.find(grant);
  return part === undefined ? undefined : viewOf(state, part);
}

function viewOf(state: AllocationState, { key, lot, ordinals }: LotPart): GrantView {
  const { service, generation, role, pod, needs, superseded, revocable } = lot;
  const [[ordinal]] = ordinals as [[number, number]];
  const positions = positionsOf(lot.ordinals, ordinals);
  const [[position]] = positions as [[number, number]];
  const number = lot.agents[runOf(lot, position)]!;
  const ports: Record<string, number> = {};
  for (const name in lot.ports) ports[name] = lot.ports[name]![position]!;
  const grant = idOf<GrantId>(seqOf(key), ordinal);
  const preemptor = preemptorOfGrant(state, grant);
  return {
    grant,
    priority: priorityOf(lot),
    ...(revocable === true ? { revocable } : {}),
    ...(preemptor === undefined ? {} : { makesWayFor: preemptor }),
    ...{ service, generation, role, pod, needs, ports },
    index: numbersAt(lot.indexes, positions)[0]![0],
    agent: state.agents.numbered(number)!.id,
    gpuIds: lot.gpuIds?.[position] ?? [],
    volumes: lot.volumes?.[position] ?? [],
    ...(superseded !== undefined && isIn(superseded, ordinal) ? { superseded: true } : {}),
  };
}

/** What grants and volumes hold of an agent. */
export function usedOnAgent(state: AllocationState, agent: AgentId): Resources | undefined {
  const row = state.agents.get(agent);
  if (row === undefined) return undefined;
  return row.closed === 'gone'
    ? NOTHING
    : minus(amountsOf(row.capacity), amountsOf(state.agents.fleet.free(row.number)));
}

/** MiB that are free of the disks of their own, by name: of a MOUNT disk all or nothing. */
export function disksFreeOn(state: AllocationState, agent: AgentId): ReadonlyMap<string, number> {
  const row = state.agents.get(agent);
  const free = row === undefined ? [] : (state.agents.fleet.free(row.number).disks ?? []);
  return new Map(free.map(({ name, sizeMib }) => [name, sizeMib]));
}

/** Every role that was ever named, with its weight and what is charged to it. */
export function* rolesInUse(
  state: AllocationState,
): IterableIterator<{ readonly role: RoleName; readonly weight: number; readonly used: Resources }> {
  for (const [role, row] of state.roles.entries()) yield { role, ...row };
}

export function usedByRole(state: AllocationState, role: RoleName): Resources {
  return (state.roles.get(role) ?? NEW_ROLE).used;
}

/** Requests that wait, first come first, role by role. */
export function* waitingRequests(state: AllocationState): IterableIterator<RequestRow> {
  for (const key of state.requests.valuesOf('queue')) for (const [, row] of state.requests.by('queue', key)) yield row;
}

/**
 * Why a request waits, as the state is now rather than when it was last told: nothing when it does not wait. `index`: of the pod
 * that is asked about, where each can be on one agent alone.
 */
export function explainPending(
  state: AllocationState,
  request: RequestId,
  examplesMax = 50,
  index?: number,
): PendingReasons | undefined {
  const row = state.requests.get(request);
  if (row === undefined) return undefined;
  const parts = [...withAdoptions(state, row)] as [AdoptingRow, ...AdoptingRow[]];
  const first = parts.find(({ indexes }) => index !== undefined && isIn(indexes, index)) ?? parts[0];
  const { adoption } = first;
  const made = row.preemptedBy === undefined ? {} : { preemptedBy: row.preemptedBy };
  const obstacle = quotaAfter(state, first, 0);
  if (obstacle !== undefined) return { ...quotaReasons(state.agents.size, obstacle), ...made };
  return withSession(state, row, (session) => {
    if (row.gang !== undefined) {
      const ordered = orderedFor(state, row);
      const others = ordered === undefined ? {} : { preemption: ordered };
      return { ...explainGang(state, session, row, gangOf(state, row), examplesMax), ...others, ...made };
    }
    const gangs = afterGangs(state, session);
    const filters = lookFor(state, session, first, 0).filters();
    const own = adoption === undefined ? [] : [whereItsVolumeIs(state, adoption)];
    const preemption = adoption === undefined ? preemptionReasons(state, row, filters) : undefined;
    const others = preemption === undefined ? {} : { preemption };
    const all = gangs.explaining([...own, ...filters], placeNeedsOf(first));
    const reasons = reasonsOf(state, all, examplesMax);
    const remedy = remedyForGrowing(state, first, reasons.remedy);
    return { ...reasons, remedy, ...others, ...made };
  });
}

function explainGang(
  state: AllocationState,
  session: Session,
  request: PlacementRequest,
  rows: readonly RequestRow[],
  examplesMax: number,
): PendingReasons {
  const places = seekGang(state, session, rows);
  const fittingEmpty = gangFittingEmpty(state, rows, (row) => wishFor(state, row));
  const all = gangReasons(places, fittingEmpty, (filters) => reasonsOf(state, filters, examplesMax));
  return all.find(([row]) => row.request === request.request)![1];
}

function seekGang(state: AllocationState, session: Session, rows: readonly RequestRow[]): GangPlaces {
  const peers = new SetPeers(state);
  return seekTogether(state, rows, peers, (part, count) => {
    const { adoption } = part;
    const wish = wishFor(state, part, peers);
    const among = adoption === undefined ? undefined : [adoption.agent];
    return { wish, found: withVolumes(state, part, session.place(wish, count, among)) };
  });
}

/** As a round leaves the fleet to those who come after the gangs that wait. */
function afterGangs(state: AllocationState, session: Session): GangTurns {
  const gangs = new GangTurns(state);
  for (const id of state.requests.valuesOf('gang')) {
    const rows = gangOf(state, state.requests.firstBy('gang', id)!);
    if (!gangs.mayKeep) break;
    if (rows.every(isComplete) && gangFittingEmpty(state, rows, (row) => wishFor(state, row)) >= sizeOfGang(rows))
      gangs.keep(seekGang(state, session, rows));
  }
  return gangs;
}

/** What may be taken back any time is free to them. */
function quotasOf({ agents, roles }: AllocationState): Quotas {
  return new Quotas(roles.tree, () => plus(agents.fleet.freeOnOpen(), roles.tree.revocableBelow('')));
}

function quotaAfter(state: AllocationState, row: Wishing, pods: number): QuotaObstacle | undefined {
  const { role, gang, revocable } = row;
  if (revocable === true) return undefined;
  const needs = chargedNeedsOf(row);
  const quotas = quotasOf(state);
  if (gang !== undefined) {
    const known = state.requests.get(row.request);
    const rows = known === undefined ? [asRow(row)] : gangOf(state, known);
    return quotas.roomForAll(role, chargedForGang(rows), sizeOfGang(rows)).obstacle;
  }
  quotas.give(role, times(needs, pods));
  return quotas.room(role, needs, 1).obstacle;
}

/** Where a request would be placed if it came now and had no rival; `reasons` when not all of it would be. */
export interface Prediction {
  readonly places: readonly { readonly index: number; readonly agent: AgentId }[];
  readonly reasons?: PendingReasons;
}

export function predictPlacement(state: AllocationState, request: PlacementRequest, examplesMax = 50): Prediction {
  const wanted = countIn(request.indexes);
  const { role, revocable } = request;
  const pods = revocable === true ? wanted : quotasOf(state).room(role, chargedNeedsOf(request), wanted).pods;
  return withSession(state, request, (session) => {
    const found = lookFor(state, session, request, pods);
    if (request.gang !== undefined && found.picks.count < wanted) {
      session.close();
      const obstacle = quotaAfter(state, request, 0);
      const { size } = state.agents;
      const why =
        obstacle === undefined
          ? explainGang(state, session, request, [asRow(request)], examplesMax)
          : quotaReasons(size, obstacle);
      return { places: [], reasons: why };
    }
    const indexes = numbersIn(firstOf(request.indexes, found.picks.count));
    const { numbers, counts } = runsOf(found.picks, request.needs.ports.length);
    const places = numbers.flatMap((number, run) =>
      Array.from({ length: counts[run]! }, () => ({
        index: indexes.next().value as number,
        agent: state.agents.numbered(number)!.id,
      })),
    );
    if (places.length === wanted) return { places };
    // With all that its quota has room for, it is the quota that says no to the next; else the agents had no room.
    const obstacle = places.length < pods ? undefined : quotaAfter(state, request, pods);
    const { size } = state.agents;
    return {
      places,
      reasons: obstacle === undefined ? reasonsOf(state, found.filters(), examplesMax) : quotaReasons(size, obstacle),
    };
  });
}

/** As the request sees the fleet: with what is reserved for its role or kept for it, without what is for others. */
function withSession<Value>(
  state: AllocationState,
  request: PlacementRequest,
  look: (session: Session) => Value,
): Value {
  const reserved = new RoundReservations(state);
  const nominations = new RoundNominations(state);
  const session = new Session(state.agents.fleet);
  reserved.lend(request.role);
  nominations.lend([request, ...gangOf(state, asRow(request))].map((row) => row.request));
  const value = look(session);
  session.close();
  nominations.close();
  reserved.settle();
  reserved.close();
  return value;
}

type Wishing = PlacementRequest & Pick<AdoptingRow, 'adoption'>;

function lookFor(state: AllocationState, session: Session, request: Wishing, count: number): Found {
  return session.place(wishFor(state, request), count);
}

/** As the ledger would keep it. */
function asRow(request: PlacementRequest): RequestRow {
  return { ...request, position: 0 };
}

function wishFor(state: AllocationState, request: Wishing, around = new SetPeers(state)): Wish {
  const { policy, avoid, indexes, preferences } = request;
  const rules = rulesOf(state, request, around.avoiders(request));
  const peers = around.of(request);
  const neighbours = around.neighboursOf(request);
  const soft = preferences === undefined ? {} : { preferences, size: sizeOfSet(peers, countIn(indexes)) };
  return { needs: placeNeedsOf(request), rules, policy, avoid, peers, neighbours, ...soft };
}
