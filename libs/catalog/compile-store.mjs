// Compiles what brings Cassandra's backups to a bucket: node libs/catalog/compile-store.mjs JARS, the jars of the asset `s3`
// For Java 11, which images of Cassandra 4.1 have. Store.java.sha256 says which source that was; a spec compares.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [jars] = process.argv.slice(2);
if (jars === undefined) throw new Error('name a folder with the jars of the asset s3 of the package cassandra');
const folder = join(import.meta.dirname, 'packages', 'cassandra');
const source = join(folder, 'Store.java');
const work = mkdtempSync(join(tmpdir(), 'orrery-store-'));
try {
  execFileSync('javac', ['--release', '11', '-g:none', '-cp', join(jars, '*'), '-d', work, source], {
    stdio: 'inherit',
  });
  const bytes = readFileSync(join(work, 'Store.class'));
  writeFileSync(join(folder, 'Store.base64'), bytes.toString('base64').replace(/(.{76})/g, '$1\n') + '\n');
  const sha256 = createHash('sha256').update(readFileSync(source)).digest('hex');
  writeFileSync(join(folder, 'Store.java.sha256'), `${sha256}  Store.java\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
