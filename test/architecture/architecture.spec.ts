import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { leftOut } from '../../deploy/local/complete-lockfile.mjs';

// What dependency-cruiser (layers), oxlint (functions, calls) and knip (what nobody uses) cannot say.

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const sources = files.filter(
  (file) => /^(apps|libs|deploy)\/.*\/src\/.*\.ts$/.test(file) && !file.endsWith('.spec.ts'),
);

/** The code of a file: neither comments nor what stands in strings. */
const codeOf = (file: string): string =>
  readFileSync(join(root, file), 'utf8')
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");

/** `file:line` of each place where the pattern stands. */
const places = (among: readonly string[], pattern: RegExp, text: (file: string) => string = codeOf): string[] =>
  among.flatMap((file) =>
    text(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );

describe('what decides', () => {
  const pure = sources.filter((file) => /^libs\/(kernel|contracts|scheduling|domain)\//.test(file));

  it.each([
    ['waits for nothing', /\b(async|await|Promise)\b/],
    ['reads no clock', /\bnew Date\(\s*\)|\bDate\(\s*\)/],
    ['sorts and writes alike on every machine', /\.localeCompare\(|\.toLocale\w*\(/],
    ['is not told by the memory what was collected', /\bnew (WeakRef|FinalizationRegistry)\b/],
  ])('%s', (_, pattern) => {
    expect(pure.length).toBeGreaterThan(0);
    expect(places(pure, pattern)).toEqual([]);
  });
});

it('names each topic in the contracts only', () => {
  const elsewhere = sources.filter((file) => !file.startsWith('libs/contracts/'));
  const topic =
    /['"`]orrery\.([a-z]+\.(commands|journal|input|reports|heartbeats|metrics|logs|checkpoints)|quarantine)['"`]/;
  expect(places(elsewhere, topic, (file) => readFileSync(join(root, file), 'utf8'))).toEqual([]);
});

it('says in the index of a library only what the library gives', () => {
  const indexes = files.filter((file) => /^libs\/[^/]+\/src\/index\.ts$/.test(file));
  const statements = indexes.flatMap((file) =>
    codeOf(file)
      .split(';')
      .map((statement) => statement.trim())
      .filter((statement) => statement !== '' && !/^export (type )?(\*|\{[^}]*\}) from ''$/.test(statement))
      .map((statement) => `${file}: ${statement}`),
  );
  expect(statements).toEqual([]);
});

it('has no folder that says nothing about what is in it', () => {
  const folders = new Set(files.map(dirname).flatMap((folder) => folder.split('/')));
  const empty = ['common', 'shared', 'util', 'utils', 'helpers', 'core', 'manager', 'managers', 'misc', 'lib'];
  expect(empty.filter((name) => folders.has(name))).toEqual([]);
});

it('keeps the top of the checkout short', () => {
  const top = new Set(files.map((file) => file.split('/')[0]!));
  const known = [
    'apps',
    'libs',
    'deploy',
    'test',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'nest-cli.json',
  ];
  const more = ['README.md', 'LICENSE', 'CHANGELOG.md'];
  expect([...top].filter((name) => !name.startsWith('.') && ![...known, ...more].includes(name))).toEqual([]);
});

it('has a lockfile that `npm ci` takes on every platform', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: object };
  // Not empty: node deploy/local/complete-lockfile.mjs
  expect(Object.keys(leftOut(packages))).toEqual([]);
});

it('lists every app and library in nest-cli.json', () => {
  const { projects } = JSON.parse(readFileSync(join(root, 'nest-cli.json'), 'utf8')) as { projects: object };
  const there = ['apps', 'libs'].flatMap((group) =>
    readdirSync(join(root, group)).filter((name) => existsSync(join(root, group, name, 'package.json'))),
  );
  expect(Object.keys(projects).sort()).toEqual(there.sort());
});

it('runs every spec in some kind of `npm test`', () => {
  const specs = files.filter((file) => file.endsWith('.spec.ts'));
  const kinds = readFileSync(join(root, 'test', 'jest.config.js'), 'utf8')
    .match(/kind\('[a-z0-9-]+'/g)!
    .map((call) => call.slice(6, -1));
  const homeless = specs.filter(
    (file) =>
      !/^(libs|apps|deploy|test\/bench)\//.test(file) && !kinds.some((kind) => file.startsWith(`test/${kind}/`)),
  );
  expect(homeless).toEqual([]);
  expect(specs.map((file) => basename(file)).filter((name) => /^(test|index)\.spec/.test(name))).toEqual([]);
});
