import { describeWithEngine, TestEngine } from '../agent/container-engine.js';
import { importLookAlike } from './look-alike-image.js';
import { objectStore, optionsOf, putKeys } from './object-store.js';
import { PackageCluster, WITHIN_MS } from './package-cluster.js';
import { QuorumClient } from './quorum-client.js';

const OLD = { version: '4.1.10', image: 'localhost/orrery-test-cassandra:4.1.10' };
const NEW = { version: '5.0.6', image: 'localhost/orrery-test-cassandra:5.0.6' };
const PLACE = '/opt/cassandra/lib';
/** Drivers of Node ask every node at the port of the first. */
const PORT = 9642;
const FILLED = 500;

/** One story: each sentence goes on where the last one ended. */
describeWithEngine('Cassandra in containers', 'the package cassandra in containers', () => {
  let engine: TestEngine;
  let user: PackageCluster;
  let client: QuorumClient;
  let rows = FILLED;
  beforeAll(async () => {
    engine = await TestEngine.start();
    for (const { version, image } of [OLD, NEW])
      await importLookAlike(engine, image, { name: 'cassandra', version, place: PLACE });
    user = await PackageCluster.start(3, engine.environment);
    putKeys(user.cluster.home);
  }, WITHIN_MS);
  afterAll(async () => {
    await client?.close();
    await user?.stop();
    await engine?.stop();
  });

  const containers = () => engine.engine.withLabel('orrery.service', 'store');

  it(
    'gets a newer image node by node, while clients read and write at QUORUM',
    async () => {
      await user.apply(objectStore);
      const [objects] = await user.runningTasksOf('objects');
      const options = {
        nodes: { port: PORT, disk: 1024 },
        container: { enabled: true, image: OLD.image },
        backup: { s3: optionsOf(objects!) },
      };
      await user.change('install', 'cassandra', 'store', options, '--package-version', OLD.version);
      expect(await containers()).toHaveLength(3);
      const nodes = await user.runningTasksOf('store');
      client = new QuorumClient(
        nodes.map(({ address }) => address),
        PORT,
      );
      await client.createTable({ replicas: 3 });
      await client.fill(1, FILLED);
      const { last, failures } = await client.during(FILLED + 1, () =>
        user.change(
          'update',
          'cassandra',
          'store',
          { container: { image: NEW.image } },
          '--package-version',
          NEW.version,
        ),
      );
      expect(failures).toEqual([]);
      rows = last;
      expect(rows).toBeGreaterThan(FILLED);
    },
    3 * WITHIN_MS,
  );

  it(
    'runs what stands beside its nodes from the image, too: repair, a backup to a bucket and the way back, cleanup',
    async () => {
      await user.orrery('cassandra', 'repair', 'store', '--timeout', '3m');
      await user.orrery('cassandra', 'backup', 'store', 'first', '--timeout', '3m');
      await client.dropKeyspace();
      await user.orrery('cassandra', 'restore', 'store', 'first', '--yes', '--timeout', '3m');
      expect(await client.count()).toBe(rows);
      await user.orrery('cassandra', 'cleanup', 'store', '--timeout', '3m');
    },
    3 * WITHIN_MS,
  );

  it(
    'leaves no container and no volume when it is uninstalled',
    async () => {
      await client.close();
      await user.orrery('package', 'uninstall', 'cassandra', '--name', 'store', '--yes');
      expect(await containers()).toEqual([]);
      await user.orrery('service', 'uninstall', 'objects', '--yes');
      expect(await user.cluster.json<object[]>('volume', 'list')).toEqual([]);
    },
    WITHIN_MS,
  );
});
