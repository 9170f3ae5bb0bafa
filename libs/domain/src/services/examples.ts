import {
  idOf,
  IdRunsBuilder,
  idRunsOf,
  idsIn,
  membersIn,
  MembersBuilder,
  numbersIn,
  ordinalOf,
  seqOf,
  type AgentId,
  type AllocationEvent,
  type ClusterEvent,
  type GrantId,
  type IdRuns,
  type LaunchId,
  type Member,
  type PlacementRequest,
  type RoleName,
  type ServiceName,
  type ServicesCommand,
  type ServicesEvent,
  type ServicesEventOf,
  type ServicesEventType,
  type ServiceSpec,
  type TaskEnds,
  type TerminalState,
} from '@orrery/contracts';
import type { ServicesInput } from './input.js';

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
      node: {
        count,
        'allow-decommission': true,
        volumes: { data: { path: 'data', size: 64 } },
        tasks: { server: { cmd: 'sleep 1000' } },
      },
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

/** Agents are called a1, a2 and so on, and have these numbers. */
export const numberOf = (name: string) => Number(name.slice(1));

export const named = (count: number): ServicesEvent[] =>
  Array.from({ length: count }, (_, at) => {
    return { type: 'AgentNamed', data: { number: at + 1, agent: agent(`a${at + 1}`), address: '127.0.0.1' } };
  });

/** The agents of the world in which specifications of this domain play. */
export const AGENTS = named(9);

/** An answer of the allocator: each index on the agent that is named for it, pods of one agent one after the other. */
export const placed = (request: PlacementRequest, agentOf: (index: number) => string, epoch = 1): ServicesInput => {
  const members = new MembersBuilder();
  const grants = new IdRunsBuilder();
  for (const index of numbersIn(request.indexes)) {
    members.add(memberFor(request, index, agentOf(index), epoch));
    grants.addId(grantFor(request, index));
  }
  const { service, generation, role, pod, needs } = request;
  const head = { request: request.request, service, generation, role: role as RoleName, pod, needs };
  return seen({ type: 'Placed', data: { ...head, ...members.members, grants: grants.runs } });
};

/** Grants of request 7.1 are 701.0, 701.1 … by index. */
export function grantFor({ request }: PlacementRequest, index: number): GrantId {
  return idOf<GrantId>(seqOf(request) * 100 + ordinalOf(request), index);
}

export function memberFor(request: PlacementRequest, index: number, on: string, epoch = 1): Member {
  const { ports, gpus, volumes } = request.needs;
  return {
    index,
    agent: numberOf(on),
    epoch,
    ports: Object.fromEntries(ports.map(({ name, port }, at) => [name, port === 0 ? 31_000 + at : port])),
    gpuIds: Array.from({ length: gpus }, (_, at) => `gpu${at}`),
    volumes: volumes.map(({ name, path, sizeMib }) => ({
      volume: `v${grantFor(request, index)}.${name}` as Member['volumes'][number]['volume'],
      name,
      path,
      sizeMib,
    })),
  };
}

const head = (on = 'a1') => ({ agent: agent(on), epoch: 1, m: 1 });

export const running = (launches: readonly LaunchId[], on = 'a1'): ServicesInput =>
  seen({
    type: 'TasksRunning',
    data: { ...head(on), launches: idRunsOf(launches), sinceFrom: 0, since: [0], pids: [1] },
  });

export const ready = (launches: readonly LaunchId[], isReady = true): ServicesInput =>
  seen({ type: 'TasksReady', data: { ...head(), launches: idRunsOf(launches), ready: isReady } });

export const ended = (
  launches: readonly LaunchId[],
  state: TerminalState,
  end: Pick<TaskEnds, 'exit' | 'message'> = {},
): ServicesInput =>
  seen({
    type: 'TasksEnded',
    data: { ...head(), ends: [{ launches: idRunsOf(launches), state, reason: 'exit-code', ...end }] },
  });

export const refused = (launches: readonly LaunchId[], code: string): ServicesInput =>
  seen({
    type: 'LaunchRefused',
    data: { service: 'hello' as ServiceName, generation: 1, launches: idRunsOf(launches), code },
  });

export const unreachable = (on: string): ServicesInput =>
  seen({ type: 'AgentUnreachable', data: { agent: agent(on), epoch: 1, at: 0 } });
export const registered = (on: string, epoch: number): ServicesInput =>
  seen({
    type: 'AgentRegistered',
    data: {
      agent: agent(on),
      number: numberOf(on),
      epoch,
      session: 's',
      hostname: on,
      address: '127.0.0.1',
      capacity: { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpuIds: [], ports: [] },
      attributes: {},
      faultDomain: { region: 'r', zone: 'z' },
    },
  });
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
export const released = (grants: IdRuns): ServicesInput => seen({ type: 'GrantReleased', data: { grants } });

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

/** The launches of a set one by one. */
export function launchesOf(set: ServicesEventOf<'LaunchOrdered'>['data']) {
  const launches = idsIn<LaunchId>(set.launches);
  const grants = idsIn<GrantId>(set.grants);
  return Array.from(membersIn(set), (member) => ({
    ...member,
    launch: launches.next().value as LaunchId,
    grant: grants.next().value as GrantId,
    agent: `a${member.agent}`,
    incarnation: set.incarnation,
  }));
}

/** The ids of launches or grants one by one. */
export function idsOf<Id extends LaunchId | GrantId>(ids: IdRuns): Id[] {
  return [...idsIn<Id>(ids)];
}

export function launchesIn(events: readonly ServicesEvent[]): LaunchId[] {
  return dataOf(events, 'LaunchOrdered').flatMap(({ launches }) => [...idsIn<LaunchId>(launches)]);
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
