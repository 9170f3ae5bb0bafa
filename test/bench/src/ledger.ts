import {
  countMembers,
  idsIn,
  membersIn,
  type AgentId,
  type AllocationEvent,
  type AllocationEventOf,
  type GrantId,
  type IdRuns,
  type PlacementRequest,
  type RequestId,
  type RoleName,
  type ServiceName,
} from '@orrery/contracts';
import { allocation, type AllocationInput, type AllocationState } from '@orrery/domain';
import { partsOf, UndoLog } from '@orrery/kernel';
import { SeededRandom } from '@orrery/testing';

export interface Shape {
  readonly role: string;
  readonly cpusMilli: number;
  readonly memoryMib: number;
  readonly ports: number;
}

/** Ten shapes of pods, each of a role of its own. */
export const shapes: readonly Shape[] = [
  { cpusMilli: 250, memoryMib: 512, ports: 1 },
  { cpusMilli: 500, memoryMib: 512, ports: 1 },
  { cpusMilli: 500, memoryMib: 2_048, ports: 2 },
  { cpusMilli: 1_000, memoryMib: 1_024, ports: 1 },
  { cpusMilli: 1_000, memoryMib: 4_096, ports: 2 },
  { cpusMilli: 2_000, memoryMib: 2_048, ports: 1 },
  { cpusMilli: 2_000, memoryMib: 8_192, ports: 1 },
  { cpusMilli: 3_000, memoryMib: 6_144, ports: 2 },
  { cpusMilli: 4_000, memoryMib: 16_384, ports: 1 },
  { cpusMilli: 6_000, memoryMib: 8_192, ports: 1 },
].map((shape, at) => ({ role: `team-${at}`, ...shape }));

export interface Wished {
  readonly shape: Shape;
  readonly pods: number;
  readonly policy: 'pack' | 'spread';
  readonly constraints?: PlacementRequest['constraints'];
}

/** The allocator's decisions and their fold in memory, as its owner makes them, over machines of which hardly two are alike. */
export class Ledger {
  readonly state: AllocationState = allocation.initialState();
  readonly #undo = new UndoLog();
  #seq = 0;
  #requests = 0;

  constructor(agents: number, seed: number) {
    const random = new SeededRandom(seed);
    for (let number = 1; number <= agents; number += 1) this.#fold(opened(number, random));
    for (const part of partsOf(this.state)) part.recordTo(this.#undo);
  }

  /** A wish that waits in the queue of one of ten roles. */
  queue(wished: Wished): void {
    this.#fold({ type: 'RequestQueued', data: this.#request(wished) });
  }

  /** A wish that is served as it arrives, if nobody waits. */
  ask(wished: Wished): AllocationEvent[] {
    const data = this.#request(wished);
    return this.#decide(foreign({ type: 'PlacementRequested', data }));
  }

  release(grants: IdRuns): void {
    const service = { service: 'any' as ServiceName, generation: 1 };
    this.#decide(foreign({ type: 'GrantReturned', data: { ...service, grants } }));
  }

  /** Serves all that wait, in fair order. */
  settle(): AllocationEvent[] {
    const events: AllocationEvent[] = [];
    while (allocation.continues!(this.state))
      for (const event of this.#decide({ kind: 'internal', internal: { type: 'continue' } })) events.push(event);
    return events;
  }

  /** What found no place is given up. */
  dropWaiting(): void {
    for (const { request, indexes } of [...this.state.requests.values()])
      this.#fold({ type: 'RequestDropped', data: { request, indexes } });
  }

  #decide(input: AllocationInput): AllocationEvent[] {
    this.#seq += 1;
    let ordinal = 0;
    const context = {
      at: 0,
      seed: 1,
      seq: this.#seq,
      nextId: () => `${this.#seq}.${ordinal++}`,
      nextIds: (count: number) => (ordinal += count) - count,
    };
    const decision = allocation.decide(input, this.state, context);
    if (!decision.accepted) throw new Error(decision.refusal.message);
    for (const event of decision.events) allocation.evolve(this.state, event);
    this.#undo.forget();
    return [...decision.events];
  }

  #fold(event: AllocationEvent): void {
    allocation.evolve(this.state, event);
    this.#undo.forget();
  }

