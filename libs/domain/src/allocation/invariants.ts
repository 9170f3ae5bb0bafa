import { countIn, idOf, numbersIn, seqOf, type AgentId, type GrantId } from '@orrery/contracts';
import { amountsOf, hasPort, minus, NOTHING, plus, times, type Amounts } from '@orrery/scheduling';
import { ownedBy } from './accounts.js';
import { isMeant } from './neighbours.js';
import { brokenPreemptions } from './preemption-invariants.js';
import { brokenResizes } from './resizing.js';
import { missingOn } from './reservations.js';
import { beyond, isNothingReserved, reservedText, sumReserved } from './reserved-parts.js';
import { chargeOf } from './charge.js';
import { allPositions, chargedIn, countOf, eachRun, portsAt, type LotRow } from './lots.js';
import { ledgerOf, type AgentRow, type AllocationState } from './state.js';

/**
 * What must hold after every commit, as sentences about what does not: none is the good answer. P5 of the design, and the
 * sums that the state keeps so that nothing has to be added up when a decision is made.
 */
export function allocationViolations(state: AllocationState): string[] {
  return [
    ...overCommitments(state),
    ...doubleUse(state),
    ...wrongVolumes(state),
    ...wrongSums(state),
    ...lostReservations(state),
    ...unwelcomeNeighbours(state),
    ...brokenReferences(state),
    ...brokenPreemptions(state),
    ...brokenResizes(state),
    ...forgottenAccounts(state),
  ];
}

/** An account that is open owns something, or is about to be told as closed. */
function* forgottenAccounts(state: AllocationState): Iterable<string> {
  for (const { service, generation, over } of state.accounts.values()) {
    const { reservations, volumes } = ownedBy(state, service, generation);
    if (over !== true && reservations + volumes === 0)
      yield `${service} of ${generation} owns nothing, which was not told`;
  }
}

/** P5: no grant over-commits the last capacity that an agent declared, unless the agent declared less afterwards. */
function* overCommitments(state: AllocationState): Iterable<string> {
  for (const [id, { number, closed, shrunk }] of state.agents.entries()) {
    if (closed === 'gone') continue;
    const isShort = state.agents.fleet.isShort(number);
    const free = state.agents.fleet.free(number);
    if (isShort && shrunk !== true) yield `agent ${id} is over-committed: ${JSON.stringify(free)} free`;
    if (!isShort && shrunk === true) yield `agent ${id} is marked as shrunk, but all it holds fits`;
  }
}

/** P5: no port or gpu is held twice. */
function* doubleUse(state: AllocationState): Iterable<string> {
  const held = new Set<string>();
  for (const [key, lot] of state.lots.entries())
    for (const thing of thingsOf(lot)) {
      if (held.has(thing)) yield `${thing} is held twice, once by a grant of lot ${key}`;
      held.add(thing);
    }
}

/** P5: no volume is held twice unless it is shared, and no disk holds more than it has. */
function* wrongVolumes(state: AllocationState): Iterable<string> {
  const mounts = new Map<string, number>();
  for (const lot of state.lots.values())
    for (const id of lot.volumes?.flat() ?? []) mounts.set(id, (mounts.get(id) ?? 0) + 1);
  for (const [id, { grant, users }] of state.volumes.entries()) {
    const mounted = mounts.get(id) ?? 0;
    if (users === undefined && mounted > 1) yield `volume ${id} is held by ${mounted} grants`;
    if (users !== undefined && users !== mounted) yield `volume ${id} is mounted by ${mounted} pods, not ${users}`;
    const part = grant === undefined ? undefined : state.lots.find(grant);
    const holds = part?.lot.volumes?.some((volumes) => volumes.includes(id)) ?? false;
    if (grant !== undefined && !holds) yield `volume ${id} names grant ${grant}, which does not hold it`;
  }
  for (const { id, number, capacity, shrunk } of state.agents.values()) {
    if (shrunk === true) continue;
    const there = [...state.volumes.by('agent', String(number))].map(([, volume]) => volume);
    for (const { name, type, sizeMib } of capacity.disks ?? []) {
      const on = there.filter(({ disk, state: standing }) => disk === name && standing !== 'lost');
      const heldMib = on.reduce((sum, volume) => sum + volume.sizeMib, 0);
      if (type === 'MOUNT' && on.length > 1) yield `disk ${name} of agent ${id} has ${on.length} volumes`;
      if (type === 'PATH' && heldMib > sizeMib) yield `disk ${name} of agent ${id} holds ${heldMib} of ${sizeMib} MiB`;
    }
  }
}

