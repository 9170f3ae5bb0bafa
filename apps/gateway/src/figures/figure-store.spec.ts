import { figureColumns, idRunsOf, noFigures, type AgentId, type AgentMetrics, type LaunchId } from '@orrery/contracts';
import { figureLimits, FigureStore } from './figure-store.js';

interface Told {
  readonly launch: string;
  readonly cpus: number;
  readonly memory?: number;
  readonly service?: string;
}

function message(agent: string, at: number, told: readonly Told[], more: Partial<AgentMetrics> = {}): AgentMetrics {
  return {
    ...{ agent: agent as AgentId, session: 's', round: 1, at, whole: false, gone: [] },
    launches: idRunsOf(told.map(({ launch }) => launch)),
    services: told.map(({ service = 'web' }) => [service, 1]),
    columns: figureColumns(told.map(({ cpus, memory = -1 }) => ({ ...noFigures, cpusMilli: cpus, memoryMib: memory }))),
    ...more,
  };
}

function take(store: FigureStore, metrics: AgentMetrics): number {
  const bytes = Buffer.from(JSON.stringify(metrics));
  store.take(metrics, bytes, metrics.at);
  return bytes.length;
}

const id = (text: string) => text as LaunchId;
const agent = (text: string) => text as AgentId;

describe('figures of tasks', () => {
  it('are the last that were told, and a series of what was told before', () => {
    const store = new FigureStore();
    take(
      store,
      message(
        'a',
        1000,
        [
          { launch: '5.0', cpus: 100 },
          { launch: '5.1', cpus: 7 },
        ],
        { whole: true },
      ),
    );
    take(store, message('a', 6000, [{ launch: '5.0', cpus: 300 }]));
    expect(store.of(agent('a'), id('5.0'))).toMatchObject({ atMs: 6000, figures: { cpusMilli: 300 } });
    expect(store.of(agent('a'), id('5.1'))).toMatchObject({ figures: { cpusMilli: 7 } });
    expect(store.seriesOf(agent('a'), id('5.0')).map(({ figures }) => figures.cpusMilli)).toEqual([100, 300]);
    expect(store.of(agent('b'), id('5.0'))).toBeUndefined();
  });

  it('go with the task, with a round that tells everything else, and with an agent that is silent', () => {
    const store = new FigureStore();
    take(
      store,
      message('a', 0, [
        { launch: '5.0', cpus: 1 },
        { launch: '5.1', cpus: 1 },
        { launch: '6.0', cpus: 1 },
      ]),
    );
    take(store, message('a', 5000, [], { gone: [[5, 1, 1]] }));
    expect(store.of(agent('a'), id('5.1'))).toBeUndefined();
    take(store, message('a', 10_000, [{ launch: '6.0', cpus: 2 }], { whole: true }));
    expect([store.of(agent('a'), id('5.0')), store.size]).toEqual([undefined, 1]);
    store.forget(10_000 + figureLimits.silentMs + 1);
    expect(store.size).toBe(0);
  });

  it('take no more rows and bytes than they may, however much is told', () => {
    const limits = { ...figureLimits, tasksMax: 100, messageBytesMax: 20_000 };
    const store = new FigureStore(limits);
    for (let round = 0; round < 50; round += 1) {
      const told = Array.from({ length: 40 }, (_, ordinal) => ({ launch: `${round}.${ordinal}`, cpus: round }));
      take(store, message(`a${round % 5}`, round, told));
      expect(store.size).toBeLessThanOrEqual(100);
      expect(store.messageBytes).toBeLessThanOrEqual(20_000);
    }
    expect(store.size).toBe(100);
    expect(store.turnedAway).toBe(50 * 40 - 100);
  });

  it('tell who uses most, and what each service uses', () => {
    const store = new FigureStore();
    take(
      store,
      message('a', 0, [
        { launch: '1.0', cpus: 50, memory: 10 },
        { launch: '1.1', cpus: 900, memory: 20, service: 'db' },
      ]),
    );
    take(store, message('b', 0, [{ launch: '1.2', cpus: 400, memory: 300 }]));
    expect(store.most('cpusMilli', 2).map(({ launch }) => launch)).toEqual(['1.1', '1.2']);
    expect(store.most('memoryMib', 1)).toMatchObject([{ agent: 'b', launch: '1.2' }]);
    expect(store.services()).toEqual([
      { service: 'web', tasks: 2, cpusMilli: 450, memoryMib: 310 },
      { service: 'db', tasks: 1, cpusMilli: 900, memoryMib: 20 },
    ]);
  });
});
