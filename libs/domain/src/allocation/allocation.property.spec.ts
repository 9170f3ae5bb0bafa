import fc from 'fast-check';
import { slicesOf, UndoLog, partsOf, type DecisionContext } from '@orrery/kernel';
import {
  countIn,
  idOf,
  idRunsOf,
  idsIn,
  membersIn,
  numbersIn,
  reservedFrom,
  seqOf,
  staticProblem,
  type AgentId,
  type AllocationCommand,
  type AllocationEvent,
  type AllocationEventOf,
  type ClusterEvent,
  type Constraint,
  type Disk,
  type GrantId,
  type IdRuns,
  type PlacementRequest,
  type RequestId,
  type RoleName,
  type ServiceName,
  type ServicesEvent,
  type VolumeId,
  type VolumeNeed,
} from '@orrery/contracts';
import { NOTHING } from '@orrery/scheduling';
import { digestOf, SeededRandom } from '@orrery/testing';
import { allocation } from './decide.js';
import { gangsWait } from './gang-rows.js';
import type { AllocationInput } from './input.js';
import { allocationViolations } from './invariants.js';
import { allocationEventViolations } from './preemption-invariants.js';
import { positionsOf } from './ranges.js';
import { partOf, RESOURCES } from './role-tree.js';
import { isComplete, type AllocationState } from './state.js';

/** Over all histories. */
let takenOver = 0;
let gangsOfSeveral = 0;
let gangsMadeWayFor = 0;

