import type { AgentId, ClusterEvent } from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { cluster } from './decide.js';
import {
  ada,
  AT,
  command,
  event,
  facts,
  id,
  internal,
  inventory,
  joined,
  killOrdered,
  one,
  registered,
  runningThere,
  staged,
  ids,
  killed,
  launches,
  accepted,
  templateKept,
  sync,
  taskStates,
  failed,
  unreachableNow,
} from './examples.js';
import { ordersOf } from './orders.js';
import type { ClusterState } from './state.js';
import { agentView } from './views.js';

const ordersTo = (events: readonly ClusterEvent[], state: ClusterState) =>
  ordersOf(events, state, { journalId: 'j', at: AT, partitionOf: () => 0 }).map(({ order }) => order);
const given = (...events: readonly ClusterEvent[]) => specificationOf(cluster).given(...events);
const lapse = (agent: AgentId = ada, epoch = 1) => internal({ type: 'lease-lapsed', agent, epoch });
const heard = internal({ type: 'heartbeat-from-unreachable', agent: ada, epoch: 1 });

describe('registration', () => {
  it('takes a first inventory as a registration and answers with a Sync, which tells the epoch', () => {
    specificationOf(cluster)
      .when(inventory([], { epoch: 0, obeyed: 0 }))
      .then(registered(), sync(1, 'registered'));
  });

  it('raises the epoch for another process of the same agent, whose orders and reports count anew', () => {
    given(...runningThere('10.0'))
      .when(inventory([{ launch: id('10.0'), state: 'RUNNING', pid: 42, ready: true }], { epoch: 0, session: 's2' }))
      .then(registered({ epoch: 2, session: 's2' }), sync(1, 'registered', false, { epoch: 2 }))
      .thenState((state) => {
        expect(state.agents.get(ada)).toMatchObject({ epoch: 2, number: 1 });
        expect([state.counters.ordered(1), state.counters.reported(1)]).toEqual([1, 0]);
      });
  });

  it('answers a repeat of a registration without another epoch', () => {
    given(...joined)
      .when(inventory([], { epoch: 0, obeyed: 0 }))
      .then(sync(2, 'inventory'));
  });

  it('never registers a replaced process again, and tells it to stop without killing tasks', () => {
    const replaced = given(...joined).when(inventory([], { epoch: 0, session: 's2' }));
    replaced.thenState((state) =>
      expect(ordersTo(replaced.events, state)[0]).toMatchObject({
        type: 'StandDown',
        session: 's1',
        killTasks: false,
      }),
    );
    replaced.when(inventory([], { epoch: 1, session: 's1' })).thenNothing();
    replaced.when(taskStates(1, failed('10.0'))).thenNothing();
  });

  it('takes an epoch above the one that an agent remembers of another journal', () => {
    specificationOf(cluster)
      .when(inventory([], { epoch: 7 }))
      .then(registered({ epoch: 8 }), sync(1, 'registered', false, { epoch: 8 }));
  });
});

describe('a lapse', () => {
  it('makes an agent UNREACHABLE, once', () => {
    given(...joined)
      .when(lapse())
      .then(unreachableNow)
      .thenState((state) => expect(agentView(state, ada)?.state).toBe('UNREACHABLE'))
      .when(lapse())
      .thenNothing();
  });

  it('means nothing for a registration that has passed', () => {
    given(...joined, registered({ epoch: 2, session: 's2' }))
      .when(lapse(ada, 1))
      .thenNothing();
  });

  it('is held when two agents were lost within a minute, until the minute is over', () => {
    const names = ['a', 'b', 'c'] as AgentId[];
    const three = given(...names.map((agent) => registered({ agent, number: names.indexOf(agent) + 1 })));
    const held = three
      .when(lapse(names[0]), { at: AT })
      .when(lapse(names[1]), { at: AT + 10_000 })
      .when(lapse(names[2]), { at: AT + 20_000 })
      .then(event('LapseHeld', { agent: names[2]!, epoch: 1 }))
      .thenState((state) => {
        expect(agentView(state, names[2]!)).toMatchObject({ state: 'ACTIVE', lapseHeld: true });
        expect(cluster.nextDeadline!(state)).toBe(AT + 60_000);
      });
    held.when(internal({ type: 'tick' }), { at: AT + 59_999 }).thenNothing();
    held
      .when(internal({ type: 'tick' }), { at: AT + 60_000 })
      .then(event('AgentUnreachable', { agent: names[2]!, epoch: 1, at: AT + 60_000 }))
      .thenState((state) => expect(cluster.nextDeadline!(state)).toBeUndefined());
  });

  it('that is held goes through at once when an operator confirms it', () => {
    const confirm = command({ type: 'ConfirmLapse', body: { agent: ada } });
    given(...joined, event('LapseHeld', one))
      .when(confirm)
      .then(event('AgentUnreachable', { ...one, at: AT, confirmed: true }))
      .thenState((state) => expect(state.losses.size).toBe(0))
      .when(confirm)
      .thenRefused('agent-state');
  });

  it('that is held is forgotten when the agent is heard again', () => {
    given(...joined, event('LapseHeld', one))
      .when(heard)
      .then(event('LapseDropped', one))
      .thenState((state) => expect(cluster.nextDeadline!(state)).toBeUndefined());
  });

  it('allows five percent of a large cluster a minute', () => {
    const names = Array.from({ length: 100 }, (_, index) => `a${index}` as AgentId);
    let outcome = given(...names.map((agent) => registered({ agent, number: names.indexOf(agent) + 1 }))).when(
      lapse(names[0]),
    );
    for (const agent of names.slice(1, 5)) outcome = outcome.when(lapse(agent));
    outcome.thenEvents(([lost]) => expect(lost?.type).toBe('AgentUnreachable'));
    outcome.when(lapse(names[5])).thenEvents(([held]) => expect(held?.type).toBe('LapseHeld'));
  });
});

