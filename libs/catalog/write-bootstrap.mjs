// Keeps what `kafka-storage format` of a version writes: node libs/catalog/write-bootstrap.mjs libs/catalog/packages/kafka/4.1.1 JARS
// bootstrap.checkpoint names the features that a new cluster starts with, and no id, so it is the same for every broker of
// that version: they take it from the package instead of starting a second JVM each.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [folder, jars] = process.argv.slice(2);
if (jars === undefined) throw new Error('name the folder of a version, and one with its jars');
const work = mkdtempSync(join(tmpdir(), 'orrery-bootstrap-'));
try {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 0,
    'controller.quorum.voters': '0@127.0.0.1:9093',
    listeners: 'PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(work, 'log'),
  };
  const file = join(work, 'broker.properties');
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const format = ['kafka.tools.StorageTool', 'format', '-t', 'AAAAAAAAAAAAAAAAAAAAAQ', '-c', file];
  execFileSync('java', ['-cp', join(jars, '*'), ...format], { stdio: 'inherit' });
  const bytes = readFileSync(join(work, 'log', 'bootstrap.checkpoint'));
  writeFileSync(join(folder, 'bootstrap.base64'), bytes.toString('base64').replace(/(.{76})/g, '$1\n') + '\n');
} finally {
  rmSync(work, { recursive: true, force: true });
}
