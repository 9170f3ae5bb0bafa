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
  ask(id, count, { pod: 'gang', gang: true, ...more });
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
        expect(predictPlacement(state, wish('g.9', 4, { gang: true })).places).toHaveLength(4);
        expect(predictPlacement(state, wish('g.9', 5, { gang: true })).places).toHaveLength(0);
      });
  });

  it('is no larger than one event can tell', () => {
    const { needs } = wish('r.1', 1);
    expect(gangSizeMax(needs)).toBe(16_384);
    expect(gangSizeMax({ ...needs, ports: [{ name: 't.p', port: 0 }] })).toBe(10_240);
  });
});
