import { existsSync, readFileSync, rmSync } from 'node:fs';
import { eventually, RealCluster } from '@orrery/testing';
import { TypedCli } from './typed-cli.js';

interface Task {
  readonly id: string;
  readonly service: string;
  readonly state: string;
  readonly incarnation: number;
  readonly pid: number;
  readonly address: string;
  readonly agent: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly ready: boolean;
}

interface AuditRow {
  readonly type: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly object?: { readonly kind: string; readonly name: string };
}

interface HistoryRow {
  readonly state: string;
  readonly incarnation: number;
  readonly reason: string | null;
}

describe('the first start', () => {
  let cluster: RealCluster;
  beforeAll(async () => {
    cluster = await RealCluster.start();
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(cluster.home, { recursive: true, force: true });
  });

  const hello = () => cluster.json<Task[]>('task', 'list', '--service', 'hello');
  const running = (count: number) =>
    eventually(
      async () => {
        const tasks = (await hello()).filter((task) => task.state === 'RUNNING' && task.ready);
        return tasks.length === count ? tasks : undefined;
      },
      { withinMs: 60_000, everyMs: 200, what: `${count} tasks of hello are RUNNING and ready` },
    );

  it('runs three real web servers on the agents, each alive and answering', async () => {
    const tasks = await running(3);
    expect(new Set(tasks.map((task) => task.agent)).size).toBeGreaterThan(1);
    for (const task of tasks) {
      expect(existsSync(`/proc/${task.pid}`)).toBe(true);
      const answer = await fetch(`http://${task.address}:${task.ports['http']}/`);
      expect(await answer.text()).toContain(task.id);
    }
  });

  it('keeps the story of each task in Cassandra', async () => {
    const [task] = await running(3);
    const rows = await eventually(
      async () => {
        const found = await cluster.json<HistoryRow[]>('task', 'history', task!.id);
        return found.some((row) => row.state === 'RUNNING') ? found : undefined;
      },
      { withinMs: 20_000, everyMs: 200, what: 'the history of the task shows RUNNING' },
    );
    expect(rows.map((row) => row.state)).toEqual(expect.arrayContaining(['STAGING', 'RUNNING']));
  });

  it('opens a terminal in a task, and gives it back with the exit code of its shell', async () => {
    const [task] = await running(3);
    const cli = new TypedCli(`task exec -it ${task!.id} -- /bin/sh -i`, cluster.home);
    try {
      cli.type('stty size; echo "$ORRERY_TASK_ID" is here\n');
      await cli.shows('33 111');
      await cli.shows(`${task!.id} is here`);
      cli.type('echo be""gun; sleep 600\n');
      await cli.shows('begun');
      cli.type('\u0003');
      cli.type('echo still "he"re; exit 9\n');
      await cli.shows('still here');
      await cli.shows('ended with 9');
      await cli.shows(' icanon');
      await cli.shows(' echo ');
    } finally {
      cli.close();
    }
  });

  it('starts a killed task again as the next incarnation, and never the old one', async () => {
    const [task] = await running(3);
    process.kill(task!.pid, 'SIGKILL');
    const successor = await eventually(
      async () => {
        const found = (await hello()).find((each) => each.id === task!.id);
        return found !== undefined && found.incarnation > task!.incarnation && found.state === 'RUNNING'
          ? found
          : undefined;
      },
      { withinMs: 20_000, what: 'a new incarnation runs' },
    );
    expect(successor.incarnation).toBe(task!.incarnation + 1);
    expect(successor.pid).not.toBe(task!.pid);
    const ended = await eventually(
      async () => {
        const rows = await cluster.json<HistoryRow[]>('task', 'history', task!.id);
        return rows.find((row) => row.incarnation === task!.incarnation && row.state === 'FAILED');
      },
      { withinMs: 20_000, everyMs: 200, what: 'the history tells the end of the old one' },
    );
    expect(ended.reason).toBe('signal');
  });

  it('shows what was true at a moment while it was scaling', async () => {
    await running(3);
    const before = new Date().toISOString();
    expect((await cluster.cli('service', 'scale', 'hello', 'web', '5', '--reason', 'more guests')).code).toBe(0);
    await running(5);
    const then = await cluster.json<Task[]>('task', 'list', '--service', 'hello', '--at', before);
    expect(then).toHaveLength(3);
    const state = await cluster.json<{ services: { name: string; pods: Record<string, { count: number }> }[] }>(
      'state',
      '--at',
      before,
    );
    expect(state.services.find(({ name }) => name === 'hello')?.pods['web']?.count).toBe(3);
    expect((await cluster.cli('service', 'scale', 'hello', 'web', '3')).code).toBe(0);
    await running(3);
  });

  it('answers who did what, when and why', async () => {
    const rows = await eventually(
      async () => {
        const found = await cluster.json<AuditRow[]>('audit', 'log', '--service', 'hello');
        return found.some((row) => row.reason === 'more guests') ? found : undefined;
      },
      { withinMs: 20_000, everyMs: 200, what: 'the audit log has the scaling' },
    );
    const scaling = rows.find((row) => row.reason === 'more guests');
    expect(scaling).toMatchObject({ type: 'ScaleService', object: { kind: 'service', name: 'hello' } });
    expect(scaling?.actor).toBeTruthy();
  });

  it('finds nothing wrong in its journals', async () => {
    const { code, stdout, stderr } = await cluster.cli('audit', 'verify');
    expect(code === 0 ? 'clean' : `exit ${code}\n${stdout}${stderr}`).toBe('clean');
  });

  it('writes nothing to any journal while nothing happens', async () => {
    await running(3);
    const seqs = () =>
      cluster.request('GET', '/v1/agents?limit=1').then(({ headers }) => headers.get('orrery-position'));
    let last = await seqs();
    await eventually(
      async () => {
        const now = await seqs();
        const same = now === last;
        last = now;
        return same;
      },
      { withinMs: 60_000, everyMs: 10_000, what: 'ten seconds pass without a commit' },
    );
  });

  it('leaves no process behind when it stops, and has its state back when it starts again', async () => {
    const pids = (await running(3)).map((task) => task.pid);
    const { home } = cluster;
    const kept = readFileSync(`${home}/token`, 'utf8');
    await cluster.stop({ keepHome: true });
    for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(false);
    cluster = await RealCluster.start({ home });
    expect(readFileSync(`${home}/token`, 'utf8')).toBe(kept);
    const tasks = await running(3);
    expect(tasks.every((task) => task.incarnation > 1)).toBe(true);
  });
});
