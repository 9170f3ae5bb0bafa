import {
  idRunsOf,
  type AgentFacts,
  type AgentId,
  type AgentOrder,
  type AgentReport,
  type LaneOrder,
  type LaunchId,
  type LaunchSet,
  type VolumeId,
  agentRunsOf,
} from '@orrery/contracts';
import { newState, type AgentState } from './agent-state.js';
import { step, type AgentInput } from './step.js';
import type { Effect } from './turn.js';

const agent = 'ada-0001' as AgentId;
const template = { cmd: 'x', killGraceMs: 5000 } as never;
const facts = { hostname: 'ada', address: '127.0.0.1', attributes: {} } as unknown as AgentFacts;

/** One agent, its clock in whole seconds unless told, and what it did last. */
class Case {
  readonly state: AgentState = newState(agent);
  at = 1000;
  effects: readonly Effect[] = [];

  constructor() {
    this.input({ type: 'boot', session: 's1', facts, observed: [] });
  }

  input(input: AgentInput extends infer Each ? (Each extends AgentInput ? Omit<Each, 'at'> : never) : never): this {
    this.at += 1000;
    this.effects = step(this.state, { ...input, at: this.at }).effects;
    return this;
  }

  order(order: Partial<AgentOrder> & { readonly type: AgentOrder['type'] }): this {
    const head = { journalId: 'j', agent, session: 's1', epoch: 1, n: this.state.obeyed + 1 };
    return this.input({ type: 'order', order: { ...head, ...order } as AgentOrder });
  }

  /** On its lane, with the next n unless told otherwise. */
  lane(order: object, [number, epoch, n, reported]: readonly (number | undefined)[] = []): this {
    const to = {
      numbers: [9, number ?? 7],
      epochs: [1, epoch ?? 1],
      ns: [1, n ?? this.state.obeyed + 1],
      reported: [0, reported ?? 0],
    };
    return this.input({ type: 'order', order: { journalId: 'j', to, ...order } as unknown as LaneOrder });
  }

  launch(launch: string, more: object = {}, head: readonly (number | undefined)[] = []): this {
    return this.lane({ type: 'Launches', set: setOf('99.0', launch, more), template }, head);
  }

  kill(launch: string, more: object = {}, head: readonly (number | undefined)[] = []): this {
    return this.lane({ type: 'Kills', launches: [idRunsOf(['99.0']), idRunsOf([launch])], ...more }, head);
  }

  sync(
    body: { keep?: readonly string[]; kill?: readonly string[]; volumes?: readonly string[] } = {},
    head: object = {},
  ) {
    return this.order({
      type: 'Sync',
      number: 7,
      keep: (body.keep ?? []).map((launch) => ownSetOf(launch)),
      templates: { d: template },
      kill: idRunsOf(body.kill ?? []),
      volumes: (body.volumes ?? []) as VolumeId[],
      streams: [],
      askInventory: false,
      ...head,
    });
  }

  began(launch: string): this {
    return this.input({
      type: 'observed',
      launch: launch as LaunchId,
      observation: { state: 'running', pid: 7, since: 5 },
    });
  }

  ended(launch: string, code = 0): this {
    const observation = { state: 'ended', how: 'exited', at: this.at, code } as const;
    return this.input({ type: 'observed', launch: launch as LaunchId, observation });
  }

  taken(): this {
    const { epoch, m } = this.state.outgoing.at(-1)!;
    return this.input({ type: 'taken', epoch, m });
  }

  row(launch: string) {
    return this.state.launches.get(launch as LaunchId);
  }

  did(type: Effect['type']): readonly Effect[] {
    return this.effects.filter((effect) => effect.type === type);
  }

  reported(): readonly AgentReport[] {
    return this.effects.flatMap((effect) => (effect.type === 'publish' ? [effect.report] : []));
  }
}

const kind = { service: 's', generation: 1, version: 1, pod: 'p', task: 't', templateDigest: 'd', incarnation: 1 };

/** One launch of the agent with number 9, then one of this one. */
function setOf(other: string, launch: string, more: object = {}): LaunchSet {
  const agents = agentRunsOf([
    [9, 1, 1],
    [7, 1, 1],
  ]);
  const launches = idRunsOf([other, launch]);
  return { ...kind, indexes: [[4, 5]], agents, launches, grants: [[3, 0, 1]], ...more } as unknown as LaunchSet;
}

