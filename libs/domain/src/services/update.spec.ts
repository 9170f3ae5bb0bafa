import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import { idRunsOf, type LaunchId, type PodSpec, type ServiceSpec } from '@orrery/contracts';
import { services } from './decide.js';
import { differenceOf } from './difference.js';
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
  stores,
  tick,
  typesOf,
  webs,
} from './examples.js';
import { withDefaults } from './spec.js';
import { previewApply } from './views.js';

function up(spec: ServiceSpec) {
  let story = specificationOf(services)
    .given(...AGENTS)
    .when(apply(spec));
  const launches: LaunchId[] = [];
  while (dataOf(story.events, 'PlacementRequested').length > 0) {
    story = placeAll(story);
    launches.push(...launchesIn(story.events));
    story = story.when(running(launchesIn(story.events)));
  }
  return { story, launches };
}

const withCpus = (cpus: number) =>
  hello({ pods: { web: { count: 1, tasks: { server: { cmd: 'sleep 1000', cpus } } } } });

/** Pods that nobody may take down. */
const kept = { web: { 'allow-decommission': false, tasks: { server: { cmd: 'sleep 1000' } } } };
/** Pods with volumes whose spec does not say that they may go. */
function unsaid(count: number): ServiceSpec {
  const { 'allow-decommission': _, ...node } = stores(count).pods['node']!;
  return hello({ pods: { node } });
}

describe('a service that changes', () => {
  it('relaunches its pods one after the other, each on the grant that it has', () => {
    const { story, launches } = up(webs(2));
    const first = story.when(apply(webs(2, 'sleep 2000')));
    expect(typesOf(first.events)).toEqual(['ServiceApplied', 'PlanStarted', 'StepStarted', 'KillOrdered']);
    expect(dataOf(first.events, 'PlanStarted')).toMatchObject([{ plan: 'update', version: 2 }]);
    expect(dataOf(first.events, 'KillOrdered')).toMatchObject([
      { launches: idRunsOf([launches[0]!]), reason: 'updated' },
    ]);
    const over = first.when(ended([launches[0]!], 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'LaunchOrdered']);
    const [order] = dataOf(over.events, 'LaunchOrdered');
    expect(order).toMatchObject({ version: 2, indexes: [[0, 0]], incarnation: 2, grants: [[101, 0, 0]] });
    const next = over.when(running(launchesIn(over.events))).when(tick, { at: START + 2000 });
    expect(typesOf(next.events)).toEqual(['ProbationPassed', 'StepCompleted', 'StepStarted', 'KillOrdered']);
  });

  it('moves a pod to another grant when it needs something else', () => {
    const { story, launches } = up(withCpus(0.1));
    const over = story.when(apply(withCpus(0.2))).when(ended(launches, 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'GrantReturned', 'PlacementRequested']);
    expect(dataOf(over.events, 'PlacementRequested')).toMatchObject([{ needs: { cpusMilli: 200 }, attempt: 1 }]);
  });

  it('adds what is new before it touches what is there, and takes down at last', () => {
    const pods = { web: webs(3, 'sleep 2000').pods['web']!, extra: { count: 1, tasks: { t: { cmd: 't' } } } };
    const { story } = up(hello({ pods: { web: webs(2).pods['web']!, old: { count: 1, tasks: { t: { cmd: 't' } } } } }));
    const changed = story.when(apply(hello({ pods })));
    const [plan] = dataOf(changed.events, 'PlanStarted');
    expect(plan!.phases).toEqual([
      { name: 'web-add', pod: 'web', strategy: 'parallel', action: 'deploy', indexes: [[2, 2]] },
      { name: 'web', pod: 'web', strategy: 'serial', action: 'deploy', indexes: [[0, 1]], minimumUpMs: 2000 },
      { name: 'extra', pod: 'extra', strategy: 'parallel', action: 'deploy', indexes: [[0, 0]] },
      { name: 'old-decommission', pod: 'old', strategy: 'parallel', action: 'decommission', indexes: [[0, 0]] },
    ]);
  });

  it('restarts nothing for a change that no running task sees', () => {
    const { story } = up(webs(2));
    const spec = webs(2);
    const placed = { ...spec, pods: { web: { ...spec.pods['web']!, placement: [['zone', 'GROUP_BY']] } } };
    const changed = story.when(apply(placed));
    expect(typesOf(changed.events)).toEqual([
      'ServiceApplied',
      'PlanStarted',
      'StepStarted',
      'StepCompleted',
      'PlanCompleted',
    ]);
  });

  it('supersedes a plan under way, and starts from what is true', () => {
    const { story, launches } = up(webs(2));
    const first = story.when(apply(webs(2, 'sleep 2000')));
    const second = first.when(apply(webs(2, 'sleep 3000')));
    expect(typesOf(second.events)).toEqual(['PlanStopped', 'ServiceApplied', 'PlanStarted', 'StepStarted']);
    const over = second.when(ended([launches[0]!], 'KILLED'));
    expect(dataOf(over.events, 'LaunchOrdered')).toMatchObject([{ version: 3 }]);
  });

  it('ends no second pod while one that an earlier version ended has not come back, which goes first', () => {
    const { story, launches } = up(webs(2));
    const over = story.when(apply(webs(2, 'sleep 2000'))).when(ended([launches[0]!], 'KILLED'));
    const [changed] = launchesIn(over.events);
    const second = over.when(running([changed!])).when(tick, { at: START + 2000 });
    expect(dataOf(second.events, 'KillOrdered')).toMatchObject([{ launches: idRunsOf([launches[1]!]) }]);
    const third = second.when(apply(webs(2, 'sleep 3000')));
    expect(dataOf(third.events, 'KillOrdered')).toEqual([]);
    expect(dataOf(third.events, 'StepStarted')).toMatchObject([{ indexes: [[1, 1]] }]);
    const back = third.when(ended([launches[1]!], 'KILLED'));
    const up1 = back.when(running(launchesIn(back.events))).when(tick, { at: START + 4000 });
    expect(dataOf(up1.events, 'KillOrdered')).toMatchObject([{ launches: idRunsOf([changed!]) }]);
  });

  it('changes pods that a plan update of its spec does not name one after the other', () => {
    const pods = (cmd: string): ServiceSpec =>
      hello({
        pods: { ...webs(3, cmd).pods, db: { count: 1, tasks: { t: { cmd: 't' } } } },
        plans: { update: { phases: { db: { pod: 'db' } } } },
      });
    const { story, launches } = up(pods('a'));
    const [web0] = launches;
    expect(dataOf(story.when(apply(pods('b'))).events, 'KillOrdered')).toMatchObject([{ launches: idRunsOf([web0!]) }]);
  });

  it('goes back to an earlier version as a new one, and leaves alone what never left it', () => {
    const { story } = up(webs(2));
    const first = story.when(apply(webs(2, 'sleep 2000')));
    const back = first.when(command('RollBackService', { name: HELLO, version: 1 }));
    expect(dataOf(back.events, 'ServiceApplied')).toMatchObject([{ version: 3, recipes: { web: 1 } }]);
    expect(dataOf(back.events, 'KillOrdered')).toEqual([]);
    back.when(command('RollBackService', { name: HELLO, version: 9 })).thenRefused('unknown-version');
  });

  it('gives a pod that is scaled up again a new life: new grant, next incarnation (race 4)', () => {
    const { story, launches } = up(webs(2));
    const down = story.when(scale(1)).when(ended([launches[1]!], 'KILLED'));
    const again = placeAll(down.when(scale(2)));
    const [order] = dataOf(again.events, 'LaunchOrdered');
    expect(order).toMatchObject({ indexes: [[1, 1]], incarnation: 2 });
    expect(order!.grants).not.toEqual([[101, 1, 1]]);
  });

  it('lets a pod that is scaled up again while it ends come back on its grant once it has ended (race 3)', () => {
    const { story, launches } = up(webs(2));
    const again = story.when(scale(1)).when(scale(2));
    expect(dataOf(again.events, 'GrantReturned')).toEqual([]);
    const over = again.when(ended([launches[1]!], 'KILLED'));
    expect(dataOf(over.events, 'LaunchOrdered')).toMatchObject([{ indexes: [[1, 1]], incarnation: 2 }]);
  });

  it.each<[string, string, ServiceSpec, ServiceSpec]>([
    ['role-cannot-change', '/role', webs(1), { ...webs(1), role: 'eng' }],
    ['cell-cannot-change', '/cell', webs(1), { ...webs(1), cell: 1 }],
    ['volumes-cannot-change', '/pods/node/volumes', stores(1), resized(128)],
    ['zones-cannot-change', '/pods/node/placement', stores(1), withNode({ placement: [['@zone', 'GROUP_BY']] })],
    [
      'region-cannot-change',
      '/pods/node/placement',
      withNode({ placement: [['@region', 'IS', 'north']] }),
      withNode({ placement: [['@region', 'IS', 'south']] }),
    ],
    ['decommission-not-allowed', '/pods/node/count', unsaid(2), unsaid(1)],
    ['decommission-not-allowed', '/pods/web', hello({ pods: { ...stores(1).pods, ...kept } }), stores(1)],
  ])('refuses a change: %s %s', (code, field, before, after) => {
    const refusal = up(before).story.when(apply(after));
    refusal.thenRefused(code, (found) => expect(found.field).toBe(field));
  });
});

