import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import type { LaunchId, PlanSpec, ServiceSpec, TaskSpec } from '@orrery/contracts';
import { services } from './decide.js';
import {
  AGENTS,
  apply,
  command,
  dataOf,
  ended,
  HELLO,
  hello,
  launchesIn,
  placeAll,
  running,
  scale,
  tick,
  typesOf,
  webs,
} from './examples.js';
import { planView } from './plan-view.js';
import { podAt } from './pods.js';
import type { ServicesState } from './state.js';

const sidecar = (cmd: string, more: Partial<TaskSpec> = {}): TaskSpec => ({
  goal: 'ONCE',
  cmd,
  'resource-set': 'sidecar',
  ...more,
});

/** Nodes that can be repaired, one after the other. */
const nodes = (count: number, plans: Record<string, PlanSpec> = {}, tasks: ServiceSpec['pods'][string]['tasks'] = {}) =>
  hello({
    pods: {
      node: {
        count,
        'resource-sets': { sidecar: { cpus: 0.5, memory: 128 } },
        tasks: { server: { cmd: 'serve' }, repair: sidecar('repair'), clean: sidecar('clean'), ...tasks },
      },
    },
    plans: {
      repair: {
        parameters: { KEYSPACE: { type: 'string', pattern: '[a-z]+' }, DEEP: { type: 'boolean', default: false } },
        phases: { repair: { pod: 'node', strategy: 'serial', steps: [['default', ['repair', 'clean']]] } },
      },
      ...plans,
    },
  });

const start = (plan: string, parameters?: Record<string, string>) =>
  command('StartPlan', { name: HELLO, plan, ...(parameters === undefined ? {} : { parameters }) });
const stepsOf = (state: ServicesState, plan = 'repair') =>
  planView(state, 'hello', plan)!.phases.flatMap(({ steps }) => steps.map(({ name, status }) => `${name} ${status}`));
const orders = (events: Parameters<typeof dataOf>[0]) =>
  dataOf(events, 'LaunchOrdered').map(({ task, indexes, plan }) => [task, indexes[0]![0], plan]);

/** All pods of a service run. */
function up(spec: ServiceSpec) {
  const applied = specificationOf(services)
    .given(...AGENTS)
    .when(apply(spec));
  const placed = placeAll(applied, (index) => `a${index + 1}`);
  return placed.when(running(launchesIn(placed.events)));
}

const repair = start('repair', { KEYSPACE: 'users' });

