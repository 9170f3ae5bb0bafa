import { idRunsOf, type AgentId, type ClusterEvent } from '@orrery/contracts';
import { digestOf, specificationOf } from '@orrery/testing';
import { cluster } from './decide.js';
import {
  accepted,
  ada,
  AT,
  command,
  ended,
  event,
  failed,
  failure,
  grantOf,
  hello,
  id,
  ids,
  inventory,
  joined,
  killed,
  killOrdered,
  launch,
  launches,
  lost,
  one,
  ordered,
  ran,
  registered,
  running,
  runningThere,
  services,
  staged,
  sync,
  taskStates,
  templateKept,
  unreachableNow,
} from './examples.js';
import { launchesOfService } from './find.js';
import type { ClusterState } from './state.js';
import { currentLaunch, taskView, usedOn } from './views.js';

const given = (...events: readonly ClusterEvent[]) => specificationOf(cluster).given(...events);
const refused = (names: readonly string[], code: string): ClusterEvent =>
  event('LaunchRefused', { service: hello, generation: 1, launches: ids(...names), code });
const known = (state: ClusterState) => [...launchesOfService(state, hello)].map((row) => row.launch);
const bob = 'bob' as AgentId;
const bobJoined = registered({ agent: bob, number: 2 });

describe('a launch order', () => {
  it('is accepted on an active agent, with its template once', () => {
    given(...joined)
      .when(ordered([launch('10.0'), launch('10.1')]))
      .then(templateKept, accepted([launch('10.0'), launch('10.1')]))
      .thenState((state) => expect(taskView(state, id('10.1'))).toMatchObject({ state: 'STAGING', since: AT }))
      .when(ordered([launch('11.0')]))
      .then(accepted([launch('11.0')]))
      .thenState((state) => expect(usedOn(state, ada)).toMatchObject({ cpusMilli: 300, memoryMib: 192 }));
  });

  it('is refused when the agent was lost or registered anew meanwhile (race 1)', () => {
    const order = ordered([launch('10.0')]);
    specificationOf(cluster)
      .when(order)
      .then(refused(['10.0'], 'unknown-agent'));
    given(...joined, unreachableNow)
      .when(order)
      .then(refused(['10.0'], 'agent-unreachable'));
    given(...joined, registered({ epoch: 2, session: 's2' }))
      .when(order)
      .then(refused(['10.0'], 'epoch-passed'));
    given(...joined, event('AgentDraining', { ...one, deadline: AT }))
      .when(order)
      .then(refused(['10.0'], 'agent-not-active'));
    given(...joined, event('AgentGone', one))
      .when(order)
      .then(refused(['10.0'], 'agent-unreachable'));
  });

  it('for many agents is one event for those that take it, and one for each reason why others do not', () => {
    const order = ordered([
      launch('10.0'),
      launch('10.1'),
      launch('10.2', { agent: 2 }),
      launch('10.3', { agent: 3 }),
      launch('10.4', { agent: 4 }),
    ]);
    const cyd = registered({ agent: 'cyd' as AgentId, number: 3, epoch: 2 });
    given(...joined, bobJoined, cyd)
      .when(order)
      .then(
        templateKept,
        accepted([launch('10.0'), launch('10.1'), launch('10.2', { agent: 2 })]),
        refused(['10.3'], 'epoch-passed'),
        refused(['10.4'], 'unknown-agent'),
      )
      .thenState((state) => {
        expect([state.counters.ordered(1), state.counters.ordered(2)]).toEqual([2, 1]);
        expect([state.counters.live(1), state.counters.live(2)]).toEqual([2, 1]);
      });
  });

  it('never takes a launch id twice', () => {
    given(...staged('10.0'))
      .when(ordered([launch('10.0'), launch('10.1')]))
      .then(accepted([launch('10.1')]), refused(['10.0'], 'launch-id-used'));
  });

  it('takes the place of the ended incarnation before it, which was visible until then', () => {
    const again = launch('11.0');
    given(...runningThere('10.0'))
      .when(taskStates(2, failed('10.0')))
      .thenState((state) => {
        expect(currentLaunch(state, 'hello.web-0.server')).toMatchObject({ phase: 'FAILED', reason: 'exit-code' });
        expect(state.templates.size).toBe(0);
      })
      .when(ordered([again], { incarnation: 2 }))
      .then(templateKept, accepted([again], { incarnation: 2 }))
      .thenState((state) => {
        expect(known(state)).toEqual(['11.0']);
        expect(state.templates.get('d1')?.uses).toBe(1);
      });
  });
});

