import { SPECIFICATION_STARTS_AT_MS as START, digestOf, specificationOf } from '@orrery/testing';
import { partsOf, slicesOf, type DomainState } from '@orrery/kernel';
import { idRunsOf, type LaunchId, type ServicesEvent, agentRunsOf } from '@orrery/contracts';
import { services } from './decide.js';
import {
  AGENTS,
  apply,
  command,
  dataOf,
  ended,
  goOn,
  HELLO,
  launchesIn,
  placeAll,
  placed,
  registered,
  released,
  running,
  scale,
  typesOf,
  unreachable,
  webs,
} from './examples.js';
import { servicesViolations } from './invariants.js';
import type { ServicesState } from './state.js';
import { podCounts, podView, podViews } from './views.js';

const COUNT = 40;
const agentOf = (index: number) => `a${1 + Math.floor(index / 10)}`;
const asked = () =>
  specificationOf(services)
    .given(...AGENTS)
    .when(apply(webs(COUNT)));
const launched = () => placeAll(asked(), agentOf);
const up = () => {
  const story = launched();
  const launches = launchesIn(story.events);
  return { story: story.when(running(launches)).when(goOn), launches };
};
const sizes = (state: ServicesState) => ({ rows: state.pods.size, runs: state.runs.size });

describe('pods that are alike', () => {
  it('are one row from their start until they are up, and no event tells of their steps', () => {
    const story = launched();
    story.thenState((state) => expect(sizes(state)).toEqual({ rows: 0, runs: 1 }));
    expect(typesOf(story.events)).toEqual(['LaunchOrdered']);
    const launches = launchesIn(story.events);
    const partly = story.when(running(launches.slice(0, 39)));
    expect(typesOf(partly.events)).toEqual(['TasksObserved']);
    partly.thenState((state) => expect(services.continues!(state)).toBe(false));
    const whole = partly.when(running(launches.slice(39)));
    expect(typesOf(whole.events)).toEqual(['TasksObserved']);
    whole.thenState((state) => expect(services.continues!(state)).toBe(true));
    const done = whole.when(goOn);
    expect(typesOf(done.events)).toEqual(['PlanCompleted']);
    done.thenState((state) => {
      expect(sizes(state)).toEqual({ rows: 0, runs: 1 });
      expect(podCounts(state, 'hello')).toEqual({ web: { pods: 40, running: 40, up: 40, finished: 0 } });
      expect(state.services.get('hello')).toMatchObject({ settled: true });
    });
  });

  it('are shown one by one like any others', () => {
    up().story.thenState((state) => {
      expect(podViews(state, 'hello', 3, 'web-10').map(({ name }) => name)).toEqual(['web-11', 'web-12', 'web-13']);
      expect(podView(state, 'hello', 'web-25')).toMatchObject({
        state: 'READY',
        agent: 'a3',
        grant: '101.25',
        tasks: [{ task: 'server', status: 'ready', incarnation: 1, launch: '2.25' }],
      });
    });
  });

  it('are placed a part at a time', () => {
    const story = asked();
    const [request] = dataOf(story.events, 'PlacementRequested');
    const first = story.when(placed({ ...request!, indexes: [[3, 12]] }, () => 'a1'));
    expect(dataOf(first.events, 'LaunchOrdered')).toMatchObject([{ indexes: [[3, 12]], grants: [[101, 3, 12]] }]);
    first.thenState((state) => expect(sizes(state)).toEqual({ rows: 0, runs: 1 }));
    const rest = first.when(
      placed(
        {
          ...request!,
          indexes: [
            [0, 2],
            [13, 39],
          ],
        },
        (index) => (index < 3 ? 'a2' : 'a3'),
      ),
    );
    const launches = [...launchesIn(first.events), ...launchesIn(rest.events)];
    expect(typesOf(rest.when(running(launches)).when(goOn).events)).toEqual(['PlanCompleted']);
  });

  it('grow by another run, and by rows where they are few', () => {
    const grown = up().story.when(scale(50));
    expect(dataOf(grown.events, 'PlacementRequested')).toMatchObject([{ indexes: [[40, 49]] }]);
    grown.thenState((state) => expect(sizes(state)).toEqual({ rows: 0, runs: 2 }));
    up()
      .story.when(scale(42))
      .thenState((state) => expect(sizes(state)).toEqual({ rows: 2, runs: 1 }));
  });

  it('do not care in how many pieces they were told to be up', () => {
    const { story, launches } = up();
    let other = launched();
    for (const launch of [...launches].reverse()) other = other.when(running([launch]));
    other.when(goOn).thenState((state) => {
      story.thenState((whole) => expect(podViews(state, 'hello', 99)).toEqual(podViews(whole, 'hello', 99)));
    });
  });

  it('survive a snapshot', () => {
    up().story.thenState((state) => {
      const loaded = services.initialState();
      const parts = new Map(partsOf(loaded as unknown as DomainState).map((part) => [part.name, part]));
      for (const { part, slice } of slicesOf(state as unknown as DomainState)) parts.get(part)!.load(slice);
      expect(digestOf(loaded)).toBe(digestOf(state));
      const again: ServicesEvent = { type: 'TasksObserved', data: { state: 'RUNNING', at: 1, launches: [[2, 5, 5]] } };
      for (const each of [state, loaded]) services.evolve(each, again);
      expect(digestOf(loaded)).toBe(digestOf(state));
    });
  });
});

