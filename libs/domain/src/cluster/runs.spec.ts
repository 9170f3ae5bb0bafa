import type { ClusterEvent, VolumeId } from '@orrery/contracts';
import { slicesOf, type DomainState } from '@orrery/kernel';
import { digestOf, specificationOf } from '@orrery/testing';
import { cluster } from './decide.js';
import {
  accepted,
  AT,
  ended,
  event,
  failed,
  grantOf,
  hello,
  id,
  ids,
  joined,
  killed,
  launch,
  launches,
  one,
  ordered,
  taskStates,
  templateKept,
} from './examples.js';
import { launchesOfService, launchesOnAgent, launchOf, spansOf, taskKey, tasksInOrder } from './find.js';
import { clusterViolations } from './invariants.js';
import { initialState, type ClusterState } from './state.js';
import { countStates } from './views.js';

const given = (...events: readonly ClusterEvent[]) =>
  specificationOf(cluster).given(...joined, templateKept, ...events);
const sizes = (state: ClusterState) => ({
  runs: [...state.runs.values()].map(({ left }) => left),
  rows: state.launches.size,
});
const loadedFrom = (state: ClusterState) => {
  const loaded = initialState();
  for (const { part, slice } of slicesOf(state as unknown as DomainState)) {
    loaded[part as keyof ClusterState].load(slice);
  }
  return loaded;
};
const span = (first: number, last: number) => [[10, first, last]] as const;

