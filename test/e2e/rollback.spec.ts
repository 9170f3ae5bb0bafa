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

describe('an update that fails', () => {
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

  it('is taken back to the version before', async () => {
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
});
