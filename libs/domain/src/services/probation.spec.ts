import type { PodSpec, ServiceSpec } from '@orrery/contracts';
import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
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
  tick,
  typesOf,
} from './examples.js';
import { servicesViolations } from './invariants.js';
import { planView } from './plan-view.js';
import { countsOf } from './tallies.js';

const web = (
  cmd: string,
  update: PodSpec['update'],
  { count = 3, more = {} }: { count?: number; more?: Partial<ServiceSpec> } = {},
): ServiceSpec =>
  hello({
    pods: { web: { count, ...(update === undefined ? {} : { update }), tasks: { server: { cmd } } } },
    ...more,
  });

/** Brought up whole. */
function up(spec: ServiceSpec) {
  const story = placeAll(
    specificationOf(services)
      .given(...AGENTS)
      .when(apply(spec)),
  );
  const launches = launchesIn(story.events);
  return { story: story.when(running(launches)).when(goOn), launches };
}

/** The first pod of three runs the new version; the others wait. */
function changing(update: PodSpec['update'], more: Partial<ServiceSpec> = {}) {
  const { story, launches } = up(web('a', undefined, { more }));
  const over = story.when(apply(web('b', update, { more }))).when(ended([launches[0]!], 'KILLED'));
  const [launch] = launchesIn(over.events);
  return { story: over.when(running([launch!])), launch: launch! };
}

