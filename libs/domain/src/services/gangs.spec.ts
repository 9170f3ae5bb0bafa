import { countIn, type ServiceSpec, type ServicesEvent } from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { services } from './decide.js';
import { AGENTS, apply, command, dataOf, hello, HELLO, launchesIn, placed, running } from './examples.js';
import { servicesViolations } from './invariants.js';
import { refusalOfSpec, withDefaults } from './spec.js';

type Pods = ServiceSpec['pods'];

const tasks = { server: { cmd: 'serve' } };
const training = (workers = 4, more: Partial<Pods[string]> = {}, spec: Partial<ServiceSpec> = {}): ServiceSpec =>
  hello({
    pods: {
      chief: { gang: 'training', tasks },
      store: { count: 2, tasks },
      worker: { count: workers, gang: 'training', tasks, ...more },
    },
    ...spec,
  });

/** What is asked for, request by request: the pod, how many, and whether it is of the gang of the first. */
const askedIn = (events: readonly ServicesEvent[]) => {
  const asked = dataOf(events as ServicesEvent[], 'PlacementRequested');
  return asked.map(
    ({ pod, indexes, gang }) =>
      `${pod} ${countIn(indexes)}${gang === undefined ? '' : ` of ${asked.findIndex(({ request }) => request === gang.id)}${gang.more === true ? ', more follow' : ''}`}`,
  );
};

const begin = (spec: ServiceSpec) =>
  specificationOf(services)
    .given(...AGENTS)
    .when(apply(spec));
/** All that was asked for last gets a place and is up. */
const bringUp = (story: ReturnType<typeof begin>, asked: readonly ServicesEvent[] = story.events) => {
  const launches: ReturnType<typeof launchesIn>[number][] = [];
  let placing = story;
  for (const request of dataOf(asked as ServicesEvent[], 'PlacementRequested')) {
    placing = placing.when(placed(request, () => 'a1'));
    launches.push(...launchesIn(placing.events));
  }
  return placing.when(running(launches));
};

describe('pod types that name the same gang', () => {
  it('are asked for together, whatever the order of their phases', () => {
    begin(training()).thenEvents((events) =>
      expect(askedIn(events)).toEqual(['chief 1 of 0, more follow', 'worker 4 of 0']),
    );
  });

  it('are followed by those whose phase stands between theirs', () => {
    bringUp(begin(training())).thenEvents((events) => expect(askedIn(events)).toEqual(['store 2']));
  });

  it('grow by a gang of those that are new', () => {
    bringUp(bringUp(begin(training())))
      .when(apply(training(6)))
      .thenEvents((events) => expect(askedIn(events)).toEqual(['worker 2 of 0']));
  });

  it('begin together or not at all while one of their phases is paused', () => {
    const phases = { s: { pod: 'store', strategy: 'parallel' as const }, c: { pod: 'chief' }, w: { pod: 'worker' } };
    const worker = { name: HELLO, plan: 'deploy', phase: 'w' };
    const begun = begin(training(4, {}, { plans: { deploy: { phases } } }));
    const held = bringUp(begun.when(command('PausePlan', worker)), begun.events);
    held.thenEvents((events) => expect(askedIn(events)).toEqual([]));
    held
      .when(command('ResumePlan', worker))
      .thenEvents((events) => expect(askedIn(events)).toEqual(['chief 1 of 0, more follow', 'worker 4 of 0']));
  });

  it('are asked for anew together when one of them asks for something else', () => {
    const larger = { tasks: { server: { cmd: 'serve', cpus: 0.2 } } };
    begin(training())
      .when(apply(training(4, larger)))
      .thenEvents((events) => {
        const withdrawn = dataOf(events as ServicesEvent[], 'PlacementWithdrawn');
        expect(withdrawn.map(({ pod, indexes }) => `${pod} ${countIn(indexes)}`).sort()).toEqual([
          'chief 1',
          'worker 4',
        ]);
        expect(askedIn(events).map((text) => text.split(',')[0])).toEqual(
          expect.arrayContaining(['chief 1 of 0', 'worker 4 of 0']),
        );
      })
      .thenState((state) => expect(servicesViolations(state)).toEqual([]));
  });

  it.each<[string, ServiceSpec]>([
    ['/pods/chief/count', training(16_384)],
    ['/pods/chief/priority', training(4, { priority: 80 })],
    ['/pods/chief/revocable', training(4, { revocable: true })],
    [
      '/plans/deploy/strategy',
      training(4, {}, { plans: { deploy: { strategy: 'serial-canary', phases: { w: { pod: 'worker' } } } } }),
    ],
    [
      '/plans/deploy/phases/w/strategy',
      training(4, {}, { plans: { deploy: { phases: { w: { pod: 'worker', strategy: 'serial' } } } } }),
    ],
  ])('are refused where they can’t come in one turn: %s', (field, spec) => {
    const refusal = refusalOfSpec(withDefaults(spec));
    expect(refusal).toMatchObject({ accepted: false, refusal: { field } });
  });

  it('may be each other’s peers, in phases that follow each other', () => {
    const peers = { chief: 'all' } as const;
    const spec = training(4, { peers });
    const both = {
      ...spec,
      pods: { ...spec.pods, chief: { ...spec.pods['chief']!, peers: { worker: 'all' as const } } },
    };
    expect(refusalOfSpec(withDefaults(both))).toBeUndefined();
  });
});
