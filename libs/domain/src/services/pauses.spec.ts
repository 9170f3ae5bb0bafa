import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import type { ServiceSpec } from '@orrery/contracts';
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
  ready,
  running,
  stores,
  tick,
  typesOf,
  unreachable,
  webs,
} from './examples.js';
import { planView } from './plan-view.js';
import { podView } from './views.js';

const pause = (pod: string, tasks?: string[]) =>
  command('PausePod', { name: HELLO, pod, ...(tasks === undefined ? {} : { tasks }) });
const resume = (pod: string, tasks?: string[]) =>
  command('ResumePod', { name: HELLO, pod, ...(tasks === undefined ? {} : { tasks }) });

/** All pods have places and run. */
function up(spec: ServiceSpec) {
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

const checked = hello({
  pods: {
    node: {
      count: 1,
      volumes: { data: { path: 'data', size: 64 } },
      tasks: {
        server: {
          cmd: './serve',
          'readiness-check': { cmd: './ready' },
          'health-check': { cmd: './healthy' },
        },
        sidecar: { cmd: './help' },
      },
    },
  },
});

describe('a pod that is paused', () => {
  it('is restarted in its place as a sleep that nothing checks, and counts as up without being ready', () => {
    const { story, launches } = up(stores(1));
    const pausing = story.when(pause('node-0'));
    expect(typesOf(pausing.events)).toEqual(['PodPaused', 'KillOrdered']);
    expect(dataOf(pausing.events, 'KillOrdered')).toMatchObject([{ reason: 'paused' }]);
    const asleep = pausing.when(ended(launches, 'KILLED'));
    expect(dataOf(asleep.events, 'GrantReturned')).toEqual([]);
    const [order] = dataOf(asleep.events, 'LaunchOrdered');
    expect(order).toMatchObject({ incarnation: 2, grants: [[101, 0, 0]], volumes: [[{ name: 'data' }]] });
    expect(order!.template).toMatchObject({
      cmd: 'exec sleep 1000000000',
      env: { ORRERY_PAUSED_CMD: 'sleep 1000' },
    });
    asleep.when(running(launchesIn(asleep.events))).thenState((state) => {
      expect(podView(state, HELLO, 'node-0')).toMatchObject({ state: 'PAUSED', tasks: [{ paused: true }] });
      expect(planView(state, HELLO, 'deploy')!.status).toBe('COMPLETE');
      expect(planView(state, HELLO, 'recovery')!.status).toBe('COMPLETE');
    });
  });

  it('runs its commands again when it is resumed', () => {
    const { story, launches } = up(stores(1));
    const asleep = story.when(pause('node-0')).when(ended(launches, 'KILLED'));
    const sleeping = launchesIn(asleep.events);
    const resumed = asleep.when(running(sleeping)).when(resume('node-0'));
    expect(typesOf(resumed.events)).toEqual(['PodResumed', 'KillOrdered']);
    const awake = resumed.when(ended(sleeping, 'KILLED'));
    expect(dataOf(awake.events, 'LaunchOrdered')).toMatchObject([
      { incarnation: 3, template: { cmd: 'sleep 1000', env: {} } },
    ]);
    awake
      .when(running(launchesIn(awake.events)))
      .thenState((state) => expect(podView(state, HELLO, 'node-0')!.state).toBe('READY'))
      .when(resume('node-0'))
      .thenNothing();
  });

  it('sleeps with the tasks that were named alone, and loses their checks alone', () => {
    const { story, launches } = up(checked);
    const asleep = story.when(pause('node-0', ['server'])).when(ended(launches, 'KILLED'));
    const orders = dataOf(asleep.events, 'LaunchOrdered');
    expect(orders.map(({ task, template }) => [task, template.cmd])).toEqual([
      ['server', 'exec sleep 1000000000'],
      ['sidecar', './help'],
    ]);
    expect(orders[0]!.template).not.toHaveProperty('readinessCheck');
    expect(orders[0]!.template).not.toHaveProperty('healthCheck');
    story.when(pause('node-0', ['servant'])).thenRefused('unknown-task');
  });

  it('does not wait for the next try of what keeps failing', () => {
    const { story, launches } = up(webs(1));
    const second = story.when(ended(launches, 'FAILED'));
    const delayed = second.when(ended(launchesIn(second.events), 'FAILED'));
    expect(launchesIn(delayed.events)).toEqual([]);
    const asleep = delayed.when(pause('web-0'));
    expect(dataOf(asleep.events, 'LaunchOrdered')).toMatchObject([{ template: { cmd: 'exec sleep 1000000000' } }]);
  });

  it('stays asleep through an update, whose step it completes', () => {
    const { story, launches } = up(webs(1));
    const asleep = story.when(pause('web-0')).when(ended(launches, 'KILLED'));
    const sleeping = launchesIn(asleep.events);
    const updating = asleep.when(running(sleeping)).when(apply(webs(1, 'sleep 2000')));
    const again = updating.when(ended(sleeping, 'KILLED'));
    expect(dataOf(again.events, 'LaunchOrdered')).toMatchObject([
      { version: 2, template: { cmd: 'exec sleep 1000000000', env: { ORRERY_PAUSED_CMD: 'sleep 2000' } } },
    ]);
    const done = again.when(running(launchesIn(again.events))).when(tick, { at: START + 2000 });
    expect(typesOf(done.events)).toContain('PlanCompleted');
    done.thenState((state) => expect(podView(state, HELLO, 'web-0')!.state).toBe('PAUSED'));
  });

  it('is one of its run no more until it is resumed and up', () => {
    const { story, launches } = up(webs(8));
    const asleep = story.when(pause('web-3')).when(ended([launches[3]!], 'KILLED'));
    asleep
      .when(running(launchesIn(asleep.events), 'a4'))
      .when(ready(launchesIn(asleep.events)))
      .thenState((state) => {
        expect(podView(state, HELLO, 'web-3')!.state).toBe('PAUSED');
        expect(podView(state, HELLO, 'web-4')!.state).toBe('READY');
        expect(state.pods.size).toBe(1);
      });
  });

  it('may be one whose machine is away: it sleeps when that is back', () => {
    const { story } = up(stores(1));
    const away = story.when(unreachable('a1'));
    const pausing = away.when(pause('node-0'));
    expect(typesOf(pausing.events)).toEqual(['PodPaused']);
    pausing.when(tick).thenNothing();
  });
});
