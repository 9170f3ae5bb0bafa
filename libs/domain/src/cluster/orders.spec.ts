import type { AgentOrder, ClusterEvent, VolumeId } from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { cluster } from './decide.js';
import {
  accepted,
  ada,
  allocation,
  AT,
  command,
  event,
  id,
  internal,
  inventory,
  joined,
  launch,
  one,
  registered,
  report,
  runningThere,
  setOf,
  staged,
  sync,
  template,
  templateKept,
  unreachableNow,
} from './examples.js';
import { ordersOf } from './orders.js';
import { initialState, type ClusterState } from './state.js';

const given = (...events: readonly ClusterEvent[]) => specificationOf(cluster).given(...events);
const journal = { journalId: 'j', at: AT };
const head = { journalId: 'j', agent: ada, session: 's1', epoch: 1, reported: 0 };

function folded(...events: readonly ClusterEvent[]): ClusterState {
  const state = initialState();
  for (const each of events) cluster.evolve(state, each);
  return state;
}

function orders(history: readonly ClusterEvent[], events: readonly ClusterEvent[]): AgentOrder[] {
  return ordersOf(events, folded(...history), journal);
}

describe('orders to agents', () => {
  const launched = accepted(2, [launch('10.0')]);
  const killed = event('KillAccepted', { ...one, n: 3, launches: [id('10.0')], graceMs: 10 });

  it('carry journal, session, epoch and the n of their event', () => {
    expect(orders([...joined, templateKept, launched, killed], [launched, killed])).toEqual([
      { ...head, n: 2, type: 'Launch', set: setOf([launch('10.0')]), template },
      { ...head, n: 3, type: 'Kill', launches: ['10.0'], graceMs: 10 },
    ]);
  });

  it('of a registration that has passed are left out', () => {
    const again = registered({ epoch: 2, session: 's2' });
    expect(orders([...joined, templateKept, launched, again], [launched, killed])).toEqual([]);
  });

  it('that can no longer be made are left out: the agent is behind then, and a Sync heals it', () => {
    const ended = event('TasksEnded', { ...one, m: 1, tasks: [{ launch: id('10.0'), state: 'KILLED', reason: 'x' }] });
    expect(orders([...joined, templateKept, launched, ended], [launched])).toEqual([]);
  });
});

describe('a Sync', () => {
  it('says all that the agent should hold', () => {
    const history = [
      ...runningThere('10.0', '10.1', '10.2'),
      accepted(5, [launch('11.3')], { task: 'proxy' }),
      event('KillAccepted', { ...one, n: 6, launches: [id('10.1')] }),
      event('TasksEnded', { ...one, m: 2, tasks: [{ launch: id('10.2'), state: 'FAILED', reason: 'x' }] }),
      event('VolumeDestroyAccepted', { ...one, n: 7, volumes: ['v1' as VolumeId] }),
      sync(8, 'heard-again', true),
    ];
    expect(orders(history, [sync(8, 'heard-again', true)])).toEqual([
      {
        ...head,
        n: 8,
        reported: 2,
        type: 'Sync',
        keep: [
          { set: setOf([launch('10.0')]), templateDigest: 'd1' },
          { set: setOf([launch('11.3')], { task: 'proxy' }), templateDigest: 'd1' },
        ],
        templates: { d1: template },
        kill: ['10.1'],
        volumes: ['v1'],
        streams: [],
        askInventory: true,
      },
    ]);
  });

  it('that is sent from a newer state carries the n of that state, so that what it says already is not obeyed again', () => {
    const ordered = sync(3, 'obeyed-behind');
    const later = event('KillAccepted', { ...one, n: 4, launches: [id('10.0')] });
    expect(orders([...staged('10.0'), ordered, later], [ordered])).toMatchObject([{ n: 4, keep: [], kill: ['10.0'] }]);
  });

  it('is made once a commit for an agent', () => {
    const twice = [sync(2, 'a'), sync(3, 'b')];
    expect(orders([...joined, ...twice], twice)).toMatchObject([{ type: 'Sync', n: 3 }]);
  });

  it('is ordered when the agent obeyed less than it should have, as after a master that died before it sent (race 5)', () => {
    const behind = (obeyed: number) => internal({ type: 'obeyed-behind', agent: ada, epoch: 1, obeyed });
    given(...staged('10.0'))
      .when(behind(1))
      .then(sync(3, 'obeyed-behind'));
    given(...staged('10.0'))
      .when(behind(2))
      .thenNothing();
    given(...staged('10.0'), unreachableNow)
      .when(behind(1))
      .then(sync(3, 'obeyed-behind', true));
    given(...staged('10.0'), event('AgentGone', one))
      .when(behind(1))
      .thenNothing();
  });
});

