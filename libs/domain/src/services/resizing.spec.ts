import {
  idRunsOf,
  isIn,
  MembersBuilder,
  type GrantId,
  type PlacementRequest,
  type ServicesEvent,
  type ServiceSpec,
} from '@orrery/contracts';
import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import { services } from './decide.js';
import { differenceOf } from './difference.js';
import {
  AGENTS,
  apply,
  command,
  dataOf,
  ended,
  HELLO,
  launchesIn,
  memberFor,
  placeAll,
  running,
  seen,
  stores,
  tick,
  typesOf,
} from './examples.js';
import { servicesViolations } from './invariants.js';
import { workOf } from './plan-view.js';
import { podAt } from './pods.js';
import type { ServicesState } from './state.js';

const withMemory = (memory: number, count = 2): ServiceSpec => {
  const spec = stores(count);
  const { server } = spec.pods['node']!.tasks;
  return { ...spec, pods: { node: { ...spec.pods['node']!, tasks: { server: { ...server!, memory } } } } };
};

/** Brought up one after the other. */
function up(spec: ServiceSpec) {
  let story = specificationOf(services)
    .given(...AGENTS)
    .when(apply(spec));
  const launches: ReturnType<typeof launchesIn>[] = [];
  while (dataOf(story.events, 'PlacementRequested').length > 0) {
    story = placeAll(story);
    launches.push(launchesIn(story.events));
    story = story.when(running(launchesIn(story.events)));
  }
  return { story, launches };
}

/** What its pod lacks, on the agent where it is. */
function granted(request: PlacementRequest, grant: string, on = 'a1') {
  const [{ index, grant: old }] = request.resizes as [{ index: number; grant: GrantId }];
  expect(isIn(request.indexes, index)).toBe(true);
  const members = new MembersBuilder();
  members.add({ ...memberFor(request, index, on), ports: {}, volumes: [] });
  const { service, generation, role, pod, needs } = request;
  const head = { request: request.request, service, generation, role, pod, needs: { ...needs, volumes: [] } };
  const resizes = { grant: old, needs, ports: {}, gpuIds: [] };
  return seen({ type: 'Placed', data: { ...head, ...members.members, grants: idRunsOf([grant as GrantId]), resizes } });
}

const asked = (events: readonly ServicesEvent[]) => dataOf(events, 'PlacementRequested')[0]!;
type Told = ReturnType<typeof up>['story'];
function stateOf(told: Told): ServicesState {
  let found: ServicesState | undefined;
  told.thenState((state) => void (found = state));
  expect(servicesViolations(found!)).toEqual([]);
  return found!;
}

