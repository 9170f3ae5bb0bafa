import fc from 'fast-check';
import {
  idRunsOf,
  type AgentId,
  type AgentOrder,
  type AgentReport,
  type ClusterCommand,
  type ClusterEvent,
  type GrantId,
  type IdRuns,
  type InventoryItem,
  type LaneOrder,
  type LaunchId,
  type TaskEnds,
  type VolumeId,
  valueAt,
} from '@orrery/contracts';
import { partsOf, slicesOf, UndoLog, type DomainState } from '@orrery/kernel';
import { digestOf } from '@orrery/testing';
import { cluster } from './decide.js';
import {
  allocation,
  AT,
  command,
  facts,
  hello,
  internal,
  inventory,
  launch,
  ordered,
  report,
  reports,
  services,
} from './examples.js';
import { launchesOfService, launchesOnAgent, launchOf, taskKey, tasksInOrder } from './find.js';
import type { ClusterInput } from './input.js';
import { clusterViolations, watchEvent } from './invariants.js';
import { ordersOf } from './orders.js';
import { initialState, type ClusterState } from './state.js';
import { agentView, countStates, currentLaunch, taskViewOf } from './views.js';

/** Three agents, two services, a few pods: small enough that everything meets everything. */
const agents = ['ada', 'bob', 'cyd'] as AgentId[];
const draw = fc.tuple(fc.nat(18), fc.nat(2), fc.nat(5), fc.nat(9), fc.nat(3));
type Draw = readonly [kind: number, agent: number, choice: number, detail: number, late: number];

/** An input that mostly fits the state, and sometimes comes from another time. */
function inputOf([kind, agentAt, choice, detail, late]: Draw, step: number, state: ClusterState): ClusterInput {
  const agent = agents[agentAt]!;
  const row = state.agents.get(agent);
  const live = launchesOnAgent(state, agent).map(({ launch }) => launch);
  const some = live.filter((_, index) => (index + detail) % 2 === 0);
  const told = detail === 9 ? [...some, '4.0' as LaunchId] : some;
  const epoch = (row?.epoch ?? 1) - (late === 3 ? 1 : 0);
  const session = late === 2 ? 'other' : (row?.session ?? 's0');
  const head = {
    agent,
    session,
    epoch,
    obeyed: Math.max(0, (row === undefined ? 0 : state.counters.ordered(row.number)) - late),
  };
  const m = (row === undefined ? 0 : state.counters.reported(row.number)) + [1, 1, 2, 0][late]!;
  const service = { service: hello, generation: 1 + (choice % 2) } as const;
  switch (kind) {
    case 0:
    case 1: {
      // Mostly a few; sometimes enough for a run, over several agents, and ids that were there before.
      const count = detail % 3 === 2 ? 12 + detail : 1 + (detail % 3);
      const seq = detail === 8 ? 4 + choice : step;
      const plans = Array.from({ length: count }, (_, nth) => {
        const on = state.agents.numbered(1 + ((agentAt + Math.floor((3 * nth) / count)) % 3));
        return launch(`${seq}.${nth}`, {
          index: choice + nth,
          agent: on?.number ?? 9,
          epoch: (on?.epoch ?? 1) - (late === 3 && on?.agent === agent ? 1 : 0),
          grant: `7.${choice + nth}` as GrantId,
        });
      }).sort((left, right) => left.index - right.index);
      return ordered(plans, {
        ...{ generation: service.generation, templateDigest: `d${detail % 2}`, incarnation: step },
      });
    }
    case 2:
      return services({
        type: 'KillOrdered',
        data: { ...service, launches: idRunsOf(some), reason: reasons[choice]! },
      });
    case 3:
      return services({ type: 'GrantReturned', data: { ...service, grants: [[7, choice, choice + detail]] } });
    case 4:
      return services({ type: 'ServiceRemoved', data: { ...service, leftOn: [] } });
    case 5:
      return allocation({
        type: 'VolumeDestroying',
        data: { agent, epoch, grant: 'g' as GrantId, volumes: [`v${choice}` as VolumeId] },
      });
    case 6:
      return report({
        type: 'VolumesDestroyed',
        ...head,
        m,
        volumes: [`v${choice}` as VolumeId],
      });
    case 7:
    case 8:
    case 9:
      return report({ type: 'TaskStates', ...head, m, ...stories[choice]!(idRunsOf(told)) });
    case 10:
    case 11: {
      const fresh = detail > 6 ? { session: `s${step}`, epoch: 0, obeyed: 0, m: 0 } : { m: m - 1 };
      const launches = (late === 1 ? some : live).map((id) => items[choice]!(id));
      return report({ type: 'Inventory', ...head, volumes: [], ...facts, launches, ...fresh });
    }
    case 12:
      return internal({ type: 'lease-lapsed', agent, epoch });
    case 13:
      return internal({ type: 'heartbeat-from-unreachable', agent, epoch });
    case 14:
      return internal({ type: 'obeyed-behind', agent, epoch, obeyed: head.obeyed });
    case 15:
      return internal({ type: 'tick' });
    case 16:
      return command(commands(agent, choice, detail, step));
    case 17:
      return reports(...toldByAll(choice, detail, state));
    default:
      return internal({ type: 'continue' });
  }
}

