import { KEY, optionsOf, objectStore, putKeys } from './object-store.js';
import { PackageCluster, WITHIN_MS } from './package-cluster.js';
import { QuorumClient } from './quorum-client.js';

const ROWS = 500;

describe('the package cassandra and a bucket', () => {
  let user: PackageCluster;
  beforeAll(async () => {
    user = await PackageCluster.start(2);
    putKeys(user.cluster.home);
  }, WITHIN_MS);
  afterAll(() => user?.stop());

  it(
    'keeps a backup there by keys that only agents know, and gives back every row',
    async () => {
      await user.apply(objectStore);
      const [objects] = await user.runningTasksOf('objects');
      const s3 = optionsOf(objects!);
      await user.change('install', 'cassandra', 'store', { nodes: { count: 1, disk: 1024 }, backup: { s3 } });
      const [node] = await user.runningTasksOf('store');
      const client = new QuorumClient([node!.address], node!.ports['native']!);
      try {
        await client.createTable({ replicas: 1 });
        await client.fill(1, ROWS);
        await user.orrery('cassandra', 'backup', 'store', 'first', '--timeout', '150s');
        await client.dropKeyspace();
        await user.orrery('cassandra', 'restore', 'store', 'first', '--yes', '--timeout', '150s');
        expect(await client.count()).toBe(ROWS);
      } finally {
        await client.close();
      }
      expect((await user.cluster.request('GET', '/v1/services/store')).text).not.toContain(KEY.text);
    },
    2 * WITHIN_MS,
  );
});
