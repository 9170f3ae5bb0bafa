import type { AgentId, ClusterEvent, GrantId, TaskStateReport } from '@orrery/contracts';
import { digestOf, specificationOf } from '@orrery/testing';
import { cluster } from './decide.js';
import {
  accepted,
  ada,
  AT,
  command,
  event,
  failed,
  hello,
  id,
  joined,
  killOrdered,
  launch,
  one,
  ordered,
  running,
  runningThere,
  services,
  staged,
  sync,
  taskStates,
  templateKept,
  unreachableNow,
  registered,
  inventory,
} from './examples.js';
import { launchesOfService } from './state.js';
import { currentLaunch, taskView, usedOn } from './views.js';

const given = (...events: readonly ClusterEvent[]) => specificationOf(cluster).given(...events);
const refused = (names: readonly string[], code: string): ClusterEvent =>
  event('LaunchRefused', { service: hello, generation: 1, agent: ada, launches: names.map(id), code });

describe('a launch order', () => {
  it('is accepted on an active agent, with its template once', () => {
    given(...joined)
      .when(ordered([launch('10.0'), launch('10.1')]))
      .then(templateKept, accepted(2, [launch('10.0'), launch('10.1')]))
      .thenState((state) => expect(taskView(state, id('10.1'))).toMatchObject({ state: 'STAGING', since: AT }))
      .when(ordered([launch('11.0')]))
      .then(accepted(3, [launch('11.0')]))
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

  it('never takes a launch id twice', () => {
    given(...staged('10.0'))
      .when(ordered([launch('10.0'), launch('10.1')]))
      .then(accepted(3, [launch('10.1')]), refused(['10.0'], 'launch-id-used'));
  });

  it('takes the place of the ended incarnation before it, which was visible until then', () => {
    const again = launch('11.0', { incarnation: 2 });
    given(...runningThere('10.0'))
      .when(taskStates(2, [failed('10.0')]))
      .thenState((state) => {
        expect(currentLaunch(state, 'hello.web-0.server')).toMatchObject({ phase: 'FAILED', reason: 'exit-code' });
        expect(state.templates.size).toBe(0);
      })
      .when(ordered([again]))
      .then(templateKept, accepted(3, [again]))
      .thenState((state) => {
        expect([...launchesOfService(state, 'hello')].map((row) => row.launch)).toEqual(['11.0']);
        expect(state.templates.get('d1')?.uses).toBe(1);
      });
  });
});

describe('a kill', () => {
  it('makes a launch unwanted, whatever its state, and its order follows that of the launch (race 3)', () => {
    given(...staged('10.0'))
      .when(killOrdered(['10.0']))
      .then(event('KillAccepted', { ...one, n: 3, launches: [id('10.0')], final: true }))
      .thenState((state) => expect(taskView(state, id('10.0'))?.state).toBe('KILLING'))
      .when(taskStates(1, [{ launch: id('10.0'), state: 'KILLED', agentTime: AT, reason: 'never-started' }]))
      .thenState((state) => expect(state.launches.size).toBe(0));
  });

  it('is kept while the agent is unreachable (row 14)', () => {
    given(...runningThere('10.0'), unreachableNow)
      .when(killOrdered(['10.0'], 'replaced'))
      .then(event('KillAccepted', { ...one, n: 3, launches: [id('10.0')], final: true }))
      .thenState((state) => expect(taskView(state, id('10.0'))?.state).toBe('UNREACHABLE'));
  });

  it('of what has ended, was refused, or is being killed already, does nothing', () => {
    given(...runningThere('10.0'), event('TasksLost', { ...one, launches: [id('10.0')], reason: 'x' }))
      .when(killOrdered(['10.0', '99.9']))
      .thenNothing();
    given(...runningThere('10.0'), event('KillAccepted', { ...one, n: 3, launches: [id('10.0')] }))
      .when(killOrdered(['10.0'], 'restarted'))
      .thenNothing();
  });

  it('goes to the agents where the launches are', () => {
    const bob = 'bob' as AgentId;
    const there = accepted(1, [launch('12.0')], { agent: bob });
    given(...staged('10.0'), registered({ agent: bob }), there)
      .when(killOrdered(['10.0', '12.0'], 'uninstalled'))
      .then(
        event('KillAccepted', { ...one, n: 3, launches: [id('10.0')], final: true }),
        event('KillAccepted', { agent: bob, epoch: 1, n: 2, launches: [id('12.0')], final: true }),
      );
  });

  it('by an operator names the task, and may be said again with less grace', () => {
    const kill = (task: string, grace?: number) =>
      command({ type: 'KillTask', body: { task, ...(grace === undefined ? {} : { 'grace-secs': grace }) } });
    given(...runningThere('10.0'))
      .when(kill('hello.web-0.server'))
      .then(event('KillAccepted', { ...one, n: 3, launches: [id('10.0')] }))
      .when(kill('hello.web-0.server', 0.5))
      .then(event('KillAccepted', { ...one, n: 4, launches: [id('10.0')], graceMs: 500 }))
      .when(taskStates(2, [failed('10.0')]))
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
  it('move launches on, a set an event, with STARTING merged into RUNNING', () => {
    given(...staged('10.0', '10.1', '10.2'))
      .when(
        taskStates(1, [
          { launch: id('10.0'), state: 'STARTING', agentTime: AT },
          running('10.1'),
          running('10.2', false),
          failed('10.2'),
        ]),
      )
      .then(
        event('TasksStarting', { ...one, m: 1, tasks: [{ launch: id('10.0') }] }),
        event('TasksRunning', {
          ...one,
          m: 1,
          tasks: [
            { launch: id('10.1'), pid: 42, since: AT },
            { launch: id('10.2'), pid: 42, since: AT },
          ],
        }),
        event('TasksReady', { ...one, m: 1, tasks: [{ launch: id('10.1'), ready: true }] }),
        event('TasksEnded', {
          ...one,
          m: 1,
          tasks: [{ launch: id('10.2'), state: 'FAILED', reason: 'exit-code', exit: { code: 1 }, agentTime: AT }],
        }),
      );
  });

  it('count m = 1, 2, …: repeats are dropped, a gap asks for the inventory, once', () => {
    const gap = given(...staged('10.0')).when(taskStates(3, [running('10.0')]));
    gap
      .then(sync(3, 'report-gap', true))
      .when(taskStates(4, [failed('10.0')]))
      .thenNothing();
    given(...runningThere('10.0'))
      .when(taskStates(1, [failed('10.0')]))
      .thenNothing();
  });

  it('of a thousand ends with long messages still fit a decision', () => {
    const names = Array.from({ length: 1000 }, (_, index) => `1000000.${index}`);
    const end = { state: 'FAILED', agentTime: AT, reason: 'exit-code', exit: { code: 1 }, message: 'é'.repeat(9999) };
    given(...staged(...names))
      .when(
        taskStates(
          1,
          names.map((name) => ({ ...end, launch: id(name) }) as TaskStateReport),
        ),
      )
      .thenEvents((events) => expect(Buffer.byteLength(JSON.stringify(events))).toBeLessThan(256 * 1024));
  });

  it('of another epoch or process are dropped', () => {
    given(...staged('10.0'))
      .when(taskStates(1, [running('10.0')], { epoch: 2 }))
      .thenNothing();
    given(...staged('10.0'))
      .when(taskStates(1, [running('10.0')], { session: 's0' }))
      .thenNothing();
    specificationOf(cluster)
      .when(taskStates(1, [running('10.0')]))
      .thenNothing();
  });

  it('that tell nothing new are noted, so that the next one has its number', () => {
    given(...runningThere('10.0'))
      .when(taskStates(2, [running('10.0'), running('99.9')]))
      .then(event('ReportNoted', { ...one, m: 2 }))
      .thenState((state) => expect(state.agents.get(ada)?.reported).toBe(2));
  });

  it('of an end after the end are kept as late and change nothing (race 10)', () => {
    const lost = event('TasksLost', { ...one, launches: [id('10.0')], reason: 'agent-gone' });
    const late = {
      launch: id('10.0'),
      state: 'FAILED',
      reason: 'exit-code',
      exit: { code: 1 },
      agentTime: AT,
    } as const;
    given(...runningThere('10.0'), lost)
      .when(taskStates(2, [failed('10.0')]))
      .then(event('TasksReportedLate', { ...one, m: 2, tasks: [late] }))
      .thenState((state) => expect(taskView(state, id('10.0'))?.state).toBe('LOST'));
  });

  it('about a launch of another agent change nothing', () => {
    const bob = 'bob' as AgentId;
    given(...staged('10.0'), registered({ agent: bob }))
      .when(taskStates(1, [running('10.0')], { agent: bob }))
      .then(event('ReportNoted', { agent: bob, epoch: 1, m: 1 }));
  });
});

describe('an ended launch', () => {
  const ended = [
    ...runningThere('10.0', '10.1'),
    event('TasksEnded', { ...one, m: 2, tasks: [{ launch: id('10.0'), state: 'FINISHED', reason: 'exit-code' }] }),
  ];

  it('is forgotten when its grant is returned', () => {
    const returned = (grant: string) =>
      services({ type: 'GrantReturned', data: { service: hello, generation: 1, grants: [grant as never] } });
    given(...ended)
      .when(returned('g10.0'))
      .then(event('GrantsForgotten', { grants: ['g10.0' as GrantId] }))
      .thenState((state) => expect([...state.launches.keys()]).toEqual(['10.1']))
      .when(returned('g10.0'))
      .thenNothing();
    given(...ended)
      .when(returned('g10.1'))
      .thenNothing();
  });

  it('is forgotten with its service, while launches left behind stay', () => {
    const removed = services({ type: 'ServiceRemoved', data: { service: hello, generation: 1, leftOn: [ada] } });
    given(...ended)
      .when(removed)
      .then(event('ServiceForgotten', { service: hello, generation: 1 }))
      .thenState((state) => expect([...state.launches.keys()]).toEqual(['10.1']))
      .when(removed)
      .thenNothing();
  });

  it('of a replaced pod goes with its end, since a newer incarnation has its place', () => {
    const newer = launch('12.0', { incarnation: 2 });
    given(...runningThere('10.0'), unreachableNow, accepted(1, [newer], { agent: 'bob' as AgentId }))
      .thenState((state) => expect(currentLaunch(state, 'hello.web-0.server')?.launch).toBe('12.0'))
      .when(inventory([], { m: 1, obeyed: 3 }))
      .thenState((state) => expect([...state.launches.keys()]).toEqual(['12.0']));
  });

  it('of an older generation is not taken for the task of the new one', () => {
    const reborn = launch('20.0');
    given(...ended, accepted(9, [reborn], { generation: 20 })).thenState((state) =>
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
      event('KillAccepted', { ...one, n: 1, launches: [id('9.9')] }),
      event('TasksStarting', { ...one, m: 1, tasks: [{ launch: id('9.9') }] }),
      event('TasksRunning', { ...one, m: 1, tasks: [{ launch: id('9.9'), pid: 1, since: AT }] }),
      event('TasksReady', { ...one, m: 1, tasks: [{ launch: id('9.9'), ready: true }] }),
      event('TasksEnded', { ...one, m: 1, tasks: [{ launch: id('9.9'), state: 'FAILED', reason: 'x' }] }),
      event('TasksLost', { ...one, launches: [id('9.9')], reason: 'x' }),
      event('GrantsForgotten', { grants: ['g9.9' as GrantId] }),
      event('ServiceForgotten', { service: hello, generation: 1 }),
      event('VolumesGone', { ...one, volumes: [] }),
      sync(1, 'x'),
    ];
    given(...strange).thenState((state) => {
      expect(state.agents.size + state.launches.size + state.templates.size).toBe(0);
      expect(digestOf(state)).not.toBe('');
    });
  });

  it('keeps a launch on an agent that it never heard of', () => {
    given(accepted(1, [launch('10.0')])).thenState((state) =>
      expect(taskView(state, id('10.0'))).toMatchObject({ state: 'UNREACHABLE', address: '' }),
    );
  });
});
