import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { missing } from '../../deploy/local/preflight.mjs';
import { declarationsIn } from '../../deploy/local/src/agent-declarations.js';
import { agentOffers } from '../../deploy/local/src/agent-offers.js';
import { Home, HomeTaken } from '../../deploy/local/src/home.js';
import { Ports } from '../../deploy/local/src/ports.js';
import { identify, isAlive } from '../../deploy/local/src/process-identity.js';
import { rememberDeclarations } from '../../deploy/local/src/remembered-declarations.js';
import { settingsFrom } from '../../deploy/local/src/settings.js';
import { WrongSetting } from '../../deploy/local/src/wrong-setting.js';
import { removeTemporaryFolders, temporaryFolder } from './temporary-home.js';

afterEach(removeTemporaryFolders);

const silent = () => undefined;

describe('a home', () => {
  it('is run by one launcher at a time', async () => {
    const folder = temporaryFolder();
    await new Home(folder).take(silent);
    await expect(new Home(folder).take(silent)).rejects.toThrow(HomeTaken);
    await expect(new Home(folder).take(silent)).rejects.toThrow(`already run by process ${process.pid}`);
  });

  it('is free again once it was released', async () => {
    const folder = temporaryFolder();
    const first = new Home(folder);
    await first.take(silent);
    first.release();
    await expect(new Home(folder).take(silent)).resolves.toBeUndefined();
  });

  it('is not held by a later process that was given the pid of a dead launcher', async () => {
    const folder = temporaryFolder();
    const lock = { pid: process.pid, startTime: 'long ago', purpose: 'up' };
    writeFileSync(join(folder, 'launcher.lock'), JSON.stringify(lock));
    await expect(new Home(folder).take(silent)).resolves.toBeUndefined();
  });

  it('is cleared of what a killed launcher left running', async () => {
    const home = new Home(temporaryFolder());
    const left = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    const ended = once(left, 'exit');
    const identity = identify(left.pid!)!;
    home.record([{ name: 'kafka', stage: 0, stopGraceMs: 5000, ...identity }]);

    const said: string[] = [];
    await home.take((line) => said.push(line));
    await ended;
    expect(isAlive(identity)).toBe(false);
    expect(said).toEqual([expect.stringContaining('stopped kafka')]);
    expect(home.recorded()).toEqual([]);
  });

  it('does not touch a process that was given the pid of one left behind', async () => {
    const home = new Home(temporaryFolder());
    const other = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    home.record([{ name: 'kafka', stage: 0, stopGraceMs: 5000, pid: other.pid!, startTime: 'long ago' }]);
    await home.take(silent);
    expect(identify(other.pid!)).toBeDefined();
    other.kill('SIGKILL');
  });

  it('keeps its token, which nobody else may read', () => {
    const folder = temporaryFolder();
    const token = new Home(folder).token();
    expect(token).toMatch(/^[\w-]{32}$/);
    expect(new Home(folder).token()).toBe(token);
    expect(statSync(join(folder, 'token')).mode & 0o077).toBe(0);
  });
});

describe('a port', () => {
  it('is the next free one when the preferred one is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    expect(await new Ports(temporaryFolder()).choose(port)).toBeGreaterThan(port);
    server.close();
  });

  it('is not given twice, neither by one launcher nor by two', async () => {
    const folder = temporaryFolder();
    const [one, other] = [new Ports(folder), new Ports(folder)];
    const ports = [await one.choose(34_500), await other.choose(34_500), await one.choose(34_500)];
    expect(new Set(ports).size).toBe(3);
    one.release();
    expect(await other.choose(ports[0]!)).toBe(ports[0]);
  });

  it('of an agent is in a block that no other cluster on this machine has', () => {
    const folder = temporaryFolder();
    const blocks = { first: 2000, last: 2599, size: 200 };
    const [one, other] = [new Ports(folder), new Ports(folder)];
    expect(one.chooseBlock(2200, blocks)).toBe(2200);
    expect(other.chooseBlock(2200, blocks)).toBe(2000);
    expect(other.chooseBlock(undefined, blocks)).toBe(2400);
    expect(() => one.chooseBlock(undefined, blocks)).toThrow('taken');
  });

  it('that the cluster itself uses is not offered to tasks', () => {
    const settings = settingsFrom({ ORRERY_CELLS: '1' });
    const offers = agentOffers(settings, { block: 2200, inUse: [9042, 7000, 2200, 31_999] }, declarationsIn({}));
    const [first] = offers.map(({ resources }) => (resources as { ports: [number, number][] }).ports);
    const offered = (port: number) => first!.some(([from, to]) => from <= port && port <= to);
    expect([7000, 7001, 9041, 9042, 9043, 31_998, 31_999].map(offered)).toEqual([
      false,
      true,
      true,
      false,
      true,
      true,
      false,
    ]);
    expect(offers).toHaveLength(3);
  });

  it('may be kept for roles by all agents or one, beside disks and amounts', () => {
    const settings = settingsFrom({
      ORRERY_HOME: '/h',
      ORRERY_DISKS: 'fast:MOUNT:512 agent-1=data:PATH:2048:/mnt/data',
      ORRERY_RESERVE: 'cpus(eng):0.5;ports(eng):[7100-7110,7200];disks(ops):fast agent-2=mem(eng/web):64',
    });
    const offers = agentOffers(settings, { block: 2200, inUse: [] }, declarationsIn(settings.declared));
    const declared = offers.map(({ resources, folders }) => {
      const { disks, reservations } = resources as { disks: object; reservations: object };
      return { disks, reservations, folders };
    });
    const eng = {
      role: 'eng',
      resources: {
        cpus: 0.5,
        ports: [
          { begin: 7100, end: 7110 },
          { begin: 7200, end: 7200 },
        ],
      },
    };
    const ops = { role: 'ops', resources: { disks: ['fast'] } };
    const fast = (agent: string) => ({ name: 'fast', type: 'MOUNT', size: 512, path: `/h/disks/${agent}/fast` });
    expect(declared[0]).toEqual({
      ...{ disks: [fast('agent-0')], reservations: [eng, ops] },
      folders: ['/h/disks/agent-0/fast'],
    });
    const data = { name: 'data', type: 'PATH', size: 2048, path: '/mnt/data/agent-1/data' };
    expect(declared[1]!.disks).toEqual([fast('agent-1'), data]);
    expect(declared[2]!.reservations).toEqual([eng, ops, { role: 'eng/web', resources: { memory: 64 } }]);
  });

  it('of 0 is any free one', async () => {
    expect(await new Ports(temporaryFolder()).choose(0)).toBeGreaterThan(0);
  });
});

