import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import { idRunsOf, type LaunchId, type PodSpec, type ServiceSpec } from '@orrery/contracts';
import { services } from './decide.js';
import {
  AGENTS,
  apply,
  command,
  dataOf,
  ended,
  gone,
  HELLO,
  hello,
  launchesIn,
  launchesOf,
  placeAll,
  running,
  scale,
  tick,
  typesOf,
} from './examples.js';
import { servicesEventViolations, servicesViolations } from './invariants.js';
import { planView } from './plan-view.js';
import { podAt } from './pods.js';
import type { ServicesState } from './state.js';

/** Nodes whose data is moved off them before they go. */
const nodes = (count: number, change: Partial<PodSpec> = {}): ServiceSpec =>
  hello({
    pods: {
      node: {
        count,
        'allow-decommission': true,
        volumes: { data: { path: 'data', size: 64 } },
        'resource-sets': { sidecar: { cpus: 0.5, memory: 128 } },
        tasks: {
          server: { cmd: 'serve' },
          leave: { goal: 'ONCE', cmd: 'move everything away', 'resource-set': 'sidecar' },
        },
        ...change,
      },
    },
    plans: {
      deploy: { phases: { node: { pod: 'node', strategy: 'parallel', steps: [['default', ['server']]] } } },
      decommission: { phases: { node: { pod: 'node', 'max-attempts': 2, steps: [['default', ['leave']]] } } },
    },
  });

/** So many nodes that run, each on a machine of its own. */
function up(spec: ServiceSpec) {
  const applied = specificationOf(services)
    .given(...AGENTS)
    .when(apply(spec));
  const placed = placeAll(applied, (index) => `a${index + 1}`);
  const servers = dataOf(placed.events, 'LaunchOrdered').flatMap(launchesOf);
  const launch = (index: number) => servers.find((server) => server.index === index)!.launch;
  return { story: placed.when(running(launchesIn(placed.events))), launch };
}

const stepsOf = (state: ServicesState) =>
  planView(state, 'hello', 'update')!.phases.flatMap(({ steps }) =>
    steps.map(({ name, status }) => `${name} ${status}`),
  );
const orders = (events: Parameters<typeof dataOf>[0]) =>
  dataOf(events, 'LaunchOrdered').map(({ task, indexes }) => `${task} ${indexes[0]![0]}`);
const step = { name: HELLO, plan: 'update', phase: 'node-decommission', step: 'node-2' };

