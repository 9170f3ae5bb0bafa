import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, RealCluster } from '@orrery/testing';

interface Plan {
  readonly status: string;
  readonly message?: string;
}

interface Task {
  readonly state: string;
}

describe('a service that changes', () => {
  let cluster: RealCluster;
  beforeAll(async () => {
    cluster = await RealCluster.start({ agents: 3 });
  });
  afterAll(() => cluster.stop());

  async function apply(name: string, spec: object): Promise<Awaited<ReturnType<RealCluster['cli']>>> {
    const file = join(cluster.home, `${name}.yaml`);
    writeFileSync(file, JSON.stringify({ name, ...spec }));
    return cluster.cli('service', 'apply', '-f', file);
  }
  const plan = (service: string) => cluster.json<Plan>('plan', 'show', service, 'update');
  const running = async (service: string) =>
    (await cluster.json<Task[]>('task', 'list', '--service', service)).filter(({ state }) => state === 'RUNNING')
      .length;

  it('is taken back to the version before when the new one fails', async () => {
    const spec = (cmd: string) => ({
      pods: {
        web: {
          count: 2,
          tasks: { server: { cmd, memory: 32, 'readiness-check': { cmd: 'test -e up', interval: 0.5 } } },
        },
      },
      plans: {
        deploy: {
          'on-failure': 'rollback',
          phases: { web: { pod: 'web', strategy: 'serial', 'max-attempts': 2 } },
        },
      },
    });
    expect(await apply('site', spec('touch up; exec sleep 100000'))).toMatchObject({ code: 0 });
    expect((await apply('site', spec('exit 7'))).code).toBe(1);
    const back = await eventually(
      async () => {
        const now = await plan('site');
        return now.status === 'COMPLETE' ? now : undefined;
      },
      { withinMs: 60_000, everyMs: 500, what: 'the version before is back' },
    );
    expect(back.message).toContain('version 2 failed: server of web-0');
    expect(await running('site')).toBe(2);
  });

  it('keeps enough pods up at any moment, with others that stand in for those that change', async () => {
    const spec = (version: string) => ({
      pods: {
        web: {
          count: 4,
          update: { 'max-surge': 1 },
          tasks: {
            server: {
              cmd: `sleep 1; touch up; exec sleep ${version}`,
              memory: 32,
              'readiness-check': { cmd: 'test -e up', interval: 0.2 },
            },
          },
        },
      },
    });
    expect(await apply('shop', spec('100001'))).toMatchObject({ code: 0 });
    const seen: { readonly ready: number; readonly running: number }[] = [];
    const update = { done: false };
    const applied = apply('shop', spec('100002')).finally(() => (update.done = true));
    await eventually(
      async () => {
        const { json } = await cluster.request('GET', '/v1/services/shop');
        seen.push((json as { pods: { web: (typeof seen)[number] } }).pods.web);
        return update.done ? true : undefined;
      },
      { withinMs: 120_000, everyMs: 20, what: 'all pods are changed' },
    );
    expect(await applied).toMatchObject({ code: 0 });
    expect(Math.min(...seen.map(({ ready }) => ready))).toBe(4);
    expect(Math.max(...seen.map(({ running: pods }) => pods))).toBe(5);
    expect(await running('shop')).toBe(4);
  });

  it('goes no further than may be away with a version that ends as soon as it has begun', async () => {
    const spec = (cmd: string) => ({
      pods: { web: { count: 3, update: { 'minimum-up': 3 }, tasks: { server: { cmd, memory: 32 } } } },
      plans: { update: { phases: { web: { pod: 'web', 'max-attempts': 2 } } } },
    });
    expect(await apply('fragile', spec('exec sleep 100000'))).toMatchObject({ code: 0 });
    const broken = await apply('fragile', spec('sleep 1; exit 3'));
    expect(broken.code).toBe(1);
    expect(await plan('fragile')).toMatchObject({
      status: 'ERROR',
      message: expect.stringMatching(/^server of web-\d exited with code 3, 2 times/),
    });
    const { json } = await cluster.request('GET', '/v1/services/fragile');
    expect(json).toMatchObject({ pods: { web: { ready: 2, versions: { 1: 2 } } } });
  });

  it('gives a pod with data another size where its data is, or runs on as it was and says what it waits for', async () => {
    const spec = (memory: number) => ({
      pods: {
        node: {
          count: 1,
          volumes: { data: { path: 'data', size: 16 } },
          tasks: { server: { cmd: 'echo "$ORRERY_POD_INDEX" >> data/starts; exec sleep 100000', memory } },
        },
      },
    });
    expect(await apply('ledger', spec(32))).toMatchObject({ code: 0 });
    const [first] = await cluster.json<(Task & { agent: string })[]>('task', 'list', '--service', 'ledger');
    expect(await apply('ledger', spec(64))).toMatchObject({ code: 0 });
    const [second] = await cluster.json<(Task & { agent: string })[]>('task', 'list', '--service', 'ledger');
    expect(second).toMatchObject({ agent: first!.agent, state: 'RUNNING' });
    const starts = await cluster.cli('task', 'exec', 'ledger.node-0.server', '--', 'wc', '-l', 'data/starts');
    expect(starts.stdout).toContain('2 ');

    const file = join(cluster.home, 'ledger.yaml');
    writeFileSync(file, JSON.stringify({ name: 'ledger', ...spec(100_000_000) }));
    expect(await cluster.cli('service', 'apply', '-f', file, '--detach')).toMatchObject({ code: 0 });
    const why = await eventually(
      async () => {
        const { stdout } = await cluster.cli('task', 'why', 'ledger.node-0.server');
        return stdout.includes('where the pod runs on as it was') ? stdout : undefined;
      },
      { withinMs: 30_000, everyMs: 500, what: 'it is told what the pod waits for' },
    );
    expect(why).toContain('memory');
    expect(await running('ledger')).toBe(1);
    expect((await cluster.cli('service', 'rollback', 'ledger', '2')).code).toBe(0);
    expect(await plan('ledger')).toMatchObject({ status: 'COMPLETE' });
  });

  it('drains each pod that it is scaled down by, the highest first, before it ends', async () => {
    const log = join(cluster.home, 'drained');
    const gate = join(cluster.home, 'gate');
    const leave = `test -e ${gate} || exit 1; echo "$ORRERY_POD_INDEX of $ORRERY_PODS_STAYING" >> ${log}`;
    const node = {
      count: 3,
      'allow-decommission': true,
      volumes: { data: { path: 'data', size: 16 } },
      'resource-sets': { sidecar: { cpus: 0.1, memory: 32 } },
      tasks: {
        server: { cmd: 'exec sleep 100000', memory: 32 },
        leave: { goal: 'ONCE', 'resource-set': 'sidecar', cmd: leave },
      },
    };
    const steps = [['default', ['leave']]];
    const plans = { decommission: { phases: { node: { pod: 'node', 'max-attempts': 1, steps } } } };
    expect(await apply('store', { pods: { node }, plans })).toMatchObject({ code: 0 });

    // Nothing is ended while the draining fails.
    expect((await cluster.cli('service', 'scale', 'store', 'node', '1')).code).toBe(1);
    expect(await plan('store')).toMatchObject({ status: 'ERROR', message: expect.stringContaining('leave of node-2') });
    expect(await running('store')).toBe(3);
    expect(existsSync(log)).toBe(false);

    writeFileSync(gate, '');
    expect(await cluster.cli('plan', 'resume', 'store', 'update')).toMatchObject({ code: 0 });
    await eventually(async () => (await running('store')) === 1, {
      withinMs: 60_000,
      everyMs: 500,
      what: 'one is left',
    });
    expect(readFileSync(log, 'utf8')).toBe('2 of 1\n1 of 1\n');
  });
});
