import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, RealCluster } from '@orrery/testing';

interface Agent {
  readonly hostname: string;
  readonly resources: { readonly cpus: number };
}

interface Pod {
  readonly name: string;
  readonly state: string;
  readonly message?: string;
  readonly preemptedBy?: { readonly service: string; readonly priority: number };
}

interface Task {
  readonly id: string;
  readonly state: string;
  readonly incarnation: number;
}

interface Why {
  readonly state: string;
  readonly sentence: string;
}

/** Of the service that a new cluster comes with. */
const HELLO_PODS = 3;

const runOf = ({ id, incarnation }: Task) => `${id} ${incarnation}`;

describe('a service that matters more', () => {
  let cluster: RealCluster;
  let agents: readonly Agent[];
  beforeAll(async () => {
    cluster = await RealCluster.start({ agents: 3 });
    agents = await cluster.json<Agent[]>('agent', 'list');
  });
  afterAll(() => cluster.stop());

  /** Two of these fill an agent, but for what small services need. */
  const large = () => Math.floor(Math.min(...agents.map(({ resources }) => resources.cpus)) * 4.5) / 10;

  async function apply(name: string, priority: number, count: number, ...more: readonly string[]): Promise<void> {
    const file = join(cluster.home, `${name}.yaml`);
    const work = { cmd: 'exec sleep 100000', cpus: large(), memory: 32 };
    writeFileSync(file, JSON.stringify({ name, priority, pods: { web: { count, tasks: { work } } } }));
    expect(await cluster.cli('service', 'apply', '-f', file, ...more)).toMatchObject({ code: 0 });
  }

  const running = async (service: string) =>
    (await cluster.json<Task[]>('task', 'list', '--service', service)).filter(({ state }) => state === 'RUNNING');
  const pods = (service: string) => cluster.json<Pod[]>('pod', 'list', service);
  const within = (what: string) => ({ withinMs: 60_000, everyMs: 500, what });

  it('gets its places from one that matters less, which comes back when it leaves', async () => {
    await apply('low', 20, 2 * agents.length);
    expect(await running('low')).toHaveLength(2 * agents.length);
    const bystanders = await eventually(async () => {
      const tasks = await running('hello');
      return tasks.length === HELLO_PODS ? tasks.map(runOf) : undefined;
    }, within('hello runs'));

    await apply('high', 80, agents.length);
    expect(await running('high')).toHaveLength(agents.length);
    const victims = (await pods('low')).filter(({ state }) => state === 'PLACING');
    expect(victims).toHaveLength(agents.length);
    for (const { name, message, preemptedBy } of victims) {
      expect(preemptedBy).toMatchObject({ service: 'high', priority: 80 });
      expect(message).toContain('it made way for high web (*, priority 80)');
      const why = await cluster.json<Why>('task', 'why', `low.${name}.work`);
      expect(why).toMatchObject({ state: 'PENDING', sentence: expect.stringMatching(/^it made way for high web/) });
    }
    expect(await running('low')).toHaveLength(agents.length);

    expect(await cluster.cli('service', 'uninstall', 'high', '--yes')).toMatchObject({ code: 0 });
    await eventually(
      async () => (await running('low')).length === 2 * agents.length,
      within('all pods of low run again'),
    );
    expect((await pods('low')).filter(({ preemptedBy }) => preemptedBy !== undefined)).toEqual([]);
    // The service between the two was never asked.
    expect((await running('hello')).map(runOf)).toEqual(bystanders);
  });

  it('asks nobody while the budget is 0, and says who would have to go', async () => {
    const set = await cluster.cli('role', 'preemption', '--per-minute', '0');
    expect(set).toMatchObject({ code: 0, stdout: expect.stringContaining('preemption is off') });
    await apply('urgent', 80, 1, '--detach');
    await eventually(async () => {
      const { stdout } = await cluster.cli('task', 'why', 'urgent.web-0.work');
      return stdout.includes('would fit after preempting 1 pod of low web (priority 20); not done because preemption');
    }, within('it says who would have to go'));
    expect(await cluster.cli('role', 'preemption', '--per-minute', 'default')).toMatchObject({ code: 0 });
    await eventually(async () => (await running('urgent')).length === 1, within('it runs'));
  });

  it('places a gang of two pod types when there is room for all of it, and says until then what lacks', async () => {
    expect(await cluster.cli('service', 'uninstall', 'urgent', '--yes')).toMatchObject({ code: 0 });
    const all = 2 * agents.length;
    await eventually(async () => (await running('low')).length === all, within('all pods of low run'));
    expect(await cluster.cli('service', 'scale', 'low', 'web', String(all - 2))).toMatchObject({ code: 0 });

    const file = join(cluster.home, 'training.yaml');
    const work = { cmd: 'exec sleep 100000', cpus: large(), memory: 32 };
    const pod = { gang: 'training', tasks: { work } };
    writeFileSync(
      file,
      JSON.stringify({ name: 'training', priority: 20, pods: { chief: pod, worker: { ...pod, count: 2 } } }),
    );
    expect(await cluster.cli('service', 'apply', '-f', file, '--detach')).toMatchObject({ code: 0 });
    const whys = ['chief-0', 'worker-0', 'worker-1'].map((name) => `training.${name}.work`);
    for (const id of whys)
      await eventually(
        async () => {
          const { sentence = '' } = await cluster.json<Partial<Why>>('task', 'why', id);
          return sentence.includes('2 of the 3 pods of the gang (1 of 1 chief, 1 of 2 worker) fit now');
        },
        within(`${id} says what lacks`),
      );
    expect((await pods('training')).map(({ state }) => state)).toEqual(['PLACING', 'PLACING', 'PLACING']);

    expect(await cluster.cli('service', 'scale', 'low', 'web', String(all - 3))).toMatchObject({ code: 0 });
    await eventually(async () => (await running('training')).length === 3, within('all of the gang run'));
  });
});