describe('a pod that diverges', () => {
  it('is a row of its own when it fails, and goes back with others when they are up again', () => {
    const { story, launches } = up();
    const failed = story.when(ended(launches.slice(0, 1), 'FAILED'));
    expect(typesOf(failed.events)).toEqual(['TasksObserved', 'RetryScheduled', 'LaunchOrdered']);
    expect(dataOf(failed.events, 'LaunchOrdered')).toMatchObject([{ incarnation: 2, grants: [[101, 0, 0]] }]);
    failed.thenState((state) => expect(sizes(state)).toEqual({ rows: 1, runs: 1 }));
    const more = failed.when(ended(launches.slice(1, 8), 'FAILED'));
    const again = [...launchesIn(failed.events), ...launchesIn(more.events)];
    more.thenState((state) => expect(sizes(state)).toEqual({ rows: 8, runs: 1 }));
    const back = more.when(running(again));
    back.thenState((state) => {
      expect(sizes(state)).toEqual({ rows: 0, runs: 1 });
      expect(podView(state, 'hello', 'web-7')).toMatchObject({
        state: 'READY',
        grant: '101.7',
        tasks: [{ incarnation: 2, failures: 1, launch: again[7] }],
      });
      expect(servicesViolations(state)).toEqual([]);
    });
    const second = back.when(ended(again.slice(7), 'FAILED'));
    expect(dataOf(second.events, 'RetryScheduled')).toMatchObject([{ failures: 2, until: START + 1000 }]);
    const late = back.when(ended(again.slice(6, 7), 'FAILED'), { at: START + 61_000 });
    expect(dataOf(late.events, 'RetryScheduled')).toMatchObject([{ failures: 1 }]);
  });

  it('breaks its run up when a quarter is gone before it; the run is made anew when all are up', () => {
    const { story, launches } = up();
    const failed = story.when(ended(launches.slice(0, 11), 'KILLED'));
    failed.thenState((state) => expect(sizes(state)).toEqual({ rows: 40, runs: 0 }));
    failed.when(running(launchesIn(failed.events))).thenState((state) => {
      expect(sizes(state)).toEqual({ rows: 0, runs: 1 });
      expect(podCounts(state, 'hello')).toMatchObject({ web: { pods: 40, up: 40 } });
      expect(servicesViolations(state)).toEqual([]);
    });
  });

  it('has its step completed if it was up before, and not if it was not', () => {
    const story = launched();
    const launches = launchesIn(story.events);
    const partly = story.when(running(launches.slice(0, 20)));
    const failed = partly.when(ended([launches[3]!, launches[30]!], 'FAILED'));
    failed.thenState((state) => {
      expect(state.pods.get('hello/web/0000003')?.step).toBeUndefined();
      expect(state.pods.get('hello/web/0000030')?.step).toBeDefined();
    });
    const rest = launches.slice(20).filter((launch) => launch !== launches[30]);
    const waiting = failed.when(running(rest)).when(running(launchesIn(failed.events).slice(0, 1)));
    waiting.thenState((state) => expect(services.continues!(state)).toBe(false));
    const whole = waiting.when(running(launchesIn(failed.events).slice(1)));
    expect(typesOf(whole.events)).toEqual(['TasksObserved', 'StepCompleted', 'PlanCompleted']);
  });

  it('is replaced when its machine is lost, with all that were there', () => {
    const lost = up().story.when(unreachable('a2'));
    expect(dataOf(lost.events, 'ReplaceStarted')).toMatchObject([{ indexes: [[10, 19]], cause: 'agent-unreachable' }]);
    expect(dataOf(lost.events, 'PlacementRequested')).toMatchObject([{ indexes: [[10, 19]], avoid: ['a2'] }]);
    lost.thenState((state) => expect(sizes(state)).toEqual({ rows: 10, runs: 1 }));
  });

  it('is launched in the registration of today where its machine came back with another', () => {
    const { story, launches } = up();
    const back = story.when(registered('a2', 7));
    back.thenState((state) => expect(sizes(state)).toEqual({ rows: 0, runs: 1 }));
    const again = back.when(ended(launches.slice(12, 13), 'KILLED'));
    expect(dataOf(again.events, 'LaunchOrdered')).toMatchObject([{ agents: agentRunsOf([[2, 7, 1]]) }]);
  });

  it('takes back the wishes of those that are not wanted any more, and leaves the others alone', () => {
    const story = asked();
    const [request] = dataOf(story.events, 'PlacementRequested');
    const some = story.when(placed({ ...request!, indexes: [[0, 29]] }, agentOf)).when(scale(30));
    const shrunk = some.when(running(Array.from({ length: 30 }, (_, at) => `2.${at}` as LaunchId))).when(goOn);
    expect(dataOf(shrunk.events, 'PlacementWithdrawn')).toMatchObject([{ indexes: [[30, 39]] }]);
    expect(typesOf(shrunk.events).at(-1)).toBe('PlanCompleted');
    shrunk.thenState((state) => {
      expect(sizes(state)).toEqual({ rows: 0, runs: 1 });
      expect(podCounts(state, 'hello')).toMatchObject({ web: { pods: 30, up: 30 } });
    });
  });
});

