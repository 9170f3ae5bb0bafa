import { PackageCluster, WITHIN_MS, type Task } from './package-cluster.js';

interface Topic {
  readonly name: string;
  readonly partitions: readonly { readonly replicas: number[]; readonly inSync: number[] }[];
}

const BEFORE_THE_NEWEST = '4.0.0';
const NEWEST = '4.1.1';

describe('packages', () => {
  let user: PackageCluster;
  beforeAll(async () => {
    user = await PackageCluster.start(3);
  }, WITHIN_MS);
  afterAll(() => user?.stop());

  const topicsOf = (service: string) => user.cluster.json<Topic[]>('kafka', 'topic', 'list', service);

  const incarnationsOf = (tasks: readonly Task[], pod: string) =>
    tasks.filter(({ id }) => id.includes(`.${pod}-`)).map(({ incarnation }) => incarnation);

  it('give a web site its files, and other ones later', async () => {
    const files = [{ name: 'index', path: 'site/index.html', text: 'first' }];
    await user.change('install', 'web', 'site', { files });
    const page = async () => {
      const [task] = await user.runningTasksOf('site');
      return (await fetch(`http://${task!.address}:${task!.ports['http']}/`)).text();
    };
    expect(await page()).toBe('first');
    await user.change('update', 'web', 'site', { files: [{ ...files[0], text: 'second' }] });
    expect(await page()).toBe('second');
    await user.orrery('package', 'uninstall', 'web', '--name', 'site', '--yes');
  });

  it(
    'run three Kafka brokers that lose nothing while each of them is restarted, and gets a newer version',
    async () => {
      await user.change(
        'install',
        'kafka',
        'events',
        { brokers: { disk: 512 } },
        '--package-version',
        BEFORE_THE_NEWEST,
      );
      const before = await user.runningTasksOf('events');
      expect(before.map(({ ready }) => ready)).toEqual([true, true, true]);
      expect(new Set(before.map(({ address }) => address)).size).toBe(3);
      const create = ['kafka', 'topic', 'create', 'events', 'orders'];
      await user.orrery(...create, '--partitions', '6');
      expect(await user.refused(...create)).toMatchObject({ code: 4 });

      const restarted = await user.producedDuring('events', 'orders', () =>
        user.change('update', 'kafka', 'events', { kafka: { 'num.partitions': 2 } }),
      );
      expect(restarted.acknowledged).toBeGreaterThan(0);
      expect(restarted.lost).toBe(0);
      const between = await user.runningTasksOf('events');
      expect(between.map(({ incarnation }, at) => incarnation > before[at]!.incarnation)).toEqual([true, true, true]);

      const upgraded = await user.producedDuring('events', 'orders', () =>
        user.change('update', 'kafka', 'events', {}, '--package-version', NEWEST),
      );
      expect(upgraded.acknowledged).toBeGreaterThan(0);
      expect(upgraded.lost).toBe(0);
      const after = await user.runningTasksOf('events');
      expect(after.map(({ incarnation }, at) => incarnation > between[at]!.incarnation)).toEqual([true, true, true]);
      const [topic] = await topicsOf('events');
      expect(topic!.partitions.map(({ replicas, inSync }) => [replicas.length, inSync.length])).toEqual(
        Array(6).fill([3, 3]),
      );

      await user.orrery('package', 'uninstall', 'kafka', '--name', 'events', '--yes');
      await user.gone(after, 60_000);
      expect(await user.cluster.json<object[]>('volume', 'list')).toEqual([]);
    },
    3 * WITHIN_MS,
  );

  it(
    'give Kafka controllers of their own, and move what a broker has to the others before it goes',
    async () => {
      const controllers = { count: 3, replicas: 2, disk: 256 };
      await user.change('install', 'kafka', 'small', { brokers: { disk: 512 }, controllers });
      const create = ['kafka', 'topic', 'create', 'small', 'orders', '--partitions', '6', '--replication', '2'];
      await user.orrery(...create);
      const started = incarnationsOf(await user.runningTasksOf('small'), 'controller');
      const { acknowledged, lost } = await user.producedDuring('small', 'orders', async () => {
        await user.change('update', 'kafka', 'small', { controllers: { heap: 168 } });
        await user.change('update', 'kafka', 'small', { brokers: { count: 2 } });
      });
      expect(acknowledged).toBeGreaterThan(0);
      expect(lost).toBe(0);
      const replicas = (await topicsOf('small')).flatMap(({ partitions }) =>
        partitions.map(({ inSync }) => [...inSync].sort()),
      );
      expect(replicas.every((each) => each.join() === '0,1')).toBe(true);
      const left = await user.runningTasksOf('small');
      const restarted = incarnationsOf(left, 'controller');
      expect(restarted.map((incarnation, at) => incarnation > started[at]!)).toEqual([true, true, true]);
      expect(left).toHaveLength(5);
      expect(await user.cluster.json<object[]>('volume', 'list')).toHaveLength(5);
      await user.orrery('package', 'uninstall', 'kafka', '--name', 'small', '--yes');
      await user.gone(left, 60_000);
    },
    3 * WITHIN_MS,
  );
});