function thingsOf(lot: LotRow): string[] {
  const things: string[] = [];
  eachRun(lot, allPositions(lot), (agent, first, last) => {
    for (const port of portsAt(lot, first, last)) things.push(`port ${port} of agent ${agent}`);
    for (const gpu of lot.gpuIds?.slice(first, last + 1).flat() ?? []) things.push(`${gpu} of agent ${agent}`);
  });
  return things;
}

function* wrongSums(state: AllocationState): Iterable<string> {
  const held = heldOnAgents(state);
  for (const [id, row] of state.agents.entries())
    if (row.closed !== 'gone') yield* wrongFree(state, id, row, held.get(row.number) ?? NOTHING_HELD);
  const used = new Map<string, Amounts>();
  const revocable = new Map<string, Amounts>();
  for (const [key, lot] of state.lots.entries()) {
    const charge = chargeOf(state, { key, lot, ordinals: chargedIn(lot) });
    const sums = lot.revocable === true ? revocable : used;
    sums.set(lot.role, plus(sums.get(lot.role) ?? NOTHING, charge));
  }
  for (const { users = 0, role, sizeMib } of state.volumes.values())
    if (users > 0) used.set(role, plus(used.get(role) ?? NOTHING, { ...NOTHING, diskMib: sizeMib }));
  for (const [role, row] of state.roles.entries())
    if (!same(row.used, used.get(role) ?? NOTHING)) yield `role ${role} is charged ${JSON.stringify(row.used)}`;
  for (const [role, row] of state.roles.entries())
    if (!same(row.revocable ?? NOTHING, revocable.get(role) ?? NOTHING))
      yield `role ${role} holds ${JSON.stringify(row.revocable)} on call`;
  for (const role of [...used.keys(), ...revocable.keys()])
    if (!state.roles.has(role as never)) yield `role ${role} holds grants and is unknown`;
  let capacity = NOTHING;
  for (const [, row] of state.agents.by('state', 'open')) {
    capacity = plus(capacity, amountsOf(row.capacity));
    for (const { sizeMib } of row.capacity.disks ?? []) capacity = plus(capacity, { ...NOTHING, diskMib: sizeMib });
  }
  if (!same(ledgerOf(state).capacity, capacity)) yield `open agents have ${JSON.stringify(capacity)} in all`;
}

interface HeldThere {
  amounts: Amounts;
  pods: number;
  readonly ports: Set<number>;
  readonly gpuIds: Set<string>;
}

const NOTHING_HELD: HeldThere = { amounts: NOTHING, pods: 0, ports: new Set(), gpuIds: new Set() };

/** Everything added up anew. */
function heldOnAgents(state: AllocationState): Map<number, HeldThere> {
  const held = new Map<number, HeldThere>();
  const on = (agent: number): HeldThere => {
    const there = held.get(agent) ?? { amounts: NOTHING, pods: 0, ports: new Set(), gpuIds: new Set() };
    held.set(agent, there);
    return there;
  };
  for (const lot of state.lots.values())
    eachRun(lot, allPositions(lot), (agent, first, last) => {
      const there = on(agent);
      there.amounts = plus(there.amounts, times(lot.needs, last - first + 1));
      there.pods += last - first + 1;
      for (const port of portsAt(lot, first, last)) there.ports.add(port);
      for (const gpu of lot.gpuIds?.slice(first, last + 1).flat() ?? []) there.gpuIds.add(gpu);
    });
  for (const { agent, sizeMib, disk, state: standing } of state.volumes.values())
    if (standing !== 'lost' && disk === undefined)
      on(agent).amounts = plus(on(agent).amounts, { ...NOTHING, diskMib: sizeMib });
  return held;
}

function* wrongFree(
  state: AllocationState,
  id: AgentId,
  { number, capacity }: AgentRow,
  { amounts, pods, ports, gpuIds }: HeldThere,
): Iterable<string> {
  const { fleet } = state.agents;
  const free = fleet.free(number);
  const whole = plus({ ...amountsOf(free), gpus: 0 }, { ...amounts, gpus: 0 });
  if (!same(whole, { ...amountsOf(capacity), gpus: 0 }))
    yield `agent ${id}: free and held come to ${JSON.stringify(whole)}, not to its capacity`;
  if (fleet.pods[number] !== pods) yield `agent ${id} holds ${pods} pods, not ${fleet.pods[number]}`;
  for (const port of numbersIn(capacity.ports))
    if (hasPort(free.ports, port) === ports.has(port))
      yield `port ${port} of agent ${id} is both free and held, or neither`;
  for (const gpu of capacity.gpuIds)
    if (free.gpuIds.includes(gpu) === gpuIds.has(gpu)) yield `${gpu} of agent ${id} is both free and held, or neither`;
  if (fleet.ports[number] !== countIn(free.ports) || fleet.gpus[number] !== free.gpuIds.length)
    yield `agent ${id}: ports or devices are miscounted`;
}

