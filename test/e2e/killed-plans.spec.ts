import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, RealCluster } from '@orrery/testing';

interface Plan {
  readonly status: string;
  readonly phases: readonly { readonly name: string; readonly complete: number; readonly total: number }[];
}

interface Owned {
  readonly tasks: number;
  readonly volumes: number;
  readonly reservations: number;
}

interface Pod {
  readonly name: string;
  readonly volumes: readonly { readonly volume: string }[];
  readonly tasks: readonly { readonly task: string; readonly state: string; readonly pid?: number }[];
}

interface Line {
  readonly type: string;
  readonly data: {
    readonly plan?: string;
    readonly phase?: string;
    readonly task?: string;
    readonly indexes?: readonly (readonly [number, number])[];
  };
}

const PODS = 4;
const LEFT = 2;
const OWNER = 'service-manager-0';
const rounds = Number(process.env['ORRERY_KILLS'] ?? '2');
const within = (what: string) => ({ withinMs: 120_000, everyMs: 50, what });
const isBetween = (count: number, low: number, high: number) => low < count && count < high;
const isAlive = (pid: number) => existsSync(`/proc/${pid}`);

/** Each pod takes half a second longer than the one before, so that there is a middle of what is done to all at once. */
const ITS_TIME = 'sleep $((ORRERY_POD_INDEX / 2)).$((ORRERY_POD_INDEX % 2 * 5 + 2))';

/** What its steps run writes a line, so that doing it twice would show. */
const specOf = (name: string, count: number, version: number, memoryMib: number) => ({
  name,
  backoff: { 'initial-secs': 0.2 },
  pods: {
    node: {
      count,
      'allow-decommission': true,
      volumes: { data: { path: 'data', size: 8 } },
      'resource-sets': { sidecar: { cpus: 0.02, memory: 8 } },
      tasks: {
        server: {
          cmd: `trap '${ITS_TIME}; exit 0' TERM; ${ITS_TIME}; touch up; sleep 100000 & wait # ${version}`,
          'readiness-check': { cmd: 'test -e up', interval: 0.1, timeout: 5 },
          ...{ cpus: 0.02, memory: memoryMib, 'kill-grace-period': 5 },
        },
        init: { goal: 'ONCE', 'resource-set': 'sidecar', cmd: 'echo begun >> data/init; sleep 0.3' },
        backup: { goal: 'ONCE', 'resource-set': 'sidecar', cmd: 'echo saved >> data/backup; sleep 0.3' },
      },
    },
  },
  plans: {
    deploy: {
      phases: {
        node: { pod: 'node', strategy: 'serial', steps: [['default', ['server']]] },
        init: { pod: 'node', strategy: 'serial', steps: [['default', ['init']]] },
      },
    },
    backup: { phases: { backup: { pod: 'node', strategy: 'serial', steps: [['default', ['backup']]] } } },
  },
});

