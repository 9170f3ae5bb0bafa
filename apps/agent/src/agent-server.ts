import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { detectCgroups, ExecRuntime } from '@orrery/runtimes';
import { KafkajsLog } from '@orrery/kafka';
import { mkdirSync } from 'node:fs';
import type { Server as LockServer } from 'node:net';
import { Agent } from './agent.js';
import { lockFolder } from './folder-lock.js';
import type { Settings } from './settings.js';
import { systemClock } from './system-clock.js';

/** Nest's transport of the agent: listening is being an agent, closing is leaving. */
export class AgentServer extends Server implements CustomTransportStrategy {
  readonly #settings: Settings;
  #lock: LockServer | undefined;
  #log: KafkajsLog | undefined;
  #runtime: ExecRuntime | undefined;
  #agent: Agent | undefined;

  constructor(settings: Settings) {
    super();
    this.#settings = settings;
  }

  listen(callback: (error?: unknown) => void): void {
    this.#listen().then(() => callback(), callback);
  }

  async close(): Promise<void> {
    await this.#agent?.stop({ endTasks: this.#settings.stopTasks });
    this.#runtime?.close();
    await this.#log?.close();
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
    this.#lock = await lockFolder(settings.folder);
    this.#log = new KafkajsLog({
      brokers: settings.kafka,
      clientId: settings.name,
      onReachable: (reachable, reason) =>
        reachable
          ? this.logger.log('the brokers answer')
          : this.logger.warn(`the brokers are away: ${reason?.message}`),
    });
    this.#runtime = this.#openRuntime();
    this.#agent = await Agent.begin({
      settings,
      log: this.#log,
      clock: systemClock,
      runtime: this.#runtime,
      say: (level, message) => (level === 'warn' ? this.logger.warn(message) : this.logger.log(message)),
      onFailure: (error) => this.#die(error),
      onRejoin: () => this.#die(new Error('the old id is gone for ever: the next start joins under a new one')),
    });
  }

  #openRuntime(): ExecRuntime {
    const { folder, name, cgroupParent, limits } = this.#settings;
    const onTrouble = (error: unknown) => this.logger.warn(String(error));
    if (limits === 'none') return new ExecRuntime({ folder, cgroups: undefined, onTrouble });
    const found = detectCgroups(name, cgroupParent);
    if (found.cgroups === undefined) {
      this.logger.warn(`cpu and memory of tasks are NOT limited, and tasks may leave descendants behind: ${found.why}`);
      return new ExecRuntime({ folder, cgroups: undefined, whyNoCgroups: found.why, onTrouble });
    }
    return new ExecRuntime({ folder, cgroups: found.cgroups, cpuLimit: limits, onTrouble });
  }

  /** Only what is on disk can be trusted after a failure, and it is enough: whoever supervises this process starts it again. */
  #die(error: unknown): never {
    this.logger.error(error);
    process.exit(1);
  }
}