describe('a volume', () => {
  const v1 = 'v1' as VolumeId;
  const destroying = allocation({
    type: 'VolumeDestroying',
    data: { ...one, grant: 'g1' as never, volumes: [v1] },
  });
  const destroyed = report({ type: 'VolumesDestroyed', ...one, session: 's1', m: 1, obeyed: 2, volumes: [v1] });
  const gone = event('VolumesGone', { ...one, volumes: [v1] });

  it('is destroyed in two steps (row 21)', () => {
    given(...joined)
      .when(destroying)
      .then(event('VolumeDestroyAccepted', { ...one, n: 2, volumes: [v1] }))
      .when(destroyed)
      .then(event('ReportNoted', { ...one, m: 1 }), gone)
      .thenState((state) => expect(state.volumes.size).toBe(0));
  });

  it('of an absent agent waits for its return, where the inventory tells whether it is still there', () => {
    const waiting = given(...joined, unreachableNow).when(destroying);
    waiting.when(inventory([], { volumes: [v1], obeyed: 1 })).then(event('AgentReturned', one), sync(3, 'inventory'));
    waiting.when(inventory([], { volumes: [], obeyed: 1 })).thenEvents((events) => expect(events).toContainEqual(gone));
  });

  it('goes with its agent', () => {
    given(...joined, event('AgentGone', one))
      .when(destroying)
      .then(gone);
    given(...joined)
      .when(destroying)
      .when(command({ type: 'MarkAgentGone', body: { agent: ada } }))
      .then(event('AgentGone', one), gone);
    specificationOf(cluster).when(destroying).thenNothing();
  });
});

describe('a stream', () => {
  const open = (stream = 's', more: object = {}) =>
    command({ type: 'OpenStream', body: { stream, task: 'hello.web-0.server', kind: 'stdout', ...more } });

  it('is opened at the agent of the task, and told again by a Sync while it is open', () => {
    const opened = given(...runningThere('10.0')).when(open('s', { from: -100, follow: true, 'ttl-secs': 5 }));
    const order = { stream: 's', launch: '10.0', kind: 'stdout', from: -100, follow: true, limitBytes: 1024 * 1024 };
    opened.thenState((state) => {
      expect(ordersOf(opened.events, state, journal)).toEqual([
        { ...head, n: 3, reported: 1, type: 'OpenStream', ...order, untilMs: AT + 5000 },
      ]);
      expect(ordersOf([sync(4, 'x')], state, journal)).toMatchObject([{ type: 'Sync', streams: [order] }]);
      expect(ordersOf([sync(4, 'x')], state, { ...journal, at: AT + 5000 })).toMatchObject([{ streams: [] }]);
    });
  });

  it('of a command carries its terminal, and is never told twice', () => {
    const more = { kind: 'exec', cmd: ['sh'], terminal: { rows: 24, columns: 80 } };
    const opened = given(...runningThere('10.0')).when(open('s', more));
    opened.thenState((state) => {
      expect(ordersOf(opened.events, state, journal)).toMatchObject([more]);
      expect(ordersOf([sync(4, 'x')], state, journal)).toMatchObject([{ streams: [] }]);
    });
    given(...runningThere('10.0'))
      .when(open('s', { terminal: { rows: 24, columns: 80 } }))
      .thenRefused('invalid-field');
  });

  it('of an ended task is as good', () => {
    const ended = event('TasksEnded', { ...one, m: 2, tasks: [{ launch: id('10.0'), state: 'FAILED', reason: 'x' }] });
    given(...runningThere('10.0'), ended)
      .when(open())
      .thenEvents(([first]) => expect(first?.type).toBe('StreamOpened'));
  });

  it('is refused where it can not be', () => {
    given(...joined)
      .when(open())
      .thenRefused('unknown-task');
    given(...runningThere('10.0'), unreachableNow)
      .when(open())
      .thenRefused('agent-unreachable');
    given(...runningThere('10.0'))
      .when(open('s', { kind: 'file' }))
      .thenRefused('invalid-field');
    const first = given(...runningThere('10.0')).when(open());
    first.when(open()).thenRefused('name-taken');
    first.when(open(), { at: AT + 60_000 }).thenEvents((events) => expect(events).toHaveLength(1));
  });

  it('of kind exec carries its command to the agent once: a Sync does not tell it again', () => {
    const opened = given(...runningThere('10.0')).when(open('s', { kind: 'exec', cmd: 'ls | wc' }));
    opened.thenState((state) => {
      expect(ordersOf(opened.events, state, journal)).toMatchObject([
        { kind: 'exec', cmd: ['/bin/sh', '-c', 'ls | wc'] },
      ]);
      expect(ordersOf([sync(4, 'x')], state, journal)).toMatchObject([{ type: 'Sync', streams: [] }]);
    });
  });

  it('of kind exec needs a command that can be run, and a task that runs', () => {
    const running = given(...runningThere('10.0'));
    for (const more of [{}, { cmd: [''] }, { cmd: ['a\0b'] }, { cmd: ['a'.repeat(9000), 'b'.repeat(9000)] }]) {
      running.when(open('s', { kind: 'exec', ...more })).thenRefused('invalid-field');
    }
    running.when(open('s', { kind: 'stdout', cmd: 'ls' })).thenRefused('invalid-field');
    const ended = event('TasksEnded', { ...one, m: 2, tasks: [{ launch: id('10.0'), state: 'FAILED', reason: 'x' }] });
    given(...runningThere('10.0'), ended)
      .when(open('s', { kind: 'exec', cmd: ['ls'] }))
      .thenRefused('task-ended');
  });

  it('is refused when too many are open, and ended ones do not count', () => {
    let outcome = given(...runningThere('10.0')).when(open('s0'));
    for (let index = 1; index < 64; index += 1) outcome = outcome.when(open(`s${index}`));
    outcome.when(open('s64')).thenRefused('busy');
    outcome
      .when(open('s64'), { at: AT + 60_000 })
      .thenState((state) => expect([...state.streams.keys()]).toEqual(['s64']));
  });
});
