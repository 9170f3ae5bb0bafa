import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import type { Server as LockServer } from 'node:net';
import { hostname } from 'node:os';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { systemClock, systemRandom } from '@orrery/control-loop';
import { KafkajsLog } from '@orrery/kafka';
import {
  ArtifactCache,
  detectCgroups,
  DockerEngine,
  DockerRuntime,
  ExecRuntime,
  needsEngine,
  SecretFolder,
  type ExecRuntimeOptions,
  type Runtime,
} from '@orrery/runtimes';
import type { Telemetry } from '@orrery/telemetry';
import { Agent } from './agent.js';
import { agentFacts } from './agent-facts.js';
import { makeAgentId } from './agent-id.js';
import { agentMetrics } from './agent-metrics.js';
import { CheckpointFile } from './checkpoint-file.js';
import { HostMeter } from './figures/host.js';
import { lockFolder } from './folder-lock.js';
import type { Settings } from './settings.js';

/** Nest's transport of the agent: listening is being an agent, closing is leaving. */
export class AgentServer extends Server implements CustomTransportStrategy {
  readonly #settings: Settings;
  readonly #telemetry: Telemetry;
  #lock: LockServer | undefined;
  #log: KafkajsLog | undefined;
  #runtime: Runtime | undefined;
  #agent: Agent | undefined;
  #reachable = true;

  constructor(settings: Settings, telemetry: Telemetry) {
    super();
    this.#settings = settings;
    this.#telemetry = telemetry;
  }

  listen(callback: (error?: unknown) => void): void {
    this.#listen().then(() => callback(), callback);
  }

  async close(): Promise<void> {
    await this.#agent?.stop({ endTasks: this.#settings.stopTasks });
    this.#runtime?.close();
    await this.#log?.close();
    await this.#telemetry.close();
    this.#lock?.close();
  }

  /** There are no message handlers: orders go to the agent's own loop. */
  on(): void {}

  unwrap<T>(): T {
    return this.#agent as T;
  }

  async #listen(): Promise<void> {
    const settings = this.#settings;
    mkdirSync(settings.folder, { recursive: true });
    const secrets = settings.secretsFolder === undefined ? undefined : new SecretFolder(settings.secretsFolder);
    this.#lock = await lockFolder(settings.folder);
    this.#log = new KafkajsLog({
      brokers: settings.kafka,
      clientId: settings.name,
      logger: this.#telemetry.lines('kafka'),
      onReachable: (reachable, reason) => this.#brokersAre(reachable, reason),
    });
    const engine = await DockerEngine.find(process.env);
    // They live on; whoever supervises this process starts it again.
    if (engine === undefined && needsEngine(settings.folder))
      throw new Error(
        'tasks of this agent are containers, and no engine answers that could tell of them: start it (DOCKER_HOST says where it is)',
      );
    const containers =
      engine === undefined ? 'no container engine answers: no task with an image' : `containers by ${engine.name}`;
    this.#telemetry.log.info(containers);
    this.#runtime = this.#openRuntime(engine);
    const newId = () => makeAgentId(settings, hostname(), randomBytes(2).toString('hex'));
    const host = new HostMeter(settings.folder);
    this.#agent = await Agent.begin({
      sizes: settings,
      facts: agentFacts(settings, { isolation: this.#runtime.isolation, engine: engine?.name }),
      checkpoint: await CheckpointFile.open(settings.folder, newId),
      random: systemRandom,
      log: this.#log,
      clock: systemClock,
      runtime: this.#runtime,
      host: () => host.measure(),
      artifacts: new ArtifactCache({
        folder: settings.artifactsFolder,
        user: realpathSync(settings.folder),
        bytesMax: settings.artifactsMib * 1024 * 1024,
        say: (message) => this.#telemetry.log.info(message),
      }),
      ...(secrets !== undefined && { secrets }),
      say: (level, message) => this.#telemetry.log[level](message),
      onFailure: (error) => this.#die(error),
      onRejoin: () => this.#die(new Error('the old id is gone for ever: the next start joins under a new one')),
    });
    agentMetrics(this.#telemetry.registry, this.#agent);
    await this.#telemetry.serve(() => this.#health());
  }

  #brokersAre(reachable: boolean, reason: Error | undefined): void {
    this.#reachable = reachable;
    if (reachable) this.#telemetry.log.info('the brokers answer');
    else this.#telemetry.log.warn({ reason: reason?.message }, 'the brokers are away: tasks live on, reports wait');
  }

  #health() {
    const { agent, epoch, obeyed, made, standDown } = this.#agent!.state;
    const details = {
      agent,
      epoch,
      obeyed,
      made,
      standDown,
      brokers: this.#reachable,
      isolation: this.#runtime?.isolation,
    };
    return { ready: this.#reachable && epoch > 0 && standDown === undefined, details };
  }

  #openRuntime(engine: DockerEngine | undefined): Runtime {
    const { folder, limits, resources } = this.#settings;
    const onTrouble = (error: unknown) => this.#telemetry.log.warn({ err: error }, 'a task could not be looked after');
    const disks = Object.fromEntries((resources.disks ?? []).map(({ name, path }) => [name, path]));
    const exec = new ExecRuntime({ folder, disks, onTrouble, ...this.#limits() });
    if (engine === undefined) return exec;
    return new DockerRuntime(exec, engine, {
      folder,
      disks,
      onTrouble,
      ...(limits === 'weight' && { cpuLimit: limits }),
    });
  }

  #limits(): Pick<ExecRuntimeOptions, 'cgroups' | 'cpuLimit' | 'whyNoCgroups'> {
    const { cgroupParent, limits } = this.#settings;
    if (limits === 'none') return { cgroups: undefined };
    const found = detectCgroups(cgroupName(this.#settings), cgroupParent);
    if (found.cgroups !== undefined) return { cgroups: found.cgroups, cpuLimit: limits };
    this.#telemetry.log.warn(
      `cpu and memory of tasks are NOT limited, and descendants that begin sessions of their own are not ended with them: ${found.why}`,
    );
    return { cgroups: undefined, whyNoCgroups: found.why };
  }

  /** Only what is on disk can be trusted after a failure, and it is enough: whoever supervises this process starts it again. */
  #die(error: unknown): never {
    this.#telemetry.log.fatal({ err: error }, 'ends');
    process.exit(1);
  }
}

/** Agents of two installations may have one name and launches of one id: only the folder tells them apart. */
function cgroupName({ name, folder }: Settings): string {
  return `${name}-${createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 8)}`;
}
