import {
  agentCommandsTopic,
  agentHeartbeatsTopic,
  agentPartition,
  agentReportsTopic,
  journalTopic,
  type AgentId,
  type AgentOrder,
  type AgentReport,
  type CommitRecord,
  type JournalRecord,
} from '@orrery/contracts';
import { hostDecider, provisionJournal, type ControlLoop } from '@orrery/control-loop';
import {
  InMemoryLog,
  InMemoryRegistry,
  InMemorySnapshots,
  ManualClock,
  ManualHint,
  SeededRandom,
} from '@orrery/testing';
import { clusterHosting } from './hosting.js';

const sizes = { cells: 1, lanes: 2 };
const ada = 'ada' as AgentId;
const bob = 'bob' as AgentId;

/** Masters on a log and a clock of the test's, and agents that are no more than what they send. */
class World {
  readonly clock = new ManualClock();
  readonly log = new InMemoryLog(this.clock);
  readonly registry = new InMemoryRegistry();
  readonly random = new SeededRandom(1);
  readonly troubles: Error[] = [];
  readonly held: number[] = [];
  first: { readonly hint: ManualHint; readonly loop: ControlLoop } | undefined;
  readonly #beating = new Map<AgentId, () => void>();

  static async begin(): Promise<World> {
    const world = new World();
    for (const domain of ['cluster', 'services', 'allocation'] as const) {
      await world.clock.advanceWhile(provisionJournal(world, { domain, cell: 0, cells: 1 }));
    }
    return world;
  }

  async master(instance: string): Promise<{ loop: ControlLoop; hint: ManualHint }> {
    const { clock, log, registry, troubles } = this;
    const hint = new ManualHint();
    const hosting = clusterHosting(sizes, {
      ...{ log, clock },
      onTrouble: (error) => void troubles.push(error),
      onLapsesHeld: (_cell, count) => void this.held.push(count),
    });
    const ports = { log, registry, clock, hint, snapshots: new InMemorySnapshots(), observe: () => undefined };
    const loop = hostDecider(hosting, { ...ports, random: this.random.fork(instance) }, { instance, cells: 1 });
    await this.clock.advanceWhile(loop.start());
    return { loop, hint };
  }

  async owner(instance = 'master-0') {
    const master = await this.master(instance);
    master.hint.name(0);
    await this.clock.advanceUntil(() => master.loop.status()[0]!.state === 'owning', 'it owns');
    return master;
  }

  report(report: AgentReport, partition = this.lane(report.agent)): void {
    this.raw(agentReportsTopic, partition, JSON.stringify(report));
  }

  raw(topic: string, partition: number, text: string): void {
    void this.log.append({ topic, partition }, { value: Buffer.from(text) });
  }

  lane(agent: AgentId): number {
    return agentPartition(agent, 0, sizes);
  }

  beat(agent: AgentId, more: object = {}): void {
    const beat = { agent, session: 's1', epoch: 1, obeyed: 1, m: 0, ...more };
    this.raw(agentHeartbeatsTopic, this.lane(agent), JSON.stringify(beat));
  }

  /** From now on a heartbeat a second. */
  keepBeating(agent: AgentId, more: object = {}): void {
    this.beat(agent, more);
    this.#beating.set(
      agent,
      this.clock.after(1000, () => this.keepBeating(agent, more)),
    );
  }

  fallSilent(agent: AgentId): void {
    this.#beating.get(agent)?.();
  }

  get events() {
    return this.log
      .messagesOf({ topic: journalTopic('cluster'), partition: 0 })
      .map(({ value }) => JSON.parse(Buffer.from(value!).toString()) as JournalRecord)
      .filter((record): record is CommitRecord => record.kind === 'Commit')
      .flatMap(({ events }) => events);
  }

  types(agent?: AgentId): string[] {
    return this.events
      .filter(({ data }) => agent === undefined || ('agent' in data && data.agent === agent))
      .map(({ type }) => type);
  }

  orders(agent: AgentId): AgentOrder[] {
    return this.log
      .messagesOf({ topic: agentCommandsTopic, partition: this.lane(agent) })
      .map(({ value }) => JSON.parse(Buffer.from(value!).toString()) as AgentOrder)
      .filter((order) => order.agent === agent);
  }

  async untilType(type: string, agent: AgentId, ms?: number): Promise<void> {
    await this.clock.advanceUntil(() => this.types(agent).includes(type), `${type} of ${agent}`, ms);
  }
}

function inventory(agent: AgentId, more: object = {}): AgentReport {
  return {
    ...{ type: 'Inventory', agent, session: 's1', epoch: 0, obeyed: 0, m: 0, launches: [], volumes: [] },
    ...{ hostname: agent, address: '127.0.0.1', attributes: {}, faultDomain: { region: 'r', zone: 'z' } },
    capacity: { cpusMilli: 1000, memoryMib: 1024, diskMib: 1024, gpuIds: [], ports: [[31_000, 31_100]] },
    ...more,
  } as AgentReport;
}

async function joined(...agents: AgentId[]): Promise<World> {
  const world = await World.begin();
  world.first = await world.owner();
  for (const agent of agents) {
    world.report(inventory(agent));
    await world.untilType('AgentRegistered', agent);
    world.keepBeating(agent);
  }
  return world;
}