/** What is reserved is free or in use, unless the agent declared less afterwards. */
function* lostReservations(state: AllocationState): Iterable<string> {
  for (const agent of state.reservations.valuesOf('agent')) {
    const row = state.agents.numbered(Number(agent));
    if (row === undefined) yield `reservations lie on agent ${agent}, which is unknown`;
    else if (row.pressed !== true)
      for (const resource of missingOn(state, row.number))
        yield `agent ${row.id} has less ${resource} free than is reserved there and idle`;
    yield* sharedReservations(state, Number(agent));
  }
  for (const [id, { resources, whole }] of state.reservations.entries()) {
    if (Math.min(resources.cpusMilli, resources.memoryMib, resources.diskMib, resources.gpus) < 0)
      yield `reservation ${id} keeps ${JSON.stringify(resources)}`;
    const refined = [...state.reservations.values()].flatMap((row) => (row.refines === id ? [row.whole] : []));
    const sum = sumReserved([resources, ...refined]);
    if (!isNothingReserved(beyond(sum, whole)) || !isNothingReserved(beyond(whole, sum)))
      yield `reservation ${id} of ${reservedText(whole)} and what was refined out of it come to ${reservedText(sum)}`;
  }
}

/** A port and a disk are in one reservation at most. */
function* sharedReservations(state: AllocationState, agent: number): Iterable<string> {
  const kept = new Set<string>();
  for (const [id, { resources }] of state.reservations.by('agent', String(agent))) {
    const ports = [...numbersIn(resources.ports ?? [])].map((port) => `port ${port}`);
    for (const thing of [...ports, ...(resources.disks ?? []).map((disk) => `disk ${disk}`)]) {
      if (kept.has(thing)) yield `${thing} of agent ${agent} is reserved twice, once by ${id}`;
      kept.add(thing);
    }
  }
}

/** Pods that avoid others share no agent with them. By a field it holds when they are placed: agents may move to another. */
function* unwelcomeNeighbours(state: AllocationState): Iterable<string> {
  for (const [key, lot] of state.lots.entries())
    for (const of of lot.avoids ?? []) {
      if (of.field !== undefined) continue;
      const own = new Set(lot.agents);
      for (const [other, there] of state.lots.entries())
        if (isMeant(of, there, lot) && there.agents.some((agent) => own.has(agent)))
          yield `lot ${key} avoids ${of.service}/${of.pod ?? '*'} and shares an agent with lot ${other} of it`;
    }
}

function* brokenReferences(state: AllocationState): Iterable<string> {
  for (const [key, lot] of state.lots.entries()) {
    if (countOf(lot) === 0 || countOf(lot) !== countIn(lot.ordinals) || countOf(lot) !== countIn(lot.indexes))
      yield `lot ${key} does not count up`;
    for (const agent of lot.agents)
      if (state.agents.numbered(agent) === undefined) yield `lot ${key} lies on agent ${agent}, which is unknown`;
    for (const ordinal of numbersIn(lot.ordinals)) {
      const found = state.lots.find(idOf<GrantId>(seqOf(key), ordinal));
      if (found?.key !== key) yield `grant ${ordinal} of lot ${key} is not found`;
    }
    for (const volume of lot.volumes?.flat() ?? [])
      if (!state.volumes.has(volume)) yield `lot ${key} holds volume ${volume}, which is unknown`;
  }
  const open = Array.from(state.agents.by('state', 'open'), ([, { number }]) => number).sort((a, b) => a - b);
  if (open.join() !== state.agents.fleet.open.join()) yield 'the list of open agents is not that of the table';
  for (const [id, { indexes }] of state.requests.entries())
    if (indexes.length === 0) yield `request ${id} waits for nothing`;
}

function same(left: Amounts, right: Amounts): boolean {
  const difference = minus(left, right);
  return [difference.cpusMilli, difference.memoryMib, difference.diskMib, difference.gpus].every(
    (amount) => amount === 0,
  );
}
