import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from './package-cluster.js';

const BUCKET = 'backups';
/** What agents keep as secrets. */
export const KEY = { id: 'orrery', text: 'known to the agents alone' };
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
export const objectStore = {
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

/** Where the agents of a cluster look secrets up. */
export function putKeys(home: string): void {
  const folder = join(home, 'secrets');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 's3-access-key'), KEY.id, { mode: 0o600 });
  writeFileSync(join(folder, 's3-secret-key'), KEY.text, { mode: 0o600 });
}

/** The option `backup.s3` of the package cassandra. */
export function optionsOf({ address, ports }: Task): object {
  return {
    bucket: BUCKET,
    endpoint: `http://${address}:${ports['http']}`,
    access_key_secret: 's3-access-key',
    secret_key_secret: 's3-secret-key',
  };
}