describe('a return', () => {
  it('begins with a heartbeat, which revives nobody but asks once for the inventory', () => {
    given(...joined, unreachableNow)
      .when(heard)
      .then(sync(2, 'heard-again', true))
      .when(heard)
      .thenNothing();
  });

  it('does not come by a plain report, whose facts count all the same', () => {
    given(...runningThere('10.0'), unreachableNow)
      .when(taskStates(2, failed('10.0')))
      .thenEvents((events) => expect(events.map(({ type }) => type)).toEqual(['TasksEnded']))
      .thenState((state) => expect(state.agents.get(ada)?.reachable).toBe(false));
  });

  it('is complete with the inventory: same epoch, differences, then a Sync', () => {
    const away = [...runningThere('10.0', '10.1', '10.2', '10.3'), unreachableNow, sync(6, 'heard-again', true)];
    given(...away)
      .when(
        inventory(
          [
            { launch: id('10.0'), state: 'RUNNING', pid: 42, ready: true },
            { launch: id('10.1'), state: 'FAILED', exit: { code: 3 }, reason: 'exit-code' },
            { launch: id('10.2'), state: 'RUNNING', pid: 42, ready: false },
            { launch: id('99.9'), state: 'RUNNING', pid: 7 },
          ],
          { m: 2, obeyed: 6 },
        ),
      )
      .then(
        event('AgentReturned', one),
        event('TasksReady', { ...one, m: 2, launches: ids('10.2'), ready: false }),
        event('TasksEnded', {
          ...one,
          m: 2,
          ends: [{ launches: ids('10.1'), state: 'FAILED', reason: 'exit-code', exit: { code: 3 } }],
        }),
        event('TasksLost', { ...one, launches: ids('10.3'), reason: 'not-on-agent' }),
        sync(7, 'inventory'),
      )
      .thenState((state) => {
        expect(state.agents.get(ada)).toMatchObject({ reachable: true, inventoryAsked: false });
        expect(state.counters.reported(1)).toBe(2);
        expect(agentView(state, ada)?.tasks).toBe(2);
      });
  });

  it('keeps what the agent never heard of, so that the Sync starts it', () => {
    const outcome = given(...staged('10.0'), unreachableNow).when(inventory([], { obeyed: 1 }));
    outcome.then(event('AgentReturned', one), sync(3, 'inventory'));
    outcome.thenState((state) =>
      expect(ordersTo(outcome.events, state)).toMatchObject([
        { type: 'Sync', n: 3, keep: [{ launches: ids('10.0') }], templates: { d1: {} }, kill: [] },
      ]),
    );
  });

  it('believes that an unwanted launch never started only of an agent that obeyed every order', () => {
    const unwanted = given(...staged('10.0'), killed(['10.0']));
    const unsure = unwanted.when(inventory([], { obeyed: 1 })).then(sync(4, 'inventory', true));
    unsure.when(inventory([], { obeyed: 4 })).then(
      event('TasksEnded', {
        ...one,
        m: 0,
        ends: [{ launches: ids('10.0'), state: 'KILLED', reason: 'never-started' }],
      }),
      sync(5, 'inventory'),
    );
  });

  it('drops an inventory that is older than the last report', () => {
    given(...runningThere('10.0'))
      .when(inventory([], { m: 0 }))
      .thenNothing();
  });
});

