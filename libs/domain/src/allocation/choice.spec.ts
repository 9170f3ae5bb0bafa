import {
  idOf,
  idsIn,
  membersIn,
  type AgentId,
  type AllocationEvent,
  type AllocationEventOf,
  type GrantId,
  type PlacementRequest,
  type RecordedEvent,
  type RequestId,
  type RoleName,
  type ServiceName,
} from '@orrery/contracts';
import type { DecisionContext } from '@orrery/kernel';
import { choiceOf } from './choice.js';
import { allocation } from './decide.js';
import { asked, goOn } from './examples.js';
import type { AllocationInput } from './input.js';
import type { AllocationState } from './state.js';

/** A ledger that keeps what it decided, commit by commit. */
class Ledger {
  readonly history: AllocationEvent[] = [];
  readonly commits: { seq: number; at: number; events: (RecordedEvent & AllocationEvent)[]; before: number }[] = [];
  readonly state = allocation.initialState();

  happened(...events: readonly AllocationEvent[]): void {
    for (const event of events) {
      this.history.push(event);
      allocation.evolve(this.state, event);
    }
  }

  /** All of these in one commit. */
  decide(...inputs: readonly AllocationInput[]): void {
    const seq = this.commits.length + 1;
    let ordinal = 0;
    const context: DecisionContext = {
      ...{ at: 0, seed: 0, seq },
      nextId: () => `${seq}.${ordinal++}`,
      nextIds: (count) => (ordinal += count) - count,
    };
    const before = this.history.length;
    const events: (RecordedEvent & AllocationEvent)[] = [];
    for (const input of inputs) {
      const decision = allocation.decide(input, this.state, context);
      if (!decision.accepted) throw new Error(decision.refusal.message);
      const cause =
        input.kind === 'internal'
          ? { internal: 'continue' }
          : { domain: 'services' as const, cell: 0, seq: (input as { seq: number }).seq };
      for (const event of decision.events) {
        this.happened(event);
        events.push({ ...event, version: 1, cause });
      }
    }
    this.commits.push({ seq, at: 0, events, before });
  }

  choiceOf(grant: GrantId, scoresMax = 10) {
    const commit = this.commits.find(({ events }) => placedIn(events).some((data) => holds(data, grant)))!;
    const state: AllocationState = allocation.initialState();
    for (const event of this.history.slice(0, commit.before)) allocation.evolve(state, event);
    return choiceOf(state, commit, grant, scoresMax);
  }

  /** Each grant, and the agent that it is on. */
  *grants(): IterableIterator<{ grant: GrantId; agent: AgentId; index: number; request: RequestId }> {
    for (const data of placedIn(this.history)) {
      let ordinal = data.grants[0]![1]!;
      for (const { agent, index } of membersIn(data))
        yield {
          grant: idOf<GrantId>(data.grants[0]![0]!, ordinal++),
          agent: this.state.agents.numbered(agent)!.id,
          index,
          request: data.request,
        };
    }
  }
}

type Placed = AllocationEventOf<'Placed'>['data'];
const placedIn = (events: readonly AllocationEvent[]): Placed[] =>
  events.flatMap((event) => (event.type === 'Placed' ? [event.data] : []));
const holds = ({ grants }: Placed, grant: GrantId): boolean => [...idsIn(grants)].includes(grant);

const opened = (number: number, cpus: number, more: object = {}): AllocationEvent => ({
  type: 'AgentOpened',
  data: {
    agent: `a${number}` as AgentId,
    number,
    epoch: 1,
    hostname: `host-${number}`,
    capacity: { cpusMilli: cpus * 1000, memoryMib: 8000, diskMib: 8000, gpuIds: [], ports: [[31_000, 31_099]] },
    attributes: {},
    faultDomain: { region: 'eu', zone: number % 2 === 0 ? 'b' : 'a' },
    ...more,
  },
});
const request = (id: string, more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  request: id as RequestId,
  service: 'web' as ServiceName,
  generation: 1,
  role: 'eng' as RoleName,
  pod: 'node',
  indexes: [[0, 0]],
  needs: { cpusMilli: 1000, memoryMib: 1000, diskMib: 0, gpus: 0, ports: [], volumes: [] },
  constraints: [],
  policy: 'spread',
  attempt: 1,
  avoid: [],
  replaces: [],
  ...more,
});

