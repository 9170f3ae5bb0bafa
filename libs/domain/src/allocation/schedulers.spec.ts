import { specificationOf } from '@orrery/testing';
import type { AgentId, AllocationEvent, PlacementCommand, ServiceName } from '@orrery/contracts';
import { allocation } from './decide.js';
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
const order = (command: PlacementCommand): AllocationInput => ({ kind: 'command', id: 'c-1', actor: 'ann', command });
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
});
