import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { eventually, LoneAgent } from '@orrery/testing';
import { PackageCluster, WITHIN_MS } from './package-cluster.js';
import { QuorumClient } from './quorum-client.js';

interface Pod {
  readonly name: string;
  readonly hostname: string;
  readonly volumes: readonly { readonly volume: string }[];
}

const BEFORE_THE_NEWEST = '4.1.10';
const NEWEST = '5.0.6';
/** Drivers of Node ask every node at the port of the first. */
const PORT = 9642;
const FILLED = 2000;
const NOTHING = { tasks: 0, volumes: 0, reservations: 0 };

/** Two agents under the launcher and two that nobody starts again. One story: each sentence goes on where the last one ended. */
describe('the package cassandra', () => {
  let user: PackageCluster;
  let loner: LoneAgent;
  let spare: LoneAgent;
  let client: QuorumClient;
  let rows = FILLED;
  /** What the lost agent has of the node that was replaced. */
  let leftBehind: string;
  beforeAll(async () => {
    user = await PackageCluster.start(2);
    const size = { memoryMib: 2048, diskMib: 8192 };
    loner = new LoneAgent(user.cluster, { hostname: 'loner', address: '127.0.0.9', ...size });
    spare = new LoneAgent(user.cluster, { hostname: 'spare', address: '127.0.0.10', ...size });
    loner.start();
    await agentsAre('ACTIVE', 3);
  }, WITHIN_MS);
  afterAll(async () => {
    await client?.close();
    await loner?.stop();
    await spare?.stop();
    await user?.stop();
  });

  const agentsAre = (state: string, count: number) =>
    eventually(
      async () =>
        (await user.cluster.json<{ state: string }[]>('agent', 'list')).filter((agent) => agent.state === state)
          .length === count,
      { withinMs: 60_000, everyMs: 500, what: `${count} agents are ${state}` },
    );
  const nodes = () => user.runningTasksOf('store');
  const pods = () => user.cluster.json<Pod[]>('pod', 'list', 'store');
  const memoryMibGranted = async () =>
    (await user.cluster.json<{ used: { memory: number } }[]>('agent', 'list')).reduce(
      (sum, { used }) => sum + used.memory,
      0,
    );
  const ring = async () =>
    (await nodes()).map(({ hostname, ready }) => `${hostname} ${ready ? 'UN' : 'not ready'}`).sort();

  it(
    'starts three nodes, one after the other',
    async () => {
      const folder = join(user.folder, 'backups');
      mkdirSync(folder);
      const options = { nodes: { port: PORT, disk: 1024 }, backup: { folder } };
      await user.change('install', 'cassandra', 'store', options, '--package-version', BEFORE_THE_NEWEST);
      expect(await ring()).toEqual(['agent-0 UN', 'agent-1 UN', 'loner UN']);
      client = new QuorumClient(
        (await nodes()).map(({ address }) => address),
        PORT,
      );
      await client.createTable({ replicas: 3 });
      await client.fill(1, FILLED);
    },
    2 * WITHIN_MS,
  );

  it(
    'gets a newer version and more memory node by node and in place, while clients read and write at QUORUM',
    async () => {
      const before = await nodes();
      const volumes = (await pods()).map((pod) => pod.volumes[0]!.volume);
      const granted = await memoryMibGranted();
      const { last, failures } = await client.during(FILLED + 1, () =>
        user.change('update', 'cassandra', 'store', { nodes: { memory: 1088 } }, '--package-version', NEWEST),
      );
      expect(await memoryMibGranted()).toBe(granted + 3 * 64);
      expect((await pods()).map((pod) => pod.volumes[0]!.volume)).toEqual(volumes);
      expect(failures).toEqual([]);
      rows = last;
      expect(rows).toBeGreaterThan(FILLED);
      expect((await nodes()).map(({ incarnation }, at) => incarnation > before[at]!.incarnation)).toEqual([
        true,
        true,
        true,
      ]);
      await user.orrery('plan', 'start', 'store', 'upgradesstables', '--timeout', '3m');
      expect(await client.count()).toBe(rows);
    },
    2 * WITHIN_MS,
  );

  it(
    'gives back every row of a keyspace that was dropped',
    async () => {
      await user.orrery('cassandra', 'backup', 'store', 'first', '--timeout', '150s');
      await client.dropKeyspace();
      await expect(client.count()).rejects.toThrow('shop');
      await user.orrery('cassandra', 'restore', 'store', 'first', '--yes', '--timeout', '150s');
      expect(await client.count()).toBe(rows);
      expect((await user.refused('cassandra', 'backup', 'store', 'first', '--timeout', '60s')).code).not.toBe(0);
      await user.orrery('plan', 'stop', 'store', 'backup');
    },
    2 * WITHIN_MS,
  );

  it(
    'gives the node of a lost machine another one and an empty disk, and it has all data',
    async () => {
      const lost = (await pods()).find(({ hostname }) => hostname === 'loner')!;
      leftBehind = join(loner.folder, 'volumes', lost.volumes[0]!.volume);
      const [node] = (await nodes()).filter(({ hostname }) => hostname === 'loner');
      loner.kill();
      process.kill(node!.pid, 'SIGKILL');
      await agentsAre('UNREACHABLE', 1);
      spare.start();
      await agentsAre('ACTIVE', 3);
      const { last, failures } = await client.during(rows + 1, async () => {
        await user.orrery('pod', 'replace', 'store', lost.name, '--fenced', '--yes', '--timeout', '170s');
      });
      expect(failures).toEqual([]);
      rows = last;
      expect(await ring()).toEqual(['agent-0 UN', 'agent-1 UN', 'spare UN']);

      const others = (await pods()).filter(({ hostname }) => hostname !== 'spare').map(({ name }) => name);
      for (const name of others) await user.orrery('pod', 'pause', 'store', name, '--timeout', '150s');
      expect(await client.count('one')).toBe(rows);
      for (const name of others) await user.orrery('pod', 'resume', 'store', name, '--timeout', '150s');
      expect(await ring()).toEqual(['agent-0 UN', 'agent-1 UN', 'spare UN']);
    },
    3 * WITHIN_MS,
  );

  it(
    'keeps what the replaced node had, also when its machine comes back, until someone says that it may go',
    async () => {
      loner.start();
      const destroyed = async () => (await user.refused('volume', 'destroy', basename(leftBehind), '--yes')).code === 0;
      expect(existsSync(leftBehind)).toBe(true);
      // Once the machine has said that nothing of the node runs there any more.
      await eventually(destroyed, { withinMs: 60_000, everyMs: 500, what: 'the old volume is given up' });
      await eventually(() => !existsSync(leftBehind), { withinMs: 60_000, what: 'the old volume is gone' });
    },
    WITHIN_MS,
  );

  it(
    'grows by a node, and gives its rows to the others before it goes',
    async () => {
      await user.change('update', 'cassandra', 'store', { nodes: { count: 4 } });
      expect(await ring()).toEqual(['agent-0 UN', 'agent-1 UN', 'loner UN', 'spare UN']);
      const { last, failures } = await client.during(rows + 1, () =>
        user.change('update', 'cassandra', 'store', { nodes: { count: 3 } }),
      );
      expect(failures).toEqual([]);
      rows = last;
      expect(await ring()).toEqual(['agent-0 UN', 'agent-1 UN', 'spare UN']);
      expect(await client.count()).toBe(rows);
    },
    3 * WITHIN_MS,
  );

  it(
    'is found again when all of it was restarted at once',
    async () => {
      const before = await nodes();
      for (const { name } of await pods()) await user.orrery('pod', 'restart', 'store', name, '--detach');
      await eventually(
        async () => {
          const after = await nodes();
          return (
            after.filter(({ ready, incarnation }, at) => ready && incarnation > before[at]!.incarnation).length === 3
          );
        },
        { withinMs: WITHIN_MS, everyMs: 500, what: 'three nodes are ready again' },
      );
      // A driver that lost all its nodes at once asks again after a while.
      const counted = () => client.count().catch(() => 0);
      await eventually(async () => (await counted()) > 0, {
        withinMs: WITHIN_MS,
        what: 'the client found the ring again',
      });
      expect(await client.count()).toBe(rows);
    },
    2 * WITHIN_MS,
  );

  it(
    'leaves nothing when it is uninstalled, also on a machine that was away',
    async () => {
      await client.close();
      const last = await nodes();
      const [{ volume }] = (await pods()).find(({ hostname }) => hostname === 'spare')!.volumes as [{ volume: string }];
      spare.kill();
      await agentsAre('UNREACHABLE', 1);
      const uninstalled = await user.orrery('package', 'uninstall', 'cassandra', '--name', 'store', '--yes');
      expect(uninstalled).toContain('1 task, 1 volume');
      spare.start();
      await user.gone(last, 90_000);
      const folder = join(spare.folder, 'volumes', volume);
      await eventually(() => !existsSync(folder), { withinMs: 60_000, what: 'the volume of the lost machine is gone' });
      const owned = async () => (await user.cluster.request('GET', '/v1/services/store/owned')).json as typeof NOTHING;
      await eventually(async () => (await owned()).reservations === 0, {
        withinMs: 60_000,
        what: 'the ledger is empty',
      });
      expect(await owned()).toMatchObject(NOTHING);
      expect(await user.cluster.json<object[]>('volume', 'list')).toEqual([]);
    },
    2 * WITHIN_MS,
  );
});
