import { specificationOf } from '@orrery/testing';
import {
  countIn,
  gangSizeMax,
  idRunsOf,
  numbersIn,
  type AgentId,
  type AllocationEvent,
  type GrantId,
  type PlacementRequest,
  type RequestId,
} from '@orrery/contracts';
import { allocation } from './decide.js';
import type { AllocationInput } from './input.js';
import type { AllocationState } from './state.js';
import { explainPending, predictPlacement } from './views.js';

const agent = (name: string, cpus = 2): AllocationEvent => ({
  type: 'AgentOpened',
  data: {
    ...{ agent: name as AgentId, number: name.charCodeAt(0) - 96, epoch: 1, hostname: name, attributes: {} },
    capacity: { cpusMilli: cpus * 1000, memoryMib: 4096, diskMib: 10_000, gpuIds: [], ports: [] },
    faultDomain: { region: 'eu', zone: 'a' },
  },
});
const wish = (id: string, count: number, more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  ...{ request: id as RequestId, generation: 1, pod: 'run', indexes: [[0, count - 1]], policy: 'pack', attempt: 1 },
  ...{ service: 'shop' as never, role: 'eng' as never, avoid: [], replaces: [], constraints: [] },
  needs: { cpusMilli: 1000, memoryMib: 100, diskMib: 0, gpus: 0, ports: [], volumes: [] },
  ...more,
});
const ask = (id: string, count: number, more: Partial<PlacementRequest> = {}): AllocationInput => ({
  kind: 'foreign',
  domain: 'services',
  journalId: 's',
  seq: 1,
  event: { type: 'PlacementRequested', data: wish(id, count, more) },
});
const gang = (id: string, count: number, more: Partial<PlacementRequest> = {}) =>
  ask(id, count, { pod: 'gang', gang: { id: id as RequestId }, ...more });
const again = { kind: 'internal', internal: { type: 'continue' } } as const;

/** The first of the grants of a kind of pods. */
const grantsOf = (state: AllocationState, pod: string): GrantId[] =>
  [...state.lots.entries()].flatMap(([key, lot]) =>
    lot.pod === pod ? [...numbersIn(lot.ordinals)].map((ordinal) => `${key.split('.')[0]}.${ordinal}` as GrantId) : [],
  );
const giveBack = (grant: GrantId): AllocationInput => ({
  kind: 'foreign',
  domain: 'services',
  journalId: 's',
  seq: 2,
  event: {
    type: 'GrantReturned',
    data: { service: 'shop' as never, generation: 1, grants: idRunsOf([grant]) },
  },
});
const placedOf = (state: AllocationState, pod: string) => grantsOf(state, pod).length;

type Story = ReturnType<ReturnType<typeof given>['when']>;

/** The story goes on when a grant of ordinary pods is given back and all that waits had its turn. */
function whenOneGoes(story: Story): Story {
  let input: AllocationInput = again;
  story.thenState((state) => (input = giveBack(grantsOf(state, 'run')[0]!)));
  return story.when(input).when(again);
}
const given = () => specificationOf(allocation).given(agent('a'), agent('b'), agent('c'));

