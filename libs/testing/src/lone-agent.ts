import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { checkout, type RealCluster } from './real-cluster.js';

/** Port numbers that no agent of a launcher hands out unasked, for agents that have an address of their own. */
const PORTS = [[9600, 9699]];

export interface LoneAgentOptions {
  readonly hostname: string;
  /** Of the loopback, and no other agent's. */
  readonly address: string;
  readonly memoryMib: number;
  readonly diskMib: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** An agent of a real cluster that the launcher does not start again, so that it may be lost and come back. */
export class LoneAgent {
  readonly folder: string;
  readonly #cluster: RealCluster;
  readonly #options: LoneAgentOptions;
  #process: ChildProcess | undefined;

  constructor(cluster: RealCluster, options: LoneAgentOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.folder = join(cluster.home, 'agents', options.hostname);
  }

  start(): void {
    const { hostname, address, memoryMib, diskMib, environment } = this.#options;
    this.#process = spawn(process.execPath, [join(checkout, 'apps/agent/dist/main.js')], {
      env: {
        ...process.env,
        ORRERY_HOME: this.#cluster.home,
        ORRERY_KAFKA: this.#cluster.endpoints.kafka.join(','),
        ORRERY_AGENT_NAME: hostname,
        ORRERY_AGENT_ADDRESS: address,
        ORRERY_AGENT_DIR: this.folder,
        ORRERY_AGENT_RESOURCES: JSON.stringify({ cpus: 1, memory: memoryMib, disk: diskMib, ports: PORTS, hostname }),
        ORRERY_AGENT_STOP_TASKS: '1',
        NO_COLOR: '1',
        ...environment,
      },
      stdio: 'ignore',
    });
  }

  /** kill -9: its tasks live on. */
  kill(): void {
    this.#process?.kill('SIGKILL');
  }

  /** Ends it with its tasks; one that does not run has ended. */
  async stop(): Promise<void> {
    const ending = this.#process;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill('SIGTERM');
    await ended;
  }
}
