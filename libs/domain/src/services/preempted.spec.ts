import { specificationOf } from '@orrery/testing';
import {
  idRunsOf,
  OWN_SEQ_FROM,
  type AllocationEventOf,
  type Preemptor,
  type RequestId,
  type RoleName,
  type ServiceName,
} from '@orrery/contracts';
import { services } from './decide.js';
import {
  AGENTS,
  apply,
  command,
  dataOf,
  ended,
  hello,
  launchesIn,
  placeAll,
  running,
  seen,
  typesOf,
  webs,
} from './examples.js';
import { podView } from './views.js';

const by: Preemptor = {
  request: '9.9' as RequestId,
  service: 'shop' as ServiceName,
  pod: 'web',
  role: 'eng' as RoleName,
  priority: 90,
};
const preempted = (...grants: string[]) => {
  const data: AllocationEventOf<'PreemptionOrdered'>['data'] = {
    ...{ preemption: '5.0', for: by, places: [[1, 1]], why: 'no room', at: 0, until: 1, noticeUntil: 1 },
    victims: [
      {
        ...{ service: 'hello' as ServiceName, generation: 1, pod: 'web', role: '*' as RoleName },
        grants: idRunsOf(grants),
      },
    ],
  };
  return seen({ type: 'PreemptionOrdered', data });
};

/** Pods that run; the grant of web-0 is 101.0. */
function up(count = 1) {
  const launched = placeAll(
    specificationOf(services)
      .given(...AGENTS)
      .when(apply(webs(count))),
  );
  const launches = launchesIn(launched.events);
  return { story: launched.when(running(launches)), launches };
}

describe('a pod whose place is wanted back', () => {
  it('is ended, gives the place back when it is over, and asks for another one that names who took it', () => {
    const { story, launches } = up();
    const killed = story.when(preempted('101.0'));
    expect(dataOf(killed.events, 'KillOrdered')).toMatchObject([{ reason: 'preempted', by: { service: 'shop' } }]);
    const over = killed.when(ended(launches, 'KILLED'));
    expect(typesOf(over.events)).toEqual(['TasksObserved', 'ReplaceStarted', 'GrantReturned', 'PlacementRequested']);
    expect(dataOf(over.events, 'ReplaceStarted')).toMatchObject([{ cause: 'preempted', by }]);
    expect(dataOf(over.events, 'PlacementRequested')).toMatchObject([{ preemptedBy: by, avoid: [], replaces: [] }]);
    over.thenState((state) =>
      expect(podView(state, 'hello', 'web-0')).toMatchObject({
        state: 'PLACING',
        message: 'waits for a place: it made way for shop web (eng, priority 90)',
        preemptedBy: by,
      }),
    );
    placeAll(over).thenState((state) => expect(podView(state, 'hello', 'web-0')).not.toHaveProperty('preemptedBy'));
  });

  it('leaves a run of equal pods alone', () => {
    const { story, launches } = up(8);
    const killed = story.when(preempted('101.2', '101.3'));
    expect(launches).toHaveLength(8);
    expect(dataOf(killed.events, 'KillOrdered')).toHaveLength(1);
    killed.thenState((state) => {
      expect(podView(state, 'hello', 'web-2')!.state).toBe('STOPPING');
      expect(podView(state, 'hello', 'web-4')!.state).toBe('READY');
    });
  });

  it('is not ended twice', () => {
    const { story } = up();
    story.when(preempted('101.0')).when(preempted('101.0')).thenNothing();
  });

  it('that is being restarted goes instead of coming back', () => {
    const { story, launches } = up();
    story
      .when(command('RestartPod', { name: 'hello' as ServiceName, pod: 'web-0' }))
      .when(preempted('101.0'))
      .when(ended(launches, 'KILLED'))
      .thenEvents((events) => expect(typesOf(events)).toContain('GrantReturned'));
  });

  it('on which nothing runs goes at once', () => {
    const { story, launches } = up();
    const failing = story.when(ended(launches, 'FAILED'));
    const delayed = failing.when(ended(launchesIn(failing.events), 'FAILED'));
    delayed
      .when(preempted('101.0'))
      .thenEvents((events) =>
        expect(typesOf(events)).toEqual(['ReplaceStarted', 'GrantReturned', 'PlacementRequested']),
      );
  });

  it('of a scheduler of others, or of an earlier life, concerns nobody here', () => {
    const { story } = up();
    const order = preempted('101.0');
    const { event } = order as { event: { data: AllocationEventOf<'PreemptionOrdered'>['data'] } };
    const of = (service: string, generation: number) =>
      seen({
        type: 'PreemptionOrdered',
        data: {
          ...event.data,
          victims: [{ ...event.data.victims[0]!, service: service as ServiceName, generation }],
        },
      });
    story.when(of('@mine', 0)).thenNothing();
    story.when(of('hello', OWN_SEQ_FROM)).thenNothing();
  });
});

describe('the spec', () => {
  const pod = (more: object) => hello({ pods: { web: { tasks: { server: { cmd: 'x' } }, ...more } } });
  const requestOf = (spec: ReturnType<typeof hello>) =>
    dataOf(specificationOf(services).when(apply(spec)).events, 'PlacementRequested')[0]!;

  it('gives a pod its own priority, else that of its service, else 50', () => {
    expect(requestOf({ ...pod({ priority: 70 }), priority: 20 }).priority).toBe(70);
    expect(requestOf({ ...pod({}), priority: 20 }).priority).toBe(20);
    expect(requestOf(pod({}))).not.toHaveProperty('priority');
    expect(requestOf(pod({ revocable: true })).revocable).toBe(true);
  });

  it('with another priority restarts nothing, with revocable it needs other places', () => {
    const { story } = up();
    const higher = story.when(apply({ ...webs(1), priority: 80 }));
    expect(typesOf(higher.events)).not.toContain('KillOrdered');
    const revocable = { ...webs(1).pods['web']!, revocable: true };
    expect(typesOf(story.when(apply(hello({ pods: { web: revocable } }))).events)).toContain('KillOrdered');
  });

  it('is refused where best effort would keep something', () => {
    const story = specificationOf(services);
    const volumes = { data: { path: 'data', size: 1 } };
    story.when(apply(pod({ revocable: true, volumes }))).thenRefused('revocable-with-volumes');
    story.when(apply({ ...pod({ revocable: true }), priority: 95 })).thenRefused('revocable-and-critical');
  });
});