describe('a gang', () => {
  it('is placed all at once', () => {
    given()
      .when(gang('g.1', 6))
      .thenState((state) => {
        expect(placedOf(state, 'gang')).toBe(6);
        expect(state.requests.size).toBe(0);
      });
  });

  it('that does not fit holds nothing, says how many would, and what would help', () => {
    given()
      .when(ask('r.1', 2))
      .when(gang('g.1', 5))
      .when(again)
      .thenState((state) => {
        expect(placedOf(state, 'gang')).toBe(0);
        const why = explainPending(state, 'g.1' as RequestId)!;
        expect(why.gang).toEqual({ size: 5, fitting: 4, fittingEmpty: 6 });
        expect(why.remedy).toBe(
          '4 of the 5 pods of the gang fit now, and it waits until all do: free 1 cpus on a, start an agent with 1 cpus free, or ask for less',
        );
        expect(state.requests.get('g.1' as RequestId)!.reasons!.gang).toEqual(why.gang);
      });
  });

  it('gathers room in its turn, however many small ones come after it', () => {
    const full = given().when(ask('r.1', 6)).when(gang('g.1', 3)).when(again);
    let story = full;
    for (let small = 2; small < 6; small += 1) story = story.when(ask(`r.${small}`, 1, { pod: 'small' })).when(again);
    story = whenOneGoes(whenOneGoes(story));
    story.thenState((state) => {
      expect([placedOf(state, 'gang'), placedOf(state, 'small')]).toEqual([0, 0]);
      const why = explainPending(state, 'r.2' as RequestId)!;
      expect(why.funnel.find(({ filter }) => filter === 'gangs')!.rejected).toBeGreaterThan(0);
      expect(why.examples.find(({ filter }) => filter === 'gangs')!.message).toContain(
        'for shop/gang, which waits until all of its pods fit',
      );
    });
    whenOneGoes(story).thenState((state) =>
      expect([placedOf(state, 'gang'), placedOf(state, 'small')]).toEqual([3, 0]),
    );
    whenOneGoes(story).thenState((state) => expect(placedOf(state, 'small')).toBe(1));
  });

  it('lets others have what they are due before it', () => {
    whenOneGoes(
      given()
        .when(ask('r.1', 6))
        .when(gang('g.1', 3))
        .when(ask('r.2', 1, { role: 'ops' as never, pod: 'small' }))
        .when(again),
    ).thenState((state) => expect([placedOf(state, 'gang'), placedOf(state, 'small')]).toEqual([0, 1]));
  });

  it('that could not be placed on empty agents is in nobody’s way', () => {
    given()
      .when(gang('g.1', 7))
      .when(ask('r.1', 6))
      .when(again)
      .thenState((state) => {
        expect(placedOf(state, 'run')).toBe(6);
        expect(explainPending(state, 'g.1' as RequestId)!.remedy).toBe(
          "the gang of 7 can't be placed: even with nothing else on them, the agents have room for 6; add agents, or make it smaller",
        );
      });
  });

  it('of fewer, or withdrawn, lets go of what it kept', () => {
    const waiting = () =>
      given()
        .when(ask('r.1', 4))
        .when(gang('g.1', 4))
        .when(ask('r.2', 1, { pod: 'small' }))
        .when(again);
    const withdraw = (indexes: readonly [number, number][]): AllocationInput => ({
      kind: 'foreign',
      domain: 'services',
      journalId: 's',
      seq: 3,
      event: {
        type: 'PlacementWithdrawn',
        data: { ...{ service: 'shop' as never, generation: 1, pod: 'gang' }, request: 'g.1' as RequestId, indexes },
      },
    });
    waiting()
      .when(withdraw([[2, 3]]))
      .when(again)
      .thenState((state) => expect([placedOf(state, 'gang'), placedOf(state, 'small')]).toEqual([2, 0]));
    waiting()
      .when(withdraw([[0, 3]]))
      .when(again)
      .thenState((state) => expect([placedOf(state, 'gang'), placedOf(state, 'small')]).toEqual([0, 1]));
  });

  it('grows by a gang', () => {
    given()
      .when(gang('g.1', 3))
      .when(gang('g.2', 4, { indexes: [[3, 6]] }))
      .when(again)
      .thenState((state) => {
        expect(placedOf(state, 'gang')).toBe(3);
        expect(countIn(state.requests.get('g.2' as RequestId)!.indexes)).toBe(4);
      });
  });

  it('is held to the quota of its role as a whole', () => {
    const limit: AllocationEvent = {
      type: 'QuotaSet',
      data: { role: 'eng' as never, limit: { cpusMilli: 4000 }, cells: 1 } as never,
    };
    given()
      .given(limit)
      .when(gang('g.1', 5))
      .when(again)
      .thenState((state) => {
        expect(placedOf(state, 'gang')).toBe(0);
        expect(explainPending(state, 'g.1' as RequestId)!.remedy).toBe(
          'raise the quota of eng or free something in it: 0 of 4 cpus used, the 5 pods of the gang need 5',
        );
        expect(predictPlacement(state, wish('g.9', 4, { gang: { id: 'g.9' as RequestId } })).places).toHaveLength(4);
        expect(predictPlacement(state, wish('g.9', 5, { gang: { id: 'g.9' as RequestId } })).places).toHaveLength(0);
      });
  });

  it('is no larger than one event can tell', () => {
    const { needs } = wish('r.1', 1);
    expect(gangSizeMax(needs)).toBe(16_384);
    expect(gangSizeMax({ ...needs, ports: [{ name: 't.p', port: 0 }] })).toBe(10_240);
  });
});

