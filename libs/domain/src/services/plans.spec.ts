import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import type { PlanStrategy } from '@orrery/contracts';
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
  stores,
  tick,
  typesOf,
  webs,
} from './examples.js';
import { planView } from './plan-view.js';
import type { ServicesState } from './state.js';

const deploy = { name: HELLO, plan: 'deploy' };
const phased = (strategy: PlanStrategy, count = 3) =>
  hello({
    pods: { web: { count, tasks: { server: { cmd: 'sleep 1000' } } } },
    plans: { deploy: { phases: { web: { pod: 'web', strategy } } } },
  });
const asked = (events: Parameters<typeof dataOf>[0]) =>
  dataOf(events, 'PlacementRequested').map(({ indexes }) => indexes);
const shown = (state: ServicesState, plan = 'deploy') => planView(state, 'hello', plan)!;
const stepsOf = (state: ServicesState, plan = 'deploy') =>
  shown(state, plan).phases.flatMap(({ steps }) => steps.map(({ name, status }) => `${name} ${status}`));

describe('a plan', () => {
  it('shows each step as the DC/OS SDK names its states', () => {
    const applied = specificationOf(services)
      .given(...AGENTS)
      .when(apply(phased('serial', 2)));
    applied.thenState((state) => {
      expect(shown(state)).toMatchObject({ status: 'IN_PROGRESS', strategy: 'serial', version: 1 });
      expect(stepsOf(state)).toEqual(['web-0 PREPARED', 'web-1 PENDING']);
    });
    const launched = placeAll(applied);
    launched.thenState((state) => expect(stepsOf(state)).toEqual(['web-0 STARTING', 'web-1 PENDING']));
    const failed = launched.when(ended(launchesIn(launched.events), 'FAILED'));
    const delayed = failed.when(ended(launchesIn(failed.events), 'FAILED'));
    delayed.thenState((state) => {
      expect(stepsOf(state)).toEqual(['web-0 DELAYED', 'web-1 PENDING']);
      expect(shown(state).status).toBe('DELAYED');
    });
    const due = delayed.when(tick, { at: START + 1000 });
    const up = placeAll(due.when(running(launchesIn(due.events))));
    up.when(running(launchesIn(up.events))).thenState((state) => {
      expect(shown(state)).toMatchObject({ status: 'COMPLETE', phases: [{ complete: 2, total: 2 }] });
    });
  });

  it('starts nothing more while it is paused, and goes on when it is resumed', () => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(phased('serial', 2))),
    );
    const paused = launched.when(command('PausePlan', deploy));
    expect(typesOf(paused.events)).toEqual(['PlanPaused']);
    paused.thenState((state) => expect(shown(state).status).toBe('WAITING'));
    const first = paused.when(running(launchesIn(launched.events)));
    expect(typesOf(first.events)).toEqual(['TasksObserved', 'StepCompleted']);
    const resumed = first.when(command('ResumePlan', deploy));
    expect(asked(resumed.events)).toEqual([[[1, 1]]]);
    resumed.when(command('ResumePlan', deploy)).thenRefused('plan-state');
  });

  it('holds back a step that is paused before it starts, and those behind it where they go one by one', () => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(phased('serial'))),
    );
    const step = { ...deploy, phase: 'web', step: 'web-1' };
    const held = launched.when(command('PausePlan', step)).when(running(launchesIn(launched.events)));
    expect(asked(held.events)).toEqual([]);
    held.thenState((state) => expect(stepsOf(state)).toEqual(['web-0 COMPLETE', 'web-1 WAITING', 'web-2 PENDING']));
    expect(asked(held.when(command('ResumePlan', step)).events)).toEqual([[[1, 1]]]);
    held.when(command('PausePlan', { ...step, step: 'web-0' })).thenRefused('plan-state');
  });

  it('passes by a held step where steps go side by side, and starts it when it is resumed', () => {
    const two = hello({
      pods: { a: { count: 1, tasks: { t: { cmd: 't' } } }, b: { count: 3, tasks: { t: { cmd: 't' } } } },
    });
    const step = { ...deploy, phase: 'b', step: 'b-1' };
    const first = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(two)),
    );
    const next = first.when(command('PausePlan', step)).when(running(launchesIn(first.events)));
    expect(asked(next.events)).toEqual([
      [
        [0, 0],
        [2, 2],
      ],
    ]);
    const resumed = next.when(command('ResumePlan', step));
    expect(asked(resumed.events)).toEqual([[[1, 1]]]);
    const others = placeAll(resumed);
    others.when(running(launchesIn(others.events))).thenState((state) => {
      expect(stepsOf(state)).toEqual(['a-0 COMPLETE', 'b-0 PREPARED', 'b-1 COMPLETE', 'b-2 PREPARED']);
    });
  });

  it.each<[PlanStrategy, unknown]>([
    ['parallel-canary', [[[1, 3]]]],
    ['serial-canary', [[[1, 1]]]],
  ])('waits for a word before its first step and again after it: %s', (strategy, rest) => {
    const resume = command('ResumePlan', { ...deploy, phase: 'web' });
    const applied = specificationOf(services)
      .given(...AGENTS)
      .when(apply(phased(strategy, 4)));
    expect(asked(applied.events)).toEqual([]);
    applied.thenState((state) => expect(shown(state).status).toBe('WAITING'));
    const canary = placeAll(applied.when(resume));
    const sung = canary.when(running(launchesIn(canary.events)));
    expect(asked(sung.events)).toEqual([]);
    sung.thenState((state) => expect(stepsOf(state)[0]).toBe('web-0 COMPLETE'));
    expect(asked(sung.when(resume).events)).toEqual(rest);
  });

  it('is stopped: what has started goes on, nothing more starts, and it can be started again', () => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(phased('serial', 2))),
    );
    const stopped = launched.when(command('StopPlan', deploy)).when(running(launchesIn(launched.events)));
    expect(typesOf(stopped.events)).toEqual(['TasksObserved']);
    stopped.thenState((state) => expect(shown(state).status).toBe('PENDING'));
    const again = stopped.when(command('StartPlan', deploy));
    expect(typesOf(again.events)).toEqual([
      'PlanStarted',
      'StepStarted',
      'StepCompleted',
      'StepStarted',
      'PlacementRequested',
    ]);
    expect(asked(again.events)).toEqual([[[1, 1]]]);
    again.when(command('StartPlan', { name: HELLO, plan: 'update' })).thenRefused('plan-state');
  });

  const applied = () =>
    specificationOf(services)
      .given(...AGENTS)
      .when(apply(phased('serial', 2)));
  const force = (more: object) => command('ForceCompletePlan', { ...deploy, ...more });

  it('has a step counted as complete by force, and goes on with the next', () => {
    const forced = applied().when(force({ phase: 'web', step: 'web-0' }));
    expect(typesOf(forced.events)).toEqual(['StepCompleted', 'StepStarted', 'PlacementRequested']);
  });

  it('has a phase counted as complete by force', () => {
    expect(typesOf(applied().when(force({ phase: 'web' })).events)).toEqual(['PhaseCompleted', 'PlanCompleted']);
  });

  it('counts as complete by force as a whole, which a later plan remembers', () => {
    const forced = applied().when(force({}));
    expect(typesOf(forced.events)).toEqual(['PlanCompleted']);
    forced.thenState((state) => {
      expect(shown(state).status).toBe('COMPLETE');
      expect(state.services.get('hello')).toMatchObject({ deployed: true, settled: false });
    });
  });

  it('restarts by force what is already as it should be, in the order of the plan', () => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(phased('serial', 1))),
    );
    const launches = launchesIn(launched.events);
    const again = launched.when(running(launches)).when(command('ForceRestartPlan', { ...deploy, phase: 'web' }));
    expect(typesOf(again.events)).toEqual(['PlanStarted', 'StepStarted', 'KillOrdered']);
    const over = again.when(ended(launches, 'KILLED'));
    expect(dataOf(over.events, 'LaunchOrdered')).toMatchObject([{ incarnation: 2, grants: [[101, 0, 0]] }]);
    expect(typesOf(over.when(running(launchesIn(over.events))).events)).toContain('PlanCompleted');
  });

  it("of the user's own naming restarts the pods that it goes over", () => {
    const spec = { ...webs(2), plans: { refresh: { phases: { all: { pod: 'web', strategy: 'serial' as const } } } } };
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(spec)),
    );
    const launches = launchesIn(launched.events);
    const started = launched.when(running(launches)).when(command('StartPlan', { name: HELLO, plan: 'refresh' }));
    expect(typesOf(started.events)).toEqual(['PlanStarted', 'StepStarted', 'KillOrdered']);
    started.thenState((state) => expect(stepsOf(state, 'refresh')).toEqual(['web-0 STARTING', 'web-1 PENDING']));
  });

  it('is refused under another name, with those that there are', () => {
    const stored = specificationOf(services)
      .given(...AGENTS)
      .when(apply(stores(1)));
    const wrong = command('PausePlan', { name: HELLO, plan: 'repair' });
    stored.when(wrong).thenRefused('unknown-plan', ({ remedy }) => expect(remedy).toContain('deploy'));
  });

  it('shows what is being recovered as a plan of its own', () => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(webs(1))),
    );
    const up = launched.when(running(launchesIn(launched.events)));
    up.thenState((state) => expect(shown(state, 'recovery')).toMatchObject({ status: 'COMPLETE', phases: [] }));
    const failed = up.when(ended(launchesIn(launched.events), 'FAILED'));
    failed.thenState((state) => expect(stepsOf(state, 'recovery')).toEqual(['web-0 STARTING']));
  });
});
