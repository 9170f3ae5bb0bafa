// Writes down what a package's sets of jars are: node libs/catalog/list-jars.mjs libs/catalog/packages/kafka/4.1.1
// For each asset NAME of Maven, NAME.sha256 is what `sha256sum *` says of the jars that Maven resolves; the sha256 of that goes into
// resource.json. Agents compare with it, so a package names every byte of what it runs.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = process.argv[2];
if (folder === undefined) throw new Error('name the folder of a version of a package');
const resourceFile = join(folder, 'resource.json');
const resource = JSON.parse(readFileSync(resourceFile, 'utf8'));
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

for (const [name, asset] of Object.entries(resource.exec)) {
  if (!asset.uri?.startsWith('mvn:')) continue;
  const list = listOf(asset.uri);
  writeFileSync(join(folder, `${name}.sha256`), list);
  asset.sha256 = sha256(list);
}
writeFileSync(resourceFile, `${JSON.stringify(resource, undefined, 2)}\n`);

function listOf(uri) {
  const work = mkdtempSync(join(tmpdir(), 'orrery-jars-'));
  try {
    const dependencies = uri
      .replace(/^mvn:/, '')
      .split('+')
      .map((each) => each.split(':'))
      .map(
        ([group, artifact, version]) =>
          `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
      );
    writeFileSync(
      join(work, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>orrery</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging><dependencies>${dependencies.join('')}</dependencies></project>`,
    );
    const jars = join(work, 'jars');
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`];
    execFileSync('mvn', ['-q', '-B', '--strict-checksums', '-f', join(work, 'pom.xml'), ...goal], { stdio: 'inherit' });
    return readdirSync(jars)
      .sort()
      .map((jar) => `${sha256(readFileSync(join(jars, jar)))}  ${jar}\n`)
      .join('');
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