describe('a gang of several kinds of pods', () => {
  const first = { id: 'g.1' as RequestId };
  const server = (count: number, more: Partial<PlacementRequest> = {}) =>
    ask('g.1', count, { pod: 'server', gang: { ...first, more: true }, ...more });
  const worker = (count: number, more: Partial<PlacementRequest> = {}) =>
    ask('g.2', count, { pod: 'worker', gang: first, ...more });
  const both = (state: AllocationState) => [placedOf(state, 'server'), placedOf(state, 'worker')];

  it('waits until all of its requests are there, and is placed in one decision', () => {
    const begun = given().when(server(2));
    begun
      .thenEvents((events) => expect(events.map(({ type }) => type)).toEqual(['RequestQueued']))
      .thenState((state) => expect(allocation.continues!(state)).toBe(false));
    begun
      .when(worker(4))
      .when(again)
      .thenEvents((events) => expect(events.map(({ type }) => type)).toEqual(['Placed', 'Placed']))
      .thenState((state) => {
        expect(both(state)).toEqual([2, 4]);
        expect(state.requests.size).toBe(0);
      });
  });

  it('that does not fit has no place for either, and each says what lacks', () => {
    const story = given().when(ask('r.1', 2)).when(server(1)).when(worker(4)).when(again);
    story.thenState((state) => {
      expect(both(state)).toEqual([0, 0]);
      const [ready, short] = ['g.1', 'g.2'].map((id) => explainPending(state, id as RequestId)!);
      expect(short!.funnel.find(({ filter }) => filter === 'cpus')!.rejected).toBe(3);
      expect(ready!.funnel.find(({ filter }) => filter === 'gangs')!.rejected).toBe(3);
      const parts = [
        { pod: 'server', size: 1, fitting: 1 },
        { pod: 'worker', size: 4, fitting: 3 },
      ];
      expect(short!.gang).toEqual({ size: 5, fitting: 4, fittingEmpty: 5, parts });
      expect(ready!.remedy).toMatch(
        /^4 of the 5 pods of the gang \(1 of 1 server, 3 of 4 worker\) fit now, and it waits until all do: free 1 cpus/,
      );
      expect(state.requests.get('g.1' as RequestId)!.reasons!.gang).toEqual(ready!.gang);
    });
    whenOneGoes(story).thenState((state) => expect(both(state)).toEqual([1, 4]));
  });

  it('whose kinds fit each by itself and not together is in nobody’s way', () => {
    given()
      .when(server(4))
      .when(worker(4))
      .when(again)
      .when(ask('r.1', 6))
      .when(again)
      .thenState((state) => {
        expect([...both(state), placedOf(state, 'run')]).toEqual([0, 0, 6]);
        expect(explainPending(state, 'g.2' as RequestId)!.gang!.fittingEmpty).toBe(6);
      });
  });

  it('keeps its turn for all of them', () => {
    const full = given().when(ask('r.1', 6)).when(server(1)).when(worker(2)).when(again);
    const small = full.when(ask('r.2', 1, { pod: 'small' })).when(again);
    const two = whenOneGoes(whenOneGoes(small));
    two.thenState((state) => expect([...both(state), placedOf(state, 'small')]).toEqual([0, 0, 0]));
    whenOneGoes(two).thenState((state) => expect([...both(state), placedOf(state, 'small')]).toEqual([1, 2, 0]));
  });

  it('goes on with the others when one of its requests is withdrawn', () => {
    given()
      .when(ask('r.1', 4))
      .when(server(1))
      .when(worker(2))
      .when(again)
      .when({
        kind: 'foreign',
        domain: 'services',
        journalId: 's',
        seq: 3,
        event: {
          type: 'PlacementWithdrawn',
          data: {
            ...{ service: 'shop' as never, generation: 1, pod: 'server' },
            ...{ request: 'g.1' as RequestId, indexes: [[0, 0]] },
          },
        },
      })
      .when(again)
      .thenState((state) => expect(both(state)).toEqual([0, 2]));
  });

  it('sees where the other kind would be: beside it, or away from it', () => {
    const beside = { colocate: { pod: 'worker' } } as const;
    const away = { avoid: { pod: 'server' } } as const;
    given()
      .when(server(1, { constraints: [beside] }))
      .when(worker(1))
      .when(again)
      .thenState((state) => expect(both(state)).toEqual([1, 1]));
    given()
      .when(server(2, { constraints: [{ field: 'hostname', operator: 'UNIQUE' }] as never }))
      .when(worker(3, { constraints: [away] }))
      .when(again)
      .thenState((state) => expect(both(state)).toEqual([0, 0]));
    given()
      .when(server(2))
      .when(worker(3, { constraints: [away] }))
      .when(again)
      .thenState((state) => expect(both(state)).toEqual([2, 3]));
  });

  it('is held to the quota of its role with all that it needs', () => {
    const limit = (cpusMilli: number): AllocationEvent => ({
      type: 'QuotaSet',
      data: { role: 'eng' as never, limit: { cpusMilli }, cells: 1 } as never,
    });
    const story = (cpusMilli: number) => given().given(limit(cpusMilli)).when(server(2)).when(worker(3)).when(again);
    story(4000).thenState((state) => {
      expect(both(state)).toEqual([0, 0]);
      for (const id of ['g.1', 'g.2'])
        expect(explainPending(state, id as RequestId)!.remedy).toBe(
          'raise the quota of eng or free something in it: 0 of 4 cpus used, the 5 pods of the gang need 5',
        );
    });
    story(5000).thenState((state) => expect(both(state)).toEqual([2, 3]));
  });

  it('keeps the disks that it found from those who come later, and names them', () => {
    const disks = (name: string, count: number): AllocationEvent => {
      const opened = agent(name, 8) as Extract<AllocationEvent, { type: 'AgentOpened' }>;
      const disk = (at: number) => ({
        name: `d${at}`,
        path: `/d${at}`,
        type: 'MOUNT' as const,
        sizeMib: 1000,
      });
      const own = Array.from({ length: count }, (_, at) => disk(at));
      return { ...opened, data: { ...opened.data, capacity: { ...opened.data.capacity, disks: own } } };
    };
    const volumes = [{ name: 'v', path: 'v', type: 'MOUNT', sizeMib: 500 }] as const;
    const needs = { ...wish('x', 1).needs, volumes: [...volumes] };
    specificationOf(allocation)
      .given(disks('a', 2))
      .given(disks('b', 1))
      .when(ask('r.1', 1, { needs }))
      .when(server(1, { needs }))
      .when(worker(2, { needs }))
      .when(ask('r.2', 1, { pod: 'small', needs, role: 'eng' as never }))
      .when(again)
      .when(again)
      .thenState((state) => {
        expect([...both(state), placedOf(state, 'small')]).toEqual([0, 0, 0]);
        const why = explainPending(state, 'r.2' as RequestId)!;
        expect(why.funnel.find(({ filter }) => filter === 'gangs')!.rejected).toBe(2);
        expect(why.examples.find(({ filter }) => filter === 'gangs')!.message).toMatch(
          /room on d\d, for shop\/server and/,
        );
      });
  });
});