function ownSetOf(launch: string): LaunchSet {
  const members = {
    indexes: [[0, 0]],
    agents: agentRunsOf([[7, 1, 1]]),
    launches: idRunsOf([launch]),
    grants: [[3, 0, 0]],
  };
  return { ...kind, ...members } as unknown as LaunchSet;
}

describe('orders', () => {
  it('begin with the answer to the inventory', () => {
    const one = new Case();
    expect(one.reported()).toMatchObject([{ type: 'Inventory', session: 's1', epoch: 0, obeyed: 0, m: 0 }]);
    expect(one.launch('1.0').row('1.0')).toBeUndefined();
    expect(one.sync().launch('1.0').row('1.0')).toMatchObject({ launch: { index: 5, grant: '3.1', incarnation: 1 } });
    expect(one.state).toMatchObject({ epoch: 1, number: 7, obeyed: 2, journalId: 'j' });
  });

  it('are obeyed n by n: lower ones are dropped, higher ones wait for a Sync', () => {
    const one = new Case().sync().launch('1.0').launch('2.0', {}).launch('9.0');
    expect(one.state.obeyed).toBe(4);
    expect(one.kill('1.0', {}, [7, 1, 3]).did('stop')).toEqual([]);
    expect(one.kill('1.0', {}, [7, 1, 6]).did('stop')).toEqual([]);
    expect(one.state.obeyed).toBe(4);
    expect(one.sync({ keep: ['2.0', '9.0'], kill: ['1.0'] }, { n: 7 }).did('stop')).toMatchObject([{ launch: '1.0' }]);
    expect(one.state.obeyed).toBe(7);
  });

  it.each([
    ['another process', { session: 's0' }],
    ['another agent', { agent: 'eve-0001' as AgentId }],
    ['a former registration', { epoch: 0 }],
  ])('for %s are not obeyed', (_, head) => {
    const one = new Case().sync({ keep: ['1.0'] });
    expect(one.sync({ kill: ['1.0'] }, head).did('stop')).toEqual([]);
    expect(one.state.obeyed).toBe(1);
  });

  it.each([
    ['another agent', {}, [8]],
    ['a former registration', {}, [7, 0]],
    ['another cluster', { journalId: 'other' }, []],
  ])('to a lane for %s are not obeyed', (_, more, head) => {
    const one = new Case().sync().launch('1.0');
    expect(one.kill('1.0', more, head).did('stop')).toEqual([]);
    expect(one.state.obeyed).toBe(2);
  });

  it('take of a set what is theirs: ports, devices and volumes with it', () => {
    const volumes = [[], [{ volume: '7.0', name: 'data', path: 'data', sizeMib: 1 }]];
    const one = new Case()
      .sync()
      .launch('1.0', { ports: { http: [80, 81], all: [9] }, gpuIds: [['a'], ['b']], volumes });
    expect(one.row('1.0')!.launch).toMatchObject({ ports: { http: 81, all: 9 }, gpuIds: ['b'], volumes: volumes[1] });
  });

  it('of another cluster are not obeyed while tasks live, and are when none does', () => {
    const one = new Case().sync().launch('1.0').began('1.0');
    expect(one.sync({}, { journalId: 'other', epoch: 9 }).did('stop')).toEqual([]);
    expect(one.did('say')).toHaveLength(1);
    expect(one.state).toMatchObject({ journalId: 'j', epoch: 1 });
    one.ended('1.0').sync({}, { journalId: 'other', epoch: 9, n: 1 });
    expect(one.state).toMatchObject({ journalId: 'other', epoch: 9, obeyed: 1 });
  });
});

