import fc from 'fast-check';
import type { Rule } from './constraints/constraint.js';
import { funnelOf } from './funnel.js';
import type { Needs, Node } from './node.js';
import { runsOf } from './picks.js';
import { Session, type Wish } from './session.js';
import { fleetOf, nodes, placesOf, placeSlowly, wishOf } from './slow-placement.js';

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
          for (const node of now) expect(session.node(node.id)?.free).toEqual(node.free);
        }
        session.close();
        for (const node of given) expect(session.node(node.id)?.free).toEqual(node.free);
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
    });
  });
});

describe('the reasons', () => {
  const funnelFor = (given: Node[], wish: Wish) => {
    const session = new Session(fleetOf(given));
    const { filters } = session.place(wish, 1000);
    return funnelOf(
      given.map(({ id }) => session.node(id)!),
      filters(),
    );
  };

  it('say how many nodes each filter took, the exact shortfall, and what would help', () => {
    const given = [example({ id: 'a', cpusMilli: 500 }), example({ id: 'b', cpusMilli: 200, memoryMib: 1 })];
    const { funnel, examples, remedy } = funnelFor(given, wishFor({ cpusMilli: 600, memoryMib: 10 }));
    expect(funnel).toEqual([
      { filter: 'avoid', rejected: 0, left: 2 },
      { filter: 'cpus', rejected: 2, left: 0 },
      { filter: 'memory', rejected: 0, left: 0 },
    ]);
    expect(examples[0]).toEqual({
      agent: 'a',
      hostname: 'host',
      filter: 'cpus',
      message: 'needs 0.6 cpus, free 0.5 of 0.5: short by 0.1',
    });
    expect(remedy).toBe('no agent has 0.6 cpus at all (the largest has 0.5): start a larger agent, or ask for less');
  });

  it('name the nearest miss first', () => {
    const given = [example({ id: 'a', cpusMilli: 0 }), example({ id: 'b', cpusMilli: 1000, memoryMib: 0 })];
    const { examples } = funnelFor(given, wishFor({ cpusMilli: 1000, memoryMib: 10 }));
    expect(examples.map(({ agent, filter }) => `${agent} ${filter}`)).toEqual(['b memory', 'a cpus']);
  });

  it.each([
    [{ field: 'rack', operator: 'IS', value: '7' }, 'has no attribute rack', 'add an agent with rack 7'],
    [
      { field: 'hostname', operator: 'LIKE', value: '(' },
      '( is not a pattern: a group is not closed',
      'correct the pattern',
    ],
    [
      { field: 'hostname', operator: 'UNIQUE' },
      'hostname host already has a pod',
      'add an agent with another hostname',
    ],
    [
      { field: 'hostname', operator: 'MAX_PER', value: '1' },
      'hostname host has 1 pods of the set, at most 1',
      'allow more than 1',
    ],
    [
      { field: '@zone', operator: 'GROUP_BY', value: '2' },
      '@zone z has 1 and there are 1 of 2 groups',
      'add agents in 1 more',
    ],
  ] satisfies [Rule, string, string][])('speak of %j', (given, message, remedy) => {
    const told = funnelFor([example({ cpusMilli: 9000 })], { ...wishFor({ cpusMilli: 1 }), rules: [given] });
    expect(told.examples[0]?.message).toContain(message);
    expect(told.remedy).toContain(remedy);
  });

  it('tell a port that is taken from one that is not offered', () => {
    const ports = [{ name: 'web.http', port: 8000 }];
    const taken = { ...example({ id: 'a' }), capacity: example({ ports: [[8000, 8000]] }).capacity };
    const { examples } = funnelFor([taken, example({ id: 'b' })], wishFor({ ports }));
    expect(examples.map(({ message }) => message)).toEqual([
      'port 8000 (web.http) is taken',
      'does not offer port 8000 (web.http)',
    ]);
  });
});

function example({ id = 'a', ...more }: Partial<Node['free']> & { id?: string }): Node {
  const stock = { cpusMilli: 1000, memoryMib: 1000, diskMib: 1000, gpuIds: [], ports: [], ...more };
  return {
    id,
    hostname: 'host',
    attributes: {},
    faultDomain: { region: 'r', zone: 'z' },
    capacity: stock,
    free: stock,
  };
}

function wishFor(needs: Partial<Needs>): Wish {
  const all = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0, ports: [], ...needs };
  return { needs: all, rules: [], policy: 'pack', avoid: [], peers: [] };
}
