import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, RealCluster } from '@orrery/testing';

interface Measured {
  readonly id: string;
  readonly state: string;
  readonly asked: { readonly cpus: number; readonly memory: number };
  readonly usage?: { readonly cpus?: number; readonly memory?: number; readonly disk?: number };
}

const spec = `
name: guests
pods:
  busy:
    count: 1
    tasks:
      burn: { cmd: 'while :; do :; done', cpus: 0.4, memory: 32 }
  large:
    count: 1
    tasks:
      hold:
        cmd: exec node -e "globalThis.held = Buffer.alloc(100 << 20, 1); setInterval(() => held, 60_000)"
        cpus: 0.2
        memory: 400
`;

describe('what tasks use', () => {
  let cluster: RealCluster;
  beforeAll(async () => {
    cluster = await RealCluster.start();
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(cluster.home, { recursive: true, force: true });
  });

  const top = (sort: string) => cluster.json<Measured[]>('task', 'top', '--service', 'guests', '--sort', sort);

  it('shows who burns the processor and who holds memory, against what they asked for', async () => {
    const file = join(cluster.home, 'guests.yaml');
    writeFileSync(file, spec);
    const applied = await cluster.cli('service', 'apply', '-f', file);
    expect(applied.code).toBe(0);
    const [busiest] = await eventually(
      async () => {
        const tasks = await top('cpu');
        // However busy the machine is, it gets more than those that sleep.
        return tasks[0]?.id === 'guests.busy-0.burn' && (tasks[0].usage?.cpus ?? 0) >= 0.02 ? tasks : undefined;
      },
      { withinMs: 60_000, everyMs: 500, what: 'the task that burns the processor comes first' },
    );
    expect(busiest).toMatchObject({ id: 'guests.busy-0.burn', state: 'RUNNING', asked: { cpus: 0.4, memory: 32 } });
    const [largest] = await eventually(
      async () => {
        const tasks = await top('memory');
        return (tasks[0]?.usage?.memory ?? 0) >= 100 ? tasks : undefined;
      },
      { withinMs: 60_000, everyMs: 500, what: 'a task holds 100 MiB' },
    );
    expect(largest).toMatchObject({ id: 'guests.large-0.hold', asked: { memory: 400 } });
    expect(largest!.usage!.memory).toBeLessThan(400);
  });

  it('tells the machine beside its offer', async () => {
    const [agent] = await cluster.json<{ machine: { cpus: { used: number; of: number } } }[]>('agent', 'list');
    expect(agent!.machine.cpus.of).toBeGreaterThan(0);
    expect(agent!.machine.cpus.used).toBeGreaterThan(0);
  });
});
