import { specificationOf } from '@orrery/testing';
import { services } from './decide.js';
import {
  AGENTS,
  apply,
  command,
  ended,
  HELLO,
  hello,
  launchesIn,
  placeAll,
  running,
  typesOf,
  webs,
} from './examples.js';
import { planView } from './plan-view.js';
import {
  podView,
  podViews,
  serviceView,
  serviceViews,
  versionDifference,
  versionsRunning,
  versionViews,
} from './views.js';

const applied = () =>
  specificationOf(services)
    .given(...AGENTS)
    .when(apply(webs(2)));

describe('what readers see of a service', () => {
  it('counts what its pods really run, also when a plan was completed by force', () => {
    const launched = placeAll(applied());
    const up = launched.when(running(launchesIn(launched.events)));
    up.thenState((state) => expect(versionsRunning(state, 'hello')).toEqual({ web: { 1: 2 } }));
    const [first] = launchesIn(launched.events);
    const over = up.when(apply(webs(2, 'sleep 2000'))).when(ended([first!], 'KILLED'));
    const half = over.when(running(launchesIn(over.events)));
    const forced = half.when(command('ForceCompletePlan', { name: HELLO, plan: 'update' }));
    forced.thenState((state) => {
      expect(planView(state, 'hello', 'update')!.status).toBe('COMPLETE');
      expect(versionsRunning(state, 'hello')).toEqual({ web: { 1: 1, 2: 1 } });
    });
  });

  it('counts its pods and names its state and its plan', () => {
    const launched = placeAll(applied());
    launched.thenState((state) => {
      expect(serviceView(state, 'hello')).toEqual({
        name: 'hello',
        version: 1,
        generation: 1,
        role: '*',
        state: 'DEPLOYING',
        pods: { web: { count: 2, running: 0, ready: 0, priority: 50 } },
        plan: { name: 'deploy', status: 'IN_PROGRESS' },
      });
    });
    const [first, second] = launchesIn(launched.events);
    const up = launched.when(running([first!, second!]));
    up.thenState((state) => {
      expect(serviceView(state, 'hello')).toMatchObject({ state: 'RUNNING', pods: { web: { running: 2, ready: 2 } } });
    });
    const failed = up.when(ended([first!], 'FAILED'));
    failed.thenState((state) => expect(serviceView(state, 'hello')).toMatchObject({ state: 'DEGRADED' }));
    const changed = failed.when(apply(webs(3)));
    changed.thenState((state) => expect(serviceView(state, 'hello')).toMatchObject({ state: 'UPDATING', version: 2 }));
    changed
      .when(command('UninstallService', { name: HELLO }))
      .thenState((state) => expect(serviceView(state, 'hello')).toMatchObject({ state: 'UNINSTALLING' }));
  });

  it('is finished when all its pods have done their work', () => {
    const job = hello({ pods: { job: { tasks: { work: { cmd: 'work', goal: 'ONCE' } } } } });
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(job)),
    );
    launched
      .when(ended(launchesIn(launched.events), 'FINISHED'))
      .thenState((state) => expect(serviceView(state, 'hello')).toMatchObject({ state: 'FINISHED' }));
  });

  it('lists services, pods and versions a page at a time', () => {
    const both = placeAll(applied().when(apply({ ...webs(1), name: 'other' })));
    both.when(apply(webs(3))).thenState((state) => {
      expect(serviceViews(state, 1).map(({ name }) => name)).toEqual(['hello']);
      expect(serviceViews(state, 10, 'hello').map(({ name }) => name)).toEqual(['other']);
      expect(podViews(state, 'hello', 2).map(({ name }) => name)).toEqual(['web-0', 'web-1']);
      expect(podViews(state, 'hello', 2, 'web-1').map(({ name }) => name)).toEqual(['web-2']);
      expect(versionViews(state, 'hello').map(({ version }) => version)).toEqual([1, 2]);
      expect(versionDifference(state, 'hello', 1, 2)?.changes).toEqual([
        { path: '/pods/web/count', before: 2, after: 3 },
      ]);
      expect(versionDifference(state, 'hello', 1, 9)).toBeUndefined();
    });
  });

  it('shows a pod with its tasks and where it sits', () => {
    const launched = placeAll(applied());
    launched.thenState((state) => {
      expect(podView(state, 'hello', 'web-1')).toMatchObject({
        name: 'web-1',
        state: 'STARTING',
        agent: 'a1',
        version: 1,
        tasks: [{ task: 'server', status: 'ordered', incarnation: 1, failures: 0 }],
      });
      expect(podView(state, 'hello', 'web-9')).toBeUndefined();
      expect(typesOf(launched.events)).toEqual(['LaunchOrdered']);
    });
  });
});
