import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import { idRunsOf, type TerminalState } from '@orrery/contracts';
import { services } from './decide.js';
import {
  AGENTS,
  apply,
  dataOf,
  ended,
  hello,
  launchesIn,
  placeAll,
  refused,
  running,
  tick,
  typesOf,
  webs,
} from './examples.js';
import { backoffMs } from './backoff.js';
import { withDefaults } from './spec.js';

/** One pod that runs, and its launch. */
function oneRunning(spec = webs(1)) {
  const launched = placeAll(
    specificationOf(services)
      .given(...AGENTS)
      .when(apply(spec)),
  );
  const launches = launchesIn(launched.events);
  return { story: launched.when(running(launches)), launches };
}

describe('a task that ends by itself', () => {
  it('is started again at once the first time: same grant, next incarnation', () => {
    const { story, launches } = oneRunning();
    const again = story.when(ended(launches, 'FAILED'));
    expect(typesOf(again.events)).toEqual(['TasksObserved', 'RetryScheduled', 'LaunchOrdered']);
    expect(dataOf(again.events, 'RetryScheduled')).toMatchObject([{ failures: 1, until: START }]);
    const [order] = dataOf(again.events, 'LaunchOrdered');
    expect(order).toMatchObject({ incarnation: 2, grants: [[101, 0, 0]] });
    expect(launchesIn(again.events)).not.toEqual(launches);
  });

  it('waits longer after each failure in a row, and a tick starts it again', () => {
    const { story, launches } = oneRunning();
    const second = story.when(ended(launches, 'FAILED'));
    const third = second.when(ended(launchesIn(second.events), 'FAILED'));
    expect(typesOf(third.events)).toEqual(['TasksObserved', 'RetryScheduled']);
    expect(dataOf(third.events, 'RetryScheduled')).toMatchObject([{ failures: 2, until: START + 1000 }]);
    third.thenState((state) => expect(services.nextDeadline!(state)).toBe(START + 1000));
    const early = third.when(tick, { at: START + 999 });
    early.thenNothing();
    const fourth = early.when(tick, { at: START + 1000 });
    expect(typesOf(fourth.events)).toEqual(['LaunchOrdered']);
    const fifth = fourth.when(ended(launchesIn(fourth.events), 'FAILED'), { at: START + 1000 });
    expect(dataOf(fifth.events, 'RetryScheduled')).toMatchObject([{ failures: 3, until: START + 3000 }]);
  });

  it('has its failures forgotten once it ran for a minute', () => {
    const { story, launches } = oneRunning();
    const second = story.when(ended(launches, 'FAILED'));
    const ran = second.when(running(launchesIn(second.events)));
    const later = ran.when(ended(launchesIn(second.events), 'FAILED'), { at: START + 60_000 });
    expect(dataOf(later.events, 'RetryScheduled')).toMatchObject([{ failures: 1 }]);
    expect(launchesIn(later.events)).toHaveLength(1);
  });

  it.each<[TerminalState]>([['KILLED'], ['LOST']])(
    'is started again without a failure counted when it is %s',
    (state) => {
      const { story, launches } = oneRunning();
      const again = story.when(ended(launches, state));
      expect(typesOf(again.events)).toEqual(['TasksObserved', 'LaunchOrdered']);
    },
  );

  it('counts as failed when it should run for ever and exits with 0', () => {
    const { story, launches } = oneRunning();
    expect(typesOf(story.when(ended(launches, 'FINISHED')).events)).toContain('RetryScheduled');
  });

  it('changes nothing when its end is told twice', () => {
    const { story, launches } = oneRunning();
    story.when(ended(launches, 'FAILED')).when(ended(launches, 'FAILED')).thenNothing();
  });

  it('waits as the spec says, up to the longest wait', () => {
    const spec = withDefaults(hello({ backoff: { 'initial-secs': 2, factor: 3, 'max-secs': 10 } }));
    expect([1, 2, 3, 4, 5].map((failures) => backoffMs(spec, failures))).toEqual([0, 2000, 6000, 10_000, 10_000]);
  });
});