describe('a kill', () => {
  it('makes a launch unwanted, whatever its state, and its order follows that of the launch (race 3)', () => {
    given(...staged('10.0'))
      .when(killOrdered(['10.0']))
      .then(killed(['10.0'], { final: true }))
      .thenState((state) => expect(taskView(state, id('10.0'))?.state).toBe('KILLING'))
      .when(taskStates(1, { ended: [{ launches: ids('10.0'), state: 'KILLED', reason: 'never-started' }] }))
      .thenState((state) => expect(state.launches.size).toBe(0));
  });

  it('is kept while the agent is unreachable (row 14)', () => {
    given(...runningThere('10.0'), unreachableNow)
      .when(killOrdered(['10.0'], 'replaced'))
      .then(killed(['10.0'], { final: true }))
      .thenState((state) => expect(taskView(state, id('10.0'))?.state).toBe('UNREACHABLE'));
  });

  it('of what has ended, was refused, or is being killed already, does nothing', () => {
    given(...runningThere('10.0'), lost('10.0'))
      .when(killOrdered(['10.0', '99.9']))
      .thenNothing();
    given(...runningThere('10.0'), killed(['10.0']))
      .when(killOrdered(['10.0'], 'restarted'))
      .thenNothing();
  });

  it('goes to the agents where the launches are', () => {
    given(...staged('10.0'), bobJoined, accepted([launch('12.0', { agent: 2 })]))
      .when(killOrdered(['10.0', '12.0'], 'uninstalled'))
      .then(killed(['10.0', '12.0'], { final: true }))
      .thenState((state) => expect([state.counters.ordered(1), state.counters.ordered(2)]).toEqual([3, 2]));
  });

  it('by an operator names the task, and may be said again with less grace', () => {
    const kill = (task: string, grace?: number) =>
      command({ type: 'KillTask', body: { task, ...(grace === undefined ? {} : { 'grace-secs': grace }) } });
    given(...runningThere('10.0'))
      .when(kill('hello.web-0.server'))
      .then(killed(['10.0']))
      .when(kill('hello.web-0.server', 0.5))
      .then(killed(['10.0'], { graceMs: 500 }))
      .when(taskStates(2, failed('10.0')))
      .when(kill('hello.web-0.server'))
      .thenRefused('task-ended');
    given(...joined)
      .when(kill('hello.web-0.server'))
      .thenRefused('unknown-task');
    given(...joined)
      .when(kill('nonsense'))
      .thenRefused('unknown-task');
  });
});