  #request({ shape, pods, policy, constraints = [] }: Wished): PlacementRequest {
    this.#requests += 1;
    const { role, cpusMilli, memoryMib, ports } = shape;
    return {
      request: `${this.#requests}.0` as RequestId,
      service: `service-${this.#requests}` as ServiceName,
      generation: 1,
      role: role as RoleName,
      pod: 'node',
      indexes: [[0, pods - 1]],
      needs: {
        cpusMilli,
        memoryMib,
        diskMib: 0,
        gpus: 0,
        ports: Array.from({ length: ports }, (_, at) => ({ name: `task.port-${at}`, port: 0 })),
        volumes: [],
      },
      constraints,
      policy,
      attempt: 1,
      avoid: [],
      replaces: [],
    };
  }
}

function foreign(event: Extract<AllocationInput, { kind: 'foreign' }>['event']): AllocationInput {
  return { kind: 'foreign', domain: 'services', journalId: 'bench', seq: 0, event };
}

function opened(number: number, random: SeededRandom): AllocationEvent {
  return {
    type: 'AgentOpened',
    data: {
      agent: `agent-${number}` as AgentId,
      number,
      epoch: 1,
      hostname: `host-${number}`,
      capacity: {
        cpusMilli: 1_000 * (8 + random.below(89)),
        memoryMib: 1_024 * (32 + random.below(353)),
        diskMib: 1_000_000,
        gpuIds: [],
        ports: [[20_000, 21_999]],
      },
      attributes: { rack: `rack-${number % 100}` },
      faultDomain: { region: 'eu', zone: `zone-${number % 3}` },
    },
  };
}

/** Books of our own, kept pod by pod from what the events say: the ledger's word is not taken for it. */
export class Books {
  readonly #left = new Map<number, { cpusMilli: number; memoryMib: number; readonly ports: Set<number> }>();
  readonly #granted = new Set<GrantId>();
  pods = 0;

  constructor(state: AllocationState) {
    for (const { number, capacity } of state.agents.values())
      this.#left.set(number, { cpusMilli: capacity.cpusMilli, memoryMib: capacity.memoryMib, ports: new Set() });
  }

  placed(data: AllocationEventOf<'Placed'>['data']): void {
    const { needs, grants } = data;
    for (const grant of idsIn<GrantId>(grants)) {
      if (this.#granted.has(grant)) throw new Error(`grant ${grant} was placed twice`);
      this.#granted.add(grant);
    }
    for (const { agent, ports } of membersIn(data)) {
      const left = this.#left.get(agent)!;
      left.cpusMilli -= needs.cpusMilli;
      left.memoryMib -= needs.memoryMib;
      if (left.cpusMilli < 0 || left.memoryMib < 0) throw new Error(`agent ${agent} is over-committed`);
      for (const { name } of needs.ports) {
        const port = ports[name]!;
        if (port < 20_000 || port > 21_999 || left.ports.has(port)) throw new Error(`port ${port} of agent ${agent}`);
        left.ports.add(port);
      }
    }
    this.pods += countMembers(data);
  }

  released(data: AllocationEventOf<'Placed'>['data']): void {
    for (const grant of idsIn<GrantId>(data.grants)) this.#granted.delete(grant);
    for (const { agent, ports } of membersIn(data)) {
      const left = this.#left.get(agent)!;
      left.cpusMilli += data.needs.cpusMilli;
      left.memoryMib += data.needs.memoryMib;
      for (const name in ports) left.ports.delete(ports[name]!);
    }
    this.pods -= countMembers(data);
  }
}
