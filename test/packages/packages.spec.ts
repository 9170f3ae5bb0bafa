import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, kafkaPython, RealCluster } from '@orrery/testing';

const run = promisify(execFile);
/** Three JVMs that start at once on few cores. */
const WITHIN_MS = 300_000;

interface Task {
  readonly id: string;
  readonly state: string;
  readonly ready: boolean;
  readonly incarnation: number;
  readonly pid: number;
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
}

interface Topic {
  readonly name: string;
  readonly partitions: readonly { readonly replicas: number[]; readonly inSync: number[] }[];
}

describe('packages', () => {
  let cluster: RealCluster;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-packages-'));
    cluster = await RealCluster.start();
  }, WITHIN_MS);
  afterAll(async () => {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const orrery = (...words: readonly string[]) => cluster.cli(...words);
  const tasksOf = (service: string) => cluster.json<Task[]>('task', 'list', '--service', service);
  /** Longer than the command line itself may wait here. */
  const completed = (service: string, plan: string) =>
    eventually(
      async () => (await cluster.json<{ status: string }>('plan', 'show', service, plan)).status === 'COMPLETE',
      { withinMs: WITHIN_MS, everyMs: 500, what: `plan ${plan} of ${service} is complete` },
    );
  const options = (name: string, value: object) => {
    const file = join(folder, name);
    writeFileSync(file, JSON.stringify(value));
    return file;
  };

  /** Produces with acks=all while something is done, and tells what of it is found afterwards. */
  const producedDuring = async (service: string, topic: string, work: () => Promise<void>) => {
    const servers = (await tasksOf(service)).map(({ address, ports }) => `${address}:${ports['broker']}`).join(',');
    const stop = join(folder, `${service}-${topic}-stop`);
    const script = join(import.meta.dirname, 'produce.py');
    const env = { ...process.env, PYTHONPATH: await kafkaPython() };
    const produced = run('python3', [script, servers, topic, stop], { env });
    await work().finally(() => writeFileSync(stop, ''));
    return JSON.parse((await produced).stdout) as { acknowledged: number; lost: number };
  };

  it('give a web site its files, and other ones later', async () => {
    const files = [{ name: 'index', path: 'site/index.html', text: 'first' }];
    expect(
      await orrery('package', 'install', 'web', '--name', 'site', '--options', options('site.json', { files })),
    ).toMatchObject({ code: 0 });
    const page = async () => {
      const [task] = await tasksOf('site');
      return (await fetch(`http://${task!.address}:${task!.ports['http']}/`)).text();
    };
    expect(await page()).toBe('first');
    const later = options('later.json', { files: [{ ...files[0], text: 'second' }] });
    expect(await orrery('package', 'update', 'web', '--name', 'site', '--options', later)).toMatchObject({ code: 0 });
    expect(await page()).toBe('second');
    expect(await orrery('package', 'uninstall', 'web', '--name', 'site', '--yes')).toMatchObject({ code: 0 });
  });

  it(
    'run three Kafka brokers that lose nothing while each of them is restarted',
    async () => {
      const small = options('kafka.json', { brokers: { disk: 512 } });
      const installed = await orrery('package', 'install', 'kafka', '--name', 'events', '--options', small, '--detach');
      expect(installed).toMatchObject({ code: 0 });
      await completed('events', 'deploy');
      const before = await tasksOf('events');
      expect(before.map(({ state, ready }) => [state, ready])).toEqual(Array(3).fill(['RUNNING', true]));
      expect(new Set(before.map(({ address }) => address)).size).toBe(3);
      expect(await orrery('kafka', 'topic', 'create', 'events', 'orders', '--partitions', '6')).toMatchObject({
        code: 0,
      });
      expect(await orrery('kafka', 'topic', 'create', 'events', 'orders')).toMatchObject({ code: 4 });

      const more = options('more.json', { kafka: { 'num.partitions': 2 } });
      const { acknowledged, lost } = await producedDuring('events', 'orders', async () => {
        const updated = await orrery('package', 'update', 'kafka', '--name', 'events', '--options', more, '--detach');
        expect(updated).toMatchObject({ code: 0 });
        await completed('events', 'update');
      });
      expect(acknowledged).toBeGreaterThan(0);
      expect(lost).toBe(0);
      const after = await tasksOf('events');
      expect(after.map(({ incarnation }, at) => incarnation > before[at]!.incarnation)).toEqual([true, true, true]);
      const [topic] = await cluster.json<Topic[]>('kafka', 'topic', 'list', 'events');
      expect(topic!.partitions.every(({ replicas, inSync }) => inSync.length === 3 && replicas.length === 3)).toBe(
        true,
      );

      expect(await orrery('package', 'uninstall', 'kafka', '--name', 'events', '--yes')).toMatchObject({ code: 0 });
      await eventually(() => after.every(({ pid }) => !existsSync(`/proc/${pid}`)), {
        withinMs: 60_000,
        everyMs: 200,
        what: 'no broker lives',
      });
      expect(await cluster.json<{ service: string }[]>('volume', 'list')).toEqual([]);
    },
    3 * WITHIN_MS,
  );

  it(
    'move what a Kafka broker has to the others before it goes',
    async () => {
      const brokers = { disk: 512, controllers: 1 };
      const three = options('three.json', { brokers });
      expect(
        await orrery('package', 'install', 'kafka', '--name', 'small', '--options', three, '--detach'),
      ).toMatchObject({ code: 0 });
      await completed('small', 'deploy');
      const create = ['kafka', 'topic', 'create', 'small', 'orders', '--partitions', '6', '--replication', '2'];
      expect(await orrery(...create)).toMatchObject({ code: 0 });
      const two = options('two.json', { brokers: { count: 2 } });
      const { acknowledged, lost } = await producedDuring('small', 'orders', async () => {
        expect(
          await orrery('package', 'update', 'kafka', '--name', 'small', '--options', two, '--detach'),
        ).toMatchObject({ code: 0 });
        await completed('small', 'update');
      });
      expect(acknowledged).toBeGreaterThan(0);
      expect(lost).toBe(0);
      const topics = await cluster.json<Topic[]>('kafka', 'topic', 'list', 'small');
      const replicas = topics.flatMap(({ partitions }) => partitions.map(({ inSync }) => [...inSync].sort()));
      expect(replicas.every((each) => each.join() === '0,1')).toBe(true);
      expect((await tasksOf('small')).filter(({ state }) => state === 'RUNNING')).toHaveLength(2);
      expect(await cluster.json<object[]>('volume', 'list')).toHaveLength(2);
      expect(await orrery('package', 'uninstall', 'kafka', '--name', 'small', '--yes')).toMatchObject({ code: 0 });
    },
    3 * WITHIN_MS,
  );
});
