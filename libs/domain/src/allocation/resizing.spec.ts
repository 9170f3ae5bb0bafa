import type {
  AgentId,
  AllocationEvent,
  GrantId,
  PlacementRequest,
  PodNeeds,
  RequestId,
  RoleName,
  ServiceName,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { asked, foreign, goOn } from './examples.js';
import { allocationViolations } from './invariants.js';
import type { AllocationState } from './state.js';
import { explainPending } from './views.js';

const web = 'web' as ServiceName;
const opened = (agent: string, number: number): AllocationEvent => ({
  type: 'AgentOpened',
  data: {
    ...{ agent: agent as AgentId, number, epoch: 3, hostname: agent, attributes: {} },
    capacity: { cpusMilli: 4000, memoryMib: 4000, diskMib: 100, gpuIds: ['g0', 'g1'], ports: [[9000, 9009]] },
    faultDomain: { region: 'eu', zone: 'a' },
  },
});
const needs = (more: Partial<PodNeeds> = {}): PodNeeds => ({
  ...{ cpusMilli: 1000, memoryMib: 1000, diskMib: 0, gpus: 0, ports: [] },
  volumes: [{ name: 'data', path: 'data', type: 'ROOT', sizeMib: 60 }],
  ...more,
});
const request = (name: string, more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  ...{
    request: name as RequestId,
    service: web,
    generation: 7,
    role: 'eng' as RoleName,
    pod: 'node',
    indexes: [[0, 0]],
  },
  ...{ needs: needs(), constraints: [{ field: 'hostname', operator: 'UNIQUE' }] },
  ...{ policy: 'spread', attempt: 1, avoid: [], replaces: [] },
  ...more,
});
const resize = (name: string, to: Partial<PodNeeds>, grant = '1.0') =>
  asked(request(name, { needs: needs(to), resizes: [{ index: 0, grant: grant as GrantId }] }));
const returned = (grants: number[][], destroyVolumes = false) =>
  foreign({
    type: 'GrantReturned',
    data: { service: web, generation: 7, grants, ...(destroyVolumes ? { destroyVolumes } : {}) },
  });
const story = (from: Partial<PodNeeds> = {}) =>
  specificationOf(allocation)
    .given(opened('a', 1), opened('b', 2))
    .when(asked(request('r.1', { needs: needs(from) })));
type Told = ReturnType<typeof story>;
const placedIn = ({ events }: Told) => events.flatMap((event) => (event.type === 'Placed' ? [event.data] : []));
const stateOf = (told: Told): AllocationState => {
  let found: AllocationState | undefined;
  told.thenState((state) => void (found = state));
  return found!;
};
const freeOn = (told: Told, number: number) => {
  const state = stateOf(told);
  expect(allocationViolations(state)).toEqual([]);
  const { cpusMilli, memoryMib, diskMib } = state.agents.fleet.free(number);
  return { cpusMilli, memoryMib, diskMib };
};