describe('a step that runs tasks beside those of a pod', () => {
  it('reserves what they take with the pod, once for all that share a resource set', () => {
    const applied = specificationOf(services)
      .given(...AGENTS)
      .when(apply(nodes(1)));
    expect(dataOf(applied.events, 'PlacementRequested')).toMatchObject([{ needs: { cpusMilli: 600, memoryMib: 192 } }]);
    const placed = placeAll(applied);
    expect(orders(placed.events)).toEqual([['server', 0, undefined]]);
  });

  it('runs them one after the other in the place of the pod, pod by pod, and leaves its own alone', () => {
    const first = up(nodes(2)).when(repair);
    expect(typesOf(first.events)).toEqual(['PlanStarted', 'StepStarted', 'LaunchOrdered']);
    expect(orders(first.events)).toEqual([['repair', 0, 'repair']]);
    expect(dataOf(first.events, 'LaunchOrdered')).toMatchObject([
      { template: { env: { KEYSPACE: 'users', DEEP: 'false' }, cpusMilli: 500, memoryMib: 128 }, incarnation: 1 },
    ]);
    first.thenState((state) => expect(stepsOf(state)).toEqual(['node-0 STARTING', 'node-1 PENDING']));
    const second = first.when(running(launchesIn(first.events))).when(ended(launchesIn(first.events), 'FINISHED'));
    expect(orders(second.events)).toEqual([['clean', 0, 'repair']]);
    const third = second.when(ended(launchesIn(second.events), 'FINISHED'));
    expect(typesOf(third.events)).toEqual(['TasksObserved', 'StepCompleted', 'StepStarted', 'LaunchOrdered']);
    expect(orders(third.events)).toEqual([['repair', 1, 'repair']]);
    const fourth = third.when(ended(launchesIn(third.events), 'FINISHED'));
    const last = fourth.when(ended(launchesIn(fourth.events), 'FINISHED'));
    expect(typesOf(last.events)).toEqual(['TasksObserved', 'StepCompleted', 'PlanCompleted']);
    last.thenState((state) => {
      expect(planView(state, 'hello', 'repair')).toMatchObject({ status: 'COMPLETE' });
      expect(planView(state, 'hello', 'deploy')).toMatchObject({ status: 'COMPLETE' });
      expect(state.services.get('hello')!.asides).toBeUndefined();
      expect(podAt(state, 'hello', 'node', 0)!.tasks['server']).toMatchObject({ status: 'ready', incarnation: 1 });
    });
    const again = last.when(repair);
    expect(dataOf(again.events, 'LaunchOrdered')).toMatchObject([{ task: 'repair', incarnation: 2 }]);
  });

  it('tries what fails again, later and later, then is in ERROR with its cause until somebody lets it on', () => {
    const first = up(nodes(2)).when(repair);
    const failed = first.when(ended(launchesIn(first.events), 'FAILED'));
    expect(dataOf(failed.events, 'RetryScheduled')).toMatchObject([
      { plan: 'repair', failures: 1, until: START + 1000 },
    ]);
    failed.thenState((state) => expect(stepsOf(state)[0]).toBe('node-0 DELAYED'));
    const second = failed.when(tick, { at: START + 1000 });
    expect(orders(second.events)).toEqual([['repair', 0, 'repair']]);
    const twice = second.when(ended(launchesIn(second.events), 'FAILED'), { at: START + 1000 });
    const third = twice.when(tick, { at: START + 3000 });
    const given = third.when(ended(launchesIn(third.events), 'FAILED'), { at: START + 3000 });
    expect(dataOf(given.events, 'StepFailed')).toMatchObject([
      { reason: 'repair of node-0 failed (exit-code), 3 times' },
    ]);
    given.thenState((state) => {
      expect(planView(state, 'hello', 'repair')).toMatchObject({
        status: 'ERROR',
        message: 'repair of node-0 failed (exit-code), 3 times',
      });
      expect(stepsOf(state)).toEqual(['node-0 ERROR', 'node-1 PENDING']);
      expect(services.nextDeadline!(state)).toBeUndefined();
      expect(services.continues!(state)).toBe(false);
    });
  });

  const step = { name: HELLO, plan: 'repair', phase: 'repair', step: 'node-0' };

  it.each([
    ['restarted by force', command('ForceRestartPlan', step), ['StepRestarted', 'LaunchOrdered']],
    ['resumed', command('ResumePlan', { name: HELLO, plan: 'repair' }), ['PlanResumed', 'LaunchOrdered']],
    ['completed by force', command('ForceCompletePlan', step), ['StepCompleted']],
    [
      'restarted as a whole',
      command('ForceRestartPlan', { name: HELLO, plan: 'repair' }),
      ['PlanStopped', 'PlanStarted', 'StepStarted', 'LaunchOrdered'],
    ],
  ])('is %s after it failed', (_, input, events) => {
    const once = nodes(1);
    const { phases } = once.plans!['repair']!;
    const first = up({
      ...once,
      plans: { repair: { phases: { repair: { ...phases['repair']!, 'max-attempts': 1 } } } },
    });
    const begun = first.when(start('repair'));
    const failed = begun.when(ended(launchesIn(begun.events), 'FAILED'));
    expect(typesOf(failed.events)).toEqual(['TasksObserved', 'StepFailed']);
    expect(typesOf(failed.when(input).events)).toEqual(events);
  });

  it('is run again when the pod was restarted under it, once the pod is up', () => {
    const first = up(nodes(1)).when(repair);
    const [visiting] = launchesIn(first.events);
    const server = '2.0' as LaunchId;
    const crashed = first.when(ended([server], 'FAILED'));
    expect(typesOf(crashed.events)).toEqual(['TasksObserved', 'RetryScheduled', 'KillOrdered']);
    const over = crashed.when(ended([visiting!], 'KILLED'));
    expect(orders(over.events)).toEqual([['server', 0, undefined]]);
    expect(orders(over.when(running(launchesIn(over.events))).events)).toEqual([['repair', 0, 'repair']]);
  });

  it('goes on when its pod is taken down', () => {
    const first = up(nodes(2)).when(start('repair', { KEYSPACE: 'users' }));
    const shrunk = first.when(scale(0, 'node'));
    const launches = [...dataOf(shrunk.events, 'KillOrdered')];
    expect(launches).toHaveLength(1);
    const gone = shrunk.when(ended(['2.0', '2.1', ...launchesIn(first.events)] as LaunchId[], 'KILLED'));
    gone.thenState((state) => expect(planView(state, 'hello', 'repair')!.status).toBe('COMPLETE'));
  });

  it('waits for another plan to be done with the pod', () => {
    const other = { phases: { clean: { pod: 'node', steps: [['default', ['clean']]] } } } as PlanSpec;
    const first = up(nodes(1, { tidy: other })).when(repair);
    const both = first.when(start('tidy'));
    expect(typesOf(both.events)).toEqual(['PlanStarted', 'StepStarted']);
    both.thenState((state) => expect(stepsOf(state, 'tidy')).toEqual(['node-0 PREPARED']));
    const second = both.when(ended(launchesIn(first.events), 'FINISHED'));
    const third = second.when(ended(launchesIn(second.events), 'FINISHED'));
    expect(orders(third.events)).toEqual([['clean', 0, 'tidy']]);
  });

  it('is over with its plan when that is stopped; what runs goes on to its end', () => {
    const first = up(nodes(2)).when(repair);
    const stopped = first.when(command('StopPlan', { name: HELLO, plan: 'repair' }));
    expect(typesOf(stopped.events)).toEqual(['PlanStopped']);
    expect(typesOf(stopped.when(ended(launchesIn(first.events), 'FINISHED')).events)).toEqual(['TasksObserved']);
  });
});

