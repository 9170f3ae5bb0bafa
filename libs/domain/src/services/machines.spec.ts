import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import { idRunsOf, type PlacementRequest, agentRunsOf } from '@orrery/contracts';
import { services } from './decide.js';
import { podsStaying } from './staying.js';
import type { ServicesState } from './state.js';
import {
  launchesOf,
  registered,
  AGENTS,
  activated,
  agent,
  apply,
  command,
  dataOf,
  draining,
  ended,
  gone,
  HELLO,
  hello,
  launchesIn,
  placeAll,
  placed,
  refused,
  returned,
  running,
  scale,
  seen,
  stores,
  tick,
  typesOf,
  unreachable,
  webs,
} from './examples.js';

/** Pods that run, index 0 on a1, 1 on a2 and so on. */
function spread(spec = webs(2)) {
  let story = specificationOf(services)
    .given(...AGENTS)
    .when(apply(spec));
  const launches = [];
  while (dataOf(story.events, 'PlacementRequested').length > 0) {
    story = placeAll(story, (index) => `a${index + 1}`);
    const ordered = launchesIn(story.events);
    launches.push(...ordered);
    story = story.when(running(ordered));
  }
  return { story, launches };
}

describe('an agent that is lost (row 13)', () => {
  it('has its pods without volumes replaced at once, in one commit, while the old grant stays', () => {
    const { story, launches } = spread();
    const lost = story.when(unreachable('a1'));
    expect(typesOf(lost.events)).toEqual(['AgentNoted', 'ReplaceStarted', 'KillOrdered', 'PlacementRequested']);
    expect(dataOf(lost.events, 'ReplaceStarted')).toMatchObject([{ indexes: [[0, 0]], cause: 'agent-unreachable' }]);
    expect(dataOf(lost.events, 'KillOrdered')).toMatchObject([
      { launches: idRunsOf([launches[0]!]), reason: 'replaced' },
    ]);
    expect(dataOf(lost.events, 'PlacementRequested')).toMatchObject([
      { indexes: [[0, 0]], avoid: ['a1'], replaces: [{ index: 0, grant: '101.0' }], attempt: 1 },
    ]);
    lost.thenState((state) => expect(state.leaving.get('101.0')).toMatchObject({ launches: [launches[0]] }));
  });

  it('returns the old grant when the agent is back and the old task has ended (row 19)', () => {
    const { story, launches } = spread();
    const replaced = placeAll(story.when(unreachable('a1')), () => 'a2');
    const back = replaced.when(running(launchesIn(replaced.events))).when(returned('a1'));
    expect(typesOf(back.events)).toEqual(['AgentNoted']);
    const over = back.when(ended([launches[0]!], 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'GrantReturned']);
    expect(dataOf(over.events, 'GrantReturned')[0]).toEqual({ service: HELLO, generation: 1, grants: [[101, 0, 0]] });
    over.when(ended([launches[0]!], 'KILLED')).thenNothing();
  });

  it('has its pods with volumes waited for, and they go on where they were', () => {
    const { story, launches } = spread(stores(2));
    const lost = story.when(unreachable('a1'));
    expect(typesOf(lost.events)).toEqual(['AgentNoted', 'RecoveryWaiting']);
    expect(dataOf(lost.events, 'RecoveryWaiting')[0]).toEqual({
      service: HELLO,
      generation: 1,
      pod: 'node',
      index: 0,
      agent: 'a1',
    });
    const back = lost.when(returned('a1'));
    expect(typesOf(back.events)).toEqual(['AgentNoted', 'RecoveryEnded']);
    const died = back.when(seenLost([launches[0]!]));
    expect(launchesOf(dataOf(died.events, 'LaunchOrdered')[0]!)[0]).toMatchObject({ grant: '101.0', incarnation: 2 });
  });

  it('is waited for, too, by a pod with a volume whose launch was never seen running: it may run', () => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(stores(1))),
    );
    expect(typesOf(launched.when(unreachable('a1')).events)).toEqual(['AgentNoted', 'RecoveryWaiting']);
  });

  it('is waited for so long as the spec says by pods without volumes', () => {
    const { story } = spread({ ...webs(2), 'replacement-failure-policy': { 'unreachable-replace-secs': 30 } });
    const lost = story.when(unreachable('a1'));
    expect(dataOf(lost.events, 'RecoveryWaiting')).toMatchObject([{ until: START + 30_000 }]);
    const due = lost.when(tick, { at: START + 30_000 });
    expect(typesOf(due.events)).toEqual(['ReplaceStarted', 'KillOrdered', 'PlacementRequested']);
  });

  it('keeps data waiting even after the deadline, unless an operator speaks', () => {
    const policy = { 'replacement-failure-policy': { 'permanent-failure-timeout-secs': 60 } };
    const { story } = spread(stores(2, policy));
    const lost = story.when(unreachable('a1'));
    expect(dataOf(lost.events, 'RecoveryWaiting')).toMatchObject([{ until: START + 60_000 }]);
    const due = lost.when(tick, { at: START + 60_000 });
    expect(typesOf(due.events)).toEqual(['RecoveryWaiting']);
    due.thenState((state) => expect(services.nextDeadline!(state)).toBeUndefined());
    const replace = (fenced: boolean) => command('ReplacePod', { name: HELLO, pod: 'node-0', fenced });
    due.when(replace(false)).thenRefused('agent-unreachable', ({ remedy }) => expect(remedy).toContain('--fenced'));
  });

  it('is given up for a pod with data when an operator vouches for the machine', () => {
    const { story } = spread(stores(2));
    const replaced = story
      .when(unreachable('a1'))
      .when(command('ReplacePod', { name: HELLO, pod: 'node-0', fenced: true }));
    expect(typesOf(replaced.events)).toEqual(['ReplaceStarted', 'KillOrdered', 'PlacementRequested']);
  });

  it('that nothing is held on is of no interest', () => {
    spread().story.when(unreachable('a9')).thenNothing();
  });

  it('has what it was told to end for a scale-down left behind, and the plan goes on', () => {
    const { story, launches } = spread();
    const lost = story.when(scale(1)).when(unreachable('a2'));
    expect(typesOf(lost.events)).toEqual(['AgentNoted', 'LeftBehind', 'StepCompleted', 'PlanCompleted']);
    const over = lost.when(returned('a2')).when(ended([launches[1]!], 'KILLED'));
    expect(dataOf(over.events, 'GrantReturned')).toMatchObject([{ destroyVolumes: true }]);
  });

  it('keeps the next life of a pod with a volume waiting while the last may still run there', () => {
    const { story, launches } = spread(stores(2));
    const shrunk = story.when(unreachable('a2')).when(scale(1, 'node'));
    expect(typesOf(shrunk.events)).toContain('LeftBehind');
    const grown = shrunk.when(scale(2, 'node'));
    expect(typesOf(grown.events)).not.toContain('PlacementRequested');
    const over = grown.when(returned('a2')).when(ended([launches[1]!], 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'GrantReturned', 'PlacementRequested']);
  });
});