describe('reports', () => {
  it('move launches on, a set an event', () => {
    given(...staged('10.0', '10.1', '10.2'))
      .when(
        taskStates(1, {
          starting: ids('10.0'),
          running: [ran(['10.1']), ran(['10.2'], false)],
          ended: [failure('10.2')],
        }),
      )
      .then(
        event('TasksStarting', { ...one, m: 1, launches: ids('10.0') }),
        event('TasksRunning', { ...one, m: 1, ...ran(['10.1']) }),
        event('TasksRunning', { ...one, m: 1, ...ran(['10.2'], false) }),
        event('TasksEnded', { ...one, m: 1, ends: [failure('10.2')] }),
      );
  });

  it('tell readiness that changed, also of what began in the same report', () => {
    given(...staged('10.0', '10.1'))
      .when(taskStates(1, { running: [ran(['10.0'], false), ran(['10.1'])], ready: ids('10.0'), unready: ids('10.1') }))
      .then(
        event('TasksRunning', { ...one, m: 1, ...ran(['10.0'], false) }),
        event('TasksRunning', { ...one, m: 1, ...ran(['10.1']) }),
        event('TasksReady', { ...one, m: 1, launches: ids('10.0'), ready: true }),
        event('TasksReady', { ...one, m: 1, launches: ids('10.1'), ready: false }),
      )
      .when(taskStates(2, { ready: ids('10.0', '99.9'), unready: ids('10.1') }))
      .then(event('ReportNoted', { ...one, m: 2 }));
  });

  it('are taken as far as they are news, column by column', () => {
    const told = { launches: ids('10.0', '10.1', '10.2'), sinceFrom: AT, since: [1, 2, 3], pids: [7, 8, 9] };
    given(...runningThere('10.0'), accepted([launch('10.1'), launch('10.2', { agent: 2 })]))
      .when(taskStates(2, { running: [told] }))
      .then(event('TasksRunning', { ...one, m: 2, launches: ids('10.1'), sinceFrom: AT, since: [2], pids: [8] }));
  });

  it('say an end once, whatever else they say', () => {
    given(...runningThere('10.0', '10.1'), event('AgentDraining', { ...one, deadline: AT + 9999 }))
      .when(taskStates(2, { ended: [failure('10.0'), failure('10.0')] }))
      .then(
        event('TasksEnded', { ...one, m: 2, ends: [failure('10.0')] }),
        event('TasksReportedLate', { ...one, m: 2, ends: [failure('10.0')] }),
      )
      .thenState((state) => expect(state.agents.get(ada)?.standing).toBe('DRAINING'));
  });

  it('count m = 1, 2, …: repeats are dropped, a gap asks for the inventory, once', () => {
    const gap = given(...staged('10.0')).when(taskStates(3, running('10.0')));
    gap
      .then(sync(3, 'report-gap', true))
      .when(taskStates(4, failed('10.0')))
      .thenNothing();
    given(...runningThere('10.0'))
      .when(taskStates(1, failed('10.0')))
      .thenNothing();
  });

  it('of a thousand ends with long messages still fit a decision', () => {
    const names = Array.from({ length: 1000 }, (_, index) => `1000000.${index}`);
    const ends = names.map((name) => ({ ...failure(name), message: `${'\u0000é'.repeat(99)}\ud800`.repeat(99) }));
    given(...staged(...names))
      .when(taskStates(1, { ended: ends }))
      .thenEvents((events) => expect(Buffer.byteLength(JSON.stringify(events))).toBeLessThan(256 * 1024));
  });

  it('of another epoch or process are dropped', () => {
    given(...staged('10.0'))
      .when(taskStates(1, running('10.0'), { epoch: 2 }))
      .thenNothing();
    given(...staged('10.0'))
      .when(taskStates(1, running('10.0'), { session: 's0' }))
      .thenNothing();
    specificationOf(cluster)
      .when(taskStates(1, running('10.0')))
      .thenNothing();
  });

  it('that tell nothing new are noted, so that the next one has its number', () => {
    given(...runningThere('10.0'))
      .when(taskStates(2, running('10.0', '99.9')))
      .then(event('ReportNoted', { ...one, m: 2 }))
      .thenState((state) => expect(state.counters.reported(1)).toBe(2));
  });

  it('of an end after the end are kept as late and change nothing (race 10)', () => {
    given(...runningThere('10.0'), lost('10.0'))
      .when(taskStates(2, failed('10.0', '99.9')))
      .then(event('TasksReportedLate', { ...one, m: 2, ends: [failure('10.0', '99.9')] }))
      .thenState((state) => expect(taskView(state, id('10.0'))?.state).toBe('LOST'));
  });

  it('about a launch of another agent change nothing', () => {
    given(...staged('10.0'), bobJoined)
      .when(taskStates(1, running('10.0'), { agent: bob }))
      .then(event('ReportNoted', { agent: bob, epoch: 1, m: 1 }));
  });
});