describe('a Sync', () => {
  it('starts what is new, kills what it does not keep and forgets ends that it does not speak of', () => {
    const one = new Case().sync().launch('1.0').launch('2.0').launch('3.0').ended('2.0').ended('3.0');
    one.sync({ keep: ['4.0'], kill: ['3.0'] });
    expect(one.did('start')).toMatchObject([{ row: { launch: { launch: '4.0' } } }]);
    expect(one.did('stop')).toMatchObject([{ launch: '1.0', graceMs: 5000 }]);
    expect(one.did('release')).toEqual([{ type: 'release', launches: ['2.0'] }]);
    expect(one.row('3.0')).toMatchObject({ state: 'FINISHED' });
  });

  it('is needed before a launch of a former process begins', () => {
    const one = new Case().sync().launch('1.0').launch('2.0');
    one.input({ type: 'boot', session: 's2', facts, observed: [] });
    expect(one.did('start')).toEqual([]);
    one.sync({ keep: ['1.0'] }, { session: 's2', epoch: 2, n: 1 });
    expect(one.did('start')).toMatchObject([{ row: { launch: { launch: '1.0' } } }]);
    expect(one.did('stop')).toMatchObject([{ launch: '2.0' }]);
  });

  it('that asks is answered with an inventory of the same registration', () => {
    const one = new Case().sync().launch('1.0').began('1.0').ended('1.0', 3);
    one.sync({ kill: ['1.0'] }, { askInventory: true });
    expect(one.reported().find(({ type }) => type === 'Inventory')).toMatchObject({
      epoch: 1,
      obeyed: 3,
      m: one.state.made,
      launches: [{ launch: '1.0', state: 'FAILED', exit: { code: 3 }, reason: 'exit-code' }],
    });
  });

  it('has a kill of a launch that never came answered', () => {
    const one = new Case().sync().sync({ kill: ['8.0'] });
    expect(one.reported()).toMatchObject([
      { ended: [{ launches: [[8, 0, 0]], state: 'KILLED', reason: 'never-started' }] },
    ]);
  });
});

describe('a kill', () => {
  it('makes the end KILLED, whatever the code', () => {
    const one = new Case().sync().launch('1.0').began('1.0');
    one.kill('1.0', { graceMs: 7 });
    expect(one.did('stop')).toEqual([{ type: 'stop', launch: '1.0', graceMs: 7 }]);
    one.ended('1.0', 0);
    expect(one.row('1.0')).toMatchObject({ state: 'KILLED', end: { reason: 'killed', exit: { code: 0 } } });
  });

  it('goes on after a restart with what is left of its grace', () => {
    const one = new Case().sync().launch('1.0').began('1.0');
    one.kill('1.0');
    const observation = { state: 'running', pid: 7, since: 5 } as const;
    one.input({ type: 'boot', session: 's2', facts, observed: [['1.0' as LaunchId, observation]] });
    expect(one.did('stop')).toEqual([{ type: 'stop', launch: '1.0', graceMs: 4000 }]);
  });
});

describe('an end', () => {
  it('is forgotten when an order says that the journal has its report', () => {
    const one = new Case().sync().launch('1.0').began('1.0').ended('1.0').taken();
    expect(one.launch('2.0', {}).row('1.0')).toBeDefined();
    one.launch('3.0', {}, [7, 1, undefined, one.state.made]);
    expect(one.row('1.0')).toBeUndefined();
    expect(one.did('release')).toEqual([{ type: 'release', launches: ['1.0'] }]);
  });
});