describe('a place on an agent that was lost meanwhile', () => {
  it('is returned without a launch when that is known (race 1)', () => {
    const { story } = spread();
    const wished = story.when(unreachable('a1'));
    const [request] = dataOf(wished.events, 'PlacementRequested');
    const crossed = wished.when(placed(request!, () => 'a1'));
    expect(typesOf(crossed.events)).toEqual(['GrantReturned', 'PlacementRequested']);
    expect(dataOf(crossed.events, 'PlacementRequested')).toMatchObject([{ attempt: 2, avoid: ['a1'] }]);
  });

  it('never moves a pod from its data: it is launched there again in the epoch of today', () => {
    const { story, launches } = spread(stores(1));
    const back = story.when(registered('a1', 2));
    expect(typesOf(back.events)).toEqual(['AgentNoted']);
    const again = back.when(ended(launches, 'FAILED'));
    expect(dataOf(again.events, 'LaunchOrdered')).toMatchObject([{ agents: agentRunsOf([[1, 2, 1]]) }]);
    const away = again.when(refused(launchesIn(again.events), 'epoch-passed'));
    expect(typesOf(away.events)).toEqual(['TasksObserved', 'RetryScheduled']);
  });
});

describe('an agent that is gone (race 9)', () => {
  it('has its grants returned at once, and all its pods placed elsewhere, data or not', () => {
    for (const spec of [webs(2), stores(2)]) {
      const { story } = spread(spec);
      const over = story.when(unreachable('a9')).when(gone('a1'));
      expect(typesOf(over.events)).toEqual(['AgentNoted', 'ReplaceStarted', 'GrantReturned', 'PlacementRequested']);
      expect(dataOf(over.events, 'ReplaceStarted')).toMatchObject([{ cause: 'agent-gone' }]);
      over.thenState((state) => expect(state.agents.size).toBe(0));
    }
  });

  it('has what was left behind there returned as well', () => {
    const { story, launches } = spread();
    const over = story.when(unreachable('a1')).when(gone('a1'));
    expect(dataOf(over.events, 'GrantReturned')).toMatchObject([{ grants: [[101, 0, 0]] }]);
    over.when(seenLost([launches[0]!])).thenNothing();
  });
});

