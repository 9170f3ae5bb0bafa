import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import type { PlanSpec, ServiceSpec } from '@orrery/contracts';
import { services } from './decide.js';
import {
  AGENTS,
  apply,
  command,
  dataOf,
  ended,
  goOn,
  HELLO,
  hello,
  launchesIn,
  placeAll,
  ready,
  running,
  stores,
  tick,
  typesOf,
  webs,
} from './examples.js';
import { planView } from './plan-view.js';
import type { ServicesState } from './state.js';
import { serviceView } from './views.js';

const phased = (count: number, cmd: string, plan: Partial<PlanSpec> = {}): ServiceSpec => ({
  ...webs(count, cmd),
  plans: { deploy: { phases: { web: { pod: 'web', strategy: 'serial' } }, ...plan } },
});
const applied = (spec: ServiceSpec) =>
  specificationOf(services)
    .given(...AGENTS)
    .when(apply(spec));
const LATE = START + 600_000;
const shown = (state: ServicesState, plan: string) => {
  const view = planView(state, 'hello', plan)!;
  return { status: view.status, message: view.message };
};

/** All pods of a service run, and their plan is complete. */
function up(spec: ServiceSpec) {
  let story = applied(spec);
  while (dataOf(story.events, 'PlacementRequested').length > 0) {
    story = placeAll(story);
    story = story.when(running(launchesIn(story.events)));
  }
  return story;
}

describe('a step that is not complete in time', () => {
  it('is in ERROR and says what it waits for, until that comes: then its plan goes on', () => {
    const first = applied(phased(2, 'sleep 1000'));
    first.thenState((state) => expect(services.nextDeadline!(state)).toBe(LATE));
    const [asked] = [first.events];
    const late = first.when(tick, { at: LATE });
    expect(dataOf(late.events, 'StepFailed')).toMatchObject([
      { indexes: [[0, 0]], reason: 'web-0 was not complete after 600 s: waits for a place' },
    ]);
    late.thenState((state) => {
      expect(shown(state, 'deploy')).toMatchObject({ status: 'ERROR' });
      expect(planView(state, 'hello', 'deploy')!.phases[0]!.steps).toMatchObject([
        { name: 'web-0', status: 'ERROR' },
        { name: 'web-1', status: 'PENDING' },
      ]);
      expect(services.nextDeadline!(state)).toBeUndefined();
    });
    const placed = placeAll({ events: asked, when: (input) => late.when(input, { at: LATE }) } as typeof late);
    const after = placed.when(running(launchesIn(placed.events)));
    expect(typesOf(after.events)).toEqual(['TasksObserved', 'StepCompleted', 'StepStarted', 'PlacementRequested']);
    after.thenState((state) => {
      expect(shown(state, 'deploy')).toEqual({ status: 'IN_PROGRESS', message: undefined });
      expect(services.nextDeadline!(state)).toBe(LATE + 600_000);
    });
  });

  it('goes on when members of a run are up after all, though no event tells each of them', () => {
    const spec = {
      ...webs(8),
      plans: { deploy: { phases: { web: { pod: 'web', strategy: 'parallel' } } } },
    } as ServiceSpec;
    const placed = placeAll(applied(spec));
    const launches = launchesIn(placed.events);
    const some = placed.when(running(launches.slice(0, 5)));
    const late = some.when(tick, { at: LATE });
    expect(dataOf(late.events, 'StepFailed')).toMatchObject([
      { indexes: [[5, 7]], reason: expect.stringContaining('its agent has not started server, and 2 more') },
    ]);
    const rest = late.when(running(launches.slice(5)));
    const done = typesOf(rest.events).includes('PlanCompleted') ? rest : rest.when(goOn);
    expect(typesOf(done.events)).toContain('PlanCompleted');
  });

  it('says that a task is not ready', () => {
    const task = { cmd: 'serve', 'readiness-check': { cmd: './ready.sh' } };
    const placed = placeAll(applied(hello({ pods: { web: { count: 1, tasks: { server: task } } } })));
    const late = placed.when(running(launchesIn(placed.events))).when(tick, { at: LATE });
    expect(dataOf(late.events, 'StepFailed')).toMatchObject([
      { reason: 'web-0 was not complete after 600 s: server is not ready' },
    ]);
    expect(typesOf(late.when(ready(launchesIn(placed.events))).events)).toContain('PlanCompleted');
  });

  it('says which of its tasks fails again and again', () => {
    const placed = placeAll(applied(phased(1, 'bad')));
    const once = placed.when(ended(launchesIn(placed.events), 'FAILED'));
    const late = once.when(ended(launchesIn(once.events), 'FAILED')).when(tick, { at: LATE });
    expect(dataOf(late.events, 'StepFailed')).toMatchObject([
      {
        reason: 'web-0 was not complete after 600 s: its agent has not started server, server has failed 2 times',
        task: 'hello.web-0.server',
      },
    ]);
  });

  it('has the time that its phase gives it', () => {
    const phases = { web: { pod: 'web', 'deadline-secs': 5 } };
    const late = applied(phased(1, 'x', { phases })).when(tick, { at: START + 5000 });
    expect(dataOf(late.events, 'StepFailed')).toMatchObject([
      { reason: 'web-0 was not complete after 5 s: waits for a place' },
    ]);
  });

  it('has its time anew when the plan is resumed', () => {
    const late = applied(phased(1, 'x')).when(tick, { at: LATE });
    const resumed = late.when(command('ResumePlan', { name: HELLO, plan: 'deploy' }));
    resumed.thenState((state) => expect(services.nextDeadline!(state)).toBe(LATE + 600_000));
  });

  it('has none while its plan is complete, or being uninstalled', () => {
    const story = up(phased(1, 'x'));
    story.thenState((state) => expect(services.nextDeadline!(state)).toBeUndefined());
    story
      .when(command('UninstallService', { name: HELLO }))
      .thenState((state) => expect(services.nextDeadline!(state)).toBeUndefined());
  });

  it('ends what it runs beside a pod, and others find the pod free', () => {
    const sidecar = (cmd: string) => ({ goal: 'ONCE' as const, cmd, 'resource-set': 'sidecar' });
    const plan = (task: string): PlanSpec => ({
      phases: { p: { pod: 'node', 'deadline-secs': 60, steps: [['default', [task]]] } },
    });
    const story = up(
      hello({
        pods: {
          node: {
            count: 1,
            'resource-sets': { sidecar: { cpus: 0.5, memory: 128 } },
            tasks: { server: { cmd: 'serve' }, repair: sidecar('hang'), clean: sidecar('clean') },
          },
        },
        plans: { repair: plan('repair'), tidy: plan('clean') },
      }),
    );
    const begun = story.when(command('StartPlan', { name: HELLO, plan: 'repair' }));
    const waiting = begun.when(command('StartPlan', { name: HELLO, plan: 'tidy' }), { at: START + 1000 });
    const late = waiting.when(tick, { at: START + 60_000 });
    expect(typesOf(late.events)).toEqual(['KillOrdered', 'StepFailed']);
    expect(dataOf(late.events, 'KillOrdered')).toMatchObject([{ reason: 'overdue' }]);
    const over = late.when(ended(launchesIn(begun.events), 'KILLED'));
    expect(dataOf(over.events, 'LaunchOrdered')).toMatchObject([{ task: 'clean' }]);
    over.thenState((state) => {
      expect(shown(state, 'repair')).toEqual({
        status: 'ERROR',
        message: 'node-0 was not complete after 60 s: repair has not ended',
      });
    });
  });
});