describe('a pod that is to hold something else where it is', () => {
  it('gets what it lacks beside what it has, and all of it on one grant once the old one is returned', () => {
    const first = story();
    const on = placedIn(first)[0]!.agents.numbers[0]!;
    const asks = first.when(resize('r.2', { cpusMilli: 3500, memoryMib: 500 }), { seq: 2 });
    expect(placedIn(asks)).toMatchObject([
      { agents: { numbers: [on] }, needs: { cpusMilli: 2500, memoryMib: 0 }, resizes: { grant: '1.0' } },
    ]);
    expect(freeOn(asks, on)).toEqual({ cpusMilli: 500, memoryMib: 3000, diskMib: 40 });
    const over = asks.when(returned([[1, 0, 0]]));
    expect(freeOn(over, on)).toEqual({ cpusMilli: 500, memoryMib: 3500, diskMib: 40 });
    expect([...stateOf(over).volumes.values()]).toMatchObject([{ grant: '2.0', state: 'held' }]);
    const gone = over.when(returned([[2, 0, 0]], true));
    expect(gone.events).toMatchObject([{ type: 'VolumeDestroying', data: { grant: '2.0' } }]);
  });

  it('waits with the reason and what helps when its machine has no room, and keeps what it has', () => {
    const first = story();
    const on = placedIn(first)[0]!.agents.numbers[0]!;
    const asks = first.when(resize('r.2', { memoryMib: 4500 }), { seq: 2 });
    expect(placedIn(asks)).toEqual([]);
    expect(freeOn(asks, on)).toEqual({ cpusMilli: 3000, memoryMib: 3000, diskMib: 40 });
    const host = on === 1 ? 'a' : 'b';
    const reasons = explainPending(stateOf(asks), 'r.2' as RequestId)!;
    expect(reasons.examples[0]).toMatchObject({ agent: host, filter: 'memory' });
    expect(reasons.remedy).toContain(`make room on ${host}, where the pod runs on as it was`);
    expect(asks.events.at(-1)).toMatchObject({
      type: 'PlacementPending',
      data: { reasons: { remedy: reasons.remedy } },
    });
  });

  it('gets it as soon as others give room back', () => {
    const first = story();
    const on = placedIn(first)[0]!.agents.numbers[0]!;
    const others = asked({
      ...request('r.9', { indexes: [[0, 1]], needs: needs({ memoryMib: 3000, volumes: [] }) }),
      pod: 'x',
    });
    const full = first.when(others, { seq: 3 }).when(resize('r.2', { memoryMib: 2000 }), { seq: 4 });
    expect(freeOn(full, on).memoryMib).toBe(0);
    const placed = full.when(returned([[3, 0, 1]])).when(goOn, { seq: 6 });
    expect(placedIn(placed)).toMatchObject([{ agents: { numbers: [on] }, needs: { memoryMib: 1000 } }]);
  });

  it('keeps ports and devices that it goes on having', () => {
    const ports = [
      { name: 't.http', port: 9001 },
      { name: 't.any', port: 0 },
    ];
    const first = story({ ports, gpus: 1 });
    const [placed] = placedIn(first);
    const on = placed!.agents.numbers[0]!;
    const any = placed!.ports!['t.any']![0]!;
    const more = [
      { name: 't.web', port: 9001 },
      { name: 't.any', port: 0 },
      { name: 't.new', port: 9005 },
    ];
    const asks = first.when(resize('r.2', { ports: more, gpus: 2 }), { seq: 2 });
    expect(placedIn(asks)).toMatchObject([
      {
        ports: { 't.new': [9005] },
        gpuIds: [['g1']],
        resizes: { ports: { 't.web': 9001, 't.any': any }, gpuIds: ['g0'] },
      },
    ]);
    expect(freeOn(asks, on).cpusMilli).toBe(3000);
    const over = asks.when(returned([[1, 0, 0]]));
    expect(freeOn(over, on).cpusMilli).toBe(3000);
    const back = over.when(resize('r.3', { ports, gpus: 0 }, '2.0'), { seq: 5 }).when(returned([[2, 0, 0]]));
    expect(freeOn(back, on).cpusMilli).toBe(3000);
    expect(stateOf(back).agents.fleet.free(on).gpuIds).toEqual(['g0', 'g1']);
  });

  it.each([
    ['the new one', [[2, 0, 0]]],
    [
      'both at once',
      [
        [1, 0, 0],
        [2, 0, 0],
      ],
    ],
  ])('loses nothing when %s is returned instead', (what, grants) => {
    const asks = story().when(resize('r.2', { cpusMilli: 2000 }), { seq: 2 });
    const over = asks.when(returned(grants));
    const on = placedIn(asks)[0]!.agents.numbers[0]!;
    const both = what === 'both at once';
    expect(freeOn(over, on)).toEqual({ cpusMilli: both ? 4000 : 3000, memoryMib: both ? 4000 : 3000, diskMib: 40 });
    expect([...stateOf(over).volumes.values()]).toMatchObject([{ state: both ? 'detached' : 'held' }]);
  });

  it('leaves to the others of its set the volume that they share', () => {
    const shared = needs({ volumes: [{ name: 's', path: 's', type: 'ROOT', sizeMib: 60, shared: true }] });
    const three = request('r.1', { needs: shared, constraints: [], indexes: [[0, 2]] });
    const set = specificationOf(allocation).given(opened('a', 1)).when(asked(three)).when(goOn, { seq: 2 });
    const { grants } = placedIn(set)[0]!;
    const [seq, first, last] = grants[0] as [number, number, number];
    expect(last - first).toBe(1);
    const resizes = [{ index: 1, grant: `${seq}.${first}` as GrantId }];
    const larger = request('r.2', {
      needs: { ...shared, cpusMilli: 1500 },
      constraints: [],
      indexes: [[1, 1]],
      resizes,
    });
    const after = set.when(asked(larger), { seq: 3 }).when(returned([[seq, first, last]]));
    expect(allocationViolations(stateOf(after))).toEqual([]);
    expect([...stateOf(after).volumes.values()].map(({ users }) => users)).toEqual([2]);
  });
});