describe('a place that is asked for elsewhere', () => {
  it('may be on the lost agent again once that is back', () => {
    const { story } = spread();
    const back = story.when(unreachable('a1')).when(returned('a1'));
    expect(typesOf(back.events)).toEqual(['AgentNoted', 'PlacementWithdrawn', 'PlacementRequested']);
    expect(dataOf(back.events, 'PlacementRequested')).toMatchObject([
      { avoid: [], replaces: [{ index: 0, grant: '101.0' }] },
    ]);
  });

  it('may be on the same agent when there is no other and nothing against it', () => {
    const { story, launches } = spread(webs(1));
    const over = story.when(command('ReplacePod', { name: HELLO, pod: 'web-0' })).when(ended(launches, 'KILLED'));
    const [request] = dataOf(over.events, 'PlacementRequested');
    expect(request!.avoid).toEqual(['a1']);
    const again = over.when(pending(request!));
    expect(dataOf(again.events, 'PlacementRequested')).toMatchObject([{ avoid: [] }]);
    again.when(pending(request!)).thenNothing();
  });

  it('stays elsewhere while the agent is lost', () => {
    const lost = spread().story.when(unreachable('a1'));
    lost.when(pending(dataOf(lost.events, 'PlacementRequested')[0]!)).thenNothing();
  });

  it('is asked for one pod with data after the other, where the spec says how long between', () => {
    const policy = { 'replacement-failure-policy': { 'min-replace-delay-secs': 240 } };
    const story = specificationOf(services)
      .given(...AGENTS)
      .when(apply(stores(2, policy)));
    const first = placeAll(story);
    const second = placeAll(first.when(running(launchesIn(first.events))));
    const over = second.when(running(launchesIn(second.events))).when(gone('a1'));
    expect(dataOf(over.events, 'ReplaceStarted').map(({ from }) => from)).toEqual([START, START + 240_000]);
    expect(dataOf(over.events, 'PlacementRequested').map(({ indexes }) => indexes)).toEqual([[[0, 0]]]);
    over.when(tick, { at: START + 239_999 }).thenNothing();
    const due = over.when(tick, { at: START + 240_000 });
    expect(dataOf(due.events, 'PlacementRequested').map(({ indexes }) => indexes)).toEqual([[[1, 1]]]);
  });
});

