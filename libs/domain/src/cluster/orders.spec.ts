import { type AgentId, type ClusterEvent, type VolumeId, valueAt } from '@orrery/contracts';
import { LaneHeadsBuilder } from './lanes.js';
import { specificationOf } from '@orrery/testing';
import { cluster } from './decide.js';
import {
  accepted,
  ada,
  allocation,
  AT,
  command,
  ended,
  event,
  ids,
  internal,
  inventory,
  joined,
  killed,
  launch,
  launches,
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
const journal = { journalId: 'j', at: AT, partitionOf: (agent: AgentId) => (agent === 'cyd' ? 1 : 0) };
const head = { journalId: 'j', agent: ada, session: 's1', epoch: 1, reported: 0 };

function folded(...events: readonly ClusterEvent[]): ClusterState {
  const state = initialState();
  for (const each of events) cluster.evolve(state, each);
  return state;
}

/** What the relay tells of these events, which come after the history. */
function told(history: readonly ClusterEvent[], ...events: readonly ClusterEvent[]) {
  return ordersOf(events, folded(...history, ...events), journal);
}

function toldOf(events: readonly ClusterEvent[], state: ClusterState, at = AT) {
  return ordersOf(events, state, { ...journal, at }).map(({ order }) => order);
}

const bob = registered({ agent: 'bob' as AgentId, number: 2 });
const cyd = registered({ agent: 'cyd' as AgentId, number: 3 });
const three = [...joined, bob, cyd, templateKept];

describe('orders to agents', () => {
  const set = [
    launch('10.0'),
    launch('10.1', { agent: 2 }),
    launch('10.2', { agent: 3 }),
    launch('10.3', { agent: 2 }),
  ];

  it('of one set are one a lane: each agent finds itself by number, with its next n', () => {
    const [here, other, there] = [launch('10.0'), launch('10.1', { agent: 2 }), launch('10.2', { agent: 3 })];
    expect(told(three, accepted([here, other, there]))).toEqual([
      {
        partition: 0,
        order: {
          ...{ type: 'Launches', journalId: 'j', template },
          ...{
            to: heads([1, 1, 2, 0], [2, 1, 1, 0]),
            set: setOf([here, other]),
          },
        },
      },
      {
        partition: 1,
        order: { type: 'Launches', journalId: 'j', template, to: heads([3, 1, 1, 0]), set: setOf([there]) },
      },
    ]);
  });

  it('to kill say for each agent what of it', () => {
    expect(told([...three, accepted(set.slice(0, 3))], killed(['10.0', '10.1', '10.2'], { graceMs: 10 }))).toEqual([
      {
        partition: 0,
        order: {
          ...{ type: 'Kills', journalId: 'j', graceMs: 10 },
          ...{
            to: heads([1, 1, 3, 0], [2, 1, 2, 0]),
            launches: [ids('10.0'), ids('10.1')],
          },
        },
      },
      {
        partition: 1,
        order: { type: 'Kills', journalId: 'j', graceMs: 10, to: heads([3, 1, 2, 0]), launches: [ids('10.2')] },
      },
    ]);
  });

  it('of one commit are numbered in the order of its events', () => {
    const events = [
      accepted([launch('10.0'), launch('10.1', { agent: 2 })]),
      killed(['10.0']),
      event('VolumeDestroyAccepted', { ...one, n: 4, volumes: ['v1' as VolumeId] }),
      accepted(launches(9, 11)),
    ];
    expect(
      told(three, ...events).map(({ order }) =>
        'to' in order ? order.to.numbers.map((_, at) => valueAt(order.to.ns, at)) : order.n,
      ),
    ).toEqual([[2, 1], [3], 4, [5]]);
  });

  it('for one agent carry journal, session, epoch and the n of their event', () => {
    const events = [event('VolumeDestroyAccepted', { ...one, n: 2, volumes: ['v1' as VolumeId] })];
    expect(told(joined, ...events)).toEqual([
      { partition: 0, agent: ada, order: { ...head, n: 2, type: 'DestroyVolumes', volumes: ['v1'] } },
    ]);
  });

  it('of a registration that has passed are left out', () => {
    const again = registered({ epoch: 2, session: 's2' });
    const events = [accepted([launch('10.0'), launch('10.1', { agent: 2 })]), killed(['10.0', '10.1']), again];
    expect(told(three, ...events).slice(0, 2)).toMatchObject([
      { order: { type: 'Launches', to: heads([2, 1, 1, 0]), set: setOf([launch('10.1', { agent: 2 })]) } },
      { order: { type: 'Kills', to: heads([2, 1, 2, 0]), launches: [ids('10.1')] } },
    ]);
  });

  it('that can no longer be made are left out: the agent is behind then, and a Sync heals it', () => {
    const launched = accepted([launch('10.0')]);
    expect(told([...joined, templateKept], launched, ended(1, 'KILLED', '10.0'))).toEqual([]);
    expect(
      told([...joined, templateKept, launched], killed(['10.0'], { final: true }), ended(1, 'KILLED', '10.0')),
    ).toEqual([]);
  });

  it('to agents that are gone are left out', () => {
    expect(told([...three, event('AgentGone', one)], accepted(set.slice(0, 2)))).toMatchObject([
      { order: { to: heads([2, 1, 1, 0]) } },
    ]);
  });

  it('take ports, devices and volumes along, for each lane its own', () => {
    const of = (agent: number, port: number) => ({ agent, ports: { http: port }, gpuIds: [`gpu-${port}`] });
    const plans = [launch('10.0', of(1, 70)), launch('10.1', of(3, 71)), launch('10.2', of(2, 72))];
    expect(told(three, accepted(plans)).map(({ order }) => 'set' in order && order.set)).toEqual([
      setOf([plans[0]!, plans[2]!]),
      setOf([plans[1]!]),
    ]);
  });
});

describe('a Sync', () => {
  it('says all that the agent should hold', () => {
    const history = [
      ...runningThere('10.0', '10.1', '10.2'),
      accepted([launch('11.3')], { task: 'proxy' }),
      killed(['10.1']),
      ended(2, 'FAILED', '10.2'),
      event('VolumeDestroyAccepted', { ...one, n: 7, volumes: ['v1' as VolumeId] }),
    ];
    expect(told(history, sync(8, 'heard-again', true)).map(({ order }) => order)).toEqual([
      {
        ...head,
        n: 8,
        reported: 2,
        type: 'Sync',
        number: 1,
        keep: [setOf([launch('10.0')]), setOf([launch('11.3')], { task: 'proxy' })],
        templates: { d1: template },
        kill: ids('10.1'),
        volumes: ['v1'],
        streams: [],
        askInventory: true,
      },
    ]);
  });

  it('that is sent from a newer state carries the n of that state, so that what it says already is not obeyed again', () => {
    const ordered = sync(3, 'obeyed-behind');
    expect(told(staged('10.0'), ordered, killed(['10.0']))).toMatchObject([
      { order: { type: 'Sync', n: 4, keep: [], kill: ids('10.0') } },
      { order: { type: 'Kills', to: heads([1, 1, 4, 0]) } },
    ]);
  });

  it('is made once a commit for an agent', () => {
    expect(told(joined, sync(2, 'a'), sync(3, 'b'))).toMatchObject([{ order: { type: 'Sync', n: 3 } }]);
  });

  it('keeps sets of a run as they are, without what is gone of it', () => {
    const history = [...joined, templateKept, accepted(launches(20)), ended(1, 'FAILED', '10.7'), killed(['10.3'])];
    const keep = setOf(launches(20).filter(({ index }) => index !== 7 && index !== 3));
    expect(told(history, sync(4, 'x'))).toMatchObject([{ order: { keep: [keep], kill: ids('10.3') } }]);
    expect(keep.launches).toEqual([[10, 0, 2, 4, 6, 8, 19]]);
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
      expect(toldOf(opened.events, state)).toEqual([
        { ...head, n: 3, reported: 1, type: 'OpenStream', ...order, untilMs: AT + 5000 },
      ]);
      expect(toldOf([sync(4, 'x')], state)).toMatchObject([{ type: 'Sync', streams: [order] }]);
      expect(toldOf([sync(4, 'x')], state, AT + 5000)).toMatchObject([{ streams: [] }]);
    });
  });

  it('of a command carries its terminal, and is never told twice', () => {
    const more = { kind: 'exec', cmd: ['sh'], terminal: { rows: 24, columns: 80 } };
    const opened = given(...runningThere('10.0')).when(open('s', more));
    opened.thenState((state) => {
      expect(ordersOf(opened.events, state, journal)).toMatchObject([{ order: more }]);
      expect(ordersOf([sync(4, 'x')], state, journal)).toMatchObject([{ order: { streams: [] } }]);
    });
    given(...runningThere('10.0'))
      .when(open('s', { terminal: { rows: 24, columns: 80 } }))
      .thenRefused('invalid-field');
  });

  it('of an ended task is as good', () => {
    const over = ended(2, 'FAILED', '10.0');
    given(...runningThere('10.0'), over)
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
      expect(toldOf(opened.events, state)).toMatchObject([{ kind: 'exec', cmd: ['/bin/sh', '-c', 'ls | wc'] }]);
      expect(toldOf([sync(4, 'x')], state)).toMatchObject([{ type: 'Sync', streams: [] }]);
    });
  });

  it('of kind exec needs a command that can be run, and a task that runs', () => {
    const running = given(...runningThere('10.0'));
    for (const more of [{}, { cmd: [''] }, { cmd: ['a\0b'] }, { cmd: ['a'.repeat(9000), 'b'.repeat(9000)] }]) {
      running.when(open('s', { kind: 'exec', ...more })).thenRefused('invalid-field');
    }
    running.when(open('s', { kind: 'stdout', cmd: 'ls' })).thenRefused('invalid-field');
    const over = ended(2, 'FAILED', '10.0');
    given(...runningThere('10.0'), over)
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

function heads(...each: readonly (readonly [number: number, epoch: number, n: number, reported: number])[]) {
  const builder = new LaneHeadsBuilder();
  for (const [number, epoch, n, reported] of each) builder.add({ partition: 0, number, epoch, n, reported });
  return builder.heads;
}
