import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, kafkaPython, RealCluster } from '@orrery/testing';

const run = promisify(execFile);
const SCHEDULER = join(import.meta.dirname, '../../deploy/examples/batch-scheduler.py');

interface Task {
  readonly id: string;
  readonly state: string;
}

describe('a scheduler in another language', () => {
  let cluster: RealCluster;
  let client: string;
  beforeAll(async () => {
    client = await kafkaPython();
    cluster = await RealCluster.start();
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(cluster.home, { recursive: true, force: true });
  });

  const schedule = async (...command: readonly string[]) => {
    const [kafka] = cluster.endpoints.kafka;
    const env = { ...process.env, PYTHONPATH: client };
    const { stdout } = await run('python3', [SCHEDULER, '--kafka', kafka!, '--role', 'eng', ...command], { env });
    return JSON.parse(stdout) as { readonly runs: number; readonly failed: number };
  };
  const tasks = () => cluster.json<Task[]>('task', 'list', '--service', '@batch');

  it('runs a batch on places that it asked for, and gives all of them back', async () => {
    expect(await schedule('--runs', '7', '--at-once', '3', '--', 'true')).toEqual({ runs: 7, failed: 0 });
    await eventually(async () => ((await tasks()).length === 0 ? true : undefined), {
      withinMs: 20_000,
      everyMs: 200,
      what: 'nothing is left of the batch',
    });
    const story = await cluster.json<{ readonly state: string }[]>('task', 'history', '@batch.run-0.work');
    expect(story.map(({ state }) => state)).toContain('FINISHED');
  });

  it('hears of failures', async () => {
    const failing = schedule('--runs', '1', '--', 'false');
    await expect(failing).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('"failed": 1') as string });
  });
});
