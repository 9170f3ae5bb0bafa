import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, LoneAgent, RealCluster } from '@orrery/testing';

interface Pod {
  readonly name: string;
  readonly state: string;
  readonly hostname: string;
  readonly volumes: readonly { readonly volume: string }[];
  readonly tasks: readonly { readonly state: string; readonly incarnation: number; readonly pid?: number }[];
}

interface Owned {
  readonly tasks: number;
  readonly volumes: number;
  readonly reservations: number;
  readonly agents: readonly { readonly hostname: string; readonly state: string }[];
}

interface Plan {
  readonly status: string;
}

const LONER = 'loner';
const NOTHING = { tasks: 0, volumes: 0, reservations: 0, agents: [] };

const isAlive = (pid: number) => existsSync(`/proc/${pid}`);

/** Two agents under the launcher, and one that nobody starts again. */
describe('operators', () => {
  let cluster: RealCluster;
  let agent: LoneAgent;
  beforeAll(async () => {
    cluster = await RealCluster.start({ agents: 2 });
    agent = new LoneAgent(cluster, { hostname: LONER, address: '127.0.0.9', memoryMib: 1024, diskMib: 1024 });
    agent.start();
    await eventually(async () => (await cluster.json<object[]>('agent', 'list')).length === 3, within('three agents'));
  });
  afterAll(async () => {
    await agent?.stop();
    await cluster?.stop();
  });

  const within = (what: string, withinMs = 60_000) => ({ withinMs, everyMs: 500, what });
  async function apply(name: string, count: number, cmd: string): Promise<void> {
    const file = join(cluster.home, `${name}.json`);
    const node = {
      count,
      placement: [['hostname', 'MAX_PER', 1]],
      volumes: { data: { path: 'data', size: 16 } },
      tasks: { server: { cmd, cpus: 0.05, memory: 16, 'kill-grace-period': 1 } },
    };
    writeFileSync(file, JSON.stringify({ name, pods: { node }, plans: deployedAtOnce }));
    expect(await cluster.cli('service', 'apply', '-f', file)).toMatchObject({ code: 0 });
  }

  const deployedAtOnce = { deploy: { phases: { node: { pod: 'node', strategy: 'parallel' } } } };
  const pods = (service: string) => cluster.json<Pod[]>('pod', 'list', service);
  const pod = (service: string) => cluster.json<Pod>('pod', 'show', service, 'node-0');
  const owned = async (service: string) =>
    (await cluster.request('GET', `/v1/services/${service}/owned`)).json as Owned;
  const volumeFolder = (id: string) => join(agent.folder, 'volumes', id);

  it('read in the cause of a failed step what its task wrote last', async () => {
    const file = join(cluster.home, 'broken.json');
    const server = {
      ...{ cmd: 'echo "no such table: users" >&2; exit 3', cpus: 0.05, memory: 16 },
      'readiness-check': { cmd: 'false' },
    };
    const plans = { deploy: { phases: { web: { pod: 'web', 'max-attempts': 2 } } } };
    writeFileSync(file, JSON.stringify({ name: 'broken', pods: { web: { tasks: { server } } }, plans }));
    const applied = await cluster.cli('service', 'apply', '-f', file);
    expect(applied.code).toBe(1);
    const why = 'server of web-0 exited with code 3, 2 times: no such table: users';
    expect(applied.stderr).toContain(why);
    expect(applied.stderr).toContain('orrery task logs broken.web-0.server tells more');
    expect((await cluster.cli('service', 'show', 'broken')).stdout).toContain(why);
    expect(await cluster.cli('service', 'uninstall', 'broken', '--yes')).toMatchObject({ code: 0 });
  });

  it('give tasks secrets that stand on the machines of agents alone', async () => {
    const value = `horse-${randomUUID()}`;
    const kept = join(cluster.home, 'secrets', 'eng');
    const file = join(cluster.home, 'keyed.json');
    const server = {
      ...{ cmd: 'test "$PASSWORD" = "$(cat private/password)" && touch ready; exec sleep 100000', cpus: 0.05 },
      ...{ memory: 16, 'readiness-check': { cmd: 'test -e ready' } },
      configs: { conf: { template: 'password={{PASSWORD}}', dest: 'app.conf' } },
    };
    const secrets = { password: { secret: 'eng/password', 'env-key': 'PASSWORD', file: 'private/password' } };
    const placement = [['hostname', 'UNLIKE', LONER]];
    writeFileSync(
      file,
      JSON.stringify({ name: 'keyed', role: 'eng', pods: { web: { secrets, placement, tasks: { server } } } }),
    );
    const without = await cluster.cli('service', 'apply', '-f', file, '--timeout', '3s');
    expect(without.stderr).toContain(
      `secret eng/password is not on this agent: write it to ${kept}/password, mode 600`,
    );
    mkdirSync(kept, { mode: 0o700 });
    writeFileSync(join(kept, 'password'), `${value}\n`, { mode: 0o600 });
    expect(await cluster.cli('service', 'apply', '-f', file)).toMatchObject({ code: 0 });
    for (const place of ['private/password', 'app.conf'])
      expect((await cluster.cli('task', 'files', 'keyed.web-0.server', place)).stderr).toContain('outside-sandbox');
    expect((await cluster.cli('task', 'exec', 'keyed.web-0.server', '--', 'env')).stdout).not.toContain('PASSWORD');
    expect(await cluster.cli('service', 'uninstall', 'keyed', '--yes')).toMatchObject({ code: 0 });
    expect(filesWith(join(cluster.home, 'kafka'), 'eng/password')).not.toEqual([]);
    expect(filesWith(cluster.home, value)).toEqual([join(kept, 'password')]);
  });

  it('are told by a drain which pods stay with their data, and by which command they would move', async () => {
    await apply('anchored', 1, 'exec sleep 100000');
    const { hostname } = await pod('anchored');
    const drained = await cluster.cli('agent', 'drain', hostname);
    expect(drained.code).toBe(0);
    expect(drained.stdout).toMatch(/^anchored\.node-0 +data +orrery pod replace anchored node-0$/m);
    expect(await cluster.json('agent', 'show', hostname)).toMatchObject({
      state: 'DRAINED',
      staying: [{ service: 'anchored', pod: 'node-0', volumes: ['data'] }],
    });
    expect(await cluster.cli('agent', 'activate', hostname)).toMatchObject({ code: 0 });
    expect(await cluster.json('agent', 'show', hostname)).not.toHaveProperty('staying');
    expect(await cluster.cli('service', 'uninstall', 'anchored', '--yes')).toMatchObject({ code: 0 });
  });

  it('pause a pod in its place, look into its volume, and resume it', async () => {
    await apply('debugged', 1, 'echo kept >> data/lines; exec sleep 100000');
    const before = await pod('debugged');
    expect(await cluster.cli('pod', 'pause', 'debugged', 'node-0')).toMatchObject({ code: 0 });
    const paused = await pod('debugged');
    expect(paused).toMatchObject({ state: 'PAUSED', hostname: before.hostname, volumes: before.volumes });
    const looked = await cluster.cli(
      'task',
      'exec',
      'debugged.node-0.server',
      '--',
      'sh',
      '-c',
      'cat data/lines; echo "$ORRERY_PAUSED_CMD"',
    );
    expect(looked).toMatchObject({ code: 0, stdout: 'kept\necho kept >> data/lines; exec sleep 100000\n' });
    expect(await cluster.json<Plan>('plan', 'show', 'debugged', 'deploy')).toMatchObject({ status: 'COMPLETE' });

    expect(await cluster.cli('pod', 'resume', 'debugged', 'node-0')).toMatchObject({ code: 0 });
    const after = await pod('debugged');
    expect(after).toMatchObject({ state: 'READY', hostname: before.hostname, volumes: before.volumes });
    expect(after.tasks[0]!.incarnation).toBe(before.tasks[0]!.incarnation + 2);
    const lines = await cluster.cli('task', 'files', 'debugged.node-0.server', 'data/lines', '--cat');
    expect(lines.stdout).toBe('kept\nkept\n');
    const { stdout } = await cluster.cli('service', 'uninstall', 'debugged', '--yes');
    expect(stdout).toBe('debugged uninstalled: 0 tasks, 0 volumes, 0 reservations owned\n');
  });

  it('uninstall a service while one of its machines is lost, and nothing is left when that comes back', async () => {
    await apply('stored', 3, 'exec sleep 100000');
    const lost = (await pods('stored')).find(({ hostname }) => hostname === LONER)!;
    const { pid } = lost.tasks[0]!;
    const [{ volume }] = lost.volumes as [{ volume: string }];
    expect([isAlive(pid!), existsSync(volumeFolder(volume))]).toEqual([true, true]);
    agent.kill();
    await eventually(
      async () =>
        (await cluster.json<{ state: string }[]>('agent', 'list')).some(({ state }) => state === 'UNREACHABLE'),
      within('the agent has lapsed'),
    );

    const uninstalled = await cluster.cli('service', 'uninstall', 'stored', '--yes');
    expect(uninstalled).toMatchObject({ code: 0 });
    expect(uninstalled.stdout).toContain('stored uninstalled: 1 task, 1 volume, 1 reservation owned');
    expect(uninstalled.stdout).toContain(`left on ${LONER}`);
    expect((await cluster.request('GET', '/v1/services/stored')).status).toBe(404);
    expect(isAlive(pid!)).toBe(true);

    agent.start();
    await eventually(
      async () => !isAlive(pid!) && !existsSync(volumeFolder(volume)),
      within('process and volume are gone'),
    );
    await eventually(async () => (await owned('stored')).reservations === 0, within('the ledger is empty'));
    expect(await owned('stored')).toEqual({ service: 'stored', ...NOTHING });
    const events = await cluster.cli('events', '--service', 'stored', '-o', 'json');
    const accounts = events.stdout.split('\n').filter((line) => line.includes('ServiceAccounted'));
    expect(accounts).toHaveLength(2);
    expect(accounts[1]).toContain('"reservations":0');
  });
});

function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text));
}
