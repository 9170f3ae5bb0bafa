import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArtifactCache, ExecRuntime } from '@orrery/runtimes';
import { until } from './until.js';

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

describe('what tasks need', () => {
  let folder: string;
  let server: Server;
  let asked: string[];
  let answer: (url: string) => Buffer | undefined;
  let said: string[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-artifacts-'));
    [asked, said] = [[], []];
    server = createServer(({ url = '' }, response) => {
      asked.push(url);
      const body = answer(url);
      response.writeHead(body === undefined ? 503 : 200).end(body);
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  });

  afterEach(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  const cache = () =>
    new ArtifactCache({ folder: join(folder, 'cache'), say: (line) => said.push(line), pausesMs: [1, 1] });
  const at = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

  it('is fetched once, however many ask for it and whoever they are', async () => {
    answer = () => Buffer.from('content');
    const artifact = { uri: at('/tool'), sha256: sha256('content'), executable: true };
    const caches = [cache(), cache()];
    const places = await Promise.all([...caches, ...caches].map((each) => each.fetch(artifact)));
    expect(new Set(places).size).toBe(1);
    expect(asked).toEqual(['/tool']);
    expect(readFileSync(places[0]!, 'utf8')).toBe('content');
    expect(statSync(places[0]!).mode & 0o777).toBe(0o555);
  });

  it('is asked for again while the server is away, and given up after the last attempt', async () => {
    answer = () => (asked.length < 3 ? undefined : Buffer.from('late'));
    expect(readFileSync(await cache().fetch({ uri: at('/late'), sha256: sha256('late') }), 'utf8')).toBe('late');
    answer = () => undefined;
    await expect(cache().fetch({ uri: at('/never'), sha256: sha256('never') })).rejects.toThrow('answers 503');
    expect(asked.filter((path) => path === '/never')).toHaveLength(3);
    expect(said.join()).toContain('/never could not be fetched and is tried again');
  });

  it('is refused when it is something else, with what was found, and leaves nothing', async () => {
    answer = () => Buffer.from('forged');
    const artifact = { uri: at('/tool'), sha256: sha256('honest') };
    await expect(cache().fetch(artifact)).rejects.toThrow(`has the sha256 ${sha256('forged')}`);
    expect(asked).toHaveLength(1);
    expect(readdirSync(join(folder, 'cache'))).toEqual([]);
  });

  it('is not waited for when who fetched it has died', async () => {
    answer = () => Buffer.from('content');
    const artifact = { uri: at('/tool'), sha256: sha256('content') };
    mkdirSync(join(folder, 'cache'));
    const dead = { pid: process.pid, startTicks: '1', bootId: 'another' };
    writeFileSync(join(folder, 'cache', `${artifact.sha256}.lock`), JSON.stringify(dead));
    expect(existsSync(await cache().fetch(artifact))).toBe(true);
  });

  it('lies in the sandbox of the task, unpacked where it is an archive', async () => {
    const site = join(folder, 'site');
    mkdirSync(site);
    writeFileSync(join(site, 'index.html'), 'hello');
    const archive = join(folder, 'site.tgz');
    execFileSync('tar', ['-czf', archive, '-C', folder, 'site']);
    const uri = `file://${archive}`;
    const place = await cache().fetch({ uri, sha256: sha256(readFileSync(archive)), extract: true });
    const runtime = new ExecRuntime({ folder: join(folder, 'agent'), cgroups: undefined, pollMs: 20 });
    const task = { launch: '1.0', command: 'cat www/site/index.html', environment: {}, cpusMilli: 100, memoryMib: 0 };
    await runtime.start({ ...task, volumes: [], configs: [], links: [{ place, path: 'www' }] });
    await until(async () => (await runtime.observe('1.0')).state === 'ended');
    expect(readFileSync(join(folder, 'agent', 'launches', '1.0', 'sandbox', 'stdout'), 'utf8')).toBe('hello');
    runtime.close();
  });
});
