import type {
  AgentId,
  AllocationEvent,
  ClusterEvent,
  Grant,
  GrantId,
  LaunchId,
  PlacementRequest,
  RoleName,
  ServiceName,
  ServicesCommand,
  ServicesEvent,
  ServicesEventOf,
  ServicesEventType,
  ServiceSpec,
  TerminalState,
} from '@orrery/contracts';
import type { ServicesInput } from './input.js';
import { indexesOf } from './steps.js';

/** Things that specifications of this domain speak of. */
export const hello = (change: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name: 'hello',
  pods: { web: { count: 3, tasks: { server: { cmd: 'sleep 1000' } } } },
  ...change,
});

export const webs = (count: number, cmd = 'sleep 1000'): ServiceSpec =>
  hello({ pods: { web: { count, tasks: { server: { cmd } } } } });

/** Pods with a volume, one after the other. */
export const stores = (count: number, more: Partial<ServiceSpec> = {}): ServiceSpec =>
  hello({
    pods: {
      node: { count, volumes: { data: { path: 'data', size: 64 } }, tasks: { server: { cmd: 'sleep 1000' } } },
    },
    ...more,
  });

export const command = <Type extends ServicesCommand['type']>(
  type: Type,
  body: Extract<ServicesCommand, { type: Type }>['body'],
  ifVersion?: string,
): ServicesInput => ({
  kind: 'command',
  id: `${type} ${JSON.stringify(body)}`,
  actor: 'ann',
  command: { type, body } as ServicesCommand,
  ...(ifVersion === undefined ? {} : { ifVersion }),
});

export const apply = (spec: ServiceSpec, ifVersion?: string) => command('ApplyService', spec, ifVersion);
export const tick: ServicesInput = { kind: 'internal', internal: { type: 'tick' } };
export const goOn: ServicesInput = { kind: 'internal', internal: { type: 'continue' } };

export const seen = (event: AllocationEvent | ClusterEvent): ServicesInput => ({
  kind: 'foreign',
  domain: 'any',
  journalId: 'any',
  seq: 1,
  event,
});

export const agent = (name: string) => name as AgentId;

/** An answer of the allocator: each index on the agent that is named for it. */
export const placed = (request: PlacementRequest, agentOf: (index: number) => string, epoch = 1): ServicesInput =>
  seen({
    type: 'Placed',
    data: {
      request: request.request,
      service: request.service,
      generation: request.generation,
      role: request.role as RoleName,
      pod: request.pod,
      needs: request.needs,
      grants: indexesOf(request.indexes).map((index) => grantFor(request, index, agentOf(index), epoch)),
    },
  });

export function grantFor(request: PlacementRequest, index: number, on: string, epoch = 1): Grant {
  const grant = `g${request.request}.${index}` as GrantId;
  const ports = request.needs.ports.map(({ name, port }, at) => [name, port === 0 ? 31_000 + at : port] as const);
  return {
    grant,
    index,
    agent: agent(on),
    epoch,
    ports: Object.fromEntries(ports),
    gpuIds: Array.from({ length: request.needs.gpus }, (_, at) => `gpu${at}`),
    volumes: request.needs.volumes.map(({ name, path, sizeMib }) => ({
      volume: `v${grant}.${name}` as Grant['volumes'][number]['volume'],
      name,
      path,
      sizeMib,
    })),
  };
}

export const running = (launches: readonly LaunchId[], on = 'a1'): ServicesInput =>
  seen({
    type: 'TasksRunning',
    data: { agent: agent(on), epoch: 1, m: 1, tasks: launches.map((launch) => ({ launch, pid: 1, since: 0 })) },
  });

export const ready = (launches: readonly LaunchId[], isReady = true): ServicesInput =>
  seen({
    type: 'TasksReady',
    data: { agent: agent('a1'), epoch: 1, m: 1, tasks: launches.map((launch) => ({ launch, ready: isReady })) },
  });

export const ended = (launches: readonly LaunchId[], state: TerminalState): ServicesInput =>
  seen({
    type: 'TasksEnded',
    data: {
      agent: agent('a1'),
      epoch: 1,
      m: 1,
      tasks: launches.map((launch) => ({ launch, state, reason: 'exit-code' })),
    },
  });

export const refused = (launches: readonly LaunchId[], code: string, on = 'a1'): ServicesInput =>
  seen({
    type: 'LaunchRefused',
    data: { service: 'hello' as ServiceName, generation: 1, agent: agent(on), launches, code },
  });

export const unreachable = (on: string): ServicesInput =>
  seen({ type: 'AgentUnreachable', data: { agent: agent(on), epoch: 1, at: 0 } });
export const returned = (on: string, standing?: 'DRAINING'): ServicesInput =>
  seen({
    type: 'AgentReturned',
    data: { agent: agent(on), epoch: 1, ...(standing === undefined ? {} : { standing }) },
  });
export const gone = (on: string): ServicesInput => seen({ type: 'AgentGone', data: { agent: agent(on), epoch: 1 } });
export const draining = (on: string): ServicesInput =>
  seen({ type: 'AgentDraining', data: { agent: agent(on), epoch: 1, deadline: 1 } });
export const activated = (on: string): ServicesInput =>
  seen({ type: 'AgentActivated', data: { agent: agent(on), epoch: 1 } });
export const released = (grants: readonly GrantId[]): ServicesInput =>
  seen({ type: 'GrantReleased', data: { grants } });

/** The data of all events of one type, in their order. */
export function dataOf<Type extends ServicesEventType>(
  events: readonly ServicesEvent[],
  type: Type,
): ServicesEventOf<Type>['data'][] {
  return events.filter((event) => event.type === type).map((event) => event.data as ServicesEventOf<Type>['data']);
}

export function typesOf(events: readonly ServicesEvent[]): string[] {
  return events.map(({ type }) => type);
}

export function launchesIn(events: readonly ServicesEvent[]): LaunchId[] {
  return dataOf(events, 'LaunchOrdered').flatMap(({ launches }) => launches.map(({ launch }) => launch));
}

export const HELLO = 'hello' as ServiceName;

export const scale = (count: number, pod = 'web'): ServicesInput =>
  command('ScaleService', { name: HELLO, pod, count });

/** A story about this domain, as `specificationOf` tells it. */
interface Story {
  readonly events: readonly ServicesEvent[];
  when(input: ServicesInput): this;
}

/** Answers every request of the last decision; what is launched then is that of the last answer. */
export function placeAll<Told extends Story>(story: Told, agentOf: (index: number) => string = () => 'a1'): Told {
  const requests = dataOf(story.events, 'PlacementRequested');
  return requests.reduce((told, request) => told.when(placed(request, agentOf)), story);
}
