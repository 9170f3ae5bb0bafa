import { agentRunsOf } from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import type { LaunchId } from '@orrery/contracts';
import { services } from './decide.js';
import * as example from './examples.js';
import {
  idsOf,
  AGENTS,
  apply,
  dataOf,
  launchesIn,
  placeAll,
  placed,
  ready,
  running,
  typesOf,
  webs,
} from './examples.js';

describe('a service that is applied', () => {
  const story = () =>
    specificationOf(services)
      .given(...AGENTS)
      .when(apply(webs(3)), { seq: 7 });

  it('asks for all places at once, in the commit that creates it', () => {
    const { events } = story();
    expect(typesOf(events)).toEqual(['ServiceApplied', 'PlanStarted', 'StepStarted', 'PlacementRequested']);
    expect(dataOf(events, 'ServiceApplied')[0]).toMatchObject({ generation: 7, version: 1, role: '*' });
    expect(dataOf(events, 'PlanStarted')[0]).toMatchObject({ plan: 'deploy' });
    expect(dataOf(events, 'PlacementRequested')[0]).toMatchObject({
      indexes: [[0, 2]],
      attempt: 1,
      avoid: [],
      replaces: [],
      needs: { cpusMilli: 100, memoryMib: 64 },
    });
  });

  it('launches where it was placed, all in one set', () => {
    const launched = placeAll(story(), (index) => (index < 2 ? 'a1' : 'a2'));
    const orders = dataOf(launched.events, 'LaunchOrdered');
    expect(orders).toMatchObject([
      {
        generation: 7,
        version: 1,
        task: 'server',
        incarnation: 1,
        indexes: [[0, 2]],
        agents: agentRunsOf([
          [1, 1, 2],
          [2, 1, 1],
        ]),
        launches: [[8, 0, 2]],
        grants: [[701, 0, 2]],
      },
    ]);
  });

  it('is complete when every pod is ready', () => {
    const launched = placeAll(story());
    const launches = launchesIn(launched.events);
    const partly = launched.when(running(launches.slice(0, 2)));
    expect(typesOf(partly.events)).toEqual(['TasksObserved', 'StepCompleted']);
    const whole = partly.when(running(launches.slice(2)));
    expect(typesOf(whole.events)).toEqual(['TasksObserved', 'StepCompleted', 'PlanCompleted']);
    whole.thenState((state) => {
      expect(state.services.get('hello')).toMatchObject({ deployed: true, settled: true });
      expect(state.tallies.get('hello/web')).toMatchObject({ pods: 3, running: 3, up: 3 });
    });
  });

  it('waits for the readiness check where there is one, not for the process', () => {
    const spec = example.hello({
      pods: { web: { count: 1, tasks: { server: { cmd: 'serve', 'readiness-check': { cmd: './ready.sh' } } } } },
    });
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(spec)),
    );
    const launches = launchesIn(launched.events);
    const up = launched.when(running(launches));
    expect(dataOf(up.events, 'TasksObserved')).toMatchObject([{ state: 'RUNNING' }]);
    expect(typesOf(up.events)).toEqual(['TasksObserved']);
    expect(typesOf(up.when(ready(launches)).events)).toEqual(['TasksObserved', 'StepCompleted', 'PlanCompleted']);
  });

  it('starts pods of a serial phase one after the other, each when all tasks of the last are ready', () => {
    const tasks = { a: { cmd: 'a' }, b: { cmd: 'b' } };
    const spec = example.hello({
      pods: { node: { count: 2, tasks } },
      plans: { deploy: { phases: { node: { pod: 'node', strategy: 'serial' } } } },
    });
    const first = specificationOf(services)
      .given(...AGENTS)
      .when(apply(spec));
    expect(dataOf(first.events, 'PlacementRequested').map(({ indexes }) => indexes)).toEqual([[[0, 0]]]);
    const launched = placeAll(first);
    const [a, b] = launchesIn(launched.events);
    const half = launched.when(running([a!]));
    expect(typesOf(half.events)).toEqual(['TasksObserved']);
    const next = half.when(running([b!]));
    expect(typesOf(next.events)).toEqual(['TasksObserved', 'StepCompleted', 'StepStarted', 'PlacementRequested']);
    expect(dataOf(next.events, 'PlacementRequested').map(({ indexes }) => indexes)).toEqual([[[1, 1]]]);
  });

  it('changes nothing when it is applied again as it is', () => {
    story()
      .when(apply(webs(3)))
      .thenNothing();
  });

  it('refuses a change that was made for another version', () => {
    story()
      .when(apply(webs(4), '3'))
      .thenRefused('version-conflict', ({ remedy }) => expect(remedy).toContain('1'));
  });
});

describe('a service that is scaled', () => {
  const up = (count: number) => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(webs(count))),
    );
    return launched.when(running(launchesIn(launched.events)));
  };
  const scale = (count: number) => example.scale(count);

  it('adds the new indexes alone', () => {
    const grown = up(3).when(scale(5));
    expect(typesOf(grown.events)).toEqual(['ServiceApplied', 'PlanStarted', 'StepStarted', 'PlacementRequested']);
    expect(dataOf(grown.events, 'PlacementRequested')[0]).toMatchObject({ indexes: [[3, 4]] });
    const launched = placeAll(grown);
    const whole = launched.when(running(launchesIn(launched.events)));
    expect(typesOf(whole.events).at(-1)).toBe('PlanCompleted');
  });

  it('takes the highest indexes down, and returns a grant only when its task has ended', () => {
    const shrunk = up(3).when(scale(1));
    expect(typesOf(shrunk.events)).toEqual(['ServiceApplied', 'PlanStarted', 'StepStarted', 'KillOrdered']);
    const { launches: ordered, reason } = dataOf(shrunk.events, 'KillOrdered')[0]!;
    const launches = idsOf<LaunchId>(ordered);
    expect([launches.length, reason]).toEqual([2, 'scaled-down']);
    const first = shrunk.when(example.ended(launches.slice(0, 1), 'KILLED'));
    expect(typesOf(first.events)).toEqual(['TasksObserved', 'GrantReturned', 'StepCompleted']);
    const last = first.when(example.ended(launches.slice(1), 'KILLED'));
    expect(typesOf(last.events)).toEqual(['TasksObserved', 'GrantReturned', 'StepCompleted', 'PlanCompleted']);
    last.thenState((state) => {
      expect(state.pods.size).toBe(1);
      expect(state.tallies.get('hello/web')).toMatchObject({ slots: 1, pods: 1, up: 1 });
    });
  });

  it('withdraws a wish that was not granted yet, and returns the grant that comes all the same', () => {
    const wished = up(1).when(scale(3));
    const [request] = dataOf(wished.events, 'PlacementRequested');
    const withdrawn = wished.when(scale(1));
    expect(dataOf(withdrawn.events, 'PlacementWithdrawn')).toMatchObject([
      { request: request!.request, indexes: [[1, 2]] },
    ]);
    expect(typesOf(withdrawn.events).at(-1)).toBe('PlanCompleted');
    const late = withdrawn.when(placed(request!, () => 'a1'));
    expect(typesOf(late.events)).toEqual(['GrantReturned']);
    expect(idsOf(dataOf(late.events, 'GrantReturned')[0]!.grants)).toHaveLength(2);
  });
});