/** What each agent tells next: one story after the other, of some of its launches and of one that nobody knows. */
function toldByAll(choice: number, detail: number, state: ClusterState): AgentReport[] {
  return agents.flatMap((agent, at): AgentReport[] => {
    const row = state.agents.get(agent);
    if (row === undefined) return [];
    const live = launchesOnAgent(state, agent).map(({ launch }) => launch);
    const told = [...live.filter((_, index) => (index + detail) % 2 === 0), '4.0' as LaunchId];
    const head = { agent, session: row.session, epoch: row.epoch, obeyed: 0 };
    const m = state.counters.reported(row.number) + (detail === at ? 2 : 1);
    return [{ type: 'TaskStates', ...head, m, ...stories[(choice + at) % stories.length]!(idRunsOf(told)) }];
  });
}

const reasons = ['scaled-down', 'replaced', 'restarted', 'updated', 'uninstalled', 'drained'] as const;

const ran = (launches: IdRuns, more: object = {}) => ({ launches, sinceFrom: AT, since: [3], pids: [1], ...more });
const ends = (launches: IdRuns, state: TaskEnds['state']) => ({ launches, state, reason: 'exit-code' });

const stories: readonly ((launches: IdRuns) => object)[] = [
  (launches) => ({ starting: launches }),
  (launches) => ({ running: [ran(launches)], ready: launches }),
  (launches) => ({ running: [ran(launches, { ready: true })] }),
  (launches) => ({ ready: launches }),
  // An end, told by clocks and of pids that no run has room for.
  (launches) => ({ running: [ran(launches, { sinceFrom: 0, pids: [2 ** 31] })], ended: [ends(launches, 'FAILED')] }),
  (launches) => ({
    running: [ran(launches, { sinceFrom: 0 })],
    unready: launches,
    ended: [ends(launches.slice(0, 1), 'FINISHED')],
  }),
];

const items: readonly ((id: LaunchId) => InventoryItem)[] = [
  (launch) => ({ launch, state: 'ORDERED' }),
  (launch) => ({ launch, state: 'RUNNING', pid: 1, since: AT, ready: true }),
  (launch) => ({ launch, state: 'RUNNING', pid: 1, since: AT, ready: false }),
  (launch) => ({ launch, state: 'FAILED', exit: { code: 1 }, reason: 'exit-code' }),
  (launch) => ({ launch, state: 'KILLED', reason: 'killed' }),
  (launch) => ({ launch, state: 'RUNNING' }),
];

function commands(agent: AgentId, choice: number, detail: number, step: number): ClusterCommand {
  const task = `hello.web-${detail % 6}.server`;
  const list: readonly ClusterCommand[] = [
    { type: 'DrainAgent', body: { agent, 'grace-secs': detail } },
    { type: 'ActivateAgent', body: { agent } },
    // Rare, since it is final.
    detail === 0 ? { type: 'MarkAgentGone', body: { agent } } : { type: 'ActivateAgent', body: { agent } },
    { type: 'ConfirmLapse', body: { agent } },
    { type: 'KillTask', body: { task } },
    { type: 'OpenStream', body: { stream: `s${step}`, task, kind: 'stdout' } },
  ];
  return list[choice]!;
}