describe('a plan that is not complete in time', () => {
  it('is in ERROR, whatever its steps do', () => {
    const first = applied(phased(2, 'x', { 'deadline-secs': 30 }));
    const late = first.when(tick, { at: START + 30_000 });
    expect(dataOf(late.events, 'StepFailed')).toMatchObject([
      { reason: 'web-0 is open at the deadline of plan deploy: waits for a place' },
    ]);
  });
});

/** The first pod of a serial update crashes as often as its phase allows. */
function crashes(onFailure?: PlanSpec['on-failure'], before: ServiceSpec = phased(3, 'good')) {
  const phases = { web: { pod: 'web', strategy: 'serial' as const, 'max-attempts': 2 } };
  const story = up(before);
  const bad = phased(3, 'bad', { phases, ...(onFailure === undefined ? {} : { 'on-failure': onFailure }) });
  const begun = story.when(apply(bad));
  const [kill] = dataOf(begun.events, 'KillOrdered');
  const relaunched = begun.when(ended([`${kill!.launches[0]![0]}.${kill!.launches[0]![1]}`] as never, 'KILLED'));
  const again = relaunched.when(ended(launchesIn(relaunched.events), 'FAILED'));
  return { failed: again.when(ended(launchesIn(again.events), 'FAILED')), story };
}

