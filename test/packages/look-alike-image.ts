import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packagesFolder } from '@orrery/catalog';
import { copyMavenClosure } from '@orrery/runtimes';
import { findJavaHome, findOnPath } from '../../deploy/local/preflight.mjs';
import { rootWith, type TestEngine } from '../agent/container-engine.js';

const JAVA_HOME = '/opt/java/openjdk';
/** A run time as images have it: what makes and looks into programs is not there, the compiler above all. */
const MODULES =
  'java.se,jdk.unsupported,jdk.management,jdk.management.agent,jdk.crypto.ec,jdk.naming.dns,jdk.naming.rmi,jdk.net,jdk.security.auth,jdk.security.jgss,jdk.zipfs,jdk.localedata,jdk.jfr,jdk.httpserver,jdk.nio.mapmode';

/**
 * An image laid out as the official one of a package is, whose registry no test can reach: a userland of busybox, a Java that
 * compiles nothing, and the server's own jars, from Maven, at `place`. Nothing of the agent's machine is in it beside C's library.
 */
export async function importLookAlike(
  engine: TestEngine,
  image: string,
  { name, version, place }: { readonly name: string; readonly version: string; readonly place: string },
): Promise<void> {
  const root = rootWith(engine.folder);
  putJava(root);
  const { exec } = JSON.parse(readFileSync(join(packagesFolder, name, version, 'resource.json'), 'utf8')) as {
    exec: { jars: { uri: string } };
  };
  const jars = join(root, place);
  mkdirSync(jars, { recursive: true });
  await copyMavenClosure(exec.jars.uri.replace(/^mvn:/, '').split('+'), engine.folder, jars);
  await engine.importImage(image, root, `ENV PATH=${JAVA_HOME}/bin:/bin`);
}

function putJava(root: string): void {
  const home = join(root, JAVA_HOME);
  mkdirSync(dirname(home), { recursive: true });
  const without = ['--strip-debug', '--no-header-files', '--no-man-pages'];
  execFileSync(join(findJavaHome()!, 'bin', 'jlink'), ['--add-modules', MODULES, ...without, '--output', home]);
  for (const file of librariesOf(home)) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    if (!existsSync(join(root, file))) cpSync(file, join(root, file), { dereference: true });
  }
}

/** Of the system, as `ldd` tells them: `NAME => FILE (ADDRESS)`, and the loader alone. */
function librariesOf(home: string): string[] {
  const shared = readdirSync(join(home, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.so'))
    .map((name) => join(home, 'lib', name));
  const lines = execFileSync(findOnPath('ldd')!, [join(home, 'bin', 'java'), ...shared], { encoding: 'utf8' });
  const files = Array.from(lines.matchAll(/(\/\S+) \(0x/g), ([, file]) => file!);
  return [...new Set(files)].filter((file) => !file.startsWith(home));
}
