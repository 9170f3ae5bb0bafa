import type { AgentId, GrantId } from '@orrery/contracts';
import { amountsOf, giveBack, hasPort, minus, NOTHING, plus, stockOf, type Amounts } from '@orrery/scheduling';
import { bulkOfGrant, chargeOf } from './evolve.js';
import { ledgerOf, type AgentRow, type AllocationState } from './state.js';

/**
 * What must hold after every commit, as sentences about what does not: none is the good answer. P5 of the design, and the
 * sums that the state keeps so that nothing has to be added up when a decision is made.
 */
export function allocationViolations(state: AllocationState): string[] {
  return [...overCommitments(state), ...doubleUse(state), ...wrongSums(state), ...brokenReferences(state)];
}

/** P5: no grant over-commits the last capacity that an agent declared, unless the agent declared less afterwards. */
function* overCommitments(state: AllocationState): Iterable<string> {
  for (const [id, { free, shrunk }] of state.agents.entries()) {
    const least = Math.min(free.cpusMilli, free.memoryMib, free.diskMib);
    if (least < 0 && shrunk !== true) yield `agent ${id} is over-committed: ${JSON.stringify(amountsOf(free))} free`;
    if (least >= 0 && shrunk === true) yield `agent ${id} is marked as shrunk, but all it holds fits`;
  }
}

/** P5: no port, gpu or volume is held twice. */
function* doubleUse(state: AllocationState): Iterable<string> {
  for (const id of state.grants.size === 0 ? [] : agentsWithGrants(state)) {
    const seen = new Set<string>();
    for (const [grant, row] of state.grants.by('agent', id)) {
      const held = [...Object.values(row.ports ?? {}).map((port) => `port ${port}`), ...(row.gpuIds ?? [])];
      for (const thing of held) {
        if (seen.has(thing)) yield `${thing} of agent ${id} is held twice, once by grant ${grant}`;
        seen.add(thing);
      }
    }
  }
  for (const [id, volume] of state.volumes.entries()) {
    if (volume.grant === undefined) continue;
    const holds = state.grants.get(volume.grant)?.volumes?.includes(id) ?? false;
    if (!holds) yield `volume ${id} names grant ${volume.grant}, which does not hold it`;
  }
}

function* wrongSums(state: AllocationState): Iterable<string> {
  for (const [id, row] of state.agents.entries()) if (row.closed !== 'gone') yield* wrongFree(state, id, row);
  const used = new Map<string, Amounts>();
  for (const [, grant] of state.grants.entries()) {
    const role = state.lots.get(grant.lot)?.role;
    if (role === undefined || grant.superseded === true) continue;
    used.set(role, plus(used.get(role) ?? NOTHING, chargeOf(state, grant)));
  }
  for (const [role, row] of state.roles.entries())
    if (!same(row.used, used.get(role) ?? NOTHING)) yield `role ${role} is charged ${JSON.stringify(row.used)}`;
  for (const role of used.keys()) if (!state.roles.has(role as never)) yield `role ${role} holds grants and is unknown`;
  let capacity = NOTHING;
  for (const [, row] of state.agents.by('state', 'open')) capacity = plus(capacity, amountsOf(row.capacity));
  if (!same(ledgerOf(state).capacity, capacity)) yield `open agents have ${JSON.stringify(capacity)} in all`;
}

function* wrongFree(state: AllocationState, id: AgentId, { capacity, free }: AgentRow): Iterable<string> {
  let whole = free;
  for (const [grant, row] of state.grants.by('agent', id)) {
    const bulk = bulkOfGrant(state, row);
    const stillFree =
      bulk.ports.find((port) => hasPort(free.ports, port)) ?? bulk.gpuIds.find((gpu) => free.gpuIds.includes(gpu));
    if (stillFree !== undefined) yield `${stillFree} of agent ${id} is free and held by grant ${grant}`;
    whole = giveBack(whole, bulk, capacity);
  }
  let diskMib = whole.diskMib;
  for (const [, volume] of state.volumes.by('agent', id)) if (volume.state !== 'lost') diskMib += volume.sizeMib;
  const sum = JSON.stringify(stockOf({ ...whole, diskMib }));
  if (sum !== JSON.stringify(capacity)) yield `agent ${id}: free and held come to ${sum}, not to its capacity`;
}

function* brokenReferences(state: AllocationState): Iterable<string> {
  for (const [id, grant] of state.grants.entries()) {
    if (!state.lots.has(grant.lot)) yield `grant ${id} has no lot`;
    if (!state.agents.has(grant.agent)) yield `grant ${id} lies on agent ${grant.agent}, which is unknown`;
    for (const volume of grant.volumes ?? [])
      if (state.volumes.get(volume)?.grant !== id) yield `grant ${id} holds volume ${volume}, which is another's`;
  }
  for (const id of state.lots.keys())
    if (state.grants.countBy('lot', id as GrantId) === 0) yield `lot ${id} has no grant left`;
  const open = [...state.agents.by('state', 'open')].map(([, row]) => row);
  if (open.length !== state.agents.open.all.length || open.some((row, slot) => state.agents.open.all[slot] !== row))
    yield 'the list of open agents is not that of the table';
  for (const [id, { indexes }] of state.requests.entries())
    if (indexes.length === 0) yield `request ${id} waits for nothing`;
}

function agentsWithGrants(state: AllocationState): Iterable<AgentId> {
  return state.grants.valuesOf('agent') as Iterable<AgentId>;
}

function same(left: Amounts, right: Amounts): boolean {
  const difference = minus(left, right);
  return [difference.cpusMilli, difference.memoryMib, difference.diskMib, difference.gpus].every(
    (amount) => amount === 0,
  );
}