describe('an agent that is drained (race 11)', () => {
  it('has one pod of a service moved at a time: ended first, then placed elsewhere, then the next', () => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(webs(2))),
    );
    const launches = launchesIn(launched.events);
    const first = launched.when(running(launches)).when(draining('a1'));
    expect(typesOf(first.events)).toEqual(['AgentNoted', 'KillOrdered']);
    expect(dataOf(first.events, 'KillOrdered')).toMatchObject([
      { launches: idRunsOf([launches[0]!]), reason: 'drained' },
    ]);
    const over = first.when(ended([launches[0]!], 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'ReplaceStarted', 'GrantReturned', 'PlacementRequested']);
    expect(dataOf(over.events, 'PlacementRequested')).toMatchObject([{ avoid: ['a1'], replaces: [] }]);
    const moved = placeAll(over, () => 'a2');
    const next = moved.when(running(launchesIn(moved.events)));
    expect(dataOf(next.events, 'KillOrdered')).toMatchObject([{ launches: idRunsOf([launches[1]!]) }]);
  });

  it('has nothing left to do for a pod that reached its goal while it was being ended', () => {
    const job = hello({ pods: { job: { count: 1, tasks: { work: { cmd: 'work', goal: 'FINISH' } } } } });
    const story = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(job)),
    );
    const launches = launchesIn(story.events);
    const over = story
      .when(running(launches))
      .when(draining('a1'))
      .when(activated('a1'))
      .when(ended(launches, 'FINISHED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'GrantReturned', 'StepCompleted', 'PlanCompleted']);
    over.thenState((state) => expect(services.nextDeadline!(state)).toBeUndefined());
  });

  it('has a pod that the deadline ended moved, not started again there', () => {
    const { story, launches } = spread(webs(1));
    const over = story.when(draining('a1')).when(ended(launches, 'KILLED'));
    expect(dataOf(over.events, 'LaunchOrdered')).toEqual([]);
    expect(dataOf(over.events, 'PlacementRequested')).toMatchObject([{ avoid: ['a1'] }]);
  });

  it('keeps data where it is until it is active again, unless the spec allows to leave it', () => {
    const { story, launches } = spread(stores(1));
    const over = story.when(draining('a1')).when(ended(launches, 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'RecoveryWaiting']);
    const again = over.when(activated('a1'));
    expect(typesOf(again.events)).toEqual(['AgentNoted', 'RecoveryEnded', 'LaunchOrdered']);
    expect(launchesOf(dataOf(again.events, 'LaunchOrdered')[0]!)[0]).toMatchObject({ grant: '101.0', incarnation: 2 });

    const policy = { 'replacement-failure-policy': { 'permanent-failure-timeout-secs': 60 } };
    const free = spread(stores(1, policy));
    const moved = free.story.when(draining('a1')).when(ended(free.launches, 'KILLED'));
    expect(typesOf(moved.events)).toContain('PlacementRequested');
  });

  it('tells which pods stay with their data, until they are replaced or it is active again', () => {
    const { story, launches } = spread(stores(1));
    const stay = [{ service: 'hello', pod: 'node-0', volumes: ['data'] }];
    const on = (state: ServicesState) => podsStaying(state, agent('a1'));
    story.thenState((state) => expect(on(state)).toEqual([]));
    const drained = story.when(draining('a1'));
    drained.thenState((state) => expect(on(state)).toEqual(stay));
    const over = drained.when(ended(launches, 'KILLED'));
    over.thenState((state) => expect(on(state)).toEqual(stay));
    over.when(activated('a1')).thenState((state) => expect(on(state)).toEqual([]));
    const replaced = over.when(command('ReplacePod', { name: HELLO, pod: 'node-0' }));
    replaced.thenState((state) => expect(on(state)).toEqual([]));

    const policy = { 'replacement-failure-policy': { 'permanent-failure-timeout-secs': 60 } };
    const free = spread(stores(1, policy)).story.when(draining('a1'));
    free.thenState((state) => expect(on(state)).toEqual([]));
  });

  it('keeps the rest when it is cancelled', () => {
    const launched = placeAll(
      specificationOf(services)
        .given(...AGENTS)
        .when(apply(webs(2))),
    );
    const launches = launchesIn(launched.events);
    const cancelled = launched.when(running(launches)).when(draining('a1')).when(activated('a1'));
    expect(typesOf(cancelled.events)).toEqual(['AgentNoted']);
    const over = cancelled.when(ended([launches[0]!], 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'LaunchOrdered']);
  });
});