/** A cluster and services that do whatever chance says, sensible or not, as two journals would tell it. */
class World {
  readonly state = allocation.initialState();
  readonly events: AllocationEvent[] = [];
  readonly #random: SeededRandom;
  #seq = 0;
  #requests = 0;
  /** A request whose gang others are to follow. */
  #gang: PlacementRequest | undefined;
  #at = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  step(): void {
    this.#seq += 1;
    this.#at += this.#random.below(3000);
    const due = allocation.nextDeadline!(this.state);
    if (due !== undefined && due <= this.#at) return this.decide({ kind: 'internal', internal: { type: 'tick' } });
    const input: AllocationInput = this.#random.chance(0.15)
      ? { kind: 'command', id: 'c', actor: 'ann', command: this.#ordered() }
      : allocation.continues!(this.state) && this.#random.chance(0.7)
        ? { kind: 'internal', internal: { type: 'continue' } }
        : { kind: 'foreign', domain: 'any', journalId: 'any', seq: this.#seq, event: this.#event() };
    this.decide(input);
  }

  /** Until nothing is left to do: it must come to an end. */
  settle(): void {
    for (let steps = 0; allocation.continues!(this.state); steps += 1) {
      if (steps > 1000) throw new Error('the queue never settles');
      this.#seq += 1;
      this.decide({ kind: 'internal', internal: { type: 'continue' } });
    }
  }

  /** As the control loop does it; now and then the commit is void at first and decided anew. */
  decide(input: AllocationInput): void {
    let events = this.#decided(input);
    if (this.#random.chance(0.3)) {
      const before = digestOf(this.state);
      const undo = new UndoLog();
      partsOf(this.state).forEach((part) => part.recordTo(undo));
      for (const event of events) allocation.evolve(this.state, event);
      undo.rollBackTo(0);
      partsOf(this.state).forEach((part) => part.recordTo(undefined));
      expect(digestOf(this.state)).toBe(before);
      events = this.#decided(input);
    }
    const before = new Map(this.#overLimits());
    for (const event of events) if (event.type === 'Placed') this.#expectOwn(event.data);
    const gangs = this.#gangsPlaced(events);
    for (const event of events) {
      const violations = allocationEventViolations(this.state, event);
      if (violations.length > 0) throw new Error(violations.join('\n'));
      const taken = event.type === 'GrantReleased' ? [...this.#takingOver(event.data.grants)] : [];
      allocation.evolve(this.state, event);
      this.events.push(event);
      for (const expectTaken of taken) expectTaken();
    }
    this.#expectRoomForAll(events);
    for (const gang of gangs) expect([...this.state.requests.keysBy('gang', gang)]).toEqual([]);
    if (input.kind === 'command') return;
    for (const [what, over] of this.#overLimits()) expect(over).toBeLessThanOrEqual(before.get(what) ?? 0);
  }

  /** Nobody gets ports or disks that are reserved for others, by the list of reservations as it is before. */
  #expectOwn(placed: AllocationEventOf<'Placed'>['data']): void {
    for (const { agent, ports, volumes } of membersIn(placed))
      for (const { agent: on, role, resources } of this.state.reservations.values()) {
        if (on !== agent || placed.role === role || placed.role.startsWith(`${role}/`)) continue;
        for (const port of Object.values(ports))
          for (const [from, to] of resources.ports ?? []) expect(port < from || port > to).toBe(true);
        for (const { volume, disk } of volumes)
          expect(!this.state.volumes.has(volume) && resources.disks?.includes(disk ?? '') === true).toBe(false);
      }
  }

  /** Of a pod that is resized, the grant that stands on a released one holds all that was promised, on its volumes. */
  *#takingOver(released: IdRuns): Iterable<() => void> {
    const gone = new Set(idsIn<GrantId>(released));
    const taken = new Set<GrantId>();
    for (const [key, { resizes }] of this.state.lots.entries()) {
      if (resizes === undefined || gone.has(key) || !gone.has(resizes.grant) || taken.has(resizes.grant)) continue;
      const { needs, grant, gpuIds, ports } = resizes;
      taken.add(grant);
      const { lot, ordinals } = this.state.lots.find(grant)!;
      const [[position]] = positionsOf(lot.ordinals, ordinals) as [[number, number]];
      yield () => {
        const now = this.state.lots.get(key)!;
        expect(now).toMatchObject({ needs, volumes: [lot.volumes![position]] });
        expect(now.resizes).toBeUndefined();
        expect(now.gpuIds?.[0] ?? []).toHaveLength(needs.gpus);
        expect(now.gpuIds?.[0] ?? []).toEqual(expect.arrayContaining([...gpuIds]));
        for (const { name } of needs.ports) expect(now.ports![name]![0]).toBe(ports[name] ?? now.ports![name]![0]);
        takenOver += 1;
      };
    }
  }

  /** Who makes way for one of the requests of a gang does so for all of them. */
  #expectRoomForAll(events: readonly AllocationEvent[]): void {
    for (const event of events) {
      if (event.type !== 'PreemptionOrdered') continue;
      const gang = this.state.requests.get(event.data.for.request)?.gang;
      if (gang === undefined) continue;
      for (const [request, { indexes }] of this.state.requests.by('gang', gang.id)) {
        const orders = Array.from(this.state.preemptions.by('request', request), ([, { places }]) => places);
        expect(orders.flat().reduce((sum, [, pods]) => sum + pods, 0)).toBe(countIn(indexes));
      }
      gangsMadeWayFor += 1;
    }
  }

  /** Those of which something gets a place: all of them are there, and all of each has to. */
  #gangsPlaced(events: readonly AllocationEvent[]): Set<RequestId> {
    const gangs = new Set<RequestId>();
    for (const event of events) {
      if (event.type !== 'Placed') continue;
      const { request } = event.data;
      const queued = events.find((other) => other.type === 'RequestQueued' && other.data.request === request);
      const gang = this.state.requests.get(request)?.gang ?? (queued?.data as PlacementRequest | undefined)?.gang;
      if (gang === undefined) continue;
      expect(gang.more).toBeUndefined();
      gangs.add(gang.id);
      if ([...this.state.requests.keysBy('gang', gang.id)].length > 1) gangsOfSeveral += 1;
    }
    return gangs;
  }

  /** How far each role is beyond its limits: an order may bring it there, nothing else may bring it further. */
  *#overLimits(): Iterable<readonly [string, number]> {
    for (const [role, { quota }] of this.state.roles.entries()) {
      if (quota?.limit === undefined) continue;
      const limit = partOf(quota.limit, quota);
      const used = this.state.roles.tree.usedBelow(role);
      for (const resource of RESOURCES)
        if (limit[resource] !== undefined) yield [`${role} ${resource}`, Math.max(0, used[resource] - limit[resource])];
    }
  }

