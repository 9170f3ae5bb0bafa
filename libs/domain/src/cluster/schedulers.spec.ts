import {
  type AgentId,
  type AllocationEvent,
  type ClusterEvent,
  type GrantId,
  type IdRuns,
  type LaunchId,
  type RoleName,
  type ServiceName,
  agentRunsOf,
} from '@orrery/contracts';
import { OWN_SEQ_FROM } from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { cluster } from './decide.js';
import { ada, joined, taskStates } from './examples.js';
import { launchesOnAgent } from './find.js';
import type { ClusterInput } from './input.js';

const batch = '@batch' as ServiceName;
const needs = {
  cpusMilli: 1000,
  memoryMib: 256,
  diskMib: 0,
  gpus: 0,
  ports: [{ name: 'web.http', port: 0 }],
  volumes: [],
};
const members = {
  indexes: [[0, 1]],
  agents: agentRunsOf([[1, 1, 2]]),
  ports: { 'web.http': [31_000, 31_001] },
} as const;
const grant = {
  service: batch,
  generation: 0,
  role: 'eng' as RoleName,
  pod: 'run',
  needs,
  grants: [[5, 0, 1]],
  ...members,
};
const opened: ClusterEvent = { type: 'GrantsOpened', data: grant };
const given = (...events: readonly ClusterEvent[]) => specificationOf(cluster).given(...joined, opened, ...events);

const fromAllocation = (event: AllocationEvent): ClusterInput => ({
  kind: 'foreign',
  domain: 'allocation',
  journalId: 'allocation-journal',
  seq: 5,
  event,
});
const launch = (over: object = {}): ClusterInput => ({
  kind: 'command',
  id: 'c-1',
  actor: 'ann',
  command: {
    type: 'Launch',
    body: {
      scheduler: 'batch',
      name: 'web',
      task: { cmd: 'sleep 1', cpus: 0.5, memory: 128 },
      grants: ['5.0', '5.1'] as GrantId[],
      ...over,
    },
  },
});
const returning = fromAllocation({
  type: 'GrantsReturning',
  data: { service: batch, generation: 0, grants: [[5, 0, 1]] },
});
const goOn: ClusterInput = { kind: 'internal', internal: { type: 'continue' } };
const ended = (launches: IdRuns): ClusterInput =>
  taskStates(1, { ended: [{ launches, state: 'KILLED', reason: 'killed' }] });

describe('a scheduler of others', () => {
  it('may launch on what it was granted', () => {
    specificationOf(cluster)
      .given(...joined)
      .when(fromAllocation({ type: 'Placed', data: { ...grant, request: '1.0' as never } }))
      .then(opened)
      .when(launch())
      .thenState((state) => {
        const [first, second] = launchesOnAgent(state, ada);
        expect(first).toMatchObject({
          service: batch,
          pod: 'run',
          index: 0,
          task: 'web',
          incarnation: 1,
          grant: '5.0',
        });
        expect(second).toMatchObject({ index: 1, ports: { http: 31_001 } });
        expect(Number(first!.launch.split('.')[0])).toBeGreaterThan(OWN_SEQ_FROM);
      });
  });

  it.each([
    ['a grant that nobody has', { grants: ['9.0'] }, 'unknown-grant'],
    ['what is no grant', { grants: ['x'] }, 'unknown-grant'],
    ['a grant of somebody else', { scheduler: 'other' }, 'not-yours'],
    ['more than the grant holds', { task: { cmd: 'x', cpus: 2 } }, 'grant-exceeded'],
  ])('is refused %s', (_, over, code) => {
    given().when(launch(over)).thenRefused(code);
  });

  it('may run several tasks on a grant as long as they fit, each once', () => {
    given()
      .when(launch())
      .when(launch())
      .thenRefused('task-runs')
      .when(launch({ name: 'side' }))
      .when(launch({ name: 'third' }))
      .thenRefused('grant-exceeded');
  });

  it('gives grants back: what runs there is killed, and they are closed when it has ended', () => {
    let launches: LaunchId[] = [];
    const story = given()
      .when(launch())
      .thenState((state) => (launches = launchesOnAgent(state, ada as AgentId).map((row) => row.launch)));
    const seq = Number(launches[0]!.split('.')[0]);
    const ids = [[seq, Number(launches[0]!.split('.')[1]), Number(launches[1]!.split('.')[1])]];
    story
      .when(returning)
      .then(
        { type: 'GrantsClosing', data: { grants: [[5, 0, 1]] } },
        { type: 'KillAccepted', data: { launches: ids, final: true } },
      )
      .thenState((state) => expect(cluster.continues!(state)).toBe(false))
      .when(ended(ids))
      .thenState((state) => expect(cluster.continues!(state)).toBe(true))
      .when(goOn)
      .then({ type: 'GrantsClosed', data: { service: batch, generation: 0, grants: [[5, 0, 1]] } })
      .when(launch())
      .thenRefused('unknown-grant');
  });

  it('launches nothing on what it gave back, and is told so', () => {
    given()
      .when(launch({ grants: ['5.0'] }))
      .when(returning)
      .when(launch({ grants: ['5.1'] }))
      .thenRefused('grant-returned');
  });

  it('kills its own launches and nobody else’s', () => {
    given()
      .when(launch())
      .when({
        kind: 'command',
        id: 'c-2',
        actor: 'ann',
        command: { type: 'Kill', body: { scheduler: 'batch', launches: ['1.0'] as LaunchId[] } },
      })
      .thenRefused('unknown-launch');
  });
});
