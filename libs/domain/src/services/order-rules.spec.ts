import { specificationOf } from '@orrery/testing';
import type { PodSpec, ServiceSpec } from '@orrery/contracts';
import { services } from './decide.js';
import { AGENTS, apply, command, hello, HELLO, launchesIn, placeAll, running, typesOf } from './examples.js';

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
    [
      'neighbours one of which would do, and all of which come after it',
      '/pods/web/placement',
      service({ placement: { or: [{ colocate: 'db' }, { and: [['zone', 'IS', 'a'], { colocate: 'db' }] }] } }),
    ],
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
    ['may go elsewhere', service({ placement: { or: [{ colocate: 'db' }, ['zone', 'IS', 'a']] } })],
    ['must not be with it', service({ placement: [{ not: { colocate: 'db' } }] })],
  ])('is accepted where it %s', (_, spec) => {
    expect(typesOf(specificationOf(services).when(apply(spec)).events)).toContain('PlanStarted');
  });
});

describe('an update of pods that wait for others', () => {
  const started = (web: Partial<PodSpec>, db: Partial<PodSpec>, update: readonly string[]): ServiceSpec => ({
    ...hello({ pods: { db: { tasks, ...db }, web: { tasks, ...web } } }),
    plans: { update: { phases: Object.fromEntries(update.map((pod) => [pod, { pod }])) } },
  });
  /** A service with one pod of each of these, brought up. */
  const up = (spec: ServiceSpec) => {
    let story = specificationOf(services)
      .given(...AGENTS)
      .when(apply(spec));
    for (let phase = 0; phase < 2; phase += 1) {
      story = placeAll(story);
      story = story.when(running(launchesIn(story.events)));
    }
    story.thenState((state) => expect(state.services.get('hello')!.deployed).toBe(true));
    return story;
  };
  const webFirst = ['web', 'db'];

  it('is refused where it adds both, and those that wait first', () => {
    const begun = up(started({ peers: { db: 'all' } }, {}, webFirst));
    const both = started({ count: 2, peers: { db: 'all' } }, { count: 2 }, webFirst);
    begun.when(apply(both)).thenRefused('waits-for-later-phase', (found) => {
      expect(found).toMatchObject({
        field: '/pods/web/peers/db',
        remedy: expect.stringContaining('in the plan update'),
      });
    });
    const other = started({ count: 2, peers: { db: 'all' } }, { count: 2 }, ['db', 'web']);
    expect(typesOf(begun.when(apply(other)).events)).toContain('PlanStarted');
  });

  it('is made where what they wait for is there', () => {
    const begun = up(started({ placement: [{ colocate: 'db' }], peers: { db: 'all' } }, {}, webFirst));
    const scaled = begun.when(command('ScaleService', { name: HELLO, pod: 'web', count: 2 }));
    expect(typesOf(scaled.events)).toContain('PlanStarted');
    const changed = started({ placement: [{ colocate: 'db' }], peers: { db: 'all' } }, { count: 2 }, webFirst);
    expect(typesOf(begun.when(apply(changed)).events)).toContain('PlanStarted');
  });
});

describe('pods of two types that wait for each other', () => {
  const pair = (strategy: 'serial' | 'parallel', count = 2): ServiceSpec => ({
    ...hello({
      pods: { web: { count, tasks, peers: { db: 'all' } }, db: { count, tasks, peers: { web: 'all' } } },
    }),
    plans: { deploy: { strategy: 'parallel', phases: { web: { pod: 'web', strategy }, db: { pod: 'db' } } } },
  });

  it('are refused where both come one after the other', () => {
    specificationOf(services)
      .when(apply(pair('serial')))
      .thenRefused('wait-for-each-other', (found) => {
        expect(found.field).toBe('/pods/web/peers/db');
        expect(found.remedy).toContain('parallel');
      });
  });

  it('come up where one of them has all its places at once, or each is but one', () => {
    expect(typesOf(specificationOf(services).when(apply(pair('parallel'))).events)).toContain('PlanStarted');
    expect(typesOf(specificationOf(services).when(apply(pair('serial', 1))).events)).toContain('PlanStarted');
  });
});
