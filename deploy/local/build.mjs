// Compiles every library and app from src/ to dist/ with swc: only files that changed since their output was written,
// so that a warm start costs milliseconds. Plain JavaScript, since it runs before anything is compiled.
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const packages = ['libs', 'apps', 'test']
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .concat(join(root, 'deploy', 'local'))
  .filter((folder) => existsSync(join(folder, 'src')));

const sources = packages.flatMap((folder) =>
  readdirSync(join(folder, 'src'), { recursive: true })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts') && !path.endsWith('.d.ts'))
    .map((path) => ({
      from: join(folder, 'src', path),
      to: join(folder, 'dist', path.replace(/\.ts$/, '.js')),
      map: join(folder, 'dist', path.replace(/\.ts$/, '.js.map')),
    })),
);

const settings = Math.max(...['.swcrc', 'package-lock.json'].map((file) => modifiedMs(join(root, file))));
const stale = sources.filter(({ from, to }) => modifiedMs(to) < Math.max(modifiedMs(from), settings));

removeOrphans();
if (stale.length > 0) {
  const { transformFile } = await import('@swc/core');
  await Promise.all(stale.map((source) => compile(transformFile, source)));
  console.error(`built ${stale.length} of ${sources.length} files`);
}

async function compile(transformFile, { from, to, map }) {
  const { code, map: sourceMap } = await transformFile(from, {
    root,
    sourceFileName: relative(dirname(to), from).split(sep).join('/'),
  });
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(map, sourceMap);
  writeFileSync(to, `${code}\n//# sourceMappingURL=${to.slice(to.lastIndexOf(sep) + 1)}.map\n`);
}

/** An output whose source is gone would still be importable: a deleted module must fail here as it does on a fresh clone. */
function removeOrphans() {
  const wanted = new Set(sources.flatMap(({ to, map }) => [to, map]));
  for (const folder of packages) {
    const dist = join(folder, 'dist');
    if (!existsSync(dist)) continue;
    for (const path of readdirSync(dist, { recursive: true })) {
      const file = join(dist, path);
      if (/\.js(\.map)?$/.test(path) && !wanted.has(file)) rmSync(file);
    }
  }
}

function modifiedMs(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
