import fc from 'fast-check';
import type { FieldRule, Neighbour, Operator, Rule } from './constraints/constraint.js';
import { effectOf } from './constraints/rules.js';
import type { Fleet } from './fleet.js';
import { funnelOf } from './funnel.js';
import type { Needs, Node } from './node.js';
import { runsOf, type Picks } from './picks.js';
import { countPorts, type PortNeed } from './ports.js';
import { Session, type Wish } from './session.js';
import { example, fleetOf, placesOf, placeSlowly, wishFor } from './slow-placement.js';

// --- Random clusters and wishes -----------------------------------------------------------------------------------------

const portsOf = (count: number): [number, number][] => (count === 0 ? [] : [[8000, 7999 + count]]);
const gpusOf = (count: number) => ['g0', 'g1', 'g2'].slice(0, count);

const nodeFacts = fc.record({
  cpus: fc.integer({ min: 0, max: 8 }),
  memory: fc.integer({ min: 0, max: 8 }),
  used: fc.tuple(fc.nat(3), fc.nat(3)),
  gpus: fc.nat(3),
  ports: fc.nat(5),
  rack: fc.constantFrom('1', '2', '3', undefined),
  zone: fc.constantFrom('z1', 'z2'),
});
const nodes = fc.array(nodeFacts, { maxLength: 14 }).map((facts) =>
  facts.map(({ cpus, memory, used, gpus, ports, rack, zone }, at): Node => {
    const rest = { diskMib: 10, gpuIds: gpusOf(gpus), ports: portsOf(ports) };
    return {
      id: `n${String(at).padStart(3, '0')}`,
      hostname: `host-${at % 9}`,
      attributes: rack === undefined ? {} : { rack },
      faultDomain: { region: 'r', zone },
      capacity: { cpusMilli: cpus * 1000, memoryMib: memory * 1000, ...rest },
      free: { cpusMilli: (cpus - used[0]) * 1000, memoryMib: (memory - used[1]) * 1000, ...rest },
    };
  }),
);

const operators: readonly Operator[] = ['UNIQUE', 'CLUSTER', 'GROUP_BY', 'LIKE', 'UNLIKE', 'MAX_PER', 'IS'];
const values: Readonly<Record<Operator, readonly (string | undefined)[]>> = {
  UNIQUE: [undefined],
  CLUSTER: [undefined, '1', 'z1'],
  GROUP_BY: [undefined, '2', '3'],
  LIKE: ['[12]', 'host-[0-5]', 'z1'],
  UNLIKE: ['[12]', 'host-[0-5]'],
  MAX_PER: ['1', '2', '3'],
  IS: ['1', 'z2'],
};
const fieldRule = fc
  .tuple(fc.constantFrom('hostname', 'rack', '@zone'), fc.constantFrom(...operators), fc.nat(2))
  .map(([field, operator, at]): FieldRule => {
    const value = values[operator][at % values[operator].length];
    return { field, operator, ...(value === undefined ? {} : { value }) };
  });

const neighbour = fc.constantFrom<Neighbour>(
  { pod: 'db' },
  { service: 'shop', pod: 'db' },
  { pod: 'db', field: 'rack' },
  { service: 'shop', field: '@zone' },
);
const leaf = fc.oneof(
  { weight: 4, arbitrary: fieldRule },
  { weight: 1, arbitrary: neighbour.map((of): Rule => ({ avoid: of })) },
  { weight: 1, arbitrary: neighbour.map((of): Rule => ({ colocate: of })) },
);
const ruleBelow = (parts: fc.Arbitrary<Rule>): fc.Arbitrary<Rule> =>
  fc.oneof(
    { weight: 5, arbitrary: leaf },
    { weight: 1, arbitrary: fc.array(parts, { minLength: 1, maxLength: 3 }).map((and): Rule => ({ and })) },
    { weight: 2, arbitrary: fc.array(parts, { minLength: 1, maxLength: 3 }).map((or): Rule => ({ or })) },
    { weight: 1, arbitrary: parts.map((not): Rule => ({ not })) },
  );
