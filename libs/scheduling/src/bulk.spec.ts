import fc from 'fast-check';
import { effectOf } from './constraints/constraints.js';
import type { Fleet } from './fleet.js';
import type { Node } from './node.js';
import { runsOf, type Picks } from './picks.js';
import { countPorts } from './ports.js';
import { Session, type Wish } from './session.js';
import { fleetOf, nodes, placesOf, placeSlowly, wishOf } from './slow-placement.js';

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
          const added =
            effectOf(wish.rules) === 'fixed'
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