describe('a drain', () => {
  const drain = (grace?: number) =>
    command({ type: 'DrainAgent', body: { agent: ada, ...(grace === undefined ? {} : { 'grace-secs': grace }) } });
  const activate = command({ type: 'ActivateAgent', body: { agent: ada } });

  it('of an idle agent is over at once', () => {
    given(...joined)
      .when(drain(300))
      .then(event('AgentDraining', { ...one, deadline: AT + 300_000 }), event('AgentDrained', one))
      .when(drain())
      .thenNothing()
      .when(activate)
      .then(event('AgentActivated', one))
      .when(activate)
      .thenNothing();
  });

  it('ends with the last task', () => {
    given(...runningThere('10.0', '10.1'))
      .when(drain(300))
      .then(event('AgentDraining', { ...one, deadline: AT + 300_000 }))
      .when(taskStates(2, failed('10.0')))
      .thenEvents((events) => expect(events.map(({ type }) => type)).toEqual(['TasksEnded']))
      .when(taskStates(3, failed('10.1')))
      .thenEvents((events) => expect(events.map(({ type }) => type)).toEqual(['TasksEnded', 'AgentDrained']))
      .thenState((state) => expect(cluster.nextDeadline!(state)).toBeUndefined());
  });

  it('kills what is left when its grace is over, and only once', () => {
    const draining = [...runningThere('10.0', '10.1'), event('AgentDraining', { ...one, deadline: AT + 5000 })];
    given(...draining)
      .thenState((state) => expect(cluster.nextDeadline!(state)).toBe(AT + 5000))
      .when(killOrdered(['10.0'], 'drained'))
      .when(internal({ type: 'tick' }), { at: AT + 5000 })
      .then(killed(['10.1']), event('DrainDeadlinePassed', one))
      .thenState((state) => expect(cluster.nextDeadline!(state)).toBeUndefined())
      .when(internal({ type: 'tick' }), { at: AT + 6000 })
      .thenNothing();
  });

  it('survives a restart of the agent, and the registration says so', () => {
    given(...joined, event('AgentDraining', { ...one, deadline: AT + 5000 }), event('AgentDrained', one))
      .when(inventory([], { epoch: 0, session: 's2' }))
      .thenEvents(([first]) => expect(first?.data).toMatchObject({ epoch: 2, standing: 'DRAINED' }))
      .thenState((state) => expect(agentView(state, ada)?.state).toBe('DRAINED'));
  });

  it('is refused for agents that are unknown or gone', () => {
    specificationOf(cluster).when(drain()).thenRefused('unknown-agent');
    given(...joined, event('AgentGone', one))
      .when(drain())
      .thenRefused('agent-state');
    given(...joined, event('AgentGone', one))
      .when(activate)
      .thenRefused('agent-state');
  });
});

describe('an agent that is gone', () => {
  const markGone = command({ type: 'MarkAgentGone', body: { agent: ada } });

  it('loses its tasks, and nothing changes that any more', () => {
    given(...runningThere('10.0', '10.1'), unreachableNow)
      .when(markGone)
      .then(
        event('AgentGone', one),
        event('TasksLost', { ...one, launches: ids('10.0', '10.1'), reason: 'agent-gone' }),
      )
      .thenState((state) => expect(cluster.continues!(state)).toBe(false))
      .when(markGone)
      .thenNothing()
      .when(taskStates(2, failed('10.0')))
      .thenNothing()
      .when(lapse())
      .thenNothing()
      .when(heard)
      .thenNothing();
  });

  it('loses many tasks in several decisions', () => {
    given(...joined, templateKept, accepted(launches(5001)))
      .when(markGone)
      .thenState((state) => expect(cluster.continues!(state)).toBe(true))
      .when(internal({ type: 'continue' }))
      .then(event('TasksLost', { ...one, launches: ids('10.5000'), reason: 'agent-gone' }))
      .thenState((state) => expect(cluster.continues!(state)).toBe(false))
      .when(internal({ type: 'continue' }))
      .thenNothing();
  });

  it('is told to kill all when it comes back, once a process', () => {
    const back = inventory([], { epoch: 0, session: 's2' });
    const outcome = given(...joined, event('AgentGone', one)).when(back);
    outcome.then(event('StandDownOrdered', { agent: ada, session: 's2', reason: 'agent-gone' }));
    outcome.thenState((state) =>
      expect(ordersTo(outcome.events, state)).toMatchObject([{ type: 'StandDown', session: 's2', killTasks: true }]),
    );
    outcome.when(back).thenNothing();
  });

  it('is shown with what it had', () => {
    given(...joined, event('AgentGone', one)).thenState((state) =>
      expect(agentView(state, ada)).toMatchObject({ state: 'GONE', hostname: facts.hostname }),
    );
  });
});