describe('pods that are taken down together', () => {
  it('are ended by one order, and their grants return together once they have ended', () => {
    const { story, launches } = up();
    const shrunk = story.when(scale(10));
    expect(dataOf(shrunk.events, 'KillOrdered')).toMatchObject([
      { launches: idRunsOf(launches.slice(10)), reason: 'scaled-down' },
    ]);
    const first = shrunk.when(ended(launches.slice(10, 20), 'KILLED')).when(ended(launches.slice(30), 'FINISHED'));
    expect(typesOf(first.events)).toEqual(['TasksObserved']);
    const given = first.when(goOn);
    expect(typesOf(given.events)).toEqual(['GrantReturned']);
    expect(dataOf(given.events, 'GrantReturned')).toMatchObject([
      { grants: [[101, 10, 19, 30, 39]], destroyVolumes: true },
    ]);
    const last = given.when(ended(launches.slice(20, 30), 'FAILED')).when(goOn);
    expect(typesOf(last.events)).toEqual(['GrantReturned', 'PlanCompleted']);
    last.thenState((state) => {
      expect(podCounts(state, 'hello')).toMatchObject({ web: { pods: 10, up: 10 } });
      expect(state.tallies.get('hello/web')).toMatchObject({ slots: 10, incarnation: 1 });
    });
    const again = placeAll(last.when(scale(40)), agentOf);
    expect(dataOf(again.events, 'LaunchOrdered')).toMatchObject([{ incarnation: 2 }]);
  });

  it('stay when a few of their run are not wanted any more', () => {
    const { story, launches } = up();
    const down = story.when(scale(COUNT - 2));
    const [order, ...more] = dataOf(down.events, 'KillOrdered');
    expect(order).toMatchObject({ launches: idRunsOf(launches.slice(-2)), reason: 'scaled-down' });
    expect(more).toEqual([]);
    const over = down.when(ended(launches.slice(-2), 'KILLED')).when(goOn);
    over.thenState((state) => {
      expect(podCounts(state, 'hello')).toEqual({ web: { pods: 38, running: 38, up: 38, finished: 0 } });
      expect(state.plans.get('hello/update')).toMatchObject({ status: 'complete' });
    });
  });

  it('come back on their grants when they are wanted again before they have ended', () => {
    const { story, launches } = up();
    const again = story.when(scale(10)).when(scale(40));
    expect(dataOf(again.events, 'GrantReturned')).toEqual([]);
    const over = again.when(ended(launches.slice(20, 22), 'KILLED'));
    expect(dataOf(over.events, 'LaunchOrdered')).toMatchObject([{ incarnation: 2, grants: [[101, 20, 21]] }]);
  });

  it('are uninstalled: the service is gone when their grants are released', () => {
    const { story, launches } = up();
    const over = story
      .when(command('UninstallService', { name: HELLO }))
      .when(ended(launches, 'KILLED'))
      .when(goOn);
    const [grants] = dataOf(over.events, 'GrantReturned');
    over.thenState((state) => expect(podCounts(state, 'hello')).toMatchObject({ web: { pods: 0 } }));
    const first = over.when(released([[101, 0, 29]]));
    expect(typesOf(first.events)).toEqual(['ReleaseNoted']);
    const last = first.when(released(grants!.grants));
    expect(typesOf(last.events)).toEqual(['ReleaseNoted', 'PlanCompleted', 'ServiceRemoved']);
    last.thenState((state) => expect(sizes(state)).toEqual({ rows: 0, runs: 0 }));
  });

  it('wait for the grants of those that left their run as well', () => {
    const { story, launches } = up();
    const failed = story.when(ended(launches.slice(0, 1), 'FAILED'));
    const all = [...launchesIn(failed.events), ...launches.slice(1)];
    const over = failed
      .when(command('UninstallService', { name: HELLO }))
      .when(ended(all, 'KILLED'))
      .when(goOn);
    over.thenState((state) => expect(state.leaving.size).toBe(1));
    const first = over.when(released([[101, 0, 0]]));
    expect(dataOf(first.events, 'ReleaseNoted')).toMatchObject([{ grants: [[101, 0, 0]] }]);
    expect(typesOf(first.when(released([[101, 1, 39]])).events).at(-1)).toBe('ServiceRemoved');
  });
});
