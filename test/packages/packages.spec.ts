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

      const servers = before.map(({ address, ports }) => `${address}:${ports['broker']}`).join(',');
      const stop = join(folder, 'stop');
      const script = join(import.meta.dirname, 'produce.py');
      const env = { ...process.env, PYTHONPATH: await kafkaPython() };
      const produced = run('python3', [script, servers, 'orders', stop], { env });
      const more = options('more.json', { kafka: { 'num.partitions': 2 } });
      const updated = await orrery('package', 'update', 'kafka', '--name', 'events', '--options', more, '--detach');
      expect(updated).toMatchObject({ code: 0 });
      await completed('events', 'update');
      writeFileSync(stop, '');
      const { acknowledged, lost } = JSON.parse((await produced).stdout) as { acknowledged: number; lost: number };
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
});
