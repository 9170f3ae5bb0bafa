import fc from 'fast-check';
import type { Operator, Peer, Rule } from './constraints/constraint.js';
import { funnelOf } from './funnel.js';
import { bulkOf, holdingsFor, take, type Holding, type Needs, type Node } from './node.js';
import { Session, type Nodes, type Place, type Wish } from './session.js';
import { useAfter } from './scores/score.js';

// --- The slow and obvious way: every pod looks at every node, and all it knows is the list of what was placed ---------

function placeSlowly(nodes: readonly Node[], wish: Wish, count: number): { places: Place[]; nodes: Node[] } {
  const now = [...nodes];
  const places: Place[] = [];
  while (places.length < count) {
    const counts = countsOf(wish.peers, places, nodes);
    const eligible = now.filter((node) => !wish.avoid.includes(node.id) && passesFixed(wish.rules, node));
    const able = eligible.filter(
      (node) => passesPeers(wish.rules, node, counts, eligible) && hasRoom(node, wish.needs),
    );
    const best = able
      .map((node) => ({ node, use: useAfter(node, node.free, wish.needs) }))
      .sort(
        (left, right) => (wish.policy === 'pack' ? right.use - left.use : left.use - right.use) || order(left, right),
      )
      .at(0)?.node;
    if (best === undefined) break;
    const [holding] = holdingsFor(best.free, wish.needs, 1) as [Holding];
    places.push({ nodeId: best.id, holding });
    now[now.indexOf(best)] = { ...best, free: take(best.free, bulkOf(wish.needs, [holding])) };
  }
  return { places, nodes: now };
}

const order = (left: { node: Node }, right: { node: Node }) => (left.node.id < right.node.id ? -1 : 1);

function countsOf(peers: readonly Peer[], places: readonly Place[], nodes: readonly Node[]): readonly Node[] {
  const placed = places.map(({ nodeId }) => nodes.find(({ id }) => id === nodeId)!);
  return [...peers.flatMap(({ node, count }) => Array.from({ length: count }, () => node)), ...placed];
}

function fieldValue(field: string, node: Node): string | undefined {
  return field === 'hostname' ? node.hostname : field === '@zone' ? node.faultDomain.zone : node.attributes[field];
}

function passesFixed(rules: readonly Rule[], node: Node): boolean {
  return rules.every(({ field, operator, value }) => {
    const found = fieldValue(field, node);
    if (operator === 'IS' || (operator === 'CLUSTER' && value !== undefined)) return found === value;
    if (operator === 'LIKE') return found !== undefined && new RegExp(`^(?:${value})$`).test(found);
    if (operator === 'UNLIKE') return found === undefined || !new RegExp(`^(?:${value})$`).test(found);
    return true;
  });
}

function passesPeers(rules: readonly Rule[], node: Node, placed: readonly Node[], eligible: readonly Node[]): boolean {
  return rules.every(({ field, operator, value }) => {
    const found = fieldValue(field, node);
    const countOf = (wanted: string) => placed.filter((peer) => fieldValue(field, peer) === wanted).length;
    if (operator === 'UNIQUE') return found !== undefined && countOf(found) === 0;
    if (operator === 'MAX_PER') return found !== undefined && countOf(found) < Number(value);
    if (operator === 'CLUSTER' && value === undefined) {
      const values = new Set(placed.map((peer) => fieldValue(field, peer)).filter((other) => other !== undefined));
      return found !== undefined && (values.size === 0 || (values.size === 1 && values.has(found)));
    }
    if (operator !== 'GROUP_BY') return true;
    const groups = [...new Set(eligible.map((other) => fieldValue(field, other)))].filter(
      (group) => group !== undefined,
    );
    const fewest = groups.length < Number(value ?? 0) ? 0 : Math.min(...groups.map(countOf));
    return found !== undefined && countOf(found) <= fewest;
  });
}

function hasRoom({ free }: Node, needs: Needs): boolean {
  const ports = new Set<number>();
  for (const [from, to] of free.ports) for (let port = from; port <= to; port += 1) ports.add(port);
  for (const { port } of needs.ports) if (port !== 0 && !ports.delete(port)) return false;
  const enough = (needed: number, available: number) => needed === 0 || needed <= available;
  return (
    enough(needs.cpusMilli, free.cpusMilli) &&
    enough(needs.memoryMib, free.memoryMib) &&
    enough(needs.diskMib, free.diskMib) &&
    enough(needs.gpus, free.gpuIds.length) &&
    enough(needs.ports.filter(({ port }) => port === 0).length, ports.size)
  );
}

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
const rule = fc
  .tuple(fc.constantFrom('hostname', 'rack', '@zone'), fc.constantFrom(...operators), fc.nat(2))
  .map(([field, operator, at]): Rule => {
    const value = values[operator][at % values[operator].length];
    return { field, operator, ...(value === undefined ? {} : { value }) };
  });

