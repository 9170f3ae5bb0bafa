import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, LoneAgent, RealCluster } from '@orrery/testing';
import { describeWithEngine, IMAGE, TestEngine } from '../agent/container-engine.js';

interface Task {
  readonly state: string;
  readonly ready: boolean;
  readonly hostname: string;
  readonly pid: number;
  readonly incarnation: number;
}

const TASK = 'boxed.web-0.server';

/** One story: an agent without a container engine, and one that has one and that nobody starts again. */
describeWithEngine('services of images', 'a service of an image', () => {
  let engine: TestEngine;
  let cluster: RealCluster;
  let agent: LoneAgent;
  beforeAll(async () => {
    engine = await TestEngine.start();
    cluster = await RealCluster.start({ agents: 1, environment: { DOCKER_HOST: 'unix:///nowhere' } });
    const size = { memoryMib: 512, diskMib: 512 };
    const { environment } = engine;
    agent = new LoneAgent(cluster, { hostname: 'boxes', address: '127.0.0.9', ...size, environment });
  });
  afterAll(async () => {
    await agent?.stop();
    await cluster?.stop();
    await engine?.stop();
  });

  const within = (what: string) => ({ withinMs: 60_000, everyMs: 100, what });
  const tasks = () => cluster.json<Task[]>('task', 'list', '--service', 'boxed');
  const running = () =>
    eventually(async () => (await tasks()).find(({ state, ready }) => state === 'RUNNING' && ready), within('it runs'));
  const containers = () => engine.engine.withLabel('orrery.service', 'boxed');

  it('waits for an agent with a container engine, and says so', async () => {
    const file = join(cluster.home, 'boxed.json');
    const server = {
      cmd: `trap 'exit 0' TERM; echo "$PORT_HTTP in $ORRERY_POD" > data/port; ls / ; touch up; while :; do sleep 0.1; done`,
      'readiness-check': { cmd: 'test -e up && ! test -e /usr', interval: 0.2, timeout: 5 },
      ...{ cpus: 0.1, memory: 32, ports: { http: {} } },
    };
    const web = { count: 1, image: IMAGE, volumes: { data: { path: 'data', size: 8 } }, tasks: { server } };
    writeFileSync(file, JSON.stringify({ name: 'boxed', pods: { web } }));
    expect(await cluster.cli('service', 'apply', '-f', file, '--detach')).toMatchObject({ code: 0 });
    await eventually(
      async () => (await cluster.cli('task', 'why', TASK)).stdout.includes('engine LIKE .+'),
      within('the engine is what lacks'),
    );
  });

  it('runs as a container with its port, its volume and its checks, and is looked into as any other', async () => {
    agent.start();
    expect(await running()).toMatchObject({ hostname: 'boxes', incarnation: 1 });
    expect(await containers()).toHaveLength(1);
    const shown = await cluster.cli('task', 'exec', TASK, '--', 'cat', 'data/port');
    expect(shown.stdout).toMatch(/^\d+ in web$/m);
    expect((await cluster.cli('task', 'logs', TASK)).stdout).toMatch(/^bin$/m);
  });

  it('lives on while its agent is killed, and goes with its volume when it is uninstalled', async () => {
    const before = await running();
    agent.kill();
    agent.start();
    await eventually(
      async () => (await cluster.cli('task', 'exec', TASK, '--', 'echo', 'here')).stdout.includes('here'),
      within('the next life of the agent looks after it'),
    );
    expect(await running()).toMatchObject({ pid: before!.pid, incarnation: 1 });
    expect(existsSync(`/proc/${before!.pid}`)).toBe(true);
    expect(await cluster.cli('service', 'uninstall', 'boxed', '--yes')).toMatchObject({ code: 0 });
    await eventually(async () => (await containers()).length === 0, within('its container is gone'));
    expect(existsSync(`/proc/${before!.pid}`)).toBe(false);
    expect(await cluster.json<object[]>('volume', 'list')).toEqual([]);
  });
});
