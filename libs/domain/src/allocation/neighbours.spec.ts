import { specificationOf } from '@orrery/testing';
import type { AgentId, AllocationEvent, Constraint, PlacementRequest, RequestId } from '@orrery/contracts';
import { allocation } from './decide.js';
import type { AllocationInput } from './input.js';
import { allocationViolations } from './invariants.js';
import type { AllocationState } from './state.js';
import { explainPending } from './views.js';

const agent = (name: string, rack: string): AllocationEvent => ({
  type: 'AgentOpened',
  data: {
    ...{ agent: name as AgentId, number: name.charCodeAt(0) - 96, epoch: 1, hostname: name, attributes: { rack } },
    capacity: { cpusMilli: 4000, memoryMib: 4096, diskMib: 10_000, gpuIds: [], ports: [] },
    faultDomain: { region: 'eu', zone: 'a' },
  },
});
const request = (id: string, pod: string, count: number, constraints: readonly Constraint[] = []): AllocationInput => ({
  kind: 'foreign',
  domain: 'services',
  journalId: 's',
  seq: 1,
  event: {
    type: 'PlacementRequested',
    data: {
      ...{ request: id as RequestId, generation: 1, pod, indexes: [[0, count - 1]], policy: 'spread', attempt: 1 },
      ...{ service: 'shop' as never, role: 'eng' as never, avoid: [], replaces: [], constraints },
      needs: { cpusMilli: 1000, memoryMib: 100, diskMib: 0, gpus: 0, ports: [], volumes: [] },
    } satisfies PlacementRequest,
  },
});
const again = { kind: 'internal', internal: { type: 'continue' } } as const;

/** Where the pods of a type are. */
const placesOf = (state: AllocationState, pod: string): string =>
  [...state.lots.values()]
    .filter((lot) => lot.pod === pod)
    .flatMap(({ agents }) => Array.from(agents, (number) => state.agents.numbered(number)!.hostname))
    .sort()
    .join('');
const giveBack = (state: AllocationState, pod: string): AllocationInput => ({
  kind: 'foreign',
  domain: 'services',
  journalId: 's',
  seq: 2,
  event: {
    type: 'GrantReturned',
    data: {
      ...{ service: 'shop' as never, generation: 1 },
      grants: [...state.lots.entries()]
        .filter(([, lot]) => lot.pod === pod)
        .map(([key, { ordinals }]) => [Number(key.split('.')[0]), ...ordinals.flat()]),
    },
  },
});
const given = () => specificationOf(allocation).given(agent('a', '1'), agent('b', '1'), agent('c', '2'));

describe('pods and their neighbours', () => {
  it('stay away from those they avoid, and those from them', () => {
    given()
      .when(request('r.1', 'db', 1))
      .when(request('r.2', 'web', 4, [{ avoid: { pod: 'db' } }]))
      .when(request('r.3', 'db', 8))
      .thenState((state) => {
        expect(placesOf(state, 'web')).toBe('bc');
        expect(placesOf(state, 'db')).toBe('aa');
        expect(allocationViolations(state)).toEqual([]);
        const why = explainPending(state, 'r.3' as RequestId)!;
        expect(why.funnel).toContainEqual({ filter: 'avoid shop/web', rejected: 2, left: 1 });
        expect(why.examples.find(({ hostname }) => hostname === 'b')!.message).toBe(
          'b has a pod of shop/web, which these pods must leave alone',
        );
      });
  });

  it('are told of by name, with what would help, and come when the others go', () => {
    let input: AllocationInput = again;
    const story = given()
      .when(request('r.1', 'db', 3))
      .when(request('r.2', 'web', 1, [{ avoid: { pod: 'db' } }]))
      .thenState((state) => {
        const { funnel, remedy } = explainPending(state, 'r.2' as RequestId)!;
        expect(funnel).toContainEqual({ filter: 'avoid db', rejected: 3, left: 0 });
        expect(remedy).toBe('start an agent without db, or move those pods');
        input = giveBack(state, 'db');
      });
    story
      .when(input)
      .when(again)
      .thenState((state) => expect(placesOf(state, 'web')).toBe('a'));
  });

  it('seek those they are to be with, and wait for them', () => {
    given()
      .when(request('r.1', 'web', 2, [{ colocate: { pod: 'cache' } }]))
      .thenState((state) =>
        expect(explainPending(state, 'r.1' as RequestId)!.remedy).toBe('start cache first: no pod of it has a place'),
      )
      .when(request('r.2', 'cache', 1, [{ field: 'rack', operator: 'IS', value: '2' }]))
      .when(again)
      .thenState((state) => {
        expect(placesOf(state, 'cache')).toBe('c');
        expect(placesOf(state, 'web')).toBe('c');
      });
  });

  it('count as near by a field of the agents where the rule says so', () => {
    given()
      .when(request('r.1', 'db', 1))
      .when(request('r.2', 'web', 3, [{ avoid: { service: 'shop', field: 'rack' } }]))
      .thenState((state) => expect(placesOf(state, 'web')).toBe('c'));
  });

  it('of one round see one another', () => {
    const [first, ...more] = [
      request('r.2', 'web', 4, [{ avoid: { pod: 'db' } }]),
      request('r.3', 'db', 4),
      request('r.4', 'cache', 2, [{ colocate: { pod: 'db' } }]),
    ] as const;
    const busy = request('r.1', 'big', 13);
    let story = given().when(busy).when(first);
    for (const input of more) story = story.when(input);
    for (let round = 0; round < 4; round += 1) story = story.when(again);
    story.thenState((state) => {
      expect(allocationViolations(state)).toEqual([]);
      expect(allocation.continues!(state)).toBe(false);
    });
  });

  it('are placed by any of several ways', () => {
    given()
      .when(
        request('r.1', 'web', 9, [
          {
            or: [
              { field: 'hostname', operator: 'IS', value: 'a' },
              { field: 'rack', operator: 'IS', value: '2' },
            ],
          },
          { not: { field: 'hostname', operator: 'LIKE', value: 'c.*' } },
        ]),
      )
      .thenState((state) => {
        expect(placesOf(state, 'web')).toBe('a');
        expect(explainPending(state, 'r.1' as RequestId)!.funnel.slice(0, 3)).toEqual([
          { filter: 'open', rejected: 0, left: 3 },
          { filter: 'avoid', rejected: 0, left: 3 },
          { filter: 'any of (hostname IS a, rack IS 2)', rejected: 1, left: 2 },
        ]);
      });
  });
});
