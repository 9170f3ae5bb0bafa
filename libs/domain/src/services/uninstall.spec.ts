import { specificationOf } from '@orrery/testing';
import { idRunsOf, type GrantId } from '@orrery/contracts';
import { services } from './decide.js';
import {
  AGENTS,
  apply,
  command,
  dataOf,
  ended,
  HELLO,
  idsOf,
  launchesIn,
  placeAll,
  placed,
  released,
  returned,
  running,
  stores,
  typesOf,
  unreachable,
  webs,
} from './examples.js';

const uninstall = command('UninstallService', { name: HELLO });

function up(spec = webs(2)) {
  let story = specificationOf(services)
    .given(...AGENTS)
    .when(apply(spec));
  const launches = [];
  while (dataOf(story.events, 'PlacementRequested').length > 0) {
    story = placeAll(story, (index) => `a${index + 1}`);
    launches.push(...launchesIn(story.events));
    story = story.when(running(launchesIn(story.events)));
  }
  return { story, launches };
}

describe('a service that is uninstalled (rows 20 and 22)', () => {
  it('has its tasks ended, its grants returned with their volumes, and is gone when all are released', () => {
    const { story, launches } = up(stores(2));
    const ending = story.when(uninstall);
    expect(typesOf(ending.events)).toEqual(['UninstallStarted', 'PlanStarted', 'StepStarted', 'KillOrdered']);
    const over = ending.when(ended(launches, 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'GrantReturned', 'StepCompleted']);
    const [returnedGrants] = dataOf(over.events, 'GrantReturned');
    expect(returnedGrants).toMatchObject({ destroyVolumes: true });
    const [one, other] = idsOf<GrantId>(returnedGrants!.grants);
    const first = over.when(released(idRunsOf([one!])));
    expect(typesOf(first.events)).toEqual(['ReleaseNoted']);
    const last = first.when(released(idRunsOf([other!])));
    expect(typesOf(last.events)).toEqual(['ReleaseNoted', 'PlanCompleted', 'ServiceRemoved']);
    expect(dataOf(last.events, 'ServiceRemoved')).toMatchObject([{ leftOn: [] }]);
    last.thenState((state) => {
      for (const { name, size } of Object.values(state)) expect([name, size]).toEqual([name, name === 'names' ? 9 : 0]);
    });
  });

  it('takes back wishes that were not granted yet', () => {
    const ending = specificationOf(services)
      .given(...AGENTS)
      .when(apply(webs(2)))
      .when(uninstall);
    expect(typesOf(ending.events)).toEqual(
      [
        'UninstallStarted',
        'PlanStarted',
        'StepStarted',
        'PlacementWithdrawn',
        'StepCompleted',
        'PlanCompleted',
        'ServiceRemoved',
      ].toSpliced(0, 0, 'PlanStopped'),
    );
  });

  it('leaves behind what it can not reach, and collects it when the machine is back', () => {
    const { story, launches } = up();
    const ending = story.when(unreachable('a1')).when(uninstall);
    expect(typesOf(ending.events)).toContain('PlacementWithdrawn');
    const over = ending.when(ended([launches[1]!], 'KILLED'));
    const [grants] = dataOf(over.events, 'GrantReturned');
    const removed = over.when(released(grants!.grants));
    expect(typesOf(removed.events)).toEqual(['ReleaseNoted', 'LeftBehind', 'PlanCompleted', 'ServiceRemoved']);
    expect(dataOf(removed.events, 'ServiceRemoved')).toMatchObject([{ leftOn: ['a1'] }]);
    const late = removed.when(returned('a1')).when(ended([launches[0]!], 'KILLED'));
    expect(typesOf(late.events)).toEqual(['TasksObserved', 'GrantReturned']);
    expect(dataOf(late.events, 'GrantReturned')).toMatchObject([{ generation: 1, destroyVolumes: true }]);
    late.thenState((state) => expect(state.leaving.size).toBe(0));
  });

  it('is installed anew as another generation, which facts about the first never touch', () => {
    const { story, launches } = up();
    const removed = story
      .when(unreachable('a1'))
      .when(uninstall)
      .when(ended([launches[1]!], 'KILLED'))
      .when(released([[101, 1, 1]]));
    expect(typesOf(removed.events).at(-1)).toBe('ServiceRemoved');
    const anew = removed.when(apply(webs(1)), { seq: 99 });
    expect(dataOf(anew.events, 'ServiceApplied')).toMatchObject([{ generation: 99, version: 1 }]);
    const [request] = dataOf(anew.events, 'PlacementRequested');
    const late = anew.when(placed({ ...request!, generation: 1 }, () => 'a2'));
    expect(typesOf(late.events)).toEqual(['GrantReturned']);
    const old = late.when(ended([launches[0]!], 'FAILED'));
    expect(typesOf(old.events)).toEqual(['TasksObserved', 'GrantReturned']);
    expect(dataOf(old.events, 'GrantReturned')).toMatchObject([{ generation: 1 }]);
  });

  it('refuses changes meanwhile, and takes a second uninstall as told', () => {
    const ending = up().story.when(uninstall);
    ending.when(apply(webs(5))).thenRefused('being-uninstalled');
    ending.when(uninstall).thenNothing();
  });

  it('can be cancelled while no volume was given away, and comes back', () => {
    const { story, launches } = up();
    const stop = command('StopPlan', { name: HELLO, plan: 'uninstall' });
    const cancelled = story.when(uninstall).when(stop);
    expect(typesOf(cancelled.events)).toEqual(['PlanStopped', 'PlanStarted', 'StepStarted']);
    const again = cancelled.when(ended(launches, 'KILLED'));
    expect(launchesIn(again.events)).toHaveLength(2);

    const gone = up(stores(2));
    const destroying = gone.story.when(uninstall).when(ended([gone.launches[0]!], 'KILLED'));
    destroying.when(stop).thenRefused('plan-state');
  });

  it('does not exist when it was never applied', () => {
    specificationOf(services)
      .given(...AGENTS)
      .when(uninstall)
      .thenRefused('unknown-service');
  });
});
