import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, kafkaPython, RealCluster, type CommandResult } from '@orrery/testing';

const run = promisify(execFile);

/** Several JVMs that start at once on few cores. */
export const WITHIN_MS = 300_000;

export interface Task {
  readonly id: string;
  readonly state: string;
  readonly ready: boolean;
  readonly incarnation: number;
  readonly pid: number;
  readonly hostname: string;
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
}

/** A real cluster as someone uses it who installs packages. */
export class PackageCluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'orrery-packages-'));
  readonly cluster: RealCluster;

  private constructor(cluster: RealCluster) {
    this.cluster = cluster;
  }

  static async start(agents: number, environment: Readonly<Record<string, string>> = {}): Promise<PackageCluster> {
    return new PackageCluster(await RealCluster.start({ agents, environment }));
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Gives standard output; throws what was said when it did not end with 0. */
  async orrery(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.refused(...words);
    if (code !== 0) throw new Error(`orrery ${words.join(' ')}: exit ${code}\n${stderr}${stdout}`);
    return stdout;
  }

  /** As `orrery`, for what may end with another code. */
  refused(...words: readonly string[]): Promise<CommandResult> {
    return this.cluster.cli(...words);
  }

  /** The tasks of a service that run; not those that are done. */
  async runningTasksOf(service: string): Promise<readonly Task[]> {
    const tasks = await this.cluster.json<Task[]>('task', 'list', '--service', service);
    return tasks.filter(({ state }) => state === 'RUNNING');
  }

  async gone(tasks: readonly Task[], withinMs: number): Promise<void> {
    await eventually(() => tasks.every(({ pid }) => !existsSync(`/proc/${pid}`)), {
      withinMs,
      everyMs: 200,
      what: 'none of the tasks lives',
    });
  }

  /** Installs, or updates with `verb`, and waits for the plan: longer than the command line itself may take here. */
  async change(
    verb: 'install' | 'update',
    name: string,
    service: string,
    options: object,
    ...words: readonly string[]
  ): Promise<void> {
    const file = join(this.folder, `${service}.json`);
    writeFileSync(file, JSON.stringify(options));
    await this.orrery('package', verb, name, '--name', service, '--options', file, '--detach', ...words);
    await this.completed(service, verb === 'install' ? 'deploy' : 'update');
  }

  /** Applies a spec, and waits for its plan. */
  async apply(spec: { readonly name: string }): Promise<void> {
    const file = join(this.folder, `${spec.name}-spec.json`);
    writeFileSync(file, JSON.stringify(spec));
    await this.orrery('service', 'apply', '-f', file, '--detach');
    await this.completed(spec.name, 'deploy');
  }

  /** Of the newest version of the service; where it is not, the error tells how far it came. */
  async completed(service: string, plan: string): Promise<void> {
    let shown: { readonly status: string } | undefined;
    const isComplete = async () => {
      shown = await this.cluster.json<{ status: string }>('plan', 'show', service, plan);
      return shown.status === 'COMPLETE' || shown.status === 'ERROR';
    };
    const limits = { withinMs: WITHIN_MS, everyMs: 500, what: `plan ${plan} of ${service} is complete` };
    const error = await eventually(isComplete, limits).catch((late: unknown) => late as Error);
    if (shown?.status === 'COMPLETE') return;
    const tasks = await this.cluster.json('task', 'list', '--service', service);
    throw new Error(JSON.stringify({ plan: shown, tasks }, undefined, 1), { cause: error });
  }

  /** Produces with acks=all while something is done, and tells what of it is found afterwards. */
  async producedDuring(
    service: string,
    topic: string,
    work: () => Promise<void>,
  ): Promise<{ readonly acknowledged: number; readonly lost: number }> {
    const tasks = await this.runningTasksOf(service);
    const brokers = tasks.filter(({ ports }) => ports['broker'] !== undefined);
    const servers = brokers.map(({ address, ports }) => `${address}:${ports['broker']}`).join(',');
    const stop = join(this.folder, `${service}-${topic}-stop`);
    rmSync(stop, { force: true });
    const script = join(import.meta.dirname, 'produce.py');
    const env = { ...process.env, PYTHONPATH: await kafkaPython() };
    const produced = run('python3', [script, servers, topic, stop], { env });
    await work().finally(() => writeFileSync(stop, ''));
    return JSON.parse((await produced).stdout) as { acknowledged: number; lost: number };
  }
}