describe('why a pod is where it is', () => {
  it('names the scores of the winner and of the runners-up as they were when it was placed', () => {
    const ledger = new Ledger();
    ledger.happened(opened(1, 4), opened(2, 8), opened(3, 0.5));
    ledger.decide(asked(request('r.1')));
    ledger.decide(asked(request('r.2', { pod: 'other' })));
    const [first, second] = [...ledger.grants()];

    expect(ledger.choiceOf(first!.grant)).toMatchObject({ policy: 'spread', agents: 3, fitting: 2 });
    expect(ledger.choiceOf(first!.grant)!.scores).toEqual([
      { agent: 'a2', hostname: 'host-2', score: -(0.125 + 0.125) / 2 },
      { agent: 'a1', hostname: 'host-1', score: -(0.25 + 0.125) / 2 },
    ]);
    expect(second!.agent).toBe('a1');
    expect(ledger.choiceOf(second!.grant)!.scores).toEqual([
      { agent: 'a1', hostname: 'host-1', score: -(0.25 + 0.125) / 2 },
      { agent: 'a2', hostname: 'host-2', score: -(0.25 + 0.25) / 2 },
    ]);
    expect(ledger.choiceOf(first!.grant)!.funnel).toContainEqual({ filter: 'cpus', rejected: 1, left: 2 });
  });

  it('names as many as are asked for, and how many there were', () => {
    const ledger = new Ledger();
    ledger.happened(...Array.from({ length: 20 }, (_, at) => opened(at + 1, 4)));
    ledger.decide(asked(request('r.1')));
    expect(ledger.choiceOf('1.0' as GrantId, 3)).toMatchObject({ fitting: 20 });
    expect(ledger.choiceOf('1.0' as GrantId, 3)!.scores).toHaveLength(3);
  });

  const sets: [string, Partial<PlacementRequest>][] = [
    ['packed', { policy: 'pack' }],
    ['spread', { policy: 'spread' }],
    ['one a host', { constraints: [{ field: 'hostname', operator: 'MAX_PER', value: '3' }] }],
    ['level in the zones', { constraints: [{ field: '@zone', operator: 'GROUP_BY' }] }],
    ['all in the zone of the first', { constraints: [{ field: '@zone', operator: 'CLUSTER' }] }],
  ];
  it.each(sets)('holds for each member of a set that is %s: the best of what was left is where it is', (_, more) => {
    const ledger = new Ledger();
    ledger.happened(...Array.from({ length: 6 }, (_, at) => opened(at + 1, 4 + at)));
    ledger.decide(asked(request('r.1', { indexes: [[0, 11]], ...more })));
    const grants = [...ledger.grants()];
    expect(grants).toHaveLength(12);
    for (const { grant, agent } of grants) expect(ledger.choiceOf(grant)?.scores[0]?.agent).toBe(agent);
  });

  it('holds where several sets take turns in one round, and several rounds are one commit', () => {
    const ledger = new Ledger();
    ledger.decide(
      asked(request('r.1', { indexes: [[0, 9]] })),
      asked(request('r.2', { pod: 'other', role: 'ops' as RoleName, indexes: [[0, 9]] })),
    );
    ledger.happened(opened(1, 8), opened(2, 8), opened(3, 2));
    ledger.decide(goOn, asked(request('r.3', { pod: 'third' })), goOn);
    const grants = [...ledger.grants()];
    expect(grants.length).toBeGreaterThan(10);
    expect(new Set(grants.map(({ request: of }) => of)).size).toBeGreaterThan(1);
    for (const { grant, agent } of grants) expect(ledger.choiceOf(grant)?.scores[0]?.agent).toBe(agent);
  });

  it('is not known of a commit that would be decided in another way now', () => {
    const ledger = new Ledger();
    ledger.happened(opened(1, 4), opened(2, 8));
    ledger.decide(asked(request('r.1')));
    const [commit] = ledger.commits;
    const placed = commit!.events.find(({ type }) => type === 'Placed') as { data: { agents: { numbers: number[] } } };
    placed.data.agents.numbers[0] = 1;
    expect(ledger.choiceOf('1.0' as GrantId)).toBeUndefined();
  });
});