describe('a pod that is one too many', () => {
  it('is drained first, then ended, then its place and its volumes go; the highest before the next', () => {
    const { story, launch } = up(nodes(3));
    const begun = story.when(scale(1, 'node'));
    expect(orders(begun.events)).toEqual(['leave 2']);
    expect(dataOf(begun.events, 'LaunchOrdered')).toMatchObject([{ template: { env: { ORRERY_PODS_STAYING: '1' } } }]);
    expect(dataOf(begun.events, 'KillOrdered')).toEqual([]);
    begun.thenState((state) => expect(stepsOf(state)).toEqual(['node-2 STARTING', 'node-1 PENDING']));
    const drained = begun.when(ended(launchesIn(begun.events), 'FINISHED'));
    expect(typesOf(drained.events)).toEqual(['TasksObserved', 'PodsDrained', 'KillOrdered']);
    const over = drained.when(ended([launch(2)], 'KILLED'));
    expect(typesOf(over.events)).toEqual([
      'TasksObserved',
      'GrantReturned',
      'StepCompleted',
      'StepStarted',
      'LaunchOrdered',
    ]);
    expect(dataOf(over.events, 'GrantReturned')).toMatchObject([{ destroyVolumes: true }]);
    expect(orders(over.events)).toEqual(['leave 1']);
    const last = over.when(ended(launchesIn(over.events), 'FINISHED')).when(ended([launch(1)], 'KILLED'));
    expect(typesOf(last.events)).toContain('PlanCompleted');
    last.thenState((state) => {
      expect(podAt(state, 'hello', 'node', 1)).toBeUndefined();
      expect(podAt(state, 'hello', 'node', 0)!.tasks['server']).toMatchObject({ status: 'ready', incarnation: 1 });
      expect(servicesViolations(state)).toEqual([]);
    });
  });

  it('goes on running when it can not be drained: its step is in ERROR with the cause', () => {
    const { story, launch } = up(nodes(3));
    const first = story.when(scale(2, 'node'));
    const failed = first.when(ended(launchesIn(first.events), 'FAILED'));
    const again = failed.when(tick, { at: START + 1000 });
    const given = again.when(ended(launchesIn(again.events), 'FAILED'), { at: START + 1000 });
    expect(dataOf(given.events, 'StepFailed')).toMatchObject([
      { reason: 'leave of node-2 failed (exit-code), 2 times' },
    ]);
    expect(dataOf(given.events, 'KillOrdered')).toEqual([]);
    given.thenState((state) => {
      expect(planView(state, 'hello', 'update')).toMatchObject({ status: 'ERROR' });
      expect(stepsOf(state)).toEqual(['node-2 ERROR']);
    });
    const crashed = given.when(ended([launch(2)], 'FAILED'));
    expect(orders(crashed.events)).toEqual(['server 2']);
  });

  it.each([
    ['the plan is resumed', command('ResumePlan', { name: HELLO, plan: 'update' })],
    ['its step is restarted', command('ForceRestartPlan', step)],
  ])('is drained once more when %s', (_, input) => {
    const spec = nodes(3);
    const phases = { node: { ...spec.plans!['decommission']!.phases['node']!, 'max-attempts': 1 } };
    const { story } = up({ ...spec, plans: { ...spec.plans, decommission: { phases } } });
    const begun = story.when(scale(2, 'node'));
    const failed = begun.when(ended(launchesIn(begun.events), 'FAILED'));
    expect(typesOf(failed.events)).toContain('StepFailed');
    const again = failed.when(input);
    expect(orders(again.events)).toEqual(['leave 2']);
    expect(typesOf(again.when(ended(launchesIn(again.events), 'FINISHED')).events)).toContain('KillOrdered');
  });

  it('is taken down without, by force', () => {
    const { story, launch } = up(nodes(3));
    const begun = story.when(scale(2, 'node'));
    const forced = begun.when(command('ForceCompletePlan', step));
    expect(typesOf(forced.events)).toEqual(['PodsDrained', 'KillOrdered']);
    const over = forced.when(ended([launch(2), ...launchesIn(begun.events)], 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'GrantReturned', 'StepCompleted', 'PlanCompleted']);
  });

  it('is kept alive until its turn comes, and while it is drained', () => {
    const { story, launch } = up(nodes(3));
    const begun = story.when(scale(1, 'node'));
    const crashed = begun.when(ended([launch(1)], 'FAILED'));
    expect(orders(crashed.events)).toEqual(['server 1']);
    const under = begun.when(ended([launch(2)], 'FAILED'));
    const both = under.when(ended(launchesIn(begun.events), 'KILLED'));
    expect(orders(both.events)).toEqual(['server 2']);
    expect(orders(both.when(running(launchesIn(both.events))).events)).toEqual(['leave 2']);
  });

  it('gets another place before it is drained when its machine is gone', () => {
    const { story } = up(nodes(3));
    const begun = story.when(scale(2, 'node'));
    const lost = begun.when(gone('a3'));
    const placed = placeAll(lost, () => 'a9');
    expect(orders(placed.events)).toEqual(['server 2']);
    expect(orders(placed.when(running(launchesIn(placed.events))).events)).toEqual(['leave 2']);
  });

  it('can not be wanted again while it is drained, and can after that has failed', () => {
    const { story } = up(nodes(3));
    const begun = story.when(scale(2, 'node'));
    begun
      .when(scale(3, 'node'))
      .thenRefused('pod-being-drained', ({ field }) => expect(field).toBe('/pods/node/count'));
    const failed = begun.when(ended(launchesIn(begun.events), 'FAILED'));
    const kept = failed.when(scale(3, 'node'));
    expect(dataOf(kept.events, 'KillOrdered')).toEqual([]);
    kept.thenState((state) => expect(podAt(state, 'hello', 'node', 2)!.visits).toBeUndefined());
  });

  it('ends once it is drained even if it is wanted again, and begins anew', () => {
    const { story, launch } = up(nodes(3));
    const begun = story.when(scale(2, 'node'));
    const drained = begun.when(ended(launchesIn(begun.events), 'FINISHED'));
    const over = drained.when(scale(3, 'node')).when(ended([launch(2)], 'KILLED'));
    expect(dataOf(over.events, 'GrantReturned')).toMatchObject([{ destroyVolumes: true }]);
    const placed = placeAll(over, () => 'a9');
    expect(orders(placed.events)).toEqual(['server 2']);
    const done = placed.when(running(launchesIn(placed.events)));
    expect(typesOf(done.events)).toContain('PlanCompleted');
    done.thenState((state) => {
      expect(podAt(state, 'hello', 'node', 2)!.drained).toBeUndefined();
      expect(servicesViolations(state)).toEqual([]);
    });
  });

  it('is drained by the plan that follows when a change comes in between', () => {
    const { story } = up(nodes(3));
    const begun = story.when(scale(2, 'node'));
    const changed = begun.when(apply({ ...nodes(2), backoff: { 'initial-secs': 7 } }));
    expect(orders(changed.events)).toEqual([]);
    const first = changed.when(ended(launchesIn(begun.events), 'FINISHED'));
    expect(orders(first.events)).toEqual(['leave 2']);
  });

  it('is not drained by an uninstall', () => {
    const { story, launch } = up(nodes(2));
    const removed = story.when(command('UninstallService', { name: HELLO }));
    expect(orders(removed.events)).toEqual([]);
    expect(dataOf(removed.events, 'KillOrdered')).toHaveLength(1);
    const over = removed.when(ended([launch(0), launch(1)] as LaunchId[], 'KILLED'));
    expect(dataOf(over.events, 'GrantReturned')).toMatchObject([{ destroyVolumes: true }]);
  });

  it('may not be ended before, says every journal', () => {
    const { story, launch } = up(nodes(3));
    const begun = story.when(scale(2, 'node'));
    const ref = { service: HELLO, generation: 1 };
    begun.thenState((state) =>
      expect(
        servicesEventViolations(state, {
          type: 'KillOrdered',
          data: { ...ref, launches: idRunsOf([launch(2)]), reason: 'scaled-down' },
        }),
      ).toEqual([`launch ${launch(2)} is ended before node-2 is drained`]),
    );
  });
});