  #decided(input: AllocationInput): AllocationEvent[] {
    let ordinal = 0;
    const context: DecisionContext = {
      at: this.#at,
      seed: 1,
      seq: this.#seq,
      nextId: () => `${this.#seq}.${ordinal++}`,
      nextIds: (count) => (ordinal += count) - count,
    };
    const decision = allocation.decide(input, this.state, context);
    if (!decision.accepted && input.kind !== 'command') throw new Error(decision.refusal.message);
    if (!decision.accepted) return [];
    return decision.events.map((event) => JSON.parse(JSON.stringify(event)) as AllocationEvent);
  }

  #ordered(): AllocationCommand {
    const random = this.#random;
    const role = random.pick(['*', 'eng', 'eng/web', 'ops']) as RoleName;
    const some = () => ({
      ...(random.chance(0.7) ? { cpus: random.below(9) } : { memory: 1000 * random.below(9) }),
      ...(random.chance(0.3) ? { gpus: random.below(3) } : {}),
    });
    const what = random.below(13);
    if (what === 12)
      return { type: 'SetPreemptionBudget', body: random.chance(0.5) ? {} : { perMinute: random.below(5) } };
    if (what >= 9) return this.#aboutVolumes();
    if (what >= 5) return this.#reserving(role);
    if (what === 0) return { type: 'SetRole', body: { role, weight: 1 + random.below(3) } };
    if (what === 1) return { type: 'SetFairness', body: { scarce: random.chance(0.5) ? ['gpus'] : [] } };
    if (what === 2) return { type: 'RemoveQuota', body: { role } };
    const quota = random.chance(0.6) ? { limit: some() } : { guarantee: some() };
    return { type: 'SetQuota', body: { role, ...quota, force: random.chance(0.5), cells: 1 + random.below(2) } };
  }

  #reserving(role: RoleName): AllocationCommand {
    const random = this.#random;
    const [kept] = this.#some(this.state.reservations.keys());
    const agent = random.pick(['a', 'b', 'c', 'd', 'e', 'f']) as AgentId;
    const there = kept === undefined ? undefined : this.state.agents.numbered(this.state.reservations.get(kept)!.agent);
    if (kept !== undefined && there !== undefined && random.chance(0.4))
      return { type: 'Unreserve', body: { agent: there.id, reservation: kept } };
    const begin = 8000 + random.below(6);
    const resources = {
      ...{ cpus: 0.5 * (1 + random.below(4)), memory: 500 * random.below(4), gpus: random.below(2) },
      ...(random.chance(0.4) ? { ports: [{ begin, end: begin + random.below(3) }] } : {}),
      ...(random.chance(0.3) ? { disks: [random.pick(['d1', 'd2', 'd3'])] } : {}),
    };
    if (kept !== undefined && there !== undefined && random.chance(0.4))
      return { type: 'Reserve', body: { agent: there.id, role: 'eng/web' as RoleName, resources, refines: kept } };
    return { type: 'Reserve', body: { agent, role, resources, labels: { by: 'chance' } } };
  }

  #aboutVolumes(): AllocationCommand {
    const random = this.#random;
    const [volume = '0.0' as VolumeId] = this.#some(this.state.volumes.keys());
    const agent = this.state.agents.numbered(this.state.volumes.get(volume)?.agent ?? 0)?.id ?? ('a' as AgentId);
    if (random.chance(0.3)) return { type: 'DestroyVolume', body: { agent, volume } };
    const service = random.pick(['x', 'y']) as ServiceName;
    return {
      type: 'AdoptVolume',
      body: { agent, volume, service, pod: `${random.pick(['p', 'q'])}-${random.below(6)}` },
    };
  }

  #event(): ClusterEvent | ServicesEvent {
    const random = this.#random;
    const agent = random.pick(['a', 'b', 'c', 'd', 'e', 'f']) as AgentId;
    const epoch = 1;
    const [standing] = this.state.lots.keysBy('resizes', '*');
    if (standing !== undefined && random.chance(0.3)) {
      const grants = idRunsOf([this.state.lots.get(standing)!.resizes!.grant]);
      return { type: 'GrantReturned', data: { service: 'x' as ServiceName, generation: 1, grants } };
    }
    const what = random.below(20);
    if (what < 4)
      return {
        type: 'AgentRegistered',
        data: { agent, number: numberOf(agent), epoch, session: 's', address: '::1', ...this.#registers(agent) },
      };
    if (what === 4) return { type: 'AgentUnreachable', data: { agent, epoch, at: 0 } };
    if (what === 5) return { type: 'AgentReturned', data: { agent, epoch } };
    if (what === 6) return { type: 'AgentDraining', data: { agent, epoch, deadline: 0 } };
    if (what === 7) return { type: 'AgentActivated', data: { agent, epoch } };
    if (what === 8) return random.chance(0.3) ? { type: 'AgentGone', data: { agent, epoch } } : this.#asked();
    if (what === 9)
      return {
        type: 'VolumesGone',
        data: { agent, epoch, volumes: [...this.state.volumes.keysBy('agent', String(numberOf(agent)))] },
      };
    if (what < 14) return this.#asked();
    const service = { service: random.pick(['x', 'y']) as ServiceName, generation: 1 };
    if (what === 14) {
      const [request] = this.#some(this.state.requests.keys());
      const indexes = [
        [0, 1],
        [5, 5],
      ] as const;
      return {
        type: 'PlacementWithdrawn',
        data: { ...service, pod: 'p', request: request ?? ('0.0' as RequestId), indexes },
      };
    }
    const grants = idRunsOf(this.#some(grantsIn(this.state)));
    if (what === 15) return { type: 'LeftBehind', data: { ...service, grants, agents: [] } };
    if (what === 16 && random.chance(0.2)) return { type: 'ServiceRemoved', data: { ...service, leftOn: [] } };
    return { type: 'GrantReturned', data: { ...service, grants, destroyVolumes: random.chance(0.5) } };
  }

  #facts(agent: AgentId) {
    const random = this.#random;
    const ports: [number, number][] = random.chance(0.5) ? [[8000, 8000 + random.below(6)]] : [];
    return {
      hostname: agent,
      capacity: {
        cpusMilli: 1000 * random.below(9),
        memoryMib: 1000 * random.below(9),
        diskMib: 1000 * random.below(9),
        gpuIds: ['g0', 'g1', 'g2'].slice(random.below(4)),
        ports,
        ...(random.chance(0.7) ? { disks: this.#disks() } : {}),
      },
      attributes: random.chance(0.7) ? { rack: random.pick(['1', '2', '3']) } : {},
      faultDomain: { region: 'r', zone: random.pick(['z1', 'z2']) },
    };
  }

  /** Now and then with reservations of its own, of what it has. */
  #registers(agent: AgentId) {
    const random = this.#random;
    const facts = this.#facts(agent);
    const { capacity } = facts;
    const [[from, to] = [0, 0]] = capacity.ports;
    const reservations = (['eng', 'ops'] as RoleName[])
      .filter(() => random.chance(0.3))
      .map((role, at) => ({
        role,
        labels: {},
        resources: reservedFrom(
          { ...NOTHING, cpusMilli: Math.min(500 * random.below(5), capacity.cpusMilli / 2) },
          from === 0 || random.chance(0.5) ? [] : [[Math.min(from + at, to), Math.min(from + at, to)]],
          capacity.disks?.slice(at, at + 1).map(({ name }) => name),
        ),
      }));
    return staticProblem(capacity, reservations) === undefined ? { ...facts, reservations } : facts;
  }

  #disks(): Disk[] {
    const random = this.#random;
    return ['d1', 'd2', 'd3'].slice(random.below(3)).map((name) => ({
      ...{ name, path: `/${name}`, sizeMib: 500 * (1 + random.below(4)) },
      type: random.pick(['PATH', 'MOUNT'] as const),
    }));
  }

  #asked(): ServicesEvent {
    const random = this.#random;
    this.#requests += 1;
    const from = random.below(5);
    const replaces = this.#some(grantsIn(this.state)).map((grant, at) => ({ index: from + at, grant }));
    const resized = random.chance(0.25) ? this.#resized() : undefined;
    if (resized !== undefined) return { type: 'PlacementRequested', data: resized };
    const data: PlacementRequest = {
      request: `${this.#requests}.0` as RequestId,
      service: random.pick(['x', 'y']) as ServiceName,
      generation: 1,
      role: random.pick(['*', 'eng', 'eng/web']) as RoleName,
      pod: random.pick(['p', 'q']),
      indexes: [[from, from + random.below(6)]],
      needs: {
        cpusMilli: 500 * random.below(5),
        memoryMib: 500 * random.below(5),
        diskMib: 500 * random.below(3),
        gpus: random.chance(0.2) ? 1 : 0,
        ports: random.chance(0.3) ? [{ name: 't.p', port: random.pick([0, 0, 8001]) }] : [],
        volumes: random.chance(0.4) ? this.#volumes() : [],
      },
      constraints: random.chance(0.4) ? [random.pick(constraints)] : [],
      policy: random.pick(['pack', 'spread']),
      attempt: 1,
      avoid: random.chance(0.1) ? ['a' as AgentId] : [],
      replaces: random.chance(0.2) ? replaces : [],
      ...(random.chance(0.6) ? { priority: 10 * random.below(11) } : {}),
      ...(random.chance(0.2) ? { revocable: true as const } : {}),
    };
    return { type: 'PlacementRequested', data: this.#inGang(data) };
  }

  /** A gang of one kind of pods, or of several: then the next request is of it, too. */
  #inGang(data: PlacementRequest): PlacementRequest {
    const random = this.#random;
    const begun = this.#gang;
    this.#gang = undefined;
    if (begun === undefined && random.chance(0.75)) return data;
    const more = random.chance(0.4) ? { more: true as const } : {};
    const gang = { id: begun?.gang!.id ?? data.request, ...more };
    const { priority: _, revocable: __, ...wish } = data;
    const { service, generation, role, priority, revocable } = begun ?? data;
    const ranked = { ...(priority === undefined ? {} : { priority }), ...(revocable === true ? { revocable } : {}) };
    const asked: PlacementRequest = { ...wish, service, generation, role, ...ranked, gang };
    if (gang.more === true) this.#gang = asked;
    return asked;
  }

  /** Of a pod that has volumes: now and then once more, while it is being resized. */
  #resized(): PlacementRequest | undefined {
    const random = this.#random;
    const [key] = this.#some(this.state.lots.keys()).filter((id) => this.state.lots.get(id)!.needs.volumes.length > 0);
    if (key === undefined) return undefined;
    const { service, generation, role, pod, needs, indexes, ordinals, revocable } = this.state.lots.get(key)!;
    const [[index]] = indexes as [[number, number]];
    const grant = idOf<GrantId>(seqOf(key), ordinals[0]![0]);
    const port = { name: 't.p', port: random.pick([0, 8001]) };
    return {
      ...{ request: `${this.#requests}.0` as RequestId, service, generation, role, pod, indexes: [[index, index]] },
      needs: {
        cpusMilli: 500 * random.below(5),
        memoryMib: 500 * random.below(5),
        diskMib: 500 * random.below(3),
        gpus: random.below(3),
        ports: [...(random.chance(0.5) ? [port] : []), ...(random.chance(0.3) ? [{ name: 't.q', port: 0 }] : [])],
        volumes: needs.volumes,
      },
      ...{ constraints: [], policy: 'spread', attempt: 1, avoid: [], replaces: [], resizes: [{ index, grant }] },
      ...(revocable === true ? { revocable } : {}),
    };
  }

  #volumes(): VolumeNeed[] {
    const random = this.#random;
    const own = { name: 'v', path: 'v', type: random.pick(['ROOT', 'ROOT', 'PATH', 'MOUNT'] as const), sizeMib: 700 };
    const named = own.type !== 'ROOT' && random.chance(0.3) ? { disk: random.pick(['d1', 'd2', 'd3']) } : {};
    const shared: VolumeNeed = {
      ...{ name: 's', path: 's', type: random.pick(['ROOT', 'PATH'] as const), sizeMib: 300, shared: true },
      ...(random.chance(0.3) ? { of: random.pick(['x', 'y']) } : {}),
    };
    return random.pick([[{ ...own, ...named }], [shared], [{ ...own, ...named }, shared]]);
  }

  #some<Key extends string>(keys: Iterable<Key>): Key[] {
    return [...keys].filter(() => this.#random.chance(0.3));
  }
}

