import { specificationOf } from '@orrery/testing';
import type { AgentId, AllocationEvent, ServiceName } from '@orrery/contracts';
import { allocation } from './decide.js';
import { order } from './examples.js';
import type { AllocationInput } from './input.js';
import { waitingRequests } from './views.js';

const batch = '@batch' as ServiceName;
const agent: AllocationEvent = {
  type: 'AgentOpened',
  data: {
    ...{ agent: 'a' as AgentId, number: 1, epoch: 1, hostname: 'a.example', attributes: {} },
    capacity: { cpusMilli: 4000, memoryMib: 4096, diskMib: 10_000, gpuIds: [], ports: [[31_000, 31_009]] },
    faultDomain: { region: 'eu', zone: 'a' },
  },
};
const ask = (count: number): AllocationInput =>
  order({
    type: 'RequestPlacement',
    body: { scheduler: 'batch', role: 'eng' as never, pod: 'run', count, needs: { cpus: 1, memory: 64 } },
  });
const giveBack = (grants: string[], scheduler = 'batch'): AllocationInput =>
  order({ type: 'ReturnGrant', body: { scheduler, grants: grants as never } });
const closed = (first: number, last: number, seq: number): AllocationInput => ({
  kind: 'foreign',
  domain: 'cluster',
  journalId: 'c',
  seq: 1,
  event: { type: 'GrantsClosed', data: { service: batch, generation: 0, grants: [[seq, first, last]] } },
});

describe('a scheduler of others', () => {
  it('asks for places, gets them, and gives them back by way of the master', () => {
    let grants: readonly (readonly number[])[] = [];
    const story = specificationOf(allocation)
      .given(agent)
      .when(ask(2))
      .thenState((state) => {
        const [[key, lot]] = [...state.lots.entries()] as never as [[string, { ordinals: [[number, number]] }]];
        expect(lot).toMatchObject({ service: batch, pod: 'run', role: 'eng' });
        grants = [[Number(key.split('.')[0]), ...lot.ordinals[0]]];
      });
    const [seq, first, last] = grants[0] as [number, number, number];
    story
      .when(giveBack([`${seq}.${last}`, `${seq}.${first}`]))
      .then({ type: 'GrantsReturning', data: { service: batch, generation: 0, grants } })
      .when(closed(first, last, seq))
      .then({ type: 'GrantReleased', data: { grants } })
      .when(giveBack([`${seq}.${first}`]))
      .thenRefused('unknown-grant');
  });

  it('is refused grants that nobody has, and those of others', () => {
    specificationOf(allocation)
      .given(agent)
      .when(giveBack(['7.7']))
      .thenRefused('unknown-grant')
      .when(giveBack(['x']))
      .thenRefused('unknown-grant');
  });

  it('withdraws what it asked for and did not get', () => {
    let request = '';
    const story = specificationOf(allocation)
      .given(agent)
      .when(ask(9))
      .thenState((state) => (request = [...waitingRequests(state)][0]!.request));
    const withdraw = (scheduler: string) =>
      order({ type: 'WithdrawPlacement', body: { scheduler, request: request as never } });
    story.when(withdraw('other')).thenRefused('not-yours');
    story.when(withdraw('batch')).thenState((state) => expect(state.requests.size).toBe(0));
  });

  it.each<[string, object]>([
    ['/constraints/1', { constraints: [isRack('a'), isRack('b')] }],
    ['/constraints/0/or/0', { constraints: [{ or: [{ field: 'rack', operator: 'LIKE', value: '(' }] }] }],
    ['/constraints/0', { constraints: [{ field: 'rack', operator: 'MAX_PER', value: 'x' }] }],
    ['/constraints/0', { constraints: [{ avoid: { pod: 'run' } }] }],
    ['/constraints/1', { count: 2, constraints: [isRack('a'), { field: 'rack', operator: 'UNIQUE' }] }],
    ['/spreads/0/targets', { spreads: [{ field: 'rack', targets: { a: 70, b: 40 } }] }],
    ['/ports/t.p/count', { ports: { 't.p': { ranges: [{ begin: 1, end: 2 }], count: 3 } } }],
    ['/ports/t.p-1', { ports: { 't.p': { count: 2 }, 't.p-1': 0 } }],
    ['/count', { count: 100_000, gang: true }],
  ])('is refused what can never be placed, at %s', (field, more) => {
    const body = { scheduler: 'batch', role: 'eng', pod: 'run', count: 1, needs: { cpus: 1 }, ...more };
    specificationOf(allocation)
      .given(agent)
      .when(order({ type: 'RequestPlacement', body: body as never }))
      .thenRefused('invalid-placement', (refusal) => expect(refusal.field).toBe(field));
  });

  it('gets ports of ranges, and in a row', () => {
    const ports = { 't.p': { ranges: [{ begin: 31_003, end: 31_008 }], count: 2, consecutive: true } };
    const body = { scheduler: 'batch', role: 'eng', pod: 'run', count: 2, needs: { cpus: 1 }, ports };
    specificationOf(allocation)
      .given(agent)
      .when(order({ type: 'RequestPlacement', body: body as never }))
      .thenState((state) => {
        const [lot] = [...state.lots.values()];
        expect(Object.fromEntries(Object.entries(lot!.ports!).map(([name, column]) => [name, [...column]]))).toEqual({
          't.p': [31_003, 31_005],
          't.p-1': [31_004, 31_006],
        });
      });
  });
});

function isRack(value: string) {
  return { field: 'rack', operator: 'IS', value };
}
