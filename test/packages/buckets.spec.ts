import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PackageCluster, WITHIN_MS } from './package-cluster.js';
import { QuorumClient } from './quorum-client.js';

const ROWS = 500;
const BUCKET = 'backups';
const KEY = { id: 'orrery', text: 'known to the agents alone' };
const S3_PROXY = {
  uri: 'mvn:org.gaul:s3proxy:2.6.0',
  sha256: '12070c46825c44652ac67b490dfbd01775a639d3cfe1174e599279fc1b06ff91',
  dest: 'lib',
};
const settings = `s3proxy.authorization=aws-v2-or-v4
s3proxy.identity=${KEY.id}
s3proxy.credential=${KEY.text}
s3proxy.endpoint=http://{{ORRERY_ADDRESS}}:{{PORT_HTTP}}
s3proxy.ignore-unknown-headers=true
jclouds.provider=filesystem-nio2
jclouds.identity=none
jclouds.credential=none
`;
const logging = '<configuration><root level="OFF"/></configuration>';

/** A server that speaks S3 and keeps objects as files: a service as any other. */
const objectStore = {
  name: 'objects',
  pods: {
    store: {
      count: 1,
      uris: [S3_PROXY],
      volumes: { data: { path: 'data', size: 128 } },
      tasks: {
        server: {
          cmd: `mkdir -p data/${BUCKET} && echo jclouds.filesystem.basedir=$PWD/data >>settings && exec java -Xmx128m -Dlogback.configurationFile=logging.xml -cp 'lib/*' org.gaul.s3proxy.Main --properties settings`,
          cpus: 0.5,
          memory: 384,
          configs: {
            settings: { template: settings, dest: 'settings' },
            logging: { template: logging, dest: 'logging.xml' },
          },
          ports: { http: { port: 0, 'env-key': 'PORT_HTTP', advertise: true } },
          'readiness-check': { tcp: { port: 'http' } },
        },
      },
    },
  },
};

describe('the package cassandra and a bucket', () => {
  let user: PackageCluster;
  beforeAll(async () => {
    user = await PackageCluster.start(2);
    const folder = join(user.cluster.home, 'secrets');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, 's3-access-key'), KEY.id, { mode: 0o600 });
    writeFileSync(join(folder, 's3-secret-key'), KEY.text, { mode: 0o600 });
  }, WITHIN_MS);
  afterAll(() => user?.stop());

  it(
    'keeps a backup there by keys that only agents know, and gives back every row',
    async () => {
      await user.apply(objectStore);
      const [objects] = await user.runningTasksOf('objects');
      const s3 = {
        bucket: BUCKET,
        endpoint: `http://${objects!.address}:${objects!.ports['http']}`,
        access_key_secret: 's3-access-key',
        secret_key_secret: 's3-secret-key',
      };
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
