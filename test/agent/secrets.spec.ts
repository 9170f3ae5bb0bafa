import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskTemplate } from '@orrery/contracts';
import { systemClock } from '@orrery/control-loop';
import { detectCgroups, ExecRuntime, OutsideSandbox, SecretFolder } from '@orrery/runtimes';
import { InMemoryLog } from '@orrery/testing';
import type { Agent } from '../../apps/agent/src/agent.js';
import { beginAgent } from './agent-in-folder.js';
import { FakeMaster } from './fake-master.js';
import { until } from './until.js';

const VALUE = 'correct horse battery staple';
const { cgroups } = detectCgroups(`spec-${process.pid}`);

let folder: string;
let kept: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-secrets-'));
  kept = join(folder, 'secrets');
  mkdirSync(join(kept, 'eng'), { recursive: true, mode: 0o700 });
  keep('eng/password', `${VALUE}\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function keep(secret: string, value: string | Uint8Array, mode = 0o600): void {
  writeFileSync(join(kept, secret), value);
  chmodSync(join(kept, secret), mode);
}

describe('the folder of secrets', () => {
  const refused = (secret: string): { readonly code: string; readonly message: string } => {
    try {
      new SecretFolder(kept).read(secret);
    } catch (error) {
      return error as Error & { code: string };
    }
    throw new Error('expected a refusal');
  };

  it('gives what is in a file, as it is there', () => {
    expect(new SecretFolder(kept).read('eng/password').toString()).toBe(`${VALUE}\n`);
  });

  it('says which file is missing', () => {
    expect(refused('eng/other')).toMatchObject({
      code: 'secret-missing',
      message: `secret eng/other is not on this agent: write it to ${kept}/eng/other, mode 600`,
    });
    expect(refused('eng/password/x')).toMatchObject({ code: 'secret-missing' });
  });

  it('gives nobody what others can read, what is no file, too large, or elsewhere', () => {
    keep('open', VALUE, 0o644);
    keep('large', Buffer.alloc(64 * 1024 + 1));
    writeFileSync(join(folder, 'outside'), VALUE, { mode: 0o600 });
    symlinkSync(join(folder, 'outside'), join(kept, 'link'));
    symlinkSync('eng/password', join(kept, 'alias'));
    expect(refused('open')).toMatchObject({ code: 'secret-refused', message: expect.stringContaining('chmod 600') });
    expect(refused('large').message).toContain('has 65537 bytes');
    expect(refused('eng').message).toContain('is no file');
    expect(refused('link').message).toContain('leads out of the folder');
    expect(new SecretFolder(kept).read('alias').toString()).toContain(VALUE);
  });

  it('is none that others can look into', () => {
    chmodSync(kept, 0o750);
    expect(() => new SecretFolder(kept)).toThrow(`chmod 700 ${kept}`);
    expect(() => new SecretFolder(join(folder, 'no'))).toThrow('mkdir -m 700');
  });
});

describe('a task that names secrets', () => {
  let log: InMemoryLog;
  let master: FakeMaster;
  let runtime: ExecRuntime;
  let agent: Agent;
  const failures: unknown[] = [];
  const home = () => join(folder, 'agent');

  const begin = async () => {
    runtime = new ExecRuntime({ folder: home(), cgroups, pollMs: 50 });
    agent = await beginAgent({
      ...{ folder: home(), log, runtime, secrets: new SecretFolder(kept) },
      say: () => undefined,
      onFailure: (error) => failures.push(error),
      onRejoin: () => undefined,
    });
  };
  const leave = async (endTasks = false) => {
    await agent.stop({ endTasks });
    runtime.close();
  };
  beforeEach(async () => {
    mkdirSync(home());
    log = new InMemoryLog(systemClock);
    master = new FakeMaster(log);
    await begin();
    await until(() => agent.state.epoch === 1);
  });
  afterEach(async () => {
    await leave(true);
    await master.stop();
    expect(failures).toEqual([]);
    expect(JSON.stringify(master.reports)).not.toContain('horse');
  });

  const secrets: TaskTemplate['secrets'] = [{ secret: 'eng/password', env: 'PASSWORD', file: 'private/password' }];
  const sandbox = () => runtime.sandboxOf('1.0');
  const read = (file: string) => readFileSync(join(sandbox(), file), 'utf8');
  const filesBelow = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));

  it('finds them in its environment and in a file of its own, and nobody else does', async () => {
    const configs = [
      { template: 'password={{PASSWORD}}', dest: 'app.conf' },
      { template: 'task={{ORRERY_TASK}}', dest: 'open.conf' },
    ];
    const cmd = 'test "$PASSWORD" = "$(cat private/password)" && echo same; exec sleep 60';
    const check = { intervalMs: 20, timeoutMs: 1000, delayMs: 0, gracePeriodMs: 0, failuresMax: 1 };
    const readinessCheck = {
      ...check,
      probe: { kind: 'cmd' as const, cmd: 'test "$PASSWORD" = "$(cat private/password)"' },
    };
    await master.launch({ cmd, secrets, configs, readinessCheck }, { launch: '1.0' });
    await until(() => master.told.get('1.0')?.some(({ state }) => state === 'READY') === true);
    await until(() => read('stdout') === 'same\n');
    expect(read('private/password')).toBe(`${VALUE}\n`);
    expect(statSync(join(sandbox(), 'private/password')).mode & 0o777).toBe(0o400);
    expect(read('app.conf')).toBe(`password=${VALUE}`);
    for (const hidden of ['private/password', 'app.conf'])
      expect(() => runtime.placeOf('1.0', hidden)).toThrow(OutsideSandbox);
    expect(readFileSync(runtime.placeOf('1.0', 'open.conf'), 'utf8')).toBe('task=server');
    await master.kill('1.0');
    await until(() => master.endOf('1.0') !== undefined);
    expect(filesBelow(home()).filter((file) => readFileSync(file).includes('horse'))).toEqual([]);
  });

  it('ends as ERROR with the way out when one is missing, and starts once it is there', async () => {
    const missing = [{ secret: 'eng/other', env: 'OTHER' }];
    await master.launch({ cmd: 'test "$OTHER" = there', secrets: missing }, { launch: '1.0' });
    await until(() => master.endOf('1.0') !== undefined);
    expect(master.endOf('1.0')).toMatchObject({
      ...{ state: 'ERROR', reason: 'secret-missing' },
      message: `secret eng/other is not on this agent: write it to ${kept}/eng/other, mode 600`,
    });
    keep('eng/other', 'there\n');
    await master.launch({ cmd: 'test "$OTHER" = there', secrets: missing }, { launch: '2.0' });
    await until(() => master.endOf('2.0') !== undefined);
    expect(master.endOf('2.0')).toMatchObject({ state: 'FINISHED' });
  });

  it('is not given bytes as a variable', async () => {
    keep('bytes', Uint8Array.of(1, 0, 255));
    await master.launch({ cmd: 'true', secrets: [{ secret: 'bytes', env: 'BYTES' }] }, { launch: '1.0' });
    await until(() => master.endOf('1.0') !== undefined);
    expect(master.endOf('1.0')).toMatchObject({ state: 'ERROR', reason: 'secret-refused' });
  });

  it('has no last words where these have a part of one, or might', async () => {
    const end = async (cmd: string, launch: string) => {
      await master.launch({ cmd, secrets }, { launch });
      await until(() => master.endOf(launch) !== undefined);
      return master.endOf(launch)!.message;
    };
    expect(await end('echo "no table" >&2; exit 1', '1.0')).toBe('no table');
    expect(await end('echo "wrong password: $PASSWORD" >&2; exit 1', '2.0')).toBeUndefined();
    expect(await end('echo "at attery stap" >&2; exit 1', '3.0')).toBeUndefined();
    const waits = 'echo "no table" >&2; while [ ! -f go ]; do sleep 0.02; done; exit 1';
    await master.launch({ cmd: waits, secrets }, { launch: '4.0' });
    await until(() => master.runningOf('4.0') !== undefined);
    await leave();
    writeFileSync(join(runtime.sandboxOf('4.0'), 'go'), '');
    await begin();
    await until(() => master.endOf('4.0') !== undefined);
    expect(master.endOf('4.0')).toMatchObject({ state: 'FAILED', exit: { code: 1 } });
    expect(master.endOf('4.0')).not.toHaveProperty('message');
  });
});