const wishOf = (peerNodes: readonly Node[]) =>
  fc
    .record({
      cpus: fc.nat(2),
      memory: fc.nat(2),
      gpus: fc.constantFrom(0, 0, 1),
      ports: fc.array(fc.constantFrom(0, 0, 8001), { maxLength: 2 }),
      rules: fc.array(rule, { maxLength: 3 }),
      policy: fc.constantFrom('pack' as const, 'spread' as const),
      avoid: fc.subarray(['n000', 'n003']),
      peers: fc.array(fc.tuple(fc.nat(13), fc.integer({ min: 1, max: 2 })), { maxLength: 3 }),
      count: fc.integer({ min: 0, max: 12 }),
    })
    .map(({ cpus, memory, gpus, ports, rules, policy, avoid, peers, count }) => {
      const needs: Needs = {
        cpusMilli: cpus * 500,
        memoryMib: memory * 500,
        diskMib: 0,
        gpus,
        ports: ports.map((port, at) => ({ name: `p${at}`, port })),
      };
      const known = new Map(peers.filter(([at]) => at < peerNodes.length));
      const wish: Wish = {
        needs,
        rules,
        policy,
        avoid,
        peers: [...known].map(([at, pods]) => ({ node: peerNodes[at]!, count: pods })),
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
        const session = new Session(nodesOf(given));
        let now: readonly Node[] = given;
        for (const { wish, count } of wishes) {
          const slow = placeSlowly(now, wish, count);
          expect(session.place(wish, count).places).toEqual(slow.places);
          now = slow.nodes;
          for (const node of now) expect(session.node(node.id)).toEqual(node);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('explains every node when it finds no place for all', () => {
    fc.assert(
      fc.property(cases, ([given, wishes]) => {
        const { wish } = wishes[0]!;
        const session = new Session(nodesOf(given));
        const { filters, places } = session.place(wish, 1000);
        // What needs nothing fits without end.
        fc.pre(places.length < 1000);
        const now = given.map(({ id }) => session.node(id)!);
        const { funnel, examples, agents } = funnelOf(now, filters);
        expect(agents).toBe(given.length);
        expect(funnel.at(-1)?.left ?? given.length).toBe(0);
        expect(examples.length).toBe(Math.min(50, given.length));
        expect(examples.every(({ message }) => message.length > 0)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves what it was given as it was', () => {
    const node = example({ cpusMilli: 4000 });
    const before = structuredClone(node);
    new Session(nodesOf([node])).place(wishFor({ cpusMilli: 1000 }), 3);
    expect(node).toEqual(before);
  });

  it('packs: one node after the other; spreads: in turns', () => {
    const three = ['a', 'b', 'c'].map((id) => example({ id, cpusMilli: 3000 }));
    const at = (policy: Wish['policy']) =>
      new Session(nodesOf(three))
        .place({ ...wishFor({ cpusMilli: 1000 }), policy }, 6)
        .places.map(({ nodeId }) => nodeId)
        .join('');
    expect(at('pack')).toBe('aaabbb');
    expect(at('spread')).toBe('abcabc');
  });

  it('looks only among the named nodes when told to', () => {
    const session = new Session(nodesOf(['a', 'b', 'c'].map((id) => example({ id, cpusMilli: 1000 }))));
    const { places } = session.place(wishFor({ cpusMilli: 1000 }), 3, ['c', 'b', 'unknown']);
    expect(places.map(({ nodeId }) => nodeId)).toEqual(['b', 'c']);
  });

  it('gives whole devices by their ids', () => {
    const session = new Session(nodesOf([example({ cpusMilli: 9000, gpuIds: ['gpu-0', 'gpu-1', 'gpu-2'] })]));
    const { places } = session.place(wishFor({ cpusMilli: 1000, gpus: 1 }), 4);
    expect(places.map(({ holding }) => holding.gpuIds)).toEqual([['gpu-0'], ['gpu-1'], ['gpu-2']]);
  });
});

describe('the reasons', () => {
  const funnelFor = (given: Node[], wish: Wish) => {
    const session = new Session(nodesOf(given));
    const { filters } = session.place(wish, 1000);
    return funnelOf(
      given.map(({ id }) => session.node(id)!),
      filters,
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

function nodesOf(all: readonly Node[]): Nodes {
  return {
    all,
    slotOf(id) {
      const slot = all.findIndex((node) => node.id === id);
      return slot === -1 ? undefined : slot;
    },
  };
}
