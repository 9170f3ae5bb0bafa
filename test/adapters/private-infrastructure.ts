import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A Kafka and a Cassandra of a spec's own, which it may kill and pause. What is killed is started again by the launcher. */
export class PrivateInfrastructure {
  readonly #home: string;
  readonly #launcher: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(
    home: string,
    launcher: ChildProcess,
    ended: Promise<unknown>,
    readonly addresses: { readonly kafka: string[]; readonly cassandra: string[]; readonly datacenter: string },
  ) {
    this.#home = home;
    this.#launcher = launcher;
    this.#ended = ended;
  }

  static async start(): Promise<PrivateInfrastructure> {
    const home = mkdtempSync(join(tmpdir(), 'orrery-private-'));
    const main = join('deploy', 'local', 'dist', 'main.js');
    const args = [main, 'infra', '--home', home, '--deletable-topics', '--while-stdin-is-open'];
    const { ORRERY_KAFKA: _kafka, ORRERY_CASSANDRA: _cassandra, ...environment } = process.env;
    const launcher = spawn(process.execPath, args, { env: environment, stdio: ['pipe', 'pipe', 'ignore'] });
    const ended = new Promise((resolve) => launcher.once('exit', resolve));
    const addresses = await new Promise<PrivateInfrastructure['addresses']>((resolve, reject) => {
      createInterface({ input: launcher.stdout! }).once('line', (line) =>
        resolve(JSON.parse(line) as PrivateInfrastructure['addresses']),
      );
      void ended.then((code) => reject(new Error(`Kafka and Cassandra did not start (exit code ${String(code)})`)));
    });
    return new PrivateInfrastructure(home, launcher, ended, addresses);
  }

  signal(name: 'kafka' | 'cassandra', signal: NodeJS.Signals): void {
    const processes = JSON.parse(readFileSync(join(this.#home, 'pids.json'), 'utf8')) as {
      name: string;
      pid: number;
    }[];
    process.kill(processes.find((each) => each.name === name)!.pid, signal);
  }

  async stop(): Promise<void> {
    this.#launcher.stdin!.end();
    await this.#ended;
    rmSync(this.#home, { recursive: true, force: true });
  }
}
