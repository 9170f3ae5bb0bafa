import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ServiceSpec } from '@orrery/contracts';
import { Packages, type Surroundings } from './packages.js';
import { Repositories } from './repositories.js';

const manifest = (version: string, more: object = {}) =>
  JSON.stringify({ name: 'sums', version, description: 'adds numbers', tags: ['toy'], ...more });
const config =
  '{"properties":{"service":{"properties":{"name":{"type":"string","default":"sums"}}},"n":{"type":"integer","default":1}}}';
const template = 'name: {{service.name}}\npods: { p: { count: {{n}}, tasks: { t: { cmd: {{resource.cmd}} } } } }\n';
const shared = { 'sums/config.json': config, 'sums/service.yaml.mustache': template };
const versions = {
  'sums/1.9.0/package.json': manifest('1.9.0'),
  'sums/1.9.0/resource.json': '{"cmd":"old"}',
  'sums/1.10.0/package.json': manifest('1.10.0', { upgradesFrom: ['1.9.0'], downgradesTo: ['1.9.0'] }),
  'sums/1.10.0/resource.json': '{"cmd":"new"}',
  'sums/2.0.0/package.json': manifest('2.0.0', { upgradesFrom: ['1.10.0'] }),
  'sums/2.0.0/resource.json': '{"cmd":"newest"}',
};

describe('packages of a repository', () => {
  let folder: string;
  let repositories: Repositories;
  let packages: Packages;
  let server: Server | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-packages-'));
    for (const [path, text] of Object.entries({ ...shared, ...versions })) {
      mkdirSync(dirname(join(folder, 'repo', path)), { recursive: true });
      writeFileSync(join(folder, 'repo', path), text);
    }
    repositories = new Repositories(join(folder, 'home', 'repositories.json'));
    packages = new Packages(repositories);
  });

  afterEach(() => {
    server?.close();
    server?.closeAllConnections();
    server = undefined;
    rmSync(folder, { recursive: true });
  });

  const none: Surroundings = { find: async () => undefined, addressesOf: async () => undefined };
  const cmdOf = (spec: ServiceSpec) => spec.pods['p']!.tasks['t']!.cmd;

  it('are found once it is on the list, which outlives the process', async () => {
    await expect(packages.describe('sums', undefined)).rejects.toMatchObject({ code: 'unknown-package' });
    repositories.add({ name: 'mine', uri: join(folder, 'repo') });
    expect(new Repositories(join(folder, 'home', 'repositories.json')).list().map(({ name }) => name)).toEqual([
      'orrery',
      'mine',
    ]);
    expect(await packages.search('TOY numbers')).toEqual([
      expect.objectContaining({
        name: 'sums',
        version: '2.0.0',
        versions: ['2.0.0', '1.10.0', '1.9.0'],
        repository: 'mine',
      }),
    ]);
    repositories.remove('mine');
    await expect(packages.render('sums', { options: {} }, none)).rejects.toMatchObject({ code: 'unknown-package' });
  });

  it('differ in what a version brings, and share the rest', async () => {
    repositories.add({ name: 'mine', uri: join(folder, 'repo') });
    expect(cmdOf(await packages.render('sums', { options: {} }, none))).toBe('newest');
    expect(cmdOf(await packages.install('sums', { version: '1.9.0', options: {} }, none))).toBe('old');
  });

  it('go from version to version only on the ways that they name, with what was stored', async () => {
    repositories.add({ name: 'mine', uri: join(folder, 'repo') });
    const old = await packages.install('sums', { version: '1.9.0', options: { n: 7 } }, none);
    await expect(packages.update('sums', { version: '2.0.0', options: {} }, old, none)).rejects.toMatchObject({
      code: 'no-upgrade-path',
    });
    const next = await packages.update('sums', { version: '1.10.0', options: {} }, old, none);
    expect([cmdOf(next), next.pods['p']!.count]).toEqual(['new', 7]);
    expect((await packages.update('sums', { options: {}, replace: true }, next, none)).pods['p']!.count).toBe(1);
    expect(cmdOf(await packages.update('sums', { version: '1.9.0', options: {} }, next, none))).toBe('old');
  });

  it('wait for the services that their options name', async () => {
    const wishing = '{"properties":{"kafka":{"type":"string","x-endpoint":"broker","default":"kafka"}}}';
    writeFileSync(join(folder, 'repo', 'sums', 'config.json'), wishing);
    writeFileSync(
      join(folder, 'repo', 'sums', 'service.yaml.mustache'),
      'name: sums\npods: { p: { count: 1, tasks: { t: { cmd: {{kafka@addresses}} } } } }\n',
    );
    repositories.add({ name: 'mine', uri: join(folder, 'repo') });
    const among = (addresses: readonly string[] | undefined) =>
      packages.install('sums', { options: {} }, { ...none, addressesOf: async () => addresses });
    await expect(among(undefined)).rejects.toMatchObject({ code: 'invalid-option', details: { field: '/kafka' } });
    await expect(among([])).rejects.toMatchObject({ code: 'no-endpoint', status: 409 });
    expect(cmdOf(await among(['127.0.0.1:1', '127.0.0.2:2']))).toBe('127.0.0.1:1,127.0.0.2:2');
  });

  it('come over HTTP by an index', async () => {
    const all: Record<string, string> = { ...shared, ...versions };
    const files = {
      'package.json': 'sums/2.0.0/package.json',
      'resource.json': 'sums/2.0.0/resource.json',
      'config.json': 'sums/config.json',
      'service.yaml.mustache': 'sums/service.yaml.mustache',
    };
    const index = { packages: [{ name: 'sums', version: '2.0.0', description: 'adds', tags: [], files }] };
    server = createServer(({ url = '' }, response) => {
      const text = url === '/r/index.json' ? JSON.stringify(index) : all[url.replace('/r/', '')];
      response.writeHead(text === undefined ? 404 : 200).end(text);
    });
    await new Promise<void>((ready) => server!.listen(0, '127.0.0.1', ready));
    const { port } = server.address() as AddressInfo;
    repositories.add({ name: 'far', uri: `http://127.0.0.1:${port}/r/index.json` });
    expect(cmdOf(await packages.render('sums', { options: {} }, none))).toBe('newest');
    repositories.add({ name: 'far', uri: `http://127.0.0.1:${port}/elsewhere/index.json` });
    await expect(packages.search('')).rejects.toMatchObject({ code: 'repository-away', status: 503 });
  });

  it.each([
    [{ name: 'x', uri: 'relative/folder' }, 'invalid-field'],
    [{ name: 'orrery', uri: '/tmp' }, 'invalid-parameter'],
  ])('are not looked for at %j', (place, code) => {
    expect(() => repositories.add(place)).toThrow(expect.objectContaining({ code }));
  });
});
