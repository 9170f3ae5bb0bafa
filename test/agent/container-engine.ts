import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { DockerEngine } from '@orrery/runtimes';
import { findOnPath } from '../../deploy/local/preflight.mjs';
import { until } from './until.js';

export const IMAGE = 'localhost/orrery-test-busybox:latest';
const TOOLS = ['sh', 'sleep', 'echo', 'cat', 'touch', 'test', 'ls', 'tty', 'stty', 'grep', 'kill'];

/** As podman runs where nothing is configured and systemd is not there; crun refuses machines with both versions of cgroups. */
const CONTAINERS_CONF = `[containers]
default_ulimits=["nofile=4096:4096","nproc=4096:4096"]
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
${findOnPath('runc') === undefined ? '' : 'runtime="runc"'}
`;

const busybox = findOnPath('busybox');
const podman = findOnPath('podman');

/** Why containers can't be tried on this machine; absent: they can. */
const noEngine =
  busybox === undefined
    ? 'there is no busybox to make an image of'
    : (await DockerEngine.find(process.env)) === undefined && podman === undefined
      ? 'no container engine answers and there is no podman to start'
      : undefined;

/** As `describe`, for what needs an engine; where there is none it is said that `what` is not tested. */
export function describeWithEngine(what: string, name: string, body: () => void): void {
  if (noEngine !== undefined) process.stderr.write(`orrery: ${what}: not tested, ${noEngine}\n`);
  (noEngine === undefined ? describe : describe.skip)(name, body);
}

/** The engine of this machine, or podman with a storage of its own, and an image of busybox in it. */
export class TestEngine {
  readonly engine: DockerEngine;
  /** For processes that are to find it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of its own, for what images are made of; gone with it. */
  readonly folder: string;
  readonly #docker: Docker;
  readonly #service: ChildProcess | undefined;

  private constructor(
    folder: string,
    docker: Docker,
    engine: DockerEngine,
    host: string | undefined,
    service?: ChildProcess,
  ) {
    this.folder = folder;
    this.#docker = docker;
    this.engine = engine;
    this.environment = host === undefined ? {} : { DOCKER_HOST: host };
    this.#service = service;
  }

  static async start(): Promise<TestEngine> {
    const folder = mkdtempSync(join(tmpdir(), 'orrery-engine-'));
    const test = await TestEngine.#begin(folder);
    await test.importImage(IMAGE, rootWith(folder, TOOLS));
    return test;
  }

  static async #begin(folder: string): Promise<TestEngine> {
    const found = await DockerEngine.find(process.env);
    if (found !== undefined) return new TestEngine(folder, new Docker(), found, process.env['DOCKER_HOST']);
    const socketPath = join(folder, 'podman.sock');
    const host = `unix://${socketPath}`;
    const service = startPodman(folder, host);
    let engine: DockerEngine | undefined;
    await until(async () => {
      engine = await DockerEngine.find({ DOCKER_HOST: host });
      return engine !== undefined;
    }, 30_000);
    return new TestEngine(folder, new Docker({ socketPath }), engine!, host, service);
  }

  /** Makes an image of a folder, as its `root`; `changes`: a line of a Dockerfile. */
  async importImage(name: string, root: string, changes?: string): Promise<void> {
    const file = `${root}.tar`;
    execFileSync('tar', ['-cf', file, '-C', root, '.']);
    // Podman takes a `tag` of its own for none.
    const stream = await this.#docker.importImage(file, { repo: name, ...(changes !== undefined && { changes }) });
    await new Promise<void>((resolve, reject) =>
      this.#docker.modem.followProgress(stream, (error) => (error == null ? resolve() : reject(error))),
    );
    rmSync(file);
  }

  async stop(): Promise<void> {
    const service = this.#service;
    if (service !== undefined) {
      const ended = new Promise((resolve) => service.once('exit', resolve));
      service.kill('SIGTERM');
      await ended;
      podmanIn(this.folder, 'system', 'reset', '--force');
      // Podman lets what looked after a command stay for five minutes.
      endAllOf(this.folder);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function wordsOf(folder: string): string[] {
  return ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run')];
}

function environmentOf(folder: string): NodeJS.ProcessEnv {
  return { ...process.env, CONTAINERS_CONF: join(folder, 'containers.conf') };
}

function startPodman(folder: string, host: string): ChildProcess {
  writeFileSync(join(folder, 'containers.conf'), CONTAINERS_CONF);
  return spawn(podman!, [...wordsOf(folder), 'system', 'service', '--time=0', host], {
    // What looks after a container leaves a file there when it ran out of memory.
    cwd: folder,
    env: environmentOf(folder),
    stdio: 'ignore',
  });
}

function podmanIn(folder: string, ...words: string[]): void {
  execFileSync(podman!, [...wordsOf(folder), ...words], { env: environmentOf(folder), stdio: 'ignore' });
}

function endAllOf(folder: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const words = readIfThere(`/proc/${pid}/cmdline`);
    if (words.includes(`${folder}/`)) process.kill(Number(pid), 'SIGKILL');
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // the process ended meanwhile
  }
}

/** A new root in `folder` with these words of busybox, all of them by default. */
export function rootWith(folder: string, tools: readonly string[] = toolsOfBusybox()): string {
  const root = mkdtempSync(join(folder, 'root-'));
  for (const name of ['bin', 'tmp']) mkdirSync(join(root, name));
  cpSync(busybox!, join(root, 'bin', 'busybox'), { dereference: true });
  for (const tool of tools) if (!existsSync(join(root, 'bin', tool))) symlinkSync('busybox', join(root, 'bin', tool));
  return root;
}

function toolsOfBusybox(): string[] {
  return execFileSync(busybox!, ['--list'], { encoding: 'utf8' }).trim().split('\n');
}
