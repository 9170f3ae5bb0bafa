import { planEvictions, type EvictableGroup, type EvictionNode } from './evictions.js';
import type { Needs } from './node.js';

const needs = (cpus: number, more: Partial<Needs> = {}): Needs => ({
  cpusMilli: cpus * 1000,
  memoryMib: 0,
  diskMib: 0,
  gpus: 0,
  ports: [],
  ...more,
});
let ordinal = 0;
const group = (cpus: number, count: number, more: Partial<EvictableGroup> = {}): EvictableGroup => ({
  priority: 10,
  revocable: false,
  needs: needs(cpus),
  pods: Array.from({ length: count }, () => ({ ordinal: ordinal++, ports: [] })),
  ...more,
});
const node = (number: number, freeCpus: number, ...groups: EvictableGroup[]): EvictionNode => ({
  number,
  free: { cpusMilli: freeCpus * 1000, memoryMib: 0, diskMib: 0, gpus: 0 },
  ports: 0,
  hasPort: () => false,
  groups,
});
const free = { kills: 1000, allowanceOf: () => 1000 };
const plan = (cpus: number, pods: number, nodes: EvictionNode[], limits = free) =>
  planEvictions(needs(cpus), pods, nodes, limits);
const sizesOf = ({ victims }: ReturnType<typeof plan>) =>
  victims.map(({ group: { needs: of } }) => of.cpusMilli / 1000);

describe('who makes way', () => {
  it('is nobody where all together are too small', () => {
    expect(plan(5, 1, [node(1, 1, group(1, 3))])).toEqual({ places: [], pods: 0, victims: [] });
  });

  it('is the revocable before the lowest priority, and the lowest priority before fewer victims', () => {
    const rank = (one: EvictableGroup, other: EvictableGroup) =>
      plan(2, 1, [node(1, 0, one), node(2, 0, other)]).places;
    expect(rank(group(2, 1), group(1, 2, { revocable: true, priority: 40 }))).toEqual([{ number: 2, pods: 1 }]);
    expect(rank(group(2, 1, { priority: 30 }), group(1, 2, { priority: 20 }))).toEqual([{ number: 2, pods: 1 }]);
    expect(rank(group(1, 2), group(2, 1))).toEqual([{ number: 2, pods: 1 }]);
  });

  it('is the one that is just enough, rather than a larger one or several', () => {
    expect(sizesOf(plan(2, 1, [node(1, 0, group(8, 1), group(1, 4), group(2, 1), group(3, 1))]))).toEqual([2]);
  });

  it('is whoever gives most of what is missing, where nobody is enough alone', () => {
    expect(sizesOf(plan(6, 1, [node(1, 1, group(1, 9), group(3, 2))]))).toEqual([3, 3]);
  });

  it('spares whoever turns out not to be needed, the most important first', () => {
    const nodes = [node(1, 0, group(1, 1, { priority: 0 }), group(4, 1, { priority: 20 }))];
    expect(sizesOf(plan(4, 1, nodes))).toEqual([4]);
  });

  it('is on the node where the least is freed beyond the need', () => {
    expect(plan(2, 1, [node(1, 1, group(4, 1)), node(2, 0, group(2, 1))]).places).toEqual([{ number: 2, pods: 1 }]);
  });

  it('is whoever holds a fixed port, and nobody can stand in for it', () => {
    const holder = group(1, 1, { priority: 30, pods: [{ ordinal: 7, ports: [80] }] });
    const wish = needs(1, { ports: [{ name: 'http', port: 80 }] });
    const given = { ...needs(1), ports: [{ name: 'http', port: 0 }] };
    const nodes = [node(1, 0, group(1, 3), { ...holder, needs: given })];
    expect(planEvictions(wish, 1, nodes, free).victims.map(({ pod }) => pod.ordinal)).toEqual([7]);
    expect(planEvictions(wish, 1, [node(1, 5, group(1, 3))], free).pods).toBe(0);
  });
});

describe('a set of pods', () => {
  it('gets all its victims at once, with what is left over counted in', () => {
    const { places, pods, victims } = plan(2, 3, [node(1, 0, group(4, 1)), node(2, 0, group(2, 1))]);
    expect([pods, victims.length]).toEqual([3, 2]);
    expect(places).toEqual([
      { number: 2, pods: 1 },
      { number: 1, pods: 2 },
    ]);
  });

  it('gets no more than the budget lets it, and never half of what a pod needs', () => {
    const nodes = [node(1, 0, group(1, 9))];
    const limited = plan(2, 4, nodes, { ...free, kills: 5 });
    expect([limited.pods, limited.victims.length]).toEqual([2, 4]);
  });

  it('takes no more of one owner than that may lose', () => {
    const nodes = [node(1, 0, group(1, 9, { owner: 'web' })), node(2, 0, group(1, 9, { owner: 'web' }))];
    expect(plan(1, 4, nodes, { ...free, allowanceOf: () => 2 }).victims).toHaveLength(2);
    expect(plan(1, 4, [...nodes, node(3, 0, group(1, 9))], { ...free, allowanceOf: () => 2 }).pods).toBe(4);
  });
});