describe('an update that fails', () => {
  it('starts nothing more, and says why, where its spec says nothing', () => {
    const { failed } = crashes();
    expect(dataOf(failed.events, 'StepFailed')).toMatchObject([
      { reason: 'server of web-0 failed (exit-code), 2 times' },
    ]);
    expect(dataOf(failed.events, 'StepStarted')).toEqual([]);
    failed.thenState((state) => {
      expect(shown(state, 'update')).toEqual({
        status: 'ERROR',
        message: 'server of web-0 failed (exit-code), 2 times',
      });
      expect(state.services.get('hello')).toMatchObject({ version: 2, good: 1 });
    });
  });

  it('says how its task ended, what that wrote last, and whose output tells more', () => {
    const phases = { web: { pod: 'web', 'max-attempts': 1 } };
    const first = placeAll(applied(phased(1, 'bad', { phases })));
    const failed = first.when(
      ended(launchesIn(first.events), 'FAILED', { exit: { code: 3 }, message: 'no such table: users' }),
    );
    const why = 'server of web-0 exited with code 3: no such table: users';
    expect(dataOf(failed.events, 'StepFailed')).toMatchObject([{ reason: why, task: 'hello.web-0.server' }]);
    failed.thenState((state) => {
      const told = { status: 'ERROR', message: why, failedTask: 'hello.web-0.server' };
      expect(planView(state, 'hello', 'deploy')).toMatchObject(told);
      expect(serviceView(state, 'hello')!.plan).toEqual({ name: 'deploy', ...told });
    });
    const resumed = failed.when(command('ResumePlan', { name: HELLO, plan: 'deploy' }));
    resumed.thenState((state) => expect(planView(state, 'hello', 'deploy')).not.toHaveProperty('failedTask'));
  });

  it('goes on without what failed, and is not whole then', () => {
    const { failed } = crashes('continue');
    expect(typesOf(failed.events)).toEqual(
      expect.arrayContaining(['StepFailed', 'StepCompleted', 'StepStarted', 'KillOrdered']),
    );
    failed.thenState((state) => {
      expect(shown(state, 'update')).toEqual({
        status: 'IN_PROGRESS',
        message: 'server of web-0 failed (exit-code), 2 times',
      });
    });
  });

  it('is taken back to the last version that was whole', () => {
    const { failed } = crashes('rollback');
    failed.thenState((state) => expect(services.continues!(state)).toBe(true));
    const back = failed.when(goOn);
    expect(typesOf(back.events).slice(0, 3)).toEqual(['PlanStopped', 'ServiceApplied', 'PlanStarted']);
    expect(dataOf(back.events, 'ServiceApplied')).toMatchObject([{ version: 3, recipes: { web: 1 } }]);
    expect(dataOf(back.events, 'PlanStarted')).toMatchObject([
      { plan: 'update', reason: 'version 2 failed: server of web-0 failed (exit-code), 2 times' },
    ]);
    back.thenState((state) => expect(services.continues!(state)).toBe(false));
  });

  it('stays in ERROR where there is nothing to go back to', () => {
    const phases = { web: { pod: 'web', 'max-attempts': 1 } };
    const first = placeAll(applied(phased(1, 'bad', { phases, 'on-failure': 'rollback' })));
    const failed = first.when(ended(launchesIn(first.events), 'FAILED'));
    failed.thenState((state) => {
      expect(shown(state, 'deploy').status).toBe('ERROR');
      expect(services.continues!(state)).toBe(false);
    });
  });

  it('stays in ERROR where the version before it may not come back', () => {
    const rules = (count: number, plan: Partial<PlanSpec>): ServiceSpec => {
      const { 'allow-decommission': _, ...node } = stores(count).pods['node']!;
      return hello({
        pods: { node },
        plans: { deploy: { phases: { node: { pod: 'node', 'max-attempts': 1 } }, ...plan } },
      });
    };
    const story = up(rules(1, {}));
    const placed = placeAll(story.when(apply(rules(2, { 'on-failure': 'rollback' }))));
    const back = placed.when(ended(launchesIn(placed.events), 'FAILED')).when(goOn);
    expect(typesOf(back.events)).toEqual(['StepFailed']);
    back.thenState((state) => {
      expect(services.continues!(state)).toBe(false);
      expect(shown(state, 'update').message).toContain('version 1 can not be applied again');
    });
  });
});

describe('what plans can not say of failure', () => {
  it.each<[string, NonNullable<ServiceSpec['plans']>]>([
    ['/plans/mend/on-failure', { mend: { 'on-failure': 'rollback', phases: { web: { pod: 'web' } } } }],
    ['/plans/decommission/on-failure', { decommission: { 'on-failure': 'pause', phases: { web: { pod: 'web' } } } }],
  ])('is refused: %s', (field, plans) => {
    applied({ ...webs(1), plans }).thenRefused('invalid-spec', (refusal) => expect(refusal.field).toBe(field));
  });
});
