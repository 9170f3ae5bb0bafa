import { describeWithEngine, TestEngine } from '../agent/container-engine.js';
import { importLookAlike } from './look-alike-image.js';
import { PackageCluster, WITHIN_MS } from './package-cluster.js';

const OLD = { version: '4.0.0', image: 'localhost/orrery-test-kafka:4.0.0' };
const NEW = { version: '4.1.1', image: 'localhost/orrery-test-kafka:4.1.1' };
const PLACE = '/opt/kafka/libs';

describeWithEngine('Kafka in containers', 'the package kafka in containers', () => {
  let engine: TestEngine;
  let user: PackageCluster;
  beforeAll(async () => {
    engine = await TestEngine.start();
    for (const { version, image } of [OLD, NEW])
      await importLookAlike(engine, image, { name: 'kafka', version, place: PLACE });
    user = await PackageCluster.start(4, engine.environment);
  }, WITHIN_MS);
  afterAll(async () => {
    await user?.stop();
    await engine?.stop();
  });

  const containers = () => engine.engine.withLabel('orrery.service', 'events');

  it(
    'loses nothing while brokers move into containers, get a newer image, and one of them is drained',
    async () => {
      const brokers = { count: 4, disk: 512 };
      await user.change('install', 'kafka', 'events', { brokers }, '--package-version', OLD.version);
      await user.orrery('kafka', 'topic', 'create', 'events', 'orders', '--partitions', '6');
      expect(await containers()).toEqual([]);

      const stages: readonly (readonly [options: object, ...words: string[]])[] = [
        [{ container: { enabled: true, image: OLD.image } }],
        [{ container: { image: NEW.image } }, '--package-version', NEW.version],
        [{ brokers: { count: 3 } }],
      ];
      for (const [options, ...words] of stages) {
        const { acknowledged, lost } = await user.producedDuring('events', 'orders', () =>
          user.change('update', 'kafka', 'events', options, ...words),
        );
        expect(acknowledged).toBeGreaterThan(0);
        expect(lost).toBe(0);
      }
      expect(await containers()).toHaveLength(3);
      const [topic] = await user.cluster.json<{ partitions: { inSync: number[] }[] }[]>(
        'kafka',
        'topic',
        'list',
        'events',
      );
      expect(topic!.partitions.map(({ inSync }) => [...inSync].sort())).toEqual(Array(6).fill([0, 1, 2]));

      await user.orrery('package', 'uninstall', 'kafka', '--name', 'events', '--yes');
      expect(await containers()).toEqual([]);
      expect(await user.cluster.json<object[]>('volume', 'list')).toEqual([]);
    },
    4 * WITHIN_MS,
  );
});
