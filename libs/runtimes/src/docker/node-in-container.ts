import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Mount } from './container-of.js';

const PLACE = '/orrery';
/** Behind all that the image has on its path: a Node of its own is found first. */
export const TOOLS_PATH = `${PLACE}/bin`;

/**
 * The Node that the agent itself runs on, for containers whose image has none: checks and tools of packages are scripts for it, and
 * official images have what their one server needs. With its loader and libraries it runs on any userland of this processor, one
 * with another C library included; GitHub's runner gives the containers of its jobs a Node the same way. Nothing where the loader
 * does not tell its libraries: then containers have what their image has.
 */
export function nodeForContainers(folder: string): readonly Mount[] {
  const { loader, libraries } = librariesOf(process.execPath);
  if (loader === undefined) return [];
  // Of another Node it is another folder: a container that runs keeps what it has.
  const files = [process.execPath, loader, ...libraries];
  const place = join(folder, 'node', identityOf(files));
  if (!existsSync(place)) make(place, loader, libraries);
  return [
    { source: place, target: PLACE, readOnly: true },
    { source: process.execPath, target: `${PLACE}/libexec/node`, readOnly: true },
  ];
}

interface Libraries {
  readonly loader?: string;
  readonly libraries: readonly string[];
}

/** As the loader of glibc itself lists them: `NAME => FILE (ADDRESS)`, and its own file alone. */
function librariesOf(program: string): Libraries {
  if (process.platform !== 'linux') return { libraries: [] };
  const lines = execFileSync(program, ['--version'], { env: { LD_TRACE_LOADED_OBJECTS: '1' }, encoding: 'utf8' });
  const libraries = Array.from(lines.matchAll(/=> (\/\S+) \(0x/g), ([, file]) => file!);
  const [, loader] = /^\s*(\/\S+) \(0x/m.exec(lines) ?? [];
  return { libraries, ...(loader !== undefined && { loader }) };
}

function identityOf(files: readonly string[]): string {
  const seen = files.map((file) => {
    const { size, mtimeMs } = statSync(file);
    return `${file} ${size} ${mtimeMs}\n`;
  });
  return createHash('sha256').update(seen.join('')).digest('hex').slice(0, 12);
}

function make(place: string, loader: string, libraries: readonly string[]): void {
  const partial = `${place}.partial`;
  rmSync(partial, { recursive: true, force: true });
  for (const folder of ['bin', 'lib', 'libexec']) mkdirSync(join(partial, folder), { recursive: true });
  for (const file of [loader, ...libraries]) copyFileSync(file, join(partial, 'lib', basename(file)));
  // What it is mounted over.
  writeFileSync(join(partial, 'libexec', 'node'), '');
  const wrapper = join(partial, 'bin', 'node');
  const words = `${PLACE}/lib/${basename(loader)} --library-path ${PLACE}/lib ${PLACE}/libexec/node`;
  writeFileSync(wrapper, `#!/bin/sh\nexec ${words} "$@"\n`);
  chmodSync(wrapper, 0o755);
  renameSync(partial, place);
}
