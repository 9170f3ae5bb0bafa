// npm leaves out of the lockfile what it could not see when it wrote it: packages for other platforms that the registry at
// hand does not carry. `npm ci` then refuses the lockfile. They are pinned exactly by the packages that may want them, so
// they are added here without asking anybody. Run after every `npm install`; test/architecture says when it is due.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const lockfile = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'package-lock.json');
const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/** The optional packages that the lockfile should list and does not, by their path in it. */
export function leftOut(packages) {
  const found = {};
  for (const [path, listed] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(listed.optionalDependencies ?? {})) {
      if (isListed(packages, path, name)) continue;
      found[`node_modules/${name}`] = {
        version,
        ...(listed.dev ? { dev: true } : {}),
        optional: true,
        ...platform(name),
      };
    }
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lock = JSON.parse(readFileSync(lockfile, 'utf8'));
  const missing = leftOut(lock.packages);
  const all = Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(lockfile, `${JSON.stringify({ ...lock, packages: Object.fromEntries(all) }, undefined, 2)}\n`);
  console.error(`${Object.keys(missing).length} packages added to package-lock.json`);
}

/** As Node looks for it: from the folder of the package upwards. */
function isListed(packages, path, name) {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules') - 1))) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === '') return false;
  }
}

/** Where it may be installed, read from its name: `@swc/core-linux-arm64-musl`. */
function platform(name) {
  const words = name
    .split(/[/-]/)
    .flatMap((word) => [word, word.replace(/^(arm|linux)(eabi|hf|v7|musl|gnu).*$/, '$1')]);
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : [];
  if (os.length === 0) throw new Error(`for which platform is ${name}?`);
  return {
    os,
    ...(cpu.length > 0 ? { cpu: cpu.slice(0, 1) } : {}),
    ...(os[0] === 'linux' && libc.length > 0 ? { libc } : {}),
  };
}