describe('parameters of a plan', () => {
  it.each([
    [undefined, '/parameters/KEYSPACE'],
    [{ KEYSPACE: 'Users' }, '/parameters/KEYSPACE'],
    [{ KEYSPACE: 'users', DEEP: 'very' }, '/parameters/DEEP'],
    [{ KEYSPACE: 'users', OTHER: '1' }, '/parameters/OTHER'],
  ])('that do not fit are refused: %j', (parameters, field) => {
    up(nodes(1))
      .when(start('repair', parameters))
      .thenRefused('invalid-parameter', (refusal) => expect(refusal.field).toBe(field));
  });

  it('stand in the event that starts it', () => {
    const started = up(nodes(1)).when(start('repair', { KEYSPACE: 'users', DEEP: 'true' }));
    expect(dataOf(started.events, 'PlanStarted')).toMatchObject([{ parameters: { KEYSPACE: 'users', DEEP: 'true' } }]);
  });
});

describe('steps of deploy', () => {
  const bootstrapped = (cmd = 'init', goal: 'ONCE' | 'FINISH' = 'ONCE') =>
    nodes(
      2,
      {
        deploy: {
          phases: {
            nodes: { pod: 'node', strategy: 'parallel', steps: [['default', ['server']]] },
            keyspaces: { pod: 'node', steps: [[0, ['init']]] },
          },
        },
      },
      { init: sidecar(cmd, { goal }) },
    );

  it('start the tasks that they name, then run others where they say', () => {
    const applied = specificationOf(services)
      .given(...AGENTS)
      .when(apply(bootstrapped()));
    const placed = placeAll(applied, (index) => `a${index + 1}`);
    expect(new Set(orders(placed.events).map(([task]) => task))).toEqual(new Set(['server']));
    const ready = placed.when(running(launchesIn(placed.events)));
    expect(orders(ready.events)).toEqual([['init', 0, 'deploy']]);
    const done = ready.when(ended(launchesIn(ready.events), 'FINISHED'));
    expect(typesOf(done.events)).toContain('PlanCompleted');
  });

  it.each<['ONCE' | 'FINISH', string, number]>([
    ['ONCE', 'init', 0],
    ['ONCE', 'init anew', 0],
    ['FINISH', 'init', 0],
    ['FINISH', 'init anew', 1],
  ])('run a %s task again for a change to `%s`: %d times', (goal, cmd, times) => {
    const ready = up(bootstrapped('init', goal));
    const done = ready.when(ended(launchesIn(ready.events), 'FINISHED'));
    const spec = bootstrapped(cmd, goal);
    const changed = done.when(apply({ ...spec, backoff: { 'initial-secs': 7 } }));
    expect(orders(changed.events)).toHaveLength(times);
    expect(dataOf(changed.events, 'KillOrdered')).toEqual([]);
  });

  it('start tasks of a pod one after the other, in the order of the steps', () => {
    const spec = hello({
      pods: { node: { count: 1, tasks: { format: { goal: 'ONCE', cmd: 'format' }, server: { cmd: 'serve' } } } },
      plans: {
        deploy: {
          phases: {
            nodes: {
              pod: 'node',
              steps: [
                ['default', ['format']],
                ['default', ['server']],
              ],
            },
          },
        },
      },
    });
    const placed = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(spec)),
    );
    expect(orders(placed.events)).toEqual([['format', 0, undefined]]);
    placed.thenState((state) => expect(services.nextDeadline!(state)).toBe(START + 600_000));
    const formatted = placed.when(ended(launchesIn(placed.events), 'FINISHED'));
    expect(orders(formatted.events)).toEqual([['server', 0, undefined]]);
    const ready = formatted.when(running(launchesIn(formatted.events)));
    expect(typesOf(ready.events)).toContain('PlanCompleted');
    const crashed = ready.when(ended(launchesIn(formatted.events), 'FAILED'));
    expect(orders(crashed.events)).toEqual([['server', 0, undefined]]);
  });
});

