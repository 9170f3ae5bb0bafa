import { specificationOf } from '@orrery/testing';
import type { PodSpec, ServiceSpec } from '@orrery/contracts';
import { services } from './decide.js';
import { apply, hello, typesOf } from './examples.js';

const tasks = { server: { cmd: 'a' } };
const service = (web: Partial<PodSpec>, more: Partial<ServiceSpec> = {}): ServiceSpec =>
  hello({ pods: { web: { tasks, ...web }, db: { count: 2, tasks } }, ...more });
const inOrder = (...pods: string[]) => ({
  plans: { deploy: { phases: Object.fromEntries(pods.map((pod) => [pod, { pod }])) } },
});
const together = {
  plans: { deploy: { strategy: 'parallel' as const, phases: { web: { pod: 'web' }, db: { pod: 'db' } } } },
};

describe('a pod that waits for another one', () => {
  it.each<[string, string, ServiceSpec]>([
    ['peers that come after it', '/pods/web/peers/db', service({ peers: { db: 'all' } })],
    ['a neighbour that comes after it', '/pods/web/placement', service({ placement: [{ colocate: 'db' }] })],
    ['phases in the wrong order', '/pods/web/peers/db', service({ peers: { db: 'all' } }, inOrder('web', 'db'))],
  ])('is refused with %s, before anything is done', (_, field, spec) => {
    specificationOf(services)
      .when(apply(spec))
      .thenRefused('waits-for-later-phase', (found) => {
        expect(found.field).toBe(field);
        expect(found.remedy).toContain('the phase of db before that of web');
      });
  });

  it.each<[string, ServiceSpec]>([
    ['comes after it', service({ peers: { db: 'all' }, placement: [{ colocate: 'db' }] }, inOrder('db', 'web'))],
    ['comes with it', service({ peers: { db: 'all' } }, together)],
    ['is told of those that are placed by then', service({ peers: { db: 'placed' } })],
    ['has no pods', service({ count: 0, peers: { db: 'all' } })],
  ])('is accepted where it %s', (_, spec) => {
    expect(typesOf(specificationOf(services).when(apply(spec)).events)).toContain('PlanStarted');
  });
});