describe('a preview', () => {
  it('tells what would change and the plan that would run, and changes nothing', () => {
    const { story } = up(webs(2));
    story.thenState((state) => {
      const preview = previewApply(state, webs(3), 0);
      expect(preview).toMatchObject({
        ok: true,
        difference: { changes: [{ path: '/pods/web/count', before: 2, after: 3 }] },
        plan: { name: 'update', phases: [{ name: 'web', indexes: [[2, 2]] }] },
      });
      expect(previewApply(state, webs(2), 0)).not.toHaveProperty('plan');
      expect(previewApply(state, { ...webs(2), role: 'eng' }, 0)).toMatchObject({ ok: false });
    });
  });
});

describe('the difference between two versions', () => {
  const difference = (before: ServiceSpec, after: ServiceSpec) =>
    differenceOf(withDefaults(before), withDefaults(after));

  it('names each field that changed, and what that means for the pods that stay', () => {
    expect(difference(webs(2), webs(2, 'sleep 2000'))).toEqual({
      changes: [{ path: '/pods/web/tasks/server/cmd', before: 'sleep 1000', after: 'sleep 2000' }],
      pods: [{ pod: 'web', countBefore: 2, countAfter: 2, effect: 'relaunch' }],
    });
    expect(difference(withCpus(0.1), withCpus(0.2)).pods).toMatchObject([{ effect: 'move' }]);
    expect(difference(webs(2), webs(2))).toMatchObject({ changes: [], pods: [{ effect: 'none' }] });
  });
});

function withNode(change: Partial<PodSpec>): ServiceSpec {
  const spec = stores(1);
  return { ...spec, pods: { node: { ...spec.pods['node']!, ...change } } };
}

function resized(size: number): ServiceSpec {
  const spec = stores(1);
  return { ...spec, pods: { node: { ...spec.pods['node']!, volumes: { data: { path: 'data', size } } } } };
}