describe('what agents declare', () => {
  const remember = (home: string, env: NodeJS.ProcessEnv) => {
    const said: string[] = [];
    const { agentsPerCell, disks, reserved, secrets } = rememberDeclarations(home, settingsFrom(env).declared, (line) =>
      said.push(line),
    );
    return {
      agents: agentsPerCell,
      disks: disks.map(({ name }) => name),
      roles: reserved.map(({ role }) => role),
      secrets,
      said,
    };
  };

  it('is as it was last time, but for what is said anew', () => {
    const home = temporaryFolder();
    expect(remember(home, {})).toMatchObject({ disks: [], roles: [], secrets: undefined, said: [] });
    const first = {
      ORRERY_DISKS: 'fast:MOUNT:512 data:PATH:300',
      ORRERY_RESERVE: 'cpus(eng):0.2',
      ORRERY_SECRETS: '/s',
    };
    expect(remember(home, first)).toMatchObject({ disks: ['fast', 'data'], roles: ['eng'], secrets: '/s', said: [] });
    const again = remember(home, {});
    expect(again).toMatchObject({ disks: ['fast', 'data'], roles: ['eng'], secrets: '/s' });
    expect(again.said).toEqual([
      expect.stringMatching(
        /^agents declare --disk 'fast:MOUNT:512' --disk 'data:PATH:300', as .*--disk declares others, or none$/,
      ),
      expect.stringContaining("--reserve 'cpus(eng):0.2'"),
      expect.stringContaining("--secrets '/s'"),
    ]);
    const other = remember(home, { ORRERY_DISKS: 'slow:PATH:100' });
    expect(other).toMatchObject({ disks: ['slow'], roles: ['eng'] });
    expect(other.said).toHaveLength(2);
    expect(remember(home, { ORRERY_DISKS: 'none' })).toMatchObject({ disks: [], roles: ['eng'] });
    expect(remember(home, {})).toMatchObject({ disks: [], roles: ['eng'] });
  });

  it('is said by as many of them as last time, three at first', () => {
    const home = temporaryFolder();
    expect(remember(home, {})).toMatchObject({ agents: 3, said: [] });
    expect(remember(home, { ORRERY_AGENTS: '5' })).toMatchObject({ agents: 5, said: [] });
    expect(remember(home, { ORRERY_AGENTS: '' })).toMatchObject({
      agents: 5,
      said: ['5 agents a cell, as last time: --agents N says otherwise'],
    });
    expect(remember(home, { ORRERY_AGENTS: '2' })).toMatchObject({ agents: 2, said: [] });
  });
});

describe('a setting', () => {
  it.each([
    [{ ORRERY_CELLS: 'three' }, 'ORRERY_CELLS is a whole number'],
    [{ ORRERY_CELLS: '0' }, 'ORRERY_CELLS is a whole number from 1'],
    [{ ORRERY_PORT: '70000' }, 'ORRERY_PORT is a whole number from 0 to 65535'],
    [{ ORRERY_KAFKA: 'broker' }, 'ORRERY_KAFKA is a list of host:port'],
    [{ ORRERY_INFRA: 'podman' }, '--infra is one of auto, jvm, docker'],
    [{ ORRERY_DISKS: 'fast:MOUNT' }, '--disk is [AGENT=]NAME:PATH|MOUNT:MIB'],
    [{ ORRERY_DISKS: 'fast:MOUNT:0' }, '--disk is'],
    [{ ORRERY_DISKS: 'none fast:MOUNT:1' }, '--disk none stands alone'],
    [{ ORRERY_RESERVE: 'cpus:2' }, '--reserve is [AGENT=]RESOURCE(ROLE):VALUE'],
    [{ ORRERY_RESERVE: 'wheels(eng):2' }, '--reserve is'],
    [{ ORRERY_RESERVE: 'cpus(eng):2;cpus(eng):3' }, '--reserve names cpus of eng twice'],
  ])('that cannot be right is refused: %j', (env, sentence) => {
    expect(() => settingsFrom(env)).toThrow(WrongSetting);
    expect(() => settingsFrom(env)).toThrow(sentence);
  });
});

describe('the pre-flight', () => {
  it('names Maven and the ways out when it is missing', () => {
    expect(missing({ PATH: '', JAVA_HOME: process.env['JAVA_HOME'] }, 'jvm')).toMatch(/Maven|JDK 17/);
  });

  it('asks for nothing when both addresses are given', () => {
    expect(missing({ PATH: '', ORRERY_KAFKA: 'a:1', ORRERY_CASSANDRA: 'b:2' })).toBeUndefined();
  });
});
