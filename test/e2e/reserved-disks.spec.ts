import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, RealCluster } from '@orrery/testing';

interface Reservation {
  readonly id: string;
  readonly agent: string;
  readonly role: string;
  readonly static?: boolean;
}

interface Task {
  readonly id: string;
  readonly pod: string;
  readonly state: string;
  readonly incarnation: number;
  readonly ports: Readonly<Record<string, number>>;
}

interface Volume {
  readonly type: string;
  readonly disk: string | null;
  readonly name: string;
}

/** Two local agents, each with a disk for one volume and one that volumes share, and a part of each kept for a role. */
describe('disks and reservations that agents declare', () => {
  let cluster: RealCluster;
  beforeAll(async () => {
    cluster = await RealCluster.start({
      agents: 2,
      environment: {
        ORRERY_DISKS: 'fast:MOUNT:512 data:PATH:300',
        ORRERY_RESERVE: 'cpus(eng):0.2;ports(eng):[7100-7101]',
      },
    });
  });
  afterAll(() => cluster.stop());

  const apply = (spec: { readonly name: string }, ...more: readonly string[]) => {
    const file = join(cluster.home, `${spec.name}.json`);
    writeFileSync(file, JSON.stringify(spec));
    return cluster.cli('service', 'apply', '-f', file, ...more);
  };
  const tasks = (service: string) => cluster.json<Task[]>('task', 'list', '--service', service);
  const reservations = () => cluster.json<Reservation[]>('reservation', 'list');
  const refusal = async (body: object) => {
    const headers = { prefer: 'wait=30' };
    const { status, json } = await cluster.request('POST', '/v1/reservations', { body, headers });
    return { status, code: (json as { readonly code?: string }).code };
  };
  const port = { http: { port: 7100, 'env-key': 'PORT_WEB' } };
  const listening = (name: string, role: string) => ({
    ...{ name, role },
    pods: { web: { count: 1, tasks: { server: { cmd: 'exec sleep 100000', cpus: 0.1, memory: 16, ports: port } } } },
  });

  it('keep a part of each agent for its role, and no command ends that', async () => {
    const [kept, ...others] = await reservations();
    expect(others).toHaveLength(1);
    expect(kept).toMatchObject({ role: 'eng', static: true, resources: { ports: [{ begin: 7100, end: 7101 }] } });
    const ended = await cluster.cli('reservation', 'remove', kept!.id, '--yes');
    expect(ended.stderr).toContain('reservation-declared');
    expect(ended.code).not.toBe(0);
    const agent = kept!.agent;
    const ports = [{ begin: 7101, end: 7105 }];
    expect(await refusal({ agent, role: 'ops', resources: { ports } })).toEqual({
      ...{ status: 422, code: 'reservation-overlaps' },
    });
    const refined = await cluster.cli(
      ...['reservation', 'create', 'eng/web', agent, '--ports', '7101', '--refines', kept!.id],
    );
    expect(refined).toMatchObject({ code: 0 });
    expect(await reservations()).toHaveLength(3);
  });

  it('give a reserved port to its role, and to nobody else', async () => {
    expect(await apply(listening('theirs', 'eng'))).toMatchObject({ code: 0 });
    expect((await tasks('theirs'))[0]!.ports).toMatchObject({ http: 7100 });
    expect(await apply(listening('mine', 'ops'), '--detach')).toMatchObject({ code: 0 });
    const why = await eventually(
      async () => {
        const { stdout } = await cluster.cli('task', 'why', 'mine.web-0.server');
        return stdout.includes('reserved for others') ? stdout : undefined;
      },
      { withinMs: 60_000, everyMs: 500, what: 'why says that the port is reserved' },
    );
    expect(why).toContain('port 7100');
  });

  it('hold MOUNT volumes one by one, PATH volumes side by side and a shared one for all, through restarts', async () => {
    const part = { path: 'part', type: 'PATH', size: 100 };
    const writing = (places: string) => ({
      server: {
        cmd: `for place in ${places}; do echo "$ORRERY_POD_INDEX $ORRERY_INCARNATION" >> $place/notes; done; exec sleep 100000`,
        ...{ cpus: 0.1, memory: 16 },
      },
    });
    const whole = { path: 'whole', type: 'MOUNT', size: 100 };
    const all = { path: 'all', size: 16, shared: true };
    const node = { count: 2, volumes: { whole, part }, tasks: writing('whole part') };
    const desk = { count: 2, volumes: { all, part }, tasks: writing('all part') };
    const store = { name: 'store', pods: { node, desk } };
    expect(await apply(store)).toMatchObject({ code: 0 });
    const made = await cluster.json<Volume[]>('volume', 'list');
    expect(made.filter(({ disk }) => disk === 'fast')).toHaveLength(2);
    expect(made.filter(({ disk, type }) => disk === 'data' && type === 'PATH')).toHaveLength(4);
    expect(made.filter(({ name }) => name === 'all')).toHaveLength(1);

    expect(await cluster.cli('pod', 'restart', 'store', 'node-0')).toMatchObject({ code: 0 });
    const notes = () => notesIn(join(cluster.home, 'disks')).sort();
    await eventually(() => notes().some((text) => /^0 \d+\n0 \d+\n$/.test(text)), {
      ...{ withinMs: 60_000, what: 'the restarted pod writes into the volume that it had' },
    });
    expect(notes().filter((text) => text.startsWith('1 ')).length).toBeGreaterThan(0);

    // Both disks have their volume: a third pod waits for one.
    expect(await cluster.cli('service', 'scale', 'store', 'node', '3', '--detach')).toMatchObject({ code: 0 });
    await eventually(
      async () =>
        (await cluster.cli('task', 'why', 'store.node-2.server')).stdout.includes('fast has 0 of 512 MiB free'),
      { withinMs: 60_000, everyMs: 500, what: 'the third pod waits for a MOUNT disk' },
    );
  });
});

function notesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('notes'))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
}