/** Decides and folds a sequence of inputs as an owner would, a second apart; gives the events. */
function live(draws: readonly Draw[], state: ClusterState, take: (events: readonly ClusterEvent[]) => void): void {
  const decide = (input: ClusterInput, step: number) => {
    const context = { at: AT + step * 1000, seq: step, seed: 1, nextId: () => `${step}.0`, nextIds: () => 0 };
    const decision = cluster.decide(input, state, context);
    if (decision.accepted) take(decision.events);
  };
  agents.forEach((agent, at) => decide(inventory([], { agent, session: 's0', epoch: 0 }), at + 1));
  draws.forEach((drawn, at) => decide(inputOf(drawn, at + 4, state), at + 4));
}

const sequences = (maxLength: number) => fc.array(draw, { maxLength, size: 'max' });
// The seed is fixed, so that a red run is red for everybody.
const runs = (numRuns: number) => ({ numRuns, seed: 20260101 });

describe('any sequence of inputs', () => {
  it('keeps the invariants, event by event', () => {
    const kinds = new Set<string>();
    let ranAgain = 0;
    fc.assert(
      fc.property(sequences(150), (draws) => {
        const state = initialState();
        live(draws, state, (events) => {
          for (const event of events) {
            kinds.add(event.type);
            const broken = watchEvent(state, event);
            cluster.evolve(state, event);
            expect(broken()).toEqual([]);
          }
          expect(clusterViolations(state)).toEqual([]);
          if (state.runs.hasAgain) ranAgain += 1;
        });
      }),
      runs(200),
    );
    // A generator that never reaches an event proves nothing about it.
    expect([...kinds].sort()).toEqual(everyKind);
    expect(ranAgain).toBeGreaterThan(100);
  });

  it('leaves a state that is the same by replay, from a snapshot anywhere, and after a roll-back', () => {
    fc.assert(
      fc.property(sequences(60), fc.nat(), (draws, cut) => {
        const lived = initialState();
        const history: ClusterEvent[] = [];
        live(draws, lived, (events) => {
          if (history.length % 8 === 0) expectRollBack(lived, events);
          for (const event of events) cluster.evolve(lived, event);
          history.push(...(JSON.parse(JSON.stringify(events)) as ClusterEvent[]));
        });

        const middle = cut % (history.length + 1);
        const prefix = initialState();
        for (const event of history.slice(0, middle)) cluster.evolve(prefix, event);
        const loaded = initialState();
        for (const { part, slice } of slicesOf(prefix as unknown as DomainState)) {
          loaded[part as keyof ClusterState].load(slice);
        }
        for (const event of history.slice(middle)) cluster.evolve(loaded, event);
        expect(digestOf(loaded)).toBe(digestOf(lived));
        expect(cluster.nextDeadline!(loaded)).toBe(cluster.nextDeadline!(lived));
      }),
      runs(40),
    );
  });

  it('leaves the same state whether reports of several agents are judged together or one by one', () => {
    let news = 0;
    fc.assert(
      fc.property(sequences(60), fc.nat(5), fc.nat(9), (draws, choice, detail) => {
        const together = initialState();
        const oneByOne = initialState();
        live(draws, together, (events) => {
          for (const event of events) [together, oneByOne].forEach((state) => cluster.evolve(state, event));
        });
        const told = toldByAll(choice, detail, together);
        const context = { at: AT, seq: 1000, seed: 1, nextId: () => '1000.0', nextIds: () => 0 };
        const take = (state: ClusterState, input: ClusterInput) => {
          const decision = cluster.decide(input, state, context);
          if (!decision.accepted) throw new Error(decision.refusal.message);
          for (const event of decision.events) cluster.evolve(state, event);
          return decision.events.length;
        };
        const events = take(together, reports(...told));
        const alone = told.reduce((sum, each) => sum + take(oneByOne, report(each)), 0);
        expect(digestOf(together)).toBe(digestOf(oneByOne));
        expect(clusterViolations(together)).toEqual([]);
        if (events < alone) news += 1;
      }),
      runs(200),
    );
    expect(news).toBeGreaterThan(50);
  });

  it('can be told to agents commit by commit, each order with a number of its own', () => {
    fc.assert(
      fc.property(sequences(100), fc.integer({ min: 1, max: 4 }), (draws, decisions) => {
        const state = initialState();
        let commit: ClusterEvent[] = [];
        let before = countsOf(state);
        let left = decisions;
        live(draws, state, (events) => {
          for (const event of events) cluster.evolve(state, event);
          commit.push(...events);
          left -= 1;
          if (left > 0) return;
          const told = ordersOf(commit, state, {
            journalId: 'j',
            at: AT,
            partitionOf: (agent) => agents.indexOf(agent) % 2,
          });
          for (const [agent, numbers] of numbersTold(told.map(({ order }) => order))) {
            expect(numbers).toEqual([...new Set(numbers)].sort((left, right) => left - right));
            const registered = before.get(agent)?.epoch !== state.agents.get(agent)?.epoch;
            expect(numbers[0]).toBeGreaterThan(registered ? 0 : before.get(agent)!.ordered);
            expect(numbers.at(-1)).toBeLessThanOrEqual(countsOf(state).get(agent)!.ordered);
          }
          commit = [];
          before = countsOf(state);
          left = decisions;
        });
      }),
      runs(100),
    );
  });

  it('can be seen at any moment: each task once, in order, from anywhere on', () => {
    fc.assert(
      fc.property(sequences(60), fc.nat(), (draws, cut) => {
        const state = initialState();
        live(draws, state, (events) => events.forEach((event) => cluster.evolve(state, event)));
        const all = [...tasksInOrder(state)];
        const keys = all.map(([key]) => key);
        expect(keys).toEqual([...new Set(keys)].sort());
        const rows = [...launchesOfService(state, hello)];
        expect(new Set(keys)).toEqual(new Set(rows.map(taskKey)));
        for (const [, row] of all) expect(currentLaunch(state, taskViewOf(state, row).id)).toEqual(row);
        for (const row of rows) expect(launchOf(state, row.launch)).toEqual(row);
        const from = keys[cut % Math.max(1, keys.length)];
        expect([...tasksInOrder(state, { service: hello, from })].map(([key]) => key)).toEqual(
          keys.slice(from === undefined ? 0 : keys.indexOf(from)),
        );
        const states = [...countStates(state, hello)].reduce((sum, [, count]) => sum + count, 0);
        expect(states).toBe(rows.length);
        for (const agent of agents) expect(agentView(state, agent)?.used.cpusMilli ?? 0).toBeGreaterThanOrEqual(0);
      }),
      runs(100),
    );
  });
});