describe('the minimum time up', () => {
  it('is over before the step of a pod that changes is complete, and only then the next one goes', () => {
    const { story } = changing({ 'minimum-up': 30 });
    expect(typesOf(story.events)).toEqual(['TasksObserved']);
    story.thenState((state) => {
      expect(services.nextDeadline!(state)).toBe(START + 30_000);
      expect(countsOf(state, 'hello', 'web')).toMatchObject({ running: 3, up: 2 });
      expect(planView(state, 'hello', 'update')!.phases[0]!.steps[0]).toMatchObject({
        status: 'STARTED',
        message: 'is ready, and has to stay so for the minimum time before it counts as up',
      });
      expect(servicesViolations(state)).toEqual([]);
    });
    story.when(tick, { at: START + 29_999 }).thenNothing();
    const proven = story.when(tick, { at: START + 30_000 });
    expect(typesOf(proven.events)).toEqual(['ProbationPassed', 'StepCompleted', 'StepStarted', 'KillOrdered']);
    expect(dataOf(proven.events, 'ProbationPassed')).toMatchObject([{ pod: 'web', indexes: [[0, 0]] }]);
  });

  it('is 2 s for pods that change where no readiness check says more, and none at the first deployment', () => {
    const { story } = changing(undefined);
    story.thenState((state) => expect(services.nextDeadline!(state)).toBe(START + 2000));
    const checked = hello({
      pods: { web: { count: 1, tasks: { server: { cmd: 'b', 'readiness-check': { cmd: 'true' } } } } },
    });
    const first = up(web('a', undefined, { count: 1 }));
    first.story.thenState((state) => expect(state.services.get(HELLO)!.deployed).toBe(true));
    const over = first.story.when(apply(checked)).when(ended(first.launches, 'KILLED'));
    const started = launchesIn(over.events);
    expect(typesOf(over.when(running(started)).when(ready(started)).events)).toContain('StepCompleted');
  });

  it('begins anew when a task ends within it, which counts as a failure in a row however long it ran', () => {
    const { story, launch } = changing({ 'minimum-up': 300 });
    const failed = story.when(ended([launch], 'FAILED'), { at: START + 200_000 });
    expect(dataOf(failed.events, 'RetryScheduled')).toMatchObject([{ failures: 1 }]);
    const [again] = launchesIn(failed.events);
    const second = failed.when(running([again!])).when(ended([again!], 'FAILED'), { at: START + 400_000 });
    expect(dataOf(second.events, 'RetryScheduled')).toMatchObject([{ failures: 2 }]);
    expect(typesOf(second.events)).not.toContain('StepCompleted');
  });

  it('lets a version that always fails within it end in ERROR, with all pods up that have to be', () => {
    const update = { phases: { web: { pod: 'web', 'max-attempts': 2 } } };
    const { story, launch } = changing({ 'minimum-up': 10, 'max-unavailable': 1 }, { plans: { update } });
    const failed = story.when(ended([launch], 'FAILED'));
    const due = launchesIn(failed.events).length > 0 ? failed : failed.when(tick, { at: START + 1000 });
    const [again] = launchesIn(due.events);
    const second = due.when(running([again!])).when(ended([again!], 'FAILED'));
    expect(dataOf(second.events, 'StepFailed')).toMatchObject([{ phase: 'web', indexes: [[0, 0]] }]);
    second.thenState((state) => {
      expect(countsOf(state, 'hello', 'web').up).toBe(2);
      expect(planView(state, 'hello', 'update')).toMatchObject({
        status: 'ERROR',
        phases: [{ steps: [{ status: 'ERROR', message: 'server of web-0 failed (exit-code), 2 times' }, {}, {}] }],
      });
    });
  });

  it('ends in ERROR at the deadline of the step, which counts from its end', () => {
    const { story, launch } = changing({ 'minimum-up': 1000 });
    story.thenState((state) => expect(services.nextDeadline!(state)).toBe(START + 1_000_000));
    const failed = story.when(ended([launch], 'FAILED'), { at: START + 900_000 });
    const late = failed.when(tick, { at: START + 1_600_000 });
    expect(dataOf(late.events, 'StepFailed')[0]!.reason).toContain('was not complete after 1600 s');
  });

  it('holds back the first deployment where the spec says so, of all pods that came up together by one event', () => {
    const placed = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(web('a', { 'minimum-up': 5 }, { count: 100 }))),
    );
    const told = placed.when(running(launchesIn(placed.events)));
    told.thenState((state) => expect(services.continues!(state)).toBe(false));
    const proven = told.when(tick, { at: START + 5000 });
    expect(typesOf(proven.events)).toEqual(['ProbationPassed', 'StepCompleted', 'PlanCompleted']);
    expect(dataOf(proven.events, 'ProbationPassed')).toMatchObject([{ indexes: [[0, 99]] }]);
    proven.thenState((state) => {
      expect(state.pods.size).toBeLessThan(10);
      expect(servicesViolations(state)).toEqual([]);
    });
  });

  it('lets a mended version go first to a pod that has not proved itself', () => {
    const { story, launch } = changing({ 'minimum-up': 60 });
    const mended = story.when(apply(web('c', { 'minimum-up': 60 })));
    const killed = dataOf(mended.events, 'KillOrdered');
    expect(killed).toMatchObject([
      { reason: 'updated', launches: [expect.arrayContaining([Number(launch.split('.')[0])])] },
    ]);
  });

  it('means nothing to who stops its plan: the pod is up when its time has passed', () => {
    const { story } = changing({ 'minimum-up': 30 });
    const stopped = story.when(command('StopPlan', { name: HELLO, plan: 'update' }));
    const later = stopped.when(tick, { at: START + 30_000 });
    expect(typesOf(later.events)).toEqual(['ProbationPassed']);
    later.thenState((state) => {
      expect(services.nextDeadline!(state)).toBeUndefined();
      expect(countsOf(state, 'hello', 'web').up).toBe(3);
    });
  });

  it('is not asked of pods that are added beside those that change, where the spec says nothing', () => {
    const { story } = up(web('a', undefined));
    const placed = placeAll(story.when(apply(web('b', undefined, { count: 4 }))));
    const told = placed.when(running(launchesIn(placed.events)));
    expect(typesOf(told.events)).toEqual(['TasksObserved', 'StepCompleted', 'StepStarted', 'KillOrdered']);
  });

  it('is asked of nobody once the last pod of its type has changed', () => {
    const pods = (cmd: string) => ({
      web: { count: 1, tasks: { server: { cmd } } },
      late: { count: 1, tasks: { server: { cmd } } },
    });
    let story = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(hello({ pods: pods('a') }))),
    );
    const first = launchesIn(story.events);
    story = placeAll(story.when(running(first)));
    story = story.when(running(launchesIn(story.events))).when(apply(hello({ pods: pods('b') })));
    story = story.when(ended(first, 'KILLED'));
    const changed = launchesIn(story.events);
    story = story.when(running(changed)).when(tick, { at: START + 2000 });
    expect(typesOf(story.events)).toContain('StepStarted');
    const failed = story.when(ended(changed, 'FAILED'), { at: START + 300_000 });
    const again = launchesIn(failed.events);
    const back = failed.when(running(again), { at: START + 300_000 });
    back.thenState((state) => expect(countsOf(state, 'hello', 'web').up).toBe(1));
  });

  it('ends with the life of the pod: its next one is launched without ticks in between', () => {
    const { story } = changing({ 'minimum-up': 30 });
    const replaced = story.when(command('ReplacePod', { name: HELLO, pod: 'web-0' }));
    replaced.thenState((state) => {
      expect(servicesViolations(state)).toEqual([]);
      expect(state.pods.get('hello/web/0000000')).toMatchObject({ probationUntil: undefined });
    });
    const placed = placeAll(replaced, () => 'a3');
    placed.thenState((state) => expect(services.nextDeadline!(state)).toBeGreaterThan(START + 30_000));
  });

  it('is asked, and one pod changes after the other, too, where a later version finds an update unfinished', () => {
    const { story } = changing(undefined);
    const scaled = placeAll(story.when(apply(web('b', undefined, { count: 4 }))));
    const told = scaled.when(running(launchesIn(scaled.events)));
    told.thenState((state) => expect(countsOf(state, 'hello', 'web')).toMatchObject({ running: 4, up: 3 }));
    const proven = told.when(tick, { at: START + 2000 });
    expect(dataOf(proven.events, 'KillOrdered')).toHaveLength(1);
  });
});
