import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import Docker, { type Container, type ContainerCreateOptions, type Exec, type ExecCreateOptions } from 'dockerode';
import type { Usage } from '../usage/usage.js';

/** What of a container matters here, as the engine tells it. */
export interface ContainerSeen {
  readonly status: 'created' | 'running' | 'over';
  readonly pid: number;
  /** Milliseconds since 1970; of a container that never ran they mean nothing. */
  readonly since: number;
  readonly until: number;
  readonly code: number;
  readonly oom: boolean;
}

/** One that has just started on a busy machine takes seconds; where none listens is known at once. */
const ANSWER_WITHIN_MS = 20_000;
const SIGNAL_TRIES = 10;
const BETWEEN_TRIES_MS = 200;
const NS_PER_MS = 1_000_000;

/** Docker's API as Docker and podman serve it, by its own client; what is not there is `undefined` and no error. */
export class DockerEngine {
  readonly name: 'docker' | 'podman';
  readonly #docker: Docker;

  private constructor(docker: Docker, name: DockerEngine['name']) {
    this.#docker = docker;
    this.name = name;
  }

  /** At the socket that `DOCKER_HOST` names, else at a usual one; nothing when none answers. An engine elsewhere runs nothing here. */
  static async find(env: NodeJS.ProcessEnv): Promise<DockerEngine | undefined> {
    for (const socket of socketsOf(env)) {
      const docker = new Docker({ socketPath: socket });
      const version = await answerOf(docker);
      if (version === undefined) continue;
      const isPodman = (version.Components ?? []).some(({ Name }) => Name.startsWith('Podman'));
      return new DockerEngine(docker, isPodman ? 'podman' : 'docker');
    }
    return undefined;
  }

  async hasImage(image: string): Promise<boolean> {
    return (await unlessMissing(this.#docker.getImage(image).inspect())) !== undefined;
  }

  /** Resolves when the image is there; rejects with what the engine says, or when it took too long. */
  async pull(image: string, withinMs: number): Promise<void> {
    let stream: NodeJS.ReadableStream | undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`it took more than ${withinMs} ms`)), withinMs);
    });
    const pulled = async () => {
      stream = await this.#docker.pull(image);
      await this.#progressOf(stream);
    };
    try {
      await Promise.race([pulled(), late]);
    } finally {
      clearTimeout(timer);
      (stream as Duplex | undefined)?.destroy();
    }
  }

  #progressOf(stream: NodeJS.ReadableStream): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#docker.modem.followProgress(stream, (error, lines: { error?: string }[] | null) => {
        const problem = error ?? lines?.find((line) => line.error !== undefined)?.error;
        if (problem == null) resolve();
        else reject(problem instanceof Error ? problem : new Error(problem));
      });
    });
  }

  async run(options: ContainerCreateOptions): Promise<void> {
    const container = await this.#docker.createContainer(options);
    await container.start();
  }

  async see(name: string): Promise<ContainerSeen | undefined> {
    const found = await unlessMissing(this.#container(name).inspect());
    if (found === undefined) return undefined;
    const { Status, Pid, StartedAt, FinishedAt, ExitCode, OOMKilled } = found.State;
    const live = Status === 'running' || Status === 'paused' || Status === 'restarting';
    return {
      status: live ? 'running' : ['created', 'configured', 'initialized'].includes(Status) ? 'created' : 'over',
      pid: Pid,
      since: Date.parse(StartedAt),
      until: Date.parse(FinishedAt),
      code: ExitCode,
      oom: OOMKilled,
    };
  }

  /** A container that has ended or is gone needs no signal; one that is about to end may be told as either for a moment. */
  async signal(name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    for (let left = SIGNAL_TRIES; ; left -= 1) {
      try {
        return void (await this.#container(name).kill({ signal }));
      } catch (error) {
        // How an engine says that it does not run is its own matter.
        if ((await this.see(name))?.status !== 'running') return;
        if (left === 1) throw error;
        await new Promise((next) => void setTimeout(next, BETWEEN_TRIES_MS));
      }
    }
  }

  async remove(name: string): Promise<void> {
    await unlessMissing(this.#container(name).remove({ force: true, v: true }));
  }

  /** Resolves when it has ended or is gone. */
  async ended(name: string): Promise<void> {
    await unlessMissing(this.#container(name).wait());
  }

  /** Names of all containers with a label, those that have ended included. */
  async withLabel(label: string, value: string): Promise<string[]> {
    const found = await this.#docker.listContainers({ all: true, filters: { label: [`${label}=${value}`] } });
    return found.map(({ Names }) => Names[0]!.replace(/^\//, ''));
  }

  async usage(name: string): Promise<Usage | undefined> {
    const told = await unlessMissing(this.#container(name).stats({ stream: false, 'one-shot': true }));
    if (told === undefined) return undefined;
    const { usage, stats } = told.memory_stats as { usage?: number; stats?: Record<string, number> };
    const idle = stats?.['total_inactive_file'] ?? stats?.['inactive_file'] ?? 0;
    return {
      cpuMs: told.cpu_stats.cpu_usage.total_usage / NS_PER_MS,
      ...(usage === undefined ? {} : { memoryBytes: Math.max(0, usage - idle) }),
    };
  }

  /** Begins a command in a container; its streams come as one, with heads before each piece unless it has a terminal. */
  async exec(name: string, options: ExecCreateOptions): Promise<{ readonly exec: Exec; readonly stream: Duplex }> {
    const exec = await this.#container(name).exec({ AttachStdout: true, AttachStderr: true, ...options });
    const stream = await exec.start({ hijack: true, stdin: true, Tty: options.Tty === true });
    return { exec, stream };
  }

  #container(name: string): Container {
    return this.#docker.getContainer(name);
  }
}

function socketsOf(env: NodeJS.ProcessEnv): string[] {
  const named = env['DOCKER_HOST'] ?? '';
  if (named !== '') return named.startsWith('unix://') ? [named.slice('unix://'.length)] : [];
  const own = env['XDG_RUNTIME_DIR'];
  const usual = ['/var/run/docker.sock', '/run/podman/podman.sock'];
  return [...usual, ...(own === undefined ? [] : [join(own, 'podman/podman.sock')])].filter((socket) =>
    existsSync(socket),
  );
}

async function answerOf(docker: Docker): Promise<Docker.DockerVersion | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([docker.version(), late]);
  } catch {
    return undefined; // no engine: told by the result
  } finally {
    clearTimeout(timer);
  }
}

async function unlessMissing<Value>(answer: Promise<Value>): Promise<Value | undefined> {
  try {
    return await answer;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}