const rule = ruleBelow(ruleBelow(leaf));

const preferences = fc.record({
  affinities: fc.array(
    fc.record({
      field: fc.constantFrom('rack', '@zone', 'hostname'),
      operator: fc.constantFrom('IS' as const, 'LIKE' as const, 'UNLIKE' as const),
      value: fc.constantFrom('1', 'z1', 'host-[0-5]'),
      weight: fc.constantFrom(-100, -30, 10, 100),
    }),
    { maxLength: 2 },
  ),
  spreads: fc.array(
    fc
      .tuple(fc.constantFrom('rack', '@zone', 'hostname'), fc.constantFrom(10, 50, 100), fc.nat(2))
      .map(([field, weight, of]) => ({
        ...{ field, weight },
        ...(of === 0 ? {} : { targets: of === 1 ? { '1': 60, z1: 40 } : { z2: 50, '2': 20 } }),
      })),
    { maxLength: 2 },
  ),
});

const portNeed = fc.constantFrom<Omit<PortNeed, 'name'>[]>(
  [{ port: 0 }],
  [{ port: 0 }],
  [{ port: 8001 }],
  [{ port: 0, ranges: [[8001, 8003]] }],
  [{ port: 0 }, { port: 0, next: true }],
  [
    {
      port: 0,
      ranges: [
        [8000, 8001],
        [8003, 8004],
      ],
    },
    { port: 0, next: true },
  ],
);

const wishOf = (peerNodes: readonly Node[]) =>
  fc
    .record({
      cpus: fc.nat(2),
      memory: fc.nat(2),
      gpus: fc.constantFrom(0, 0, 1),
      ports: fc.array(portNeed, { maxLength: 2 }).map((ports) => ports.flat()),
      rules: fc.array(rule, { maxLength: 3 }),
      policy: fc.constantFrom('pack' as const, 'spread' as const),
      avoid: fc.subarray(['n000', 'n003']),
      peers: fc.array(fc.tuple(fc.nat(13), fc.integer({ min: 1, max: 2 })), { maxLength: 3 }),
      others: fc.subarray(peerNodes as Node[]),
      preferences: fc.option(preferences, { nil: undefined }),
      count: fc.integer({ min: 0, max: 12 }),
    })
    .map(({ cpus, memory, gpus, ports, rules, policy, avoid, peers, others, preferences: preferred, count }) => {
      const needs: Needs = {
        cpusMilli: cpus * 500,
        memoryMib: memory * 500,
        diskMib: 0,
        gpus,
        ports: ports.map((port, at) => ({ name: `p${at}`, ...port })),
      };
      const known = new Map(peers.filter(([at]) => at < peerNodes.length));
      const wish: Wish = {
        needs,
        rules,
        policy,
        avoid,
        peers: [...known].map(([at, pods]) => ({ node: peerNodes[at]!, count: pods })),
        ...(preferred === undefined ? {} : { preferences: preferred, size: count + 3 }),
        // What is to stay is a part of what is there.
        neighbours: ({ field }, by) => others.slice(field === undefined ? 0 : 1, by === 'avoid' ? 4 : 2),
      };
      return { wish, count };
    });
const cases = nodes.chain((given) =>
  fc.tuple(fc.constant(given), fc.array(wishOf(given), { minLength: 1, maxLength: 3 })),
);