describe('the master', () => {
  it('registers an agent and tells it so on its lane', async () => {
    const world = await joined(ada);
    await world.clock.advanceUntil(() => world.orders(ada).length > 0, 'an order');
    expect(world.orders(ada)).toMatchObject([{ type: 'Sync', session: 's1', epoch: 1, n: 1 }]);
  });

  it('finds a silent agent within 15 seconds, and leaves those alone that are heard', async () => {
    const world = await joined(ada, bob);
    await world.clock.advance(30_000);
    world.fallSilent(ada);
    await world.untilType('AgentUnreachable', ada, 15_000);
    await world.clock.advance(30_000);
    expect(world.types(bob)).toEqual(['AgentRegistered', 'SyncOrdered']);
  });

  it('holds lapses back when many agents fall silent at once, raises an alarm, and drops them when they are heard', async () => {
    const names = ['a', 'b', 'c', 'd'] as AgentId[];
    const world = await joined(...names);
    for (const agent of names) world.fallSilent(agent);
    await world.clock.advance(15_000);
    expect(names.map((agent) => world.types(agent).at(-1)).sort()).toEqual([
      ...['AgentUnreachable', 'AgentUnreachable'],
      ...['LapseHeld', 'LapseHeld'],
    ]);
    expect(world.held.at(-1)).toBe(2);
    for (const agent of names) world.keepBeating(agent);
    await world.clock.advanceUntil(() => world.held.at(-1) === 0, 'no lapse is held', 5000);
    await world.clock.advance(120_000);
    expect(world.types().filter((type) => type === 'AgentUnreachable')).toHaveLength(2);
  });

  it('writes nothing while nothing happens', async () => {
    const world = await joined(ada, bob);
    const before = world.events.length;
    await world.clock.advance(120_000);
    expect(world.events).toHaveLength(before);
  });

  it('asks a lost agent that is heard again for its inventory, and takes it back', async () => {
    const world = await joined(ada);
    world.fallSilent(ada);
    await world.untilType('AgentUnreachable', ada, 15_000);
    world.keepBeating(ada);
    await world.clock.advanceUntil(() => world.orders(ada).length === 2, 'it is asked', 5000);
    expect(world.orders(ada)[1]).toMatchObject({ type: 'Sync', n: 2, askInventory: true });
    world.report(inventory(ada, { epoch: 1, obeyed: 2 }));
    await world.untilType('AgentReturned', ada);
    world.fallSilent(ada);
    await world.clock.advance(11_000);
    expect(world.types(ada).filter((type) => type === 'AgentUnreachable')).toHaveLength(1);
  });

  it('tells an agent everything again that does not obey', async () => {
    const world = await joined(ada);
    world.fallSilent(ada);
    world.keepBeating(ada, { obeyed: 0 });
    await world.clock.advanceUntil(() => world.orders(ada).length === 2, 'a Sync', 5000);
    expect(world.orders(ada)[1]).toMatchObject({ type: 'Sync', n: 2 });
  });

  it('gives everybody a full lease when another one takes over', async () => {
    const world = await joined(ada);
    world.fallSilent(ada);
    await world.clock.advance(9000);
    world.first!.hint.name();
    await world.owner('master-1');
    await world.clock.advance(9000);
    expect(world.types(ada)).not.toContain('AgentUnreachable');
    await world.untilType('AgentUnreachable', ada, 6000);
  });

  it('counts anew when it gives a cell up and takes it up again in the same term', async () => {
    const world = await joined(ada);
    await world.clock.advance(30_000);
    world.first!.hint.name();
    await world.clock.advanceUntil(() => world.first!.loop.status()[0]!.state === 'standby', 'it stands by');
    world.first!.hint.name(0);
    await world.clock.advanceUntil(() => world.first!.loop.status()[0]!.state === 'owning', 'it owns');
    const markers = world.log
      .messagesOf({ topic: agentHeartbeatsTopic, partition: world.lane(ada) })
      .filter(({ value }) => Buffer.from(value!).includes('marker'));
    // The last marker of before, doubled by a client that retried.
    world.raw(agentHeartbeatsTopic, world.lane(ada), Buffer.from(markers.at(-1)!.value!).toString());
    world.fallSilent(ada);
    await world.untilType('AgentUnreachable', ada, 15_000);
  });

  it('quarantines what is no report, or is on a lane that is not the agent’s, and goes on', async () => {
    const world = await joined(ada);
    world.raw(agentReportsTopic, 0, 'garbage');
    world.raw(agentReportsTopic, 0, '{"type":"Dance"}');
    world.report(inventory(bob), 1 - world.lane(bob));
    const quarantined = () => world.events.filter(({ type }) => type === 'InputQuarantined');
    await world.clock.advanceUntil(() => quarantined().length === 3, 'three are quarantined');
    expect(quarantined().map(({ data }) => (data as unknown as { code: string }).code)).toEqual(
      expect.arrayContaining(['malformed', 'unknown-type', 'misrouted']),
    );
    world.report(inventory(bob));
    await world.untilType('AgentRegistered', bob);
    expect(world.troubles).toEqual([]);
  });

  it('is not confused by what is no heartbeat', async () => {
    const world = await joined(ada);
    for (const text of ['', '{', 'null', '7', '{"marker":7}', '{"marker":{}}', '{"agent":"ada"}']) {
      world.raw(agentHeartbeatsTopic, world.lane(ada), text);
    }
    world.raw(agentHeartbeatsTopic, world.lane(ada), '{"marker":{"writer":"somebody","number":1000}}');
    await world.clock.advance(20_000);
    expect(world.types(ada)).toEqual(['AgentRegistered', 'SyncOrdered']);
    expect(world.troubles).toEqual([]);
  });
});