describe('launches that were accepted together', () => {
  it('are a few runs, and rows where they do not follow each other or have volumes', () => {
    given(accepted(launches(300))).thenState((state) => expect(sizes(state)).toEqual({ runs: [256, 44], rows: 0 }));
    given(accepted(launches(7))).thenState((state) => expect(sizes(state)).toEqual({ runs: [], rows: 7 }));
    const apart = launches(20).map((plan) => ({ ...plan, index: plan.index * 2 }));
    given(accepted(apart)).thenState((state) => expect(sizes(state)).toEqual({ runs: [], rows: 20 }));
    const volumes = [{ volume: 'v1' as VolumeId, name: 'data', path: 'data', sizeMib: 1 }];
    given(accepted(launches(20).map((plan) => ({ ...plan, volumes })))).thenState((state) => {
      expect(sizes(state)).toEqual({ runs: [], rows: 20 });
      expect(launchOf(state, id('10.5'))?.volumes).toEqual(volumes);
    });
  });

  it('each know their own: pod, grant, ports, time and pid', () => {
    const plans = launches(20).map((plan, at) => ({ ...plan, index: 100 + at, ports: { http: 7000 + at, all: 9 } }));
    const since = Array.from({ length: 20 }, (_, at) => at);
    const tasks = { launches: span(0, 19), sinceFrom: AT - 500, since, pids: since.map((at) => at + 1) };
    given(accepted(plans), event('TasksRunning', { ...one, m: 1, ...tasks })).thenState((state) => {
      expect(sizes(state)).toEqual({ runs: [20], rows: 0 });
      expect(launchOf(state, id('10.3'))).toMatchObject({
        ...{ launch: '10.3', index: 103, grant: '1010.3', agent: 'ada', on: 1, ports: { http: 7003, all: 9 } },
        ...{ phase: 'RUNNING', since: AT - 497, pid: 4, ready: false, unwanted: false },
      });
    });
  });

  it('of which one ended leave it to itself', () => {
    given(accepted(launches(20)))
      .when(taskStates(1, failed('10.3')))
      .thenState((state) => {
        expect(sizes(state)).toEqual({ runs: [19], rows: 1 });
        expect(launchOf(state, id('10.3'))).toMatchObject({ phase: 'FAILED', reason: 'exit-code', index: 3 });
        expect(spansOf(state, span(2, 4)).map(({ ordinal, count }) => [ordinal, count])).toEqual([
          [2, 1],
          [4, 1],
          [3, 1],
        ]);
        expect(clusterViolations(state)).toEqual([]);
      })
      .when(ordered([launch('10.3')]))
      .then(event('LaunchRefused', { service: hello, generation: 1, launches: ids('10.3'), code: 'launch-id-used' }));
  });

  it('take back what runs again where it ran, under its new name', () => {
    const again = [launch('20.7', { index: 3, grant: launches(20)[3]!.grant })];
    const first = event('TasksRunning', { ...one, m: 1, launches: span(0, 19), sinceFrom: AT, since: [0], pids: [7] });
    given(accepted(launches(20)), first, ended(2, 'FAILED', '10.3'))
      .thenState((state) => expect(sizes(state)).toEqual({ runs: [19], rows: 1 }))
      .when(ordered(again, { incarnation: 2 }))
      .thenState((state) => {
        expect(sizes(state)).toEqual({ runs: [20], rows: 0 });
        expect(launchOf(state, id('10.3'))).toBeUndefined();
        expect(launchOf(state, id('20.7'))).toMatchObject({ index: 3, incarnation: 2, phase: 'STAGING', since: AT });
        expect(launchesOnAgent(state, one.agent).map((row) => row.launch)).toContain('20.7');
        const both = [...span(2, 4), [20, 7, 7]];
        expect(spansOf(state, both).map(({ kind, seq, index }) => [kind.incarnation, seq, index])).toEqual([
          [1, 10, 2],
          [1, 10, 4],
          [2, 20, 3],
        ]);
        expect(clusterViolations(state)).toEqual([]);
        expect(digestOf(loadedFrom(state))).toBe(digestOf(state));
        expect(launchOf(loadedFrom(state), id('20.7'))).toEqual(launchOf(state, id('20.7')));
      })
      .when(ordered(again, { incarnation: 2 }))
      .then(event('LaunchRefused', { service: hello, generation: 1, launches: ids('20.7'), code: 'launch-id-used' }))
      .when(taskStates(3, { running: [{ launches: ids('20.7'), sinceFrom: AT + 5, since: [0], pids: [8] }] }))
      .thenState((state) => expect(launchOf(state, id('20.7'))).toMatchObject({ since: AT + 5, pid: 8 }))
      .when(taskStates(4, failed('20.7')))
      .thenState((state) => {
        expect(sizes(state)).toEqual({ runs: [19], rows: 1 });
        expect(launchOf(state, id('20.7'))).toMatchObject({ phase: 'FAILED', incarnation: 2, index: 3 });
        expect(clusterViolations(state)).toEqual([]);
      });
  });

  it('do not take back what runs again elsewhere, on another grant or port, or in another version', () => {
    const [before] = [launches(20)[3]!];
    const elsewhere: [Partial<typeof before>, object][] = [
      [{ agent: 2 }, {}],
      [{ grant: grantOf('30.1') }, {}],
      [{ ports: { http: 7000 } }, {}],
      [{}, { version: 2 }],
    ];
    for (const [member, kind] of elsewhere) {
      const plan = launch('20.7', { index: 3, grant: before.grant, ...member });
      given(
        accepted(launches(20)),
        ended(1, 'FAILED', '10.3'),
        accepted([plan], { incarnation: 2, ...kind }),
      ).thenState((state) => expect(sizes(state)).toEqual({ runs: [19], rows: 1 }));
    }
  });

  it('of which too few are left become rows', () => {
    const names = Array.from({ length: 13 }, (_, at) => `10.${at}`);
    given(accepted(launches(20)), killed(names, { final: true }), ended(1, 'KILLED', ...names.slice(0, 12)))
      .thenState((state) => expect(sizes(state)).toEqual({ runs: [8], rows: 0 }))
      .given(ended(2, 'KILLED', '10.12'))
      .thenState((state) => {
        expect(sizes(state)).toEqual({ runs: [], rows: 7 });
        expect([...launchesOfService(state, hello)].map(({ index }) => index)).toEqual([13, 14, 15, 16, 17, 18, 19]);
        expect(clusterViolations(state)).toEqual([]);
      });
  });

  it('of which one runs since another age, or with a huge pid, leave it to itself', () => {
    const tasks = { launches: ids('10.1', '10.2', '10.3'), sinceFrom: 0, since: [AT, 5, AT], pids: [1, 1, 2 ** 31] };
    given(accepted(launches(20)), event('TasksRunning', { ...one, m: 1, ...tasks, ready: true })).thenState((state) => {
      expect(sizes(state)).toEqual({ runs: [18], rows: 2 });
      expect(launchOf(state, id('10.2'))).toMatchObject({ phase: 'RUNNING', since: 5, pid: 1, ready: true });
      expect(launchOf(state, id('10.3'))).toMatchObject({ phase: 'RUNNING', since: AT, pid: 2 ** 31, ready: true });
      expect(clusterViolations(state)).toEqual([]);
    });
  });

  it('take a few bytes each in a snapshot, also when they run', () => {
    const pids = Array.from({ length: 1000 }, (_, at) => 30_000 + at * 7);
    const tasks = { launches: span(0, 999), sinceFrom: AT, since: pids.map((pid) => (pid * 31) % 1000), pids };
    given(accepted(launches(1000)), event('TasksRunning', { ...one, m: 1, ...tasks })).thenState((state) => {
      let bytes = 0;
      for (const { slice } of slicesOf(state as unknown as DomainState)) bytes += slice.length;
      expect(bytes / 1000).toBeLessThan(12);
    });
  });
});

describe('a list of tasks', () => {
  it('goes over runs and rows in one order, and can go on from anywhere', () => {
    const proxies = launches(40, 11).map((plan) => ({ ...plan, index: plan.index + 10 }));
    const state = given(
      accepted(launches(300)),
      accepted(proxies, { task: 'proxy' }),
      accepted([launch('12.0', { index: 5 })], { incarnation: 2 }),
      accepted(launches(3, 13), { pod: 'db' }),
      ended(1, 'FAILED', '10.20'),
    );
    state.thenState((each) => {
      const all = [...tasksInOrder(each)];
      const keys = all.map(([key]) => key);
      expect(keys).toEqual([...keys].sort());
      expect(keys).toHaveLength(343);
      expect(all.map(([, row]) => taskKey(row))).toEqual(keys);
      expect(all.find(([key]) => key === 'hello.web.0000005.server')![1]).toMatchObject({ incarnation: 2 });
      for (const from of [0, 1, 3, 150, 342]) {
        const rest = [...tasksInOrder(each, { service: 'hello', from: keys[from] })].map(([key]) => key);
        expect(rest).toEqual(keys.slice(from));
      }
      expect([...tasksInOrder(each, { service: 'hell' })]).toEqual([]);
      expect(Object.fromEntries(countStates(each, 'hello'))).toEqual({ STAGING: 343, FAILED: 1 });
    });
  });
});