describe('placing a set', () => {
  it('finds the same places as looking at every node for every pod', () => {
    fc.assert(
      fc.property(cases, ([given, wishes]) => {
        const fleet = fleetOf(given);
        const session = new Session(fleet);
        let now: readonly Node[] = given;
        for (const { wish, count } of wishes) {
          const slow = placeSlowly(now, wish, count);
          expect(placesOf(fleet, session.place(wish, count).picks, wish.needs)).toEqual(slow.places);
          now = slow.nodes;
          for (const node of now) expect(fleet.free(fleet.numberOf(node.id)!)).toEqual(node.free);
        }
        session.close();
        for (const node of given) expect(fleet.free(fleet.numberOf(node.id)!)).toEqual(node.free);
      }),
      { numRuns: 1500 },
    );
  });

  it('explains every node when it finds no place for all', () => {
    fc.assert(
      fc.property(cases, ([given, wishes]) => {
        const { wish } = wishes[0]!;
        const session = new Session(fleetOf(given));
        const { filters, picks } = session.place(wish, 1000);
        // What needs nothing fits without end.
        fc.pre(picks.count < 1000);
        const now = given.map(({ id }) => session.node(id)!);
        const { funnel, examples, agents } = funnelOf(now, filters());
        expect(agents).toBe(given.length);
        expect(funnel.at(-1)?.left ?? given.length).toBe(0);
        expect(examples.length).toBe(Math.min(50, given.length));
        expect(examples.every(({ message }) => message.length > 0)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('packs: one node after the other; spreads: in turns', () => {
    const three = ['a', 'b', 'c'].map((id) => example({ id, cpusMilli: 3000 }));
    const at = (policy: Wish['policy']) => {
      const fleet = fleetOf(three);
      const wish = { ...wishFor({ cpusMilli: 1000 }), policy };
      const { picks } = new Session(fleet).place(wish, 6);
      return placesOf(fleet, picks, wish.needs)
        .map(({ nodeId }) => nodeId)
        .join('');
    };
    expect(at('pack')).toBe('aaabbb');
    expect(at('spread')).toBe('abcabc');
  });

  it('looks only among the named nodes when told to', () => {
    const session = new Session(fleetOf(['a', 'b', 'c'].map((id) => example({ id, cpusMilli: 1000 }))));
    const { picks } = session.place(wishFor({ cpusMilli: 1000 }), 3, [2, 1, 99]);
    expect(picks.numbers).toEqual([1, 2]);
  });

  it('would rather be where it likes it, and by shares where it is to be spread', () => {
    const rows = ['a', 'b', 'c'].map((rack) => ({
      ...example({ id: rack, cpusMilli: 100_000 }),
      attributes: { rack },
    }));
    const perRack = (preferred: Wish['preferences'], policy: Wish['policy'] = 'spread') => {
      const fleet = fleetOf(rows);
      const wish = {
        ...wishFor({ cpusMilli: 1000 }),
        policy,
        ...(preferred === undefined ? {} : { preferences: preferred }),
      };
      const { numbers, counts } = runsOf(new Session(fleet).place(wish, 10).picks, 0);
      return rows.map((_, number) => counts[numbers.indexOf(number)] ?? 0);
    };
    const likes = (weight: number) => [{ field: 'rack', operator: 'IS' as const, value: 'b', weight }];
    expect(perRack({ affinities: likes(100), spreads: [] })).toEqual([0, 10, 0]);
    expect(perRack({ affinities: likes(-100), spreads: [] })).toEqual([5, 0, 5]);
    expect(perRack({ affinities: likes(100), spreads: [] }, 'pack')).toEqual([0, 10, 0]);
    const spreadBy = (targets: Record<string, number>) => ({
      affinities: [],
      spreads: [{ field: 'rack', weight: 100, targets }],
    });
    expect(perRack(spreadBy({ a: 70, b: 20, c: 10 }), 'pack')).toEqual([7, 2, 1]);
    expect(perRack(spreadBy({ a: 60 }), 'pack')).toEqual([6, 2, 2]);
    expect(perRack({ affinities: [], spreads: [{ field: 'rack', weight: 100 }] }, 'pack').toSorted()).toEqual([
      3, 3, 4,
    ]);
  });

  it('gives whole devices by their ids', () => {
    const session = new Session(fleetOf([example({ cpusMilli: 9000, gpuIds: ['gpu-0', 'gpu-1', 'gpu-2'] })]));
    const { picks } = session.place(wishFor({ cpusMilli: 1000, gpus: 1 }), 4);
    expect(picks.gpuIds).toEqual([['gpu-0'], ['gpu-1'], ['gpu-2']]);
  });

  it('can be told node by node, each in one run, with a column a port', () => {
    const nodes = ['a', 'b'].map((id) => example({ id, cpusMilli: 3000, ports: [[80, 89]] }));
    const ports = ['one', 'two'].map((name) => ({ name, port: 0 }));
    const { picks } = new Session(fleetOf(nodes)).place(
      { ...wishFor({ cpusMilli: 1000, ports }), policy: 'spread' },
      5,
    );
    expect(picks.numbers).toEqual([0, 1, 0, 1, 0]);
    expect(runsOf(picks, 2)).toEqual({
      numbers: [0, 1],
      counts: [3, 2],
      ports: [
        [80, 82, 84, 80, 82],
        [81, 83, 85, 81, 83],
      ],
      gpuIds: [],
      disks: [],
    });
  });
});

// --- On a fleet that lives on -------------------------------------------------------------------------------------------

/** Few kinds of pods that come again and again, so that rankings are kept, and what happens to the fleet in between. */
const histories = nodes.chain((given) =>
  fc.tuple(
    fc.constant(given),
    fc.array(wishOf(given), { minLength: 1, maxLength: 3 }),
    fc.array(
      fc.record({
        wish: fc.nat(2),
        count: fc.constantFrom(1, 1, 1, 2, 5, 12),
        then: fc.constantFrom('hold', 'hold', 'forget', 'release', 'close', 'reopen', 'shrink'),
        which: fc.nat(20),
      }),
      { minLength: 1, maxLength: 25 },
    ),
  ),
);

/** What pods lack of another size: often nothing of most resources. */
const growth = fc.record({
  cpusMilli: fc.constantFrom(0, 100, 500, 2000),
  memoryMib: fc.constantFrom(0, 10, 500),
  diskMib: fc.constantFrom(0, 0, 10),
  gpus: fc.constantFrom(0, 0, 1),
});

function placedFor(world: World, wish: Wish, count: number, among?: readonly number[]) {
  const session = new Session(world.fleet);
  const found = session.place(wish, count, among);
  session.close();
  return found;
}

describe('placing on a fleet that lives on', () => {
  it('finds the places that looking at every node for every pod finds, whatever happened before', () => {
    fc.assert(
      fc.property(histories, ([given, wishes, steps]) => {
        const world = new World(given);
        for (const { wish: at, count, then, which } of steps) {
          const { wish } = wishes[at % wishes.length]!;
          const session = new Session(world.fleet);
          const { picks } = session.place(wish, count);
          session.close();
          const slow = placeSlowly(world.open(), wish, count);
          expect(placesOf(world.fleet, picks, wish.needs)).toEqual(slow.places);
          world.happens(then, which, wish, picks);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('finds what a pod lacks that grows where it is, and nothing where looking at its node alone finds nothing', () => {
    fc.assert(
      fc.property(histories, fc.array(growth, { minLength: 1, maxLength: 10 }), ([given, wishes, steps], growths) => {
        const world = new World(given);
        for (const [at, { wish: of, count, then, which }] of steps.entries()) {
          const { wish } = wishes[of % wishes.length]!;
          const { picks } = placedFor(world, wish, count);
          world.happens(then, which, wish, picks);
          const [number] = picks.numbers;
          if (number === undefined || then === 'forget') continue;
          // Its own rules held when it was placed; it lacks no more than some of each amount.
          const lacks: Wish = { ...wishFor(growths[at % growths.length]!), policy: wish.policy };
          const here = world.open().filter(({ id }) => id === world.fleet.nodes[number]!.id);
          const grown = placedFor(world, lacks, 1, [number]);
          expect(placesOf(world.fleet, grown.picks, lacks.needs)).toEqual(placeSlowly(here, lacks, 1).places);
          world.happens('hold', which, lacks, grown.picks);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('puts a set where its pods would go one by one', () => {
    const cases = nodes.chain((given) => fc.tuple(fc.constant(given), wishOf(given)));
    fc.assert(
      fc.property(cases, ([given, { wish, count }]) => {
        const atOnce = fleetOf(given);
        const { picks } = new Session(atOnce).place(wish, count);
        const oneByOne = fleetOf(given);
        const session = new Session(oneByOne);
        const numbers: number[] = [];
        for (let pod = 0; pod < count; pod += 1) {
          // Each sees the pods before it as peers, as the allocator tells it.
          const looksAtSet = (wish.preferences?.spreads.length ?? 0) > 0;
          const added =
            !looksAtSet && ['fixed', 'settled'].includes(effectOf(wish.rules))
              ? []
              : numbers.map((number) => ({ node: oneByOne.nodes[number]!, count: 1 }));
          const one = session.place({ ...wish, peers: [...wish.peers, ...added] }, 1);
          numbers.push(...one.picks.numbers);
        }
        const ascending = numbers.toSorted((left, right) => left - right);
        const runs = runsOf(picks, wish.needs.ports.length);
        expect(runs.numbers.flatMap((number, run) => Array.from({ length: runs.counts[run]! }, () => number))).toEqual(
          ascending,
        );
        for (const node of given.keys()) expect(atOnce.free(node)).toEqual(oneByOne.free(node));
      }),
      { numRuns: 500 },
    );
  });
});

interface Held {
  readonly wish: Wish;
  readonly picks: Picks;
}

/** A fleet as a ledger keeps it: told of all that is held and of no session. */
class World {
  readonly fleet: Fleet;
  readonly #held: Held[] = [];

  constructor(given: readonly Node[]) {
    this.fleet = fleetOf(given);
  }

  /** The open nodes as they are now, as values. */
  open(): Node[] {
    return this.fleet.open.map((number) => ({ ...this.fleet.nodes[number]!, free: this.fleet.free(number) }));
  }

  happens(what: string, which: number, wish: Wish, picks: Picks): void {
    const number = which % Math.max(1, this.fleet.nodes.length);
    const node = this.fleet.nodes[number];
    if (what !== 'forget') {
      this.#tell({ wish, picks }, 1);
      this.#held.push({ wish, picks });
    }
    if (what === 'release' && this.#held.length > 0)
      this.#tell(this.#held.splice(which % this.#held.length, 1)[0]!, -1);
    if (node === undefined) return;
    if (what === 'close') this.fleet.put(number, node, false);
    if (what === 'reopen') this.fleet.put(number, node, true);
    if (what === 'shrink') {
      const capacity = { ...node.capacity, cpusMilli: Math.floor(node.capacity.cpusMilli / 2) };
      this.fleet.put(number, { ...node, capacity }, true);
    }
  }

  #tell({ wish, picks }: Held, times: 1 | -1): void {
    const { needs } = wish;
    let pod = 0;
    for (const [pick, number] of picks.numbers.entries()) {
      const count = picks.counts[pick]!;
      const ports = picks.ports.slice(pod * needs.ports.length, (pod + count) * needs.ports.length);
      const gpuIds = picks.gpuIds.slice(pod, pod + count).flat();
      this.fleet.hold(number, needs, times * count);
      if (times > 0) {
        this.fleet.holdPorts(number, ports);
        this.fleet.holdGpus(number, gpuIds);
      } else {
        this.fleet.freePorts(number, ports);
        this.fleet.freeGpus(number, gpuIds);
      }
      pod += count;
    }
    if (times > 0) this.#expectRoom({ wish, picks });
  }

  /** Of nothing that was asked for less than nothing is left. */
  #expectRoom({ wish: { needs }, picks }: Held): void {
    for (const number of picks.numbers) {
      const { cpusMilli, memoryMib, diskMib } = this.fleet.free(number);
      if (needs.cpusMilli > 0) expect(cpusMilli).toBeGreaterThanOrEqual(0);
      if (needs.memoryMib > 0) expect(memoryMib).toBeGreaterThanOrEqual(0);
      if (needs.diskMib > 0) expect(diskMib).toBeGreaterThanOrEqual(0);
      expect(this.fleet.ports[number]).toBe(countPorts(this.fleet.free(number).ports));
    }
  }
}
