import fc from 'fast-check';
import type { DecisionContext } from '@orrery/kernel';
import {
  idsIn,
  type LaunchId,
  type PlacementRequest,
  type PodSpec,
  type ServicesEvent,
  type ServiceSpec,
} from '@orrery/contracts';
import { SPECIFICATION_STARTS_AT_MS as START, SeededRandom, specificationOf } from '@orrery/testing';
import { services } from './decide.js';
import {
  AGENTS,
  apply,
  command,
  dataOf,
  draining,
  ended,
  goOn,
  HELLO,
  hello,
  launchesIn,
  launchesOf,
  placeAll,
  placed,
  running,
  tick,
  typesOf,
} from './examples.js';
import type { ServicesInput } from './input.js';
import { servicesEventViolations, servicesViolations } from './invariants.js';
import { planView } from './plan-view.js';
import { rollingOf } from './rolling.js';
import { withDefaults } from './spec.js';
import { countsOf } from './tallies.js';

type Update = NonNullable<PodSpec['update']>;

const web = (count: number, cmd: string, update: Update, more: Partial<ServiceSpec> = {}): ServiceSpec =>
  hello({ pods: { web: { count, update: { 'minimum-up': 0, ...update }, tasks: { server: { cmd } } } }, ...more });

/** Brought up whole; its launches are by index. */
function up(spec: ServiceSpec) {
  const story = placeAll(
    specificationOf(services)
      .given(...AGENTS)
      .when(apply(spec)),
  );
  const launches = launchesIn(story.events);
  return { story: story.when(running(launches)).when(goOn), launches };
}

/** Indexes whose steps started. */
const startedIn = (events: readonly ServicesEvent[]) => dataOf(events, 'StepStarted').flatMap(({ indexes }) => indexes);

const HELD_BACK = '2 web pods are up, and 2 have to stay so (max-unavailable 1)';

/** Two of three are changed, and one of these fails by itself, so that the last one can not be spared. */
function heldBack() {
  const one = { 'max-unavailable': 1 };
  const { story, launches } = up(web(3, 'a', one));
  const over = story.when(apply(web(3, 'b', one))).when(ended([launches[0]!], 'KILLED'));
  const [first] = launchesIn(over.events);
  const second = over.when(running([first!])).when(ended([launches[1]!], 'KILLED'));
  const [other] = launchesIn(second.events);
  const failed = second.when(ended([first!], 'FAILED'));
  const [again] = launchesIn(failed.events);
  return { held: failed.when(running([other!])), again: again! };
}