describe('an ended launch', () => {
  const over = [...runningThere('10.0', '10.1'), ended(2, 'FINISHED', '10.0')];

  it('is forgotten when its grant is returned', () => {
    const returned = (grant: string) =>
      services({ type: 'GrantReturned', data: { service: hello, generation: 1, grants: idRunsOf([grant]) } });
    given(...over)
      .when(returned(grantOf('10.0')))
      .then(event('GrantsForgotten', { grants: idRunsOf([grantOf('10.0')]) }))
      .thenState((state) => expect(known(state)).toEqual(['10.1']))
      .when(returned(grantOf('10.0')))
      .thenNothing();
    given(...over)
      .when(returned(grantOf('10.1')))
      .thenNothing();
  });

  it('is forgotten with its service, while launches left behind stay', () => {
    const removed = services({ type: 'ServiceRemoved', data: { service: hello, generation: 1, leftOn: [ada] } });
    given(...over)
      .when(removed)
      .then(event('ServiceForgotten', { service: hello, generation: 1 }))
      .thenState((state) => expect(known(state)).toEqual(['10.1']))
      .when(removed)
      .thenNothing();
  });

  it('of a replaced pod goes with its end, since a newer incarnation has its place', () => {
    const newer = accepted([launch('12.0', { index: 0, agent: 2 })], { incarnation: 2 });
    given(...runningThere('10.0'), unreachableNow, bobJoined, newer)
      .thenState((state) => expect(currentLaunch(state, 'hello.web-0.server')?.launch).toBe('12.0'))
      .when(inventory([], { m: 1, obeyed: 3 }))
      .thenState((state) => expect(known(state)).toEqual(['12.0']));
  });

  it('of an older generation is not taken for the task of the new one', () => {
    given(...over, accepted([launch('20.0')], { generation: 20 })).thenState((state) =>
      expect(currentLaunch(state, 'hello.web-0.server')?.launch).toBe('20.0'),
    );
  });
});

describe('evolve', () => {
  it('ignores what it does not know, whatever it is', () => {
    const strange: ClusterEvent[] = [
      unreachableNow,
      event('AgentReturned', one),
      event('AgentGone', one),
      event('AgentDrained', one),
      event('AgentActivated', one),
      event('LapseHeld', one),
      event('DrainDeadlinePassed', one),
      killed(['9.9']),
      event('TasksStarting', { ...one, m: 1, launches: ids('9.9') }),
      event('TasksRunning', { ...one, m: 1, ...ran(['9.9']) }),
      event('TasksReady', { ...one, m: 1, launches: ids('9.9'), ready: true }),
      ended(1, 'FAILED', '9.9'),
      lost('9.9'),
      event('GrantsForgotten', { grants: ids('9.9') }),
      event('ServiceForgotten', { service: hello, generation: 1 }),
      event('VolumesGone', { ...one, volumes: [] }),
      sync(1, 'x'),
    ];
    given(...strange).thenState((state) => {
      expect(state.agents.size + state.launches.size + state.runs.size + state.templates.size).toBe(0);
      expect(digestOf(state)).not.toBe('');
    });
  });

  it('keeps a launch on an agent that it never heard of', () => {
    given(accepted(launches(10)), accepted([launch('11.0')])).thenState((state) => {
      expect(taskView(state, id('10.0'))).toMatchObject({ state: 'UNREACHABLE', address: '' });
      expect(taskView(state, id('11.0'))).toMatchObject({ state: 'UNREACHABLE', address: '' });
    });
  });
});
