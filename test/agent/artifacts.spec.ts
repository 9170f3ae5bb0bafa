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

  const cache = (agent = 'agent', bytesMax = 1_000_000) => {
    const user = join(folder, agent);
    mkdirSync(user, { recursive: true });
    return new ArtifactCache({
      ...{ folder: join(folder, 'cache'), user, bytesMax },
      say: (line) => said.push(line),
      pausesMs: [1, 1],
    });
  };
  const at = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

  it('is fetched once, however many ask for it and whoever they are', async () => {
    answer = () => Buffer.from('content');
    const artifact = { uri: at('/tool'), sha256: sha256('content'), executable: true };
    const caches = [cache(), cache()];
    const places = await Promise.all([...caches, ...caches].map((each) => each.fetch(artifact, '1.0')));
    expect(new Set(places).size).toBe(1);
    expect(asked).toEqual(['/tool']);
    expect(readFileSync(places[0]!, 'utf8')).toBe('content');
    expect(statSync(places[0]!).mode & 0o777).toBe(0o555);
  });

  it('is asked for again while the server is away, and given up after the last attempt', async () => {
    answer = () => (asked.length < 3 ? undefined : Buffer.from('late'));
    expect(readFileSync(await cache().fetch({ uri: at('/late'), sha256: sha256('late') }, '1.0'), 'utf8')).toBe('late');
    answer = () => undefined;
    await expect(cache().fetch({ uri: at('/never'), sha256: sha256('never') }, '1.0')).rejects.toThrow('answers 503');
    expect(asked.filter((path) => path === '/never')).toHaveLength(3);
    expect(said.join()).toContain('/never could not be fetched and is tried again');
  });

  it('is refused when it is something else, with what was found, and leaves nothing', async () => {
    answer = () => Buffer.from('forged');
    const artifact = { uri: at('/tool'), sha256: sha256('honest') };
    await expect(cache().fetch(artifact, '1.0')).rejects.toThrow(`has the sha256 ${sha256('forged')}`);
    expect(asked).toHaveLength(1);
    expect(readdirSync(join(folder, 'cache'))).toEqual(['uses']);
  });

  it('is not waited for when who fetched it has died', async () => {
    answer = () => Buffer.from('content');
    const artifact = { uri: at('/tool'), sha256: sha256('content') };
    mkdirSync(join(folder, 'cache'), { recursive: true });
    const dead = { pid: process.pid, startTicks: '1', bootId: 'another' };
    writeFileSync(join(folder, 'cache', `${artifact.sha256}.lock`), JSON.stringify(dead));
    expect(existsSync(await cache().fetch(artifact, '1.0'))).toBe(true);
  });

  it('lies in the sandbox of the task, unpacked where it is an archive', async () => {
    const site = join(folder, 'site');
    mkdirSync(site);
    writeFileSync(join(site, 'index.html'), 'hello');
    const archive = join(folder, 'site.tgz');
    execFileSync('tar', ['-czf', archive, '-C', folder, 'site']);
    const uri = `file://${archive}`;
    const place = await cache().fetch({ uri, sha256: sha256(readFileSync(archive)), extract: true }, '1.0');
    const runtime = new ExecRuntime({ folder: join(folder, 'agent'), cgroups: undefined, pollMs: 20 });
    const task = { launch: '1.0', command: 'cat www/site/index.html', environment: {}, cpusMilli: 100, memoryMib: 0 };
    await runtime.start({ ...task, volumes: [], configs: [], links: [{ place, path: 'www' }] });
    await until(async () => (await runtime.observe('1.0')).state === 'ended');
    expect(readFileSync(join(folder, 'agent', 'launches', '1.0', 'sandbox', 'stdout'), 'utf8')).toBe('hello');
    runtime.close();
  });

  describe('is kept', () => {
    const one = (name: string) => ({ uri: at(`/${name}`), sha256: sha256(name.repeat(10)) });
    const kept = (...names: string[]) => names.filter((name) => existsSync(join(folder, 'cache', one(name).sha256)));
    beforeEach(() => (answer = (url) => Buffer.from(url.slice(1).repeat(10))));

    it('as long as there is room, and what was used last the longest', async () => {
      const agent = cache('agent', 30);
      for (const [at, name] of ['a', 'b', 'c'].entries()) {
        await agent.fetch(one(name), `1.${at}`);
        await agent.release(`1.${at}`);
      }
      expect(kept('a', 'b', 'c')).toEqual(['a', 'b', 'c']);
      await agent.fetch(one('a'), '2.0');
      await agent.release('2.0');
      await agent.fetch(one('d'), '3.0');
      expect(kept('a', 'b', 'c', 'd')).toEqual(['a', 'c', 'd']);
    });

    it('while a launch of any agent uses it, even through the death of that agent', async () => {
      await cache('one', 10).fetch(one('a'), '1.0');
      const other = cache('two', 10);
      await other.fetch(one('b'), '1.0');
      expect(kept('a', 'b')).toEqual(['a', 'b']);
      expect(said.at(-1)).toBe('the cache has 20 bytes, more than 10: tasks use all of it');
      await cache('one', 10).retain(new Set());
      await other.fetch(one('c'), '2.0');
      expect(kept('a', 'b', 'c')).toEqual(['b', 'c']);
      await other.release('1.0');
      await other.fetch(one('d'), '3.0');
      expect(kept('b', 'c', 'd')).toEqual(['c', 'd']);
    });

    it('for nobody whose agent is gone with all that it had', async () => {
      await cache('one', 10).fetch(one('a'), '1.0');
      rmSync(join(folder, 'one'), { recursive: true });
      await cache('two', 10).fetch(one('b'), '1.0');
      expect(kept('a', 'b')).toEqual(['b']);
    });
  });
});
