// From a clone to a built checkout: dependencies when they are missing or older than the lockfile, then the build.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missing } from './preflight.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const lockfile = join(root, 'package-lock.json');
const stamp = join(root, 'node_modules', '.orrery-lockfile');
/** Written by npm at the end of each install. */
const installed = join(root, 'node_modules', '.package-lock.json');

/** Makes the checkout runnable, or says in one sentence what the machine lacks and ends the process. */
export async function setUp(infra = 'auto') {
  const lacks = missing(process.env, infra);
  if (lacks !== undefined) fail(lacks);
  if (!isInstalled()) {
    console.error('installing dependencies (npm ci) …');
    const { status } = spawnSync('npm', ['ci', '--include=dev'], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (status !== 0) fail('npm ci failed (see above): check that this machine reaches its npm registry.');
  }
  writeFileSync(stamp, lockfileHash());
  await import('./build.mjs');
}

/** By the lockfile's content where we installed ourselves, by npm's own record after an install by hand. */
function isInstalled() {
  if (!existsSync(installed)) return false;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockfileHash()) return true;
  return statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs;
}

function lockfileHash() {
  return createHash('sha256').update(readFileSync(lockfile)).digest('hex');
}

function fail(sentence) {
  console.error(`orrery: ${sentence}`);
  process.exit(1);
}