const numberOf = (agent: AgentId) => agent.charCodeAt(0) - 96;

function* grantsIn(state: AllocationState): IterableIterator<GrantId> {
  for (const [key, { ordinals }] of state.lots.entries())
    for (const ordinal of numbersIn(ordinals)) yield idOf<GrantId>(seqOf(key), ordinal);
}

const constraints: Constraint[] = [
  { field: 'hostname', operator: 'UNIQUE' },
  { field: 'hostname', operator: 'MAX_PER', value: '2' },
  { field: 'rack', operator: 'GROUP_BY' },
  { field: 'zone', operator: 'GROUP_BY', value: '2' },
  { field: 'rack', operator: 'CLUSTER' },
  { field: 'rack', operator: 'UNLIKE', value: '[12]' },
  { field: 'zone', operator: 'IS', value: 'z1' },
  { avoid: { pod: 'q' } },
  { avoid: { service: 'y' } },
  { avoid: { service: 'x', pod: 'p', field: 'rack' } },
  { colocate: { pod: 'q' } },
  { colocate: { service: 'y', field: 'zone' } },
  { not: { avoid: { service: 'x' } } },
  {
    or: [{ field: 'hostname', operator: 'UNIQUE' }, { not: { field: 'rack', operator: 'MAX_PER', value: '1' } }],
  },
];