describe('kill -9 of the service-manager in the middle of a plan', () => {
  let cluster: RealCluster;
  beforeAll(async () => {
    cluster = await RealCluster.start();
  });
  afterAll(() => cluster?.stop());

  const headers = { prefer: 'wait=30' };
  const told = async (method: string, path: string, body?: unknown) => {
    const answer = await cluster.request(method, path, { ...(body === undefined ? {} : { body }), headers });
    expect([method, path, answer.status, answer.text]).toEqual([method, path, 200, answer.text]);
  };
  const planOf = async (name: string, plan: string) =>
    (await cluster.request('GET', `/v1/services/${name}/plans/${plan}`)).json as Plan | undefined;
  const owned = async (name: string) => (await cluster.request('GET', `/v1/services/${name}/owned`)).json as Owned;
  const total = ({ phases }: Plan) => phases.reduce((sum, phase) => sum + phase.total, 0);
  const done = ({ phases }: Plan) => phases.reduce((sum, { complete }) => sum + complete, 0);
  const pods = (name: string) => cluster.json<Pod[]>('pod', 'list', name);

  /** After the first of its steps and before the last. */
  async function killAmid(name: string, plan: string): Promise<void> {
    await eventually(
      async () => {
        const shown = await planOf(name, plan);
        return shown !== undefined && shown.status !== 'COMPLETE' && done(shown) > 0;
      },
      within(`plan ${plan} of ${name} is under way`),
    );
    await cluster.killAndAwaitSuccessor(OWNER);
    await eventually(
      async () => (await planOf(name, plan))?.status === 'COMPLETE',
      within(`plan ${plan} of ${name} is complete after the kill`),
    );
  }

  const volumesOf = async (name: string) => (await pods(name)).map(({ volumes: [data] }) => data!.volume);

  const running = async (name: string, count: number) => {
    const shown = await pods(name);
    const servers = shown.flatMap(({ tasks }) => tasks.filter(({ task }) => task === 'server'));
    const up = servers.filter(({ state, pid }) => state === 'RUNNING' && isAlive(pid!));
    return shown.length === count && up.length === count ? up.map(({ pid }) => pid!) : undefined;
  };

  /** Lines that tasks wrote into the volume of each pod. */
  async function linesOf(name: string, file: string): Promise<string[]> {
    const agents = join(cluster.home, 'agents');
    return (await pods(name)).map(({ volumes: [data] }) => {
      const folders = readdirSync(agents).map((agent) => join(agents, agent, 'volumes', data!.volume));
      return readFileSync(
        join(
          folders.find((folder) => existsSync(folder))!,
          file,
        ),
        'utf8',
      );
    });
  }

  /** How often each thing was told: of the steps of plans by pod, of the launches of tasks by task. */
  async function toldOf(name: string): Promise<Record<string, number>> {
    const { stdout } = await cluster.cli('events', '--service', name, '-o', 'json');
    const counts: Record<string, number> = {};
    for (const line of stdout.split('\n').filter((text) => text !== '')) {
      const { type, data } = JSON.parse(line) as Line;
      const about = { StepCompleted: `${data.plan} ${data.phase}`, PlanStarted: data.plan, LaunchOrdered: data.task }[
        type
      ];
      if (about === undefined) continue;
      const pieces =
        type === 'PlanStarted' ? 1 : (data.indexes ?? []).reduce((sum, [from, to]) => sum + to - from + 1, 0);
      counts[`${type} ${about}`] = (counts[`${type} ${about}`] ?? 0) + pieces;
    }
    return counts;
  }

  it.each(Array.from({ length: rounds }, (_, round) => `ring-${round + 1}`))(
    'goes on with deploy, update, a resize in place, a custom plan, recovery, decommission and uninstall of %s where it was, and does nothing twice',
    async (name) => {
      await told('PUT', `/v1/services/${name}`, specOf(name, PODS, 1, 8));
      await killAmid(name, 'deploy');
      expect(await linesOf(name, 'init')).toEqual(Array.from({ length: PODS }, () => 'begun\n'));

      await told('PUT', `/v1/services/${name}`, specOf(name, PODS, 2, 8));
      await killAmid(name, 'update');

      const kept = await volumesOf(name);
      await told('PUT', `/v1/services/${name}`, specOf(name, PODS, 3, 16));
      await killAmid(name, 'update');
      expect(await volumesOf(name)).toEqual(kept);

      await told('POST', `/v1/services/${name}/plans/backup/start`, {});
      await killAmid(name, 'backup');
      expect(await linesOf(name, 'backup')).toEqual(Array.from({ length: PODS }, () => 'saved\n'));

      const before = await eventually(() => running(name, PODS), within(`${name} runs`));
      for (const pid of before) process.kill(pid, 'SIGKILL');
      await eventually(
        async () => isBetween(total((await planOf(name, 'recovery'))!), 0, PODS),
        within(`some pods of ${name} have recovered and some have not`),
      );
      await cluster.killAndAwaitSuccessor(OWNER);
      await eventually(
        async () => (await running(name, PODS))?.some((pid) => before.includes(pid)) === false,
        within(`${name} runs again`),
      );

      await told('POST', `/v1/services/${name}/scale`, { pod: 'node', count: LEFT });
      await eventually(
        async () => isBetween((await owned(name)).volumes, LEFT, PODS),
        within(`one pod of ${name} was taken down and one was not`),
      );
      await cluster.killAndAwaitSuccessor(OWNER);
      await eventually(() => running(name, LEFT), within('the pods were taken down'));
      await eventually(
        async () => (await planOf(name, 'update'))?.status === 'COMPLETE',
        within('the plan is complete'),
      );
      expect(await linesOf(name, 'init')).toEqual(Array.from({ length: LEFT }, () => 'begun\n'));

      const last = (await running(name, LEFT))!;
      const seen = await toldOf(name);
      await told('DELETE', `/v1/services/${name}`);
      await eventually(
        async () => isBetween((await owned(name)).tasks, 0, LEFT),
        within(`one pod of ${name} has ended and one has not`),
      );
      await cluster.killAndAwaitSuccessor(OWNER);
      await eventually(
        async () => (await cluster.request('GET', `/v1/services/${name}`)).status === 404,
        within(`${name} is removed`),
      );
      expect(await owned(name)).toEqual({ service: name, tasks: 0, volumes: 0, reservations: 0, agents: [] });
      expect(last.filter(isAlive)).toEqual([]);

      expect(seen).toMatchObject({
        'PlanStarted deploy': 1,
        'PlanStarted backup': 1,
        'StepCompleted deploy node': PODS,
        'StepCompleted deploy init': PODS,
        'StepCompleted backup backup': PODS,
        // Deployed, updated, resized, recovered.
        'LaunchOrdered server': 4 * PODS,
        'LaunchOrdered init': PODS,
        'LaunchOrdered backup': PODS,
      });
    },
    300_000,
  );
});