describe('pods that are told of others', () => {
  const quorum = (known: 'all' | 'placed', strategy: 'parallel' | 'serial' = 'parallel') =>
    hello({
      pods: {
        controller: {
          count: 3,
          peers: { controller: known },
          tasks: { server: { cmd: 'serve', ports: { quorum: { port: 0 } } } },
        },
      },
      plans: { deploy: { phases: { controllers: { pod: 'controller', strategy } } } },
    });
  const peers = (events: Parameters<typeof dataOf>[0]) =>
    dataOf(events, 'LaunchOrdered').map(({ template }) => template.peers?.map(({ index, ports }) => [index, ports]));

  it('are launched when all of them have places, and told where the others are', () => {
    const placed = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(quorum('all'))),
      (index) => `a${index + 1}`,
    );
    expect(typesOf(placed.events)).toEqual(['GrantsTaken', 'LaunchOrdered']);
    const all = [0, 1, 2].map((index) => [index, { quorum: 31_000 }]);
    expect(peers(placed.events)).toEqual([all]);
    expect(dataOf(placed.events, 'LaunchOrdered')).toMatchObject([
      { template: { peers: [{ address: '127.0.0.1' }, {}, {}] } },
    ]);
  });

  it('are told of those that are there where they do not wait', () => {
    const first = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(quorum('placed', 'serial'))),
    );
    expect(peers(first.events).map((told) => told?.length)).toEqual([1]);
    const second = placeAll(first.when(running(launchesIn(first.events))));
    expect(peers(second.events).map((told) => told?.length)).toEqual([2]);
  });

  it('can not wait for each other one after the other', () => {
    specificationOf(services)
      .given(...AGENTS)
      .when(apply(quorum('all', 'serial')))
      .thenRefused('invalid-spec', ({ field }) => expect(field).toBe('/pods/controller/peers/controller'));
  });

  it('are started again while another one has no place', () => {
    const placed = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(quorum('all'))),
      (index) => `a${index + 1}`,
    );
    const launches = launchesIn(placed.events);
    const crashed = placed.when(running(launches)).when(ended(launches.slice(0, 1), 'FAILED'));
    expect(peers(crashed.events).map((told) => told?.length)).toEqual([3]);
  });
});

describe('what steps can not run', () => {
  const steps = (
    entry: [number | 'default', string[]],
    plan = 'repair',
    task: TaskSpec = sidecar('x'),
  ): ServiceSpec => ({
    ...nodes(1, {}, { task }),
    plans: { [plan]: { phases: { p: { pod: 'node', steps: [entry] } } } },
  });

  it.each<[string, ServiceSpec]>([
    ['/plans/repair/phases/p/steps/0', steps(['default', ['nothing']])],
    ['/plans/repair/phases/p/steps/0', steps(['default', ['server']])],
    ['/plans/deploy/phases/p/steps/0', steps([0, ['server']], 'deploy')],
    ['/plans/deploy/phases/p/steps', steps(['default', ['server', 'task']], 'deploy')],
    ['/pods/node/tasks/task/goal', steps(['default', ['task']], 'repair', { cmd: 'x', 'resource-set': 'sidecar' })],
    [
      '/pods/node/tasks/task/resource-set',
      steps(['default', ['task']], 'repair', sidecar('x', { 'resource-set': 'no' })),
    ],
    ['/pods/node/tasks/task/cpus', steps(['default', ['task']], 'repair', sidecar('x', { cpus: 1 }))],
    [
      '/plans/deploy/parameters',
      { ...webs(1), plans: { deploy: { parameters: { A: { type: 'string' } }, phases: { p: { pod: 'web' } } } } },
    ],
    [
      '/plans/x/parameters/A/default',
      {
        ...webs(1),
        plans: { x: { parameters: { A: { type: 'integer', default: 'one' } }, phases: { p: { pod: 'web' } } } },
      },
    ],
    [
      '/plans/x/parameters/A/pattern',
      {
        ...webs(1),
        plans: { x: { parameters: { A: { type: 'string', pattern: '(' } }, phases: { p: { pod: 'web' } } } },
      },
    ],
    [
      // What only an engine knows whose cost has no bound.
      '/plans/x/parameters/A/pattern',
      {
        ...webs(1),
        plans: { x: { parameters: { A: { type: 'string', pattern: '(?=a)a' } }, phases: { p: { pod: 'web' } } } },
      },
    ],
  ])('is refused: %s', (field, spec) => {
    specificationOf(services)
      .given(...AGENTS)
      .when(apply(spec))
      .thenRefused('invalid-spec', (refusal) => expect(refusal.field).toBe(field));
  });
});
