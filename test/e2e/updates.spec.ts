import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, RealCluster } from '@orrery/testing';

interface Plan {
  readonly status: string;
  readonly message?: string;
}

interface Task {
  readonly state: string;
}

describe('an update', () => {
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

  it('that fails is taken back to the version before', async () => {
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
});