describe('a rolling update', () => {
  it('changes as many pods at a time as may be away, and the next when one of them is up', () => {
    const { story, launches } = up(web(5, 'a', { 'max-unavailable': 2 }));
    const first = story.when(apply(web(5, 'b', { 'max-unavailable': 2 })));
    expect(dataOf(first.events, 'PlanStarted')[0]!.phases).toMatchObject([
      { name: 'web', strategy: 'parallel', rolling: { unavailableMax: 2, surge: 0 }, indexes: [[0, 4]] },
    ]);
    expect(startedIn(first.events)).toEqual([[0, 1]]);
    const over = first.when(ended(launches.slice(0, 2), 'KILLED'));
    const [one] = launchesIn(over.events);
    const next = over.when(running([one!]));
    expect(startedIn(next.events)).toEqual([[2, 2]]);
  });

  it('counts a part of the pods: what may be away rounded down, at least one, and what stands in rounded up', () => {
    const partsOf = (count: number, update: Update) => rollingOf(withDefaults(web(count, 'a', update)), 'web');
    expect(partsOf(7, { 'max-unavailable': '25%' })).toEqual({ unavailableMax: 1, surge: 0 });
    expect(partsOf(3, { 'max-unavailable': '25%' })).toEqual({ unavailableMax: 1, surge: 0 });
    expect(partsOf(7, { 'max-surge': '25%' })).toEqual({ unavailableMax: 0, surge: 2 });
    expect(partsOf(10, { 'max-unavailable': '50%', 'max-surge': 3 })).toEqual({ unavailableMax: 5, surge: 3 });
  });

  it('lets others stand in first, changes the pods while they do, and takes them down at last', () => {
    const surge = { 'max-surge': 1 };
    const { story, launches } = up(web(2, 'a', surge));
    const first = story.when(apply(web(2, 'b', surge)));
    expect(dataOf(first.events, 'PlanStarted')[0]!.phases).toMatchObject([
      { name: 'web-surge', action: 'deploy', indexes: [[2, 2]] },
      { name: 'web', action: 'deploy', indexes: [[0, 1]], rolling: { unavailableMax: 0, surge: 1 } },
      { name: 'web-decommission', action: 'decommission', indexes: [[2, 2]] },
    ]);
    expect(typesOf(first.events)).not.toContain('KillOrdered');
    const placedOne = placeAll(first);
    const guest = launchesIn(placedOne.events);
    let told = placedOne.when(running(guest));
    for (const launch of launches) {
      expect(dataOf(told.events, 'KillOrdered')).toMatchObject([{ launches: [[...runOf(launch)]], reason: 'updated' }]);
      told = told.when(ended([launch], 'KILLED'));
      told = told.when(running(launchesIn(told.events)));
    }
    expect(dataOf(told.events, 'KillOrdered')).toMatchObject([
      { launches: [[...runOf(guest[0]!)]], reason: 'scaled-down' },
    ]);
    const done = told.when(ended(guest, 'KILLED'));
    expect(typesOf(done.events)).toEqual(['TasksObserved', 'GrantReturned', 'StepCompleted', 'PlanCompleted']);
  });

  it('changes pods that are down anyway before others, and waits with these until enough are up', () => {
    const one = { 'max-unavailable': 1 };
    const { story, launches } = up(web(3, 'a', one));
    const down = story.when(ended([launches[2]!], 'FAILED'));
    const [again] = launchesIn(down.events);
    const changed = down.when(apply(web(3, 'b', one)));
    expect(startedIn(changed.events)).toEqual([[2, 2]]);
    const over = changed.when(ended([again!], 'KILLED'));
    const next = over.when(running(launchesIn(over.events)));
    expect(startedIn(next.events)).toEqual([[0, 0]]);
    next.thenState((state) => {
      expect(state.plans.get('hello/update')!.phases[0]).toMatchObject({ next: 1, done: 1, ahead: [2] });
      expect(planView(state, 'hello', 'update')!.phases[0]!.steps.map(({ status }) => status)).toEqual([
        'STARTING',
        'PENDING',
        'COMPLETE',
      ]);
    });
  });

  it('says what it waits for when others are down, and goes on when they are up', () => {
    const { held, again } = heldBack();
    expect(typesOf(held.events)).toEqual(['TasksObserved', 'StepCompleted', 'PhaseHeldBack']);
    held.thenState((state) => {
      expect(services.continues!(state)).toBe(false);
      expect(planView(state, 'hello', 'update')!.phases[0]).toMatchObject({ status: 'DELAYED', message: HELD_BACK });
    });
    expect(startedIn(held.when(running([again])).events)).toEqual([[2, 2]]);
  });

  it('is in ERROR when they are not up at the deadline, and goes on when it is resumed', () => {
    const { held, again } = heldBack();
    const late = held.when(tick, { at: START + 600_000 });
    expect(dataOf(late.events, 'StepFailed')).toMatchObject([
      { indexes: [], reason: `phase web was not complete after 600 s: ${HELD_BACK}` },
    ]);
    const resumed = late.when(command('ResumePlan', { name: HELLO, plan: 'update' })).when(running([again]));
    expect(startedIn(resumed.events)).toEqual([[2, 2]]);
  });

  it('restarts no more pods at a time than may be away, by a plan of the spec', () => {
    const plans = { again: { phases: { web: { pod: 'web' } } } };
    const { story } = up(web(4, 'a', { 'max-unavailable': 3 }, { plans }));
    const started = story.when(command('StartPlan', { name: HELLO, plan: 'again' }));
    expect(startedIn(started.events)).toEqual([[0, 2]]);
  });

  it('moves no more pods at a time from machines that are drained than may be away', () => {
    const { story } = up(web(6, 'a', { 'max-unavailable': 2 }));
    const drained = story.when(draining('a1'));
    expect(dataOf(drained.events, 'KillOrdered').map(({ launches }) => [...idsIn(launches)])).toMatchObject([
      [expect.any(String), expect.any(String)],
    ]);
  });

  it.each<[string, string, ServiceSpec]>([
    ['update-without-room', '/pods/web/update', web(2, 'a', { 'max-unavailable': 0 })],
    ['update-without-room', '/pods/web/update', web(2, 'a', { 'max-unavailable': '0%', 'max-surge': '0%' })],
    ['surge-with-volumes', '/pods/web/update/max-surge', withPod({ volumes: { data: { path: 'data', size: 1 } } })],
    ['surge-with-identity', '/pods/web/update/max-surge', withPod({ gang: true })],
    ['surge-with-identity', '/pods/web/update/max-surge', withPod({ 'allow-decommission': false })],
    ['surge-with-identity', '/pods/web/update/max-surge', withPod({ peers: { web: 'placed' } })],
  ])('is refused where it can not be: %s %s', (code, field, spec) => {
    const refusal = specificationOf(services).when(apply(spec));
    refusal.thenRefused(code, (found) => {
      expect(found).toMatchObject({ field });
      expect(found.remedy).not.toBe('');
    });
  });
});