describe('a pod of several tasks', () => {
  const pair = (essential: boolean) =>
    hello({ pods: { web: { count: 1, tasks: { helper: { cmd: 'help', essential }, server: { cmd: 'serve' } } } } });

  it('is restarted as a whole when an essential task fails', () => {
    const { story, launches } = oneRunning(pair(true));
    const [helper, server] = launches;
    const failed = story.when(ended([helper!], 'FAILED'));
    expect(typesOf(failed.events)).toEqual(['TasksObserved', 'RetryScheduled', 'KillOrdered']);
    expect(dataOf(failed.events, 'KillOrdered')).toMatchObject([
      { launches: idRunsOf([server!]), reason: 'restarted' },
    ]);
    const again = failed.when(ended([server!], 'KILLED'));
    expect(dataOf(again.events, 'LaunchOrdered').map(({ task, incarnation }) => [task, incarnation])).toEqual([
      ['helper', 2],
      ['server', 2],
    ]);
  });

  it('keeps its other tasks when one fails that is not essential', () => {
    const { story, launches } = oneRunning(pair(false));
    const failed = story.when(ended([launches[0]!], 'FAILED'));
    expect(typesOf(failed.events)).toEqual(['TasksObserved', 'RetryScheduled', 'LaunchOrdered']);
    expect(dataOf(failed.events, 'LaunchOrdered').map(({ task }) => task)).toEqual(['helper']);
    const again = failed.when(ended(launchesIn(failed.events), 'FAILED'));
    again.thenState((state) => expect(services.nextDeadline!(state)).toBe(START + 1000));
    const due = again.when(tick, { at: START + 1000 });
    expect(dataOf(due.events, 'LaunchOrdered').map(({ task }) => task)).toEqual(['helper']);
  });
});

describe('a task that is to finish', () => {
  const job = hello({ pods: { job: { count: 1, tasks: { work: { cmd: 'work', goal: 'FINISH' } } } } });

  it('completes its step by exit 0, and gives its place back', () => {
    const { story, launches } = oneRunning(job);
    expect(typesOf(story.events)).toEqual(['TasksObserved']);
    const done = story.when(ended(launches, 'FINISHED'));
    expect(typesOf(done.events)).toEqual(['TasksObserved', 'GrantReturned', 'StepCompleted', 'PlanCompleted']);
    done.thenState((state) => expect(state.tallies.get('hello/job')).toMatchObject({ finished: 1 }));
  });

  it('tries again when it fails', () => {
    const { story, launches } = oneRunning(job);
    expect(typesOf(story.when(ended(launches, 'FAILED')).events)).toEqual([
      'TasksObserved',
      'RetryScheduled',
      'LaunchOrdered',
    ]);
  });

  it('runs again when its spec changes, and a ONCE task does not', () => {
    const changed = (goal: 'FINISH' | 'ONCE', cmd: string) =>
      hello({ pods: { job: { count: 1, tasks: { work: { cmd, goal } } } } });
    for (const [goal, expected] of [
      ['FINISH', 'PlacementRequested'],
      ['ONCE', 'StepCompleted'],
    ] as const) {
      const { story, launches } = oneRunning(changed(goal, 'work'));
      const updated = story.when(ended(launches, 'FINISHED')).when(apply(changed(goal, 'work harder')));
      expect(typesOf(updated.events)).toContain(expected);
    }
  });
});

describe('a launch that its agent turned away (race 1)', () => {
  it('moves the pod without counting a failure: grant returned, asked again, not there', () => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(webs(1))),
    );
    const away = launched.when(refused(launchesIn(launched.events), 'agent-unreachable'));
    expect(typesOf(away.events)).toEqual(['TasksObserved', 'GrantReturned', 'PlacementRequested']);
    expect(dataOf(away.events, 'PlacementRequested')).toMatchObject([{ attempt: 2, avoid: ['a1'], replaces: [] }]);
    const again = placeAll(away, () => 'a2');
    expect(dataOf(again.events, 'LaunchOrdered')[0]).toMatchObject({ incarnation: 2 });
  });

  it('ends what else of the pod was accepted there, before the grant goes back', () => {
    const tasks = { a: { cmd: 'a' }, b: { cmd: 'b' } };
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(hello({ pods: { web: { count: 1, tasks } } }))),
    );
    const [a, b] = launchesIn(launched.events);
    const away = launched.when(refused([a!], 'launch-id-used'));
    expect(typesOf(away.events)).toEqual(['TasksObserved', 'KillOrdered']);
    const over = away.when(ended([b!], 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'ReplaceStarted', 'GrantReturned', 'PlacementRequested']);
  });
});
