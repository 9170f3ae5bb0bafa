import type { Rule } from './constraints/constraint.js';
import { funnelOf } from './funnel.js';
import type { Node } from './node.js';
import { Session, type Wish } from './session.js';
import { example, fleetOf, wishFor } from './slow-placement.js';

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