describe('an operator', () => {
  it('restarts a pod in place', () => {
    const { story, launches } = spread(webs(1));
    const ordered = story.when(command('RestartPod', { name: HELLO, pod: 'web-0' }));
    expect(dataOf(ordered.events, 'KillOrdered')).toMatchObject([
      { reason: 'restarted', launches: idRunsOf(launches) },
    ]);
    const again = ordered.when(ended(launches, 'KILLED'));
    expect(typesOf(again.events)).toEqual(['TasksObserved', 'LaunchOrdered']);
  });

  it('starts a pod at once that waits for its next try', () => {
    const { story, launches } = spread(webs(1));
    const second = story.when(ended(launches, 'FAILED'));
    const third = second.when(ended(launchesIn(second.events), 'FAILED'));
    const now = third.when(command('RestartPod', { name: HELLO, pod: 'web-0' }));
    expect(launchesIn(now.events)).toHaveLength(1);
  });

  it('replaces a pod: the old one ends before the new one is placed', () => {
    const { story, launches } = spread(stores(1));
    const ordered = story.when(command('ReplacePod', { name: HELLO, pod: 'node-0' }));
    expect(typesOf(ordered.events)).toEqual(['KillOrdered']);
    const over = ordered.when(ended(launches, 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'ReplaceStarted', 'GrantReturned', 'PlacementRequested']);
    expect(dataOf(over.events, 'GrantReturned')[0]).not.toHaveProperty('destroyVolumes');
  });

  it('holds a pod to a machine that is away: no other place after the deadline, a restart when it is back', () => {
    const { story, launches } = spread(
      hello({ ...webs(1), 'replacement-failure-policy': { 'unreachable-replace-secs': 30 } }),
    );
    const waiting = story.when(unreachable('a1'));
    expect(dataOf(waiting.events, 'RecoveryWaiting')).toMatchObject([{ until: START + 30_000 }]);
    const held = waiting.when(command('RestartPod', { name: HELLO, pod: 'web-0' }));
    expect(typesOf(held.events)).toEqual(['RecoveryWaiting', 'KillOrdered']);
    expect(dataOf(held.events, 'RecoveryWaiting')[0]).not.toHaveProperty('until');
    held.when(command('RestartPod', { name: HELLO, pod: 'web-0' })).thenNothing();
    const late = held.when(tick, { at: START + 60_000 });
    late.thenNothing();
    const back = late.when(returned('a1')).when(ended(launches, 'KILLED'));
    expect(dataOf(back.events, 'LaunchOrdered')).toMatchObject([{ incarnation: 2, grants: [[101, 0, 0]] }]);
  });

  it('replaces a pod with data whose turn has not come', () => {
    const { story } = spread(stores(2, { 'replacement-failure-policy': { 'min-replace-delay-secs': 600 } }));
    const first = story.when(gone('a1')).when(gone('a2'));
    expect(dataOf(first.events, 'ReplaceStarted')).toMatchObject([{ indexes: [[1, 1]], from: START + 600_000 }]);
    expect(typesOf(first.events)).not.toContain('PlacementRequested');
    const forced = first.when(command('ReplacePod', { name: HELLO, pod: 'node-1' }));
    expect(typesOf(forced.events)).toEqual(['RecoveryEnded', 'PlacementRequested']);
  });

  it('tells a replaced pod whose place it takes, until it is up there', () => {
    const replacesOf = (events: Parameters<typeof dataOf>[0]) =>
      dataOf(events, 'LaunchOrdered').map(({ template }) => template.env['ORRERY_REPLACES_ADDRESS']);
    const { story, launches } = spread(stores(1));
    const ordered = story.when(command('ReplacePod', { name: HELLO, pod: 'node-0' }));
    const placed = placeAll(ordered.when(ended(launches, 'KILLED')), () => 'a2');
    expect(replacesOf(placed.events)).toEqual(['127.0.0.1']);
    const failed = placed.when(ended(launchesIn(placed.events), 'FAILED'));
    expect(replacesOf(failed.events)).toEqual(['127.0.0.1']);
    const up = failed.when(running(launchesIn(failed.events)));
    expect(replacesOf(up.when(ended(launchesIn(failed.events), 'FAILED')).events)).toEqual([undefined]);
  });

  it('is told which pods there are when he names another', () => {
    spread(hello())
      .story.when(command('RestartPod', { name: HELLO, pod: 'wob-0' }))
      .thenRefused('unknown-pod', ({ remedy }) => expect(remedy).toContain('web'));
  });
});

function pending({ request, service, generation, pod, indexes }: PlacementRequest) {
  const reasons = { agents: 1, funnel: [], examples: [], remedy: 'more agents' };
  return seen({
    type: 'PlacementPending',
    data: { request, service, generation, pod, indexes, reasons },
  });
}

function seenLost(launches: ReturnType<typeof launchesIn>) {
  return seen({
    type: 'TasksLost',
    data: { agent: agent('a1'), epoch: 1, launches: idRunsOf(launches), reason: 'not-there' },
  });
}
