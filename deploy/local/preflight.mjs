// What a machine must have, looked for with nothing but Node: this runs before any dependency is installed.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NODE_MIN = [20, 19];
const JDK = 17;

/** Why this machine cannot run Orrery, in one sentence with the way out, or undefined when it can. */
export function missing(env = process.env, infra = 'auto') {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
    return `Orrery needs Node ${NODE_MIN.join('.')} or newer and this is ${process.versions.node}: install one from https://nodejs.org.`;
  }
  if (env.ORRERY_KAFKA && env.ORRERY_CASSANDRA) return undefined;
  if (infra === 'docker' || (infra === 'auto' && findJavaHome(env) === undefined)) {
    if (findDocker(env) !== undefined) return undefined;
    return infra === 'docker'
      ? 'No Docker-compatible engine answers: start Docker or Podman (DOCKER_HOST names its socket), or leave --infra docker away.'
      : `Kafka and Cassandra need a JDK ${JDK} and none was found: install one and set JAVA_HOME to it, or start Docker, or set ORRERY_KAFKA and ORRERY_CASSANDRA to the addresses (host:port) of running ones.`;
  }
  if (findJavaHome(env) === undefined) {
    return `--infra jvm needs a JDK ${JDK} and none was found: install one and set JAVA_HOME to it.`;
  }
  if (findOnPath('mvn', env) === undefined) {
    return 'Kafka and Cassandra are fetched with Maven and there is no mvn on the PATH: install Maven 3.6 or newer, or start Docker and add --infra docker, or set ORRERY_KAFKA and ORRERY_CASSANDRA to the addresses (host:port) of running ones.';
  }
  return undefined;
}

/** The home of a JDK 17: JAVA_HOME, the java on the PATH, or one in the usual folders. Cassandra 5.0 runs on no newer one. */
export function findJavaHome(env = process.env) {
  const onPath = findOnPath('java', env);
  const usual = ['/usr/lib/jvm', '/Library/Java/JavaVirtualMachines', '/opt'].flatMap((folder) =>
    (existsSync(folder) ? readdirSync(folder) : [])
      .filter((name) => name.includes(String(JDK)))
      .flatMap((name) => [join(folder, name), join(folder, name, 'Contents', 'Home')]),
  );
  const homes = [env.JAVA_HOME, onPath && javaHomeOf(onPath), ...usual];
  return homes.find((home) => home && isJdk17(join(home, 'bin', 'java')));
}

/** The first executable of that name on the PATH. */
export function findOnPath(name, env = process.env) {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** The docker command when an engine answers it. */
export function findDocker(env = process.env) {
  const docker = findOnPath('docker', env) ?? findOnPath('podman', env);
  return docker !== undefined && output(docker, ['info', '--format', '{{.ID}}']).ok ? docker : undefined;
}

function javaHomeOf(java) {
  return /^\s*java\.home = (.+)$/m.exec(output(java, ['-XshowSettings:properties', '-version']).text)?.[1];
}

function isJdk17(java) {
  return existsSync(java) && new RegExp(`version "${JDK}[."]`).test(output(java, ['-version']).text);
}

function output(command, args) {
  try {
    const text = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', command, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 20_000,
    });
    return { ok: true, text };
  } catch (error) {
    return { ok: false, text: String(error.stdout ?? '') };
  }
}