function countsOf(state: ClusterState): Map<AgentId, { readonly epoch: number; readonly ordered: number }> {
  return new Map(
    Array.from(state.agents.values(), ({ agent, number, epoch }) => [
      agent,
      { epoch, ordered: state.counters.ordered(number) },
    ]),
  );
}

/** Numbers of the orders to each agent, in the order in which they go out; a Sync speaks for all before it. */
function numbersTold(orders: readonly (AgentOrder | LaneOrder)[]): Map<AgentId, number[]> {
  const told = new Map<AgentId, number[]>();
  const add = (agent: AgentId, n: number) => told.set(agent, [...(told.get(agent) ?? []), n]);
  for (const order of orders) {
    if ('to' in order) order.to.numbers.forEach((number, at) => add(agents[number - 1]!, valueAt(order.to.ns, at)));
    else if (order.type !== 'Sync' && order.type !== 'StandDown') add(order.agent, order.n);
  }
  return told;
}

function expectRollBack(state: ClusterState, events: readonly ClusterEvent[]): void {
  const parts = partsOf(state as unknown as DomainState);
  const undo = new UndoLog();
  const before = digestOf(state);
  parts.forEach((part) => part.recordTo(undo));
  for (const event of events) cluster.evolve(state, event);
  undo.rollBackTo(0);
  parts.forEach((part) => part.recordTo(undefined));
  expect(digestOf(state)).toBe(before);
}

const everyKind = [
  'AgentActivated',
  'AgentDrained',
  'AgentDraining',
  'AgentGone',
  'AgentRegistered',
  'AgentReturned',
  'AgentUnreachable',
  'DrainDeadlinePassed',
  'GrantsForgotten',
  'KillAccepted',
  'LapseDropped',
  'LapseHeld',
  'LaunchAccepted',
  'LaunchRefused',
  'ReportNoted',
  'ReportsNoted',
  'ServiceForgotten',
  'StandDownOrdered',
  'StreamOpened',
  'SyncOrdered',
  'TasksEnded',
  'TasksLost',
  'TasksReady',
  'TasksReportedLate',
  'TasksRunning',
  'TasksStarting',
  'TemplateKept',
  'VolumeDestroyAccepted',
  'VolumesGone',
];