describe('reports', () => {
  it('go one at a time, and together what came meanwhile', () => {
    const one = new Case().sync().launch('1.0').began('1.0');
    expect(one.reported()).toMatchObject([
      { m: 1, running: [{ launches: [[1, 0, 0]], sinceFrom: 5, since: [0], pids: [7], ready: true }] },
    ]);
    one.launch('2.0').began('2.0');
    expect(one.reported()).toEqual([]);
    one.ended('1.0').taken();
    expect(one.reported()).toMatchObject([
      { m: 2, running: [{ launches: [[2, 0, 0]] }], ended: [{ launches: [[1, 0, 0]], state: 'FINISHED' }] },
    ]);
  });

  it('say STARTING only of launches that take their time', () => {
    const one = new Case().sync().launch('1.0').input({ type: 'tick' }).began('1.0').taken();
    expect(one.state.outgoing[0]).toMatchObject({ tasks: [{ launch: '1.0', state: 'RUNNING' }] });
    expect(new Case().sync().launch('2.0').began('2.0').state.untoldStarts.size).toBe(0);
  });

  it('that nobody took before a restart go first, under the registration of then', () => {
    const one = new Case().sync().launch('1.0').began('1.0');
    const observation = { state: 'ended', how: 'exited', at: 9, code: 1 } as const;
    one.input({ type: 'boot', session: 's2', facts, observed: [['1.0' as LaunchId, observation]] });
    expect(one.reported()).toMatchObject([
      { session: 's1', epoch: 1, m: 1, running: [{}] },
      { session: 's1', epoch: 1, m: 2, ended: [{ state: 'FAILED' }] },
      { type: 'Inventory', session: 's2', epoch: 0, launches: [{ launch: '1.0', state: 'FAILED' }] },
    ]);
  });

  it('tell how much memory was not enough', () => {
    const one = new Case().sync().launch('1.0').began('1.0').taken();
    const observation = { state: 'ended', how: 'exited', at: 9, signal: 'SIGKILL', oom: true } as const;
    one.input({ type: 'observed', launch: '1.0' as LaunchId, observation });
    expect(one.row('1.0')?.end).toMatchObject({
      reason: 'oom',
      message: expect.stringMatching(/^out of memory: .* MiB/),
    });
  });

  it('shrink to ends while no broker takes them', () => {
    const one = new Case().sync();
    for (let count = 0; count < 6000; count++) one.launch(`${count}.0`).began(`${count}.0`).ended(`${count}.0`);
    expect(one.state.pendingTasks.length).toBeLessThanOrEqual(10_000);
    const ends = one.state.pendingTasks.filter(({ state }) => state === 'FINISHED');
    expect(ends.length + one.state.outgoing.flatMap(({ tasks }) => tasks).length).toBeGreaterThanOrEqual(6000);
  });
});

describe('a volume', () => {
  it('is destroyed when the last launch that uses it has ended', () => {
    const volumes = [[], [{ volume: '7.0', name: 'data', path: 'data', sizeMib: 1 }]];
    const one = new Case().sync().launch('1.0', { volumes }).began('1.0');
    expect(one.order({ type: 'DestroyVolumes', volumes: ['7.0' as VolumeId] }).did('destroy-volumes')).toEqual([]);
    expect(one.ended('1.0').did('destroy-volumes')).toMatchObject([{ volumes: ['7.0'] }]);
    one.taken().input({ type: 'volumes-destroyed', volumes: ['7.0' as VolumeId] });
    expect(one.taken().reported()).toMatchObject([{ type: 'VolumesDestroyed', volumes: ['7.0'] }]);
    expect(one.state.volumes.size).toBe(0);
  });
});

describe('standing down', () => {
  it('for another process leaves the tasks alone and obeys nothing more', () => {
    const one = new Case().sync().launch('1.0').began('1.0');
    one.order({ type: 'StandDown', reason: 'replaced', killTasks: false, epoch: 0, n: 0 });
    expect(one.did('stop')).toEqual([]);
    expect(one.launch('2.0').row('2.0')).toBeUndefined();
    expect(one.ended('1.0').reported()).toEqual([]);
  });

  it('for ever ends the tasks and then asks for a new id', () => {
    const one = new Case().sync().launch('1.0').began('1.0');
    one.order({ type: 'StandDown', reason: 'agent-gone', killTasks: true });
    expect(one.did('stop')).toMatchObject([{ launch: '1.0' }]);
    expect(one.did('rejoin')).toEqual([]);
    expect(one.ended('1.0').did('rejoin')).toHaveLength(1);
  });
});

describe('leaving', () => {
  it('ends the tasks, tells it, and only then is done', () => {
    const one = new Case().sync().launch('1.0').began('1.0').taken();
    one.input({ type: 'leave', killTasks: true });
    expect(one.did('stop')).toMatchObject([{ launch: '1.0' }]);
    expect(one.did('leave')).toEqual([]);
    expect(one.ended('1.0').did('leave')).toEqual([{ type: 'leave', told: false }]);
    expect(one.row('1.0')).toMatchObject({ state: 'KILLED', end: { reason: 'agent-stopped' } });
    expect(one.taken().did('leave')).toEqual([{ type: 'leave', told: true }]);
  });
});
