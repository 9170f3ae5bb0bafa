// One Kafka and one Cassandra for all specs of this kind, given to them as ORRERY_KAFKA and ORRERY_CASSANDRA. Both given
// already: those are used. A second terminal with
//   node deploy/local/dist/main.js infra --home /tmp/orrery-adapters --deletable-topics
// and its addresses in the environment makes a run start at once.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export default async function startInfrastructure() {
  if (process.env.ORRERY_KAFKA && process.env.ORRERY_CASSANDRA) return;
  execFileSync(process.execPath, [join(root, 'deploy', 'local', 'build.mjs')], { stdio: 'inherit' });
  const home = mkdtempSync(join(tmpdir(), 'orrery-adapters-'));
  const main = join(root, 'deploy', 'local', 'dist', 'main.js');
  const infra = spawn(
    process.execPath,
    [main, 'infra', '--home', home, '--deletable-topics', '--while-stdin-is-open'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  globalThis.orreryInfrastructure = { infra, home };
  const { kafka, cassandra, datacenter } = await firstLine(infra);
  process.env.ORRERY_KAFKA = kafka.join(',');
  process.env.ORRERY_CASSANDRA = cassandra.join(',');
  process.env.ORRERY_DATACENTER = datacenter;
}

function firstLine(child) {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    child.once('exit', (code) => reject(new Error(`Kafka and Cassandra did not start (exit code ${code}, see above)`)));
  });
}