describe('what decommission can not say', () => {
  const phase = nodes(1).plans!['decommission']!.phases['node']!;
  const plan = (phases: NonNullable<ServiceSpec['plans']>[string]['phases']): ServiceSpec => ({
    ...nodes(1),
    plans: { ...nodes(1).plans, decommission: { phases } },
  });

  it.each<[string, ServiceSpec]>([
    ['/plans/decommission/phases/b/pod', plan({ a: phase, b: phase })],
    ['/plans/decommission/phases/a/steps', plan({ a: { pod: 'node' } })],
    ['/plans/decommission/phases/a/steps', plan({ a: { ...phase, steps: [[0, ['leave']]] } })],
    ['/plans/decommission/phases/a/strategy', plan({ a: { ...phase, strategy: 'parallel' } })],
    ['/plans/decommission/phases/node/pod', nodes(1, { 'allow-decommission': false })],
  ])('is refused: %s', (field, spec) => {
    specificationOf(services)
      .given(...AGENTS)
      .when(apply(spec))
      .thenRefused('invalid-spec', (refusal) => expect(refusal.field).toBe(field));
  });

  it('is started by nobody', () => {
    up(nodes(1))
      .story.when(command('StartPlan', { name: HELLO, plan: 'decommission' }))
      .thenRefused('plan-state');
  });
});