describe('while a service changes', () => {
  const amount = fc.oneof(
    fc.nat(4),
    fc.integer({ min: 0, max: 60 }).map((part) => `${part}%`),
  );

  it('enough pods are up at any moment, and never more than count and surge', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), amount, amount, fc.nat(), (count, away, surge, seed) => {
        const update = { 'max-unavailable': away, 'max-surge': surge, 'minimum-up': [0, 0.3, 2][seed % 3]! };
        fc.pre(![away, surge].every((part) => part === 0 || part === '0%'));
        const fleet = new Fleet(seed, web(count, 'a', update));
        fleet.settle(() => undefined);
        const { unavailableMax, surge: most } = rollingOf(withDefaults(web(count, 'b', update)), 'web')!;
        fleet.decide(apply(web(count, 'b', update)));
        fleet.settle(() => {
          const { up: ready } = countsOf(fleet.state, 'hello', 'web');
          expect(ready).toBeGreaterThanOrEqual(count - unavailableMax);
          expect(fleet.living.size).toBeLessThanOrEqual(count + most);
        });
        expect([...fleet.living.values()].map(({ cmd }) => cmd)).toEqual(Array.from({ length: count }, () => 'b'));
        expect(fleet.state.services.get(HELLO)).toMatchObject({ settled: true, version: 2 });
      }),
      { numRuns: 40 },
    );
  });
});

/** Agents that do what they are told, in any order. */
class Fleet {
  readonly state = services.initialState();
  readonly living = new Map<LaunchId, { readonly cmd: string; isUp: boolean; ends: boolean }>();
  readonly requests: PlacementRequest[] = [];
  readonly random: SeededRandom;
  seq = 0;
  now = 0;

  constructor(seed: number, spec: ServiceSpec) {
    this.random = new SeededRandom(seed);
    for (const event of AGENTS) services.evolve(this.state, event);
    this.decide(apply(spec));
  }

  decide(input: ServicesInput): void {
    this.seq += 1;
    let ordinal = 0;
    const ids = { nextId: () => `${this.seq}.${ordinal++}`, nextIds: (count: number) => (ordinal += count) - count };
    const context: DecisionContext = { at: this.now, seq: this.seq, seed: 1, ...ids };
    const decision = services.decide(input, this.state, context);
    if (!decision.accepted) throw new Error(JSON.stringify(decision.refusal));
    for (const event of decision.events) {
      expect(servicesEventViolations(this.state, event)).toEqual([]);
      services.evolve(this.state, event);
      if (event.type === 'PlacementRequested') this.requests.push(event.data);
      if (event.type === 'LaunchOrdered')
        for (const { launch } of launchesOf(event.data))
          this.living.set(launch, { cmd: event.data.template.cmd, isUp: false, ends: false });
      if (event.type === 'KillOrdered')
        for (const launch of idsIn<LaunchId>(event.data.launches)) this.living.get(launch)!.ends = true;
    }
    expect(servicesViolations(this.state)).toEqual([]);
  }

  /** Until nobody has anything to say. */
  settle(look: () => void): void {
    for (let step = 0; step < 2000; step += 1) {
      look();
      if (services.continues!(this.state)) this.decide(goOn);
      else if (services.nextDeadline!(this.state) === 0) this.decide(tick);
      if (this.random.below(4) === 0) this.passTime();
      const request = this.requests.shift();
      if (request !== undefined) {
        this.decide(placed(request, (index) => `a${1 + (index % 9)}`));
        continue;
      }
      const busy = [...this.living].filter(([, { isUp, ends }]) => ends || !isUp);
      if (busy.length === 0 && !services.continues!(this.state) && !this.passTime()) return;
      if (busy.length > 0) this.act(this.random.pick(busy)[0]);
    }
    throw new Error('did not come to rest');
  }

  /** Up to when pods have been up long enough; who crashes before has not. */
  passTime(): boolean {
    const due = services.nextDeadline!(this.state);
    if (due === undefined || due > this.now + 10_000) return false;
    this.now = Math.max(this.now, due);
    this.decide(tick);
    return true;
  }

  act(launch: LaunchId): void {
    const known = this.living.get(launch)!;
    if (known.ends) {
      this.living.delete(launch);
      this.decide(ended([launch], 'KILLED'));
    } else {
      known.isUp = true;
      this.decide(running([launch]));
    }
  }
}

function runOf(launch: LaunchId): [number, number, number] {
  const [seq, ordinal] = launch.split('.').map(Number) as [number, number];
  return [seq, ordinal, ordinal];
}

function withPod(pod: Partial<PodSpec>): ServiceSpec {
  return hello({ pods: { web: { count: 2, update: { 'max-surge': 1 }, tasks: { server: { cmd: 'a' } }, ...pod } } });
}