const worldOf = (seed: number, steps: number) => ({ seed, world: new World(seed), steps });

const worlds = (steps: number) => fc.integer({ min: 1, max: 2 ** 31 }).map((seed) => worldOf(seed, steps));

/** Worlds that are always visited besides those drawn: what a sentence says happens now and then happens in some. */
const alwaysVisited = (seeds: number[], steps: number) =>
  seeds.map((seed): [ReturnType<typeof worldOf>] => [worldOf(seed, steps)]);

function bytesOf(state: AllocationState): string[] {
  return [...slicesOf(state)].map(({ part, slice }) => `${part} ${Buffer.from(slice).toString('hex')}`);
}

describe('whatever happens', () => {
  it('no agent is over-committed, nothing is held twice, all sums are right', () => {
    fc.assert(
      fc.property(worlds(60), ({ world, steps }) => {
        for (let step = 0; step < steps; step += 1) {
          world.step();
          const violations = allocationViolations(world.state);
          if (violations.length > 0) throw new Error(violations.join('\n'));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('pods are resized now and then, and hold what they were promised', () => {
    takenOver = 0;
    fc.assert(
      fc.property(worlds(200), ({ world, steps }) => {
        for (let step = 0; step < steps; step += 1) world.step();
        expect(allocationViolations(world.state)).toEqual([]);
      }),
      { numRuns: 40, examples: alwaysVisited([3, 7, 14, 17, 37, 2_147_483_642], 200) },
    );
    expect(takenOver).toBeGreaterThan(0);
    expect(gangsOfSeveral).toBeGreaterThan(0);
    expect(gangsMadeWayFor).toBeGreaterThan(0);
  });

  it('the queue settles, and what still waits then finds no place in another look', () => {
    fc.assert(
      fc.property(worlds(40), ({ world, steps }) => {
        for (let step = 0; step < steps; step += 1) world.step();
        world.settle();
        const waiting = [...world.state.requests.values()].filter(isComplete);
        const again = allocation.initialState();
        for (const { part, slice } of slicesOf(world.state)) again[part as 'agents'].load(slice);
        for (const [id, { triedAt: _tried, ...fresh }] of [...again.requests.entries()]) again.requests.put(id, fresh);
        const decision = allocation.decide({ kind: 'internal', internal: { type: 'continue' } }, again, {
          at: 0,
          seed: 1,
          seq: 1_000_000,
          nextId: () => '1000000.0',
          nextIds: () => 0,
        });
        const placed = decision.accepted ? decision.events.filter(({ type }) => type === 'Placed') : [];
        // Shares have moved since a gang kept room from those after it: who comes before it now is told by the next growth.
        if (!gangsWait(again)) expect(placed).toEqual([]);
        expect(waiting.every(({ reasons }) => reasons !== undefined)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it('a snapshot of any prefix and the tail come to the state that lived, byte for byte', () => {
    fc.assert(
      fc.property(worlds(50), fc.nat(100), ({ world, steps }, percent) => {
        for (let step = 0; step < steps; step += 1) world.step();
        const cut = Math.floor((world.events.length * percent) / 100);
        const prefix = allocation.initialState();
        for (const event of world.events.slice(0, cut)) allocation.evolve(prefix, event);
        const restored = allocation.initialState();
        for (const { part, slice } of slicesOf(prefix)) restored[part as 'agents'].load(slice);
        for (const event of world.events.slice(cut)) allocation.evolve(restored, event);
        expect(bytesOf(restored)).toEqual(bytesOf(world.state));
        // What is free is no row, but follows from the rows.
        expect(allocationViolations(restored)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  it('every event can be folded into any state', () => {
    fc.assert(
      fc.property(worlds(40), worlds(40), ({ world: one, steps }, { world: other }) => {
        for (let step = 0; step < steps; step += 1) {
          one.step();
          other.step();
        }
        for (const event of one.events) allocation.evolve(other.state, event);
      }),
      { numRuns: 15 },
    );
  });

  it('pods make way now and then, and once each at most', () => {
    let orders = 0;
    fc.assert(
      fc.property(worlds(80), ({ world, steps }) => {
        for (let step = 0; step < steps; step += 1) world.step();
        world.settle();
        const lapsed = world.events.some(({ type }) => type === 'PreemptionLapsed');
        const asked = new Set<GrantId>();
        for (const event of world.events) {
          if (event.type !== 'PreemptionOrdered') continue;
          orders += 1;
          for (const { grants } of event.data.victims)
            for (const grant of idsIn<GrantId>(grants)) {
              expect(asked.has(grant) && !lapsed).toBe(false);
              asked.add(grant);
            }
        }
      }),
      { numRuns: 15, examples: alwaysVisited([7, 11, 13, 16, 30], 80) },
    );
    expect(orders).toBeGreaterThan(0);
  });

  it('a grant is released at most once and placed once, an index of a request served once', () => {
    fc.assert(
      fc.property(worlds(80), ({ world, steps }) => {
        for (let step = 0; step < steps; step += 1) world.step();
        const placed = new Set<GrantId>();
        const released = new Set<GrantId>();
        const served = new Set<string>();
        for (const event of world.events) {
          if (event.type === 'Placed')
            for (const [at, grant] of [...idsIn<GrantId>(event.data.grants)].entries()) {
              const index = [...numbersIn(event.data.indexes)][at];
              expect(placed.has(grant) || served.has(`${event.data.request}/${index}`)).toBe(false);
              placed.add(grant);
              served.add(`${event.data.request}/${index}`);
            }
          if (event.type === 'GrantReleased')
            for (const grant of idsIn<GrantId>(event.data.grants)) {
              expect(placed.has(grant) && !released.has(grant)).toBe(true);
              released.add(grant);
            }
        }
      }),
      { numRuns: 15 },
    );
  });
});