describe('a pod with data whose size changes', () => {
  it('runs on until there is room for it where it is, and is launched again there on its volumes', () => {
    const { story, launches } = up(withMemory(64));
    const before = podAt(stateOf(story), HELLO, 'node', 0)!.seat!;
    const asks = story.when(apply(withMemory(128)));
    expect(typesOf(asks.events)).toEqual(['ServiceApplied', 'PlanStarted', 'StepStarted', 'PlacementRequested']);
    expect(asked(asks.events)).toMatchObject({
      needs: { memoryMib: 128 },
      resizes: [{ index: 0, grant: before.grant }],
    });
    expect(workOf(podAt(stateOf(asks), HELLO, 'node', 0)!)).toMatchObject({
      message: 'waits for room on a1, where its data is, for its new size',
    });
    const ends = asks.when(granted(asked(asks.events), '900.0'));
    expect(typesOf(ends.events)).toEqual(['SizeGranted', 'KillOrdered']);
    const over = ends.when(ended(launches[0]!, 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'GrantReturned', 'LaunchOrdered']);
    expect(dataOf(over.events, 'GrantReturned')).toMatchObject([{ grants: idRunsOf([before.grant]) }]);
    const [order] = dataOf(over.events, 'LaunchOrdered');
    expect(order).toMatchObject({ version: 2, grants: [[900, 0, 0]], volumes: [before.volumes], incarnation: 2 });
    const next = over.when(running(launchesIn(over.events))).when(tick, { at: START + 2000 });
    expect(typesOf(next.events)).toEqual(['ProbationPassed', 'StepCompleted', 'StepStarted', 'PlacementRequested']);
    stateOf(next);
  });

  it.each(['StopPlan', 'ForceCompletePlan'] as const)(
    'gives back by %s what it has asked for or was granted',
    (type) => {
      const { story } = up(withMemory(64));
      const waits = story.when(apply(withMemory(128)));
      const ends = command(type, { name: HELLO, plan: 'update' });
      const withdrawn = waits.when(ends);
      expect(typesOf(withdrawn.events)).toContain('PlacementWithdrawn');
      expect(podAt(stateOf(withdrawn), HELLO, 'node', 0)!.resizing).toBeUndefined();

      // Others are down, so the size comes and its turn does not.
      const held = { ...withMemory(128).pods['node']!, update: { 'max-unavailable': 1 } };
      const { story: again, launches } = up(withMemory(64));
      const asks = again.when(apply({ ...withMemory(128), pods: { node: held } }));
      const down = asks.when(ended(launches[1]!, 'FAILED'));
      const sized = down.when(granted(asked(asks.events), '900.0'));
      expect(typesOf(sized.events)).toEqual(['SizeGranted']);
      const released = sized.when(ends);
      expect(dataOf(released.events, 'GrantReturned')).toMatchObject([{ grants: [[900, 0, 0]] }]);
      expect(podAt(stateOf(released), HELLO, 'node', 0)).toMatchObject({ status: 'live', launched: 1 });
    },
  );

  it('is launched again as it was when it fails while it waits', () => {
    const { story, launches } = up(withMemory(64, 1));
    const waits = story.when(apply(withMemory(128, 1)));
    const failed = waits.when(ended(launches[0]!, 'LOST'));
    expect(dataOf(failed.events, 'LaunchOrdered')).toMatchObject([{ version: 1, template: { memoryMib: 64 } }]);
    const ends = failed.when(running(launchesIn(failed.events))).when(granted(asked(waits.events), '900.0'));
    expect(typesOf(ends.events)).toEqual(['SizeGranted', 'KillOrdered']);
    stateOf(ends);
  });

  it('asks no more once the old size is wanted again, and gives back what comes too late', () => {
    const { story } = up(withMemory(64));
    const waits = story.when(apply(withMemory(4096)));
    const back = waits.when(apply(withMemory(64)));
    expect(typesOf(back.events)).toContain('PlacementWithdrawn');
    expect(typesOf(back.events)).toContain('PlanCompleted');
    expect(typesOf(back.events)).not.toContain('KillOrdered');
    const late = back.when(granted(asked(waits.events), '900.0'));
    expect(typesOf(late.events)).toEqual(['GrantReturned']);
    expect(dataOf(late.events, 'GrantReturned')).toMatchObject([{ grants: [[900, 0, 0]] }]);
    stateOf(late);
  });

  it('gives both grants back, its volumes with the one that has them, when its service is uninstalled meanwhile', () => {
    const { story, launches } = up(withMemory(64, 1));
    const waits = story.when(apply(withMemory(128, 1)));
    const ends = waits.when(granted(asked(waits.events), '900.0'));
    const over = ends.when(command('UninstallService', { name: HELLO })).when(ended(launches[0]!, 'KILLED'));
    expect(dataOf(over.events, 'GrantReturned')).toEqual([
      expect.not.objectContaining({ destroyVolumes: true }),
      expect.objectContaining({ destroyVolumes: true }),
    ]);
    expect(dataOf(over.events, 'GrantReturned')[0]).toMatchObject({ grants: [[900, 0, 0]] });
    stateOf(over);
  });

  it('is shown as resized before it is', () => {
    expect(differenceOf(withMemory(64), withMemory(128)).pods).toMatchObject([{ pod: 'node', effect: 'resize' }]);
  });
});
