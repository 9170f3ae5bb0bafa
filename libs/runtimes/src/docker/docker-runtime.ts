import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { CpuLimit } from '../cgroups/cgroups.js';
import { removeEyesOnlyFiles } from '../exec/eyes-only.js';
import type { ExecRuntime } from '../exec/exec-runtime.js';
import { lastLineOf } from '../exec/last-line.js';
import { createOnce, launchFolder, readClaim, readIfThere } from '../exec/launch-folder.js';
import { rotateOutput, type RotationLimits } from '../exec/output-rotation.js';
import { makeSandbox, volumeFolder, type DiskFolders } from '../exec/sandbox.js';
import { probeOnce } from '../probes.js';
import type {
  Ended,
  Observation,
  Probe,
  ProbeResult,
  RunningCommand,
  Runtime,
  TaskCommand,
  TaskLaunch,
} from '../runtime.js';
import { FolderSizes } from '../usage/folder-sizes.js';
import type { Usage } from '../usage/usage.js';
import { checkInContainer, runInContainer } from './command-in-container.js';
import { containerOf, type Mount } from './container-of.js';
import type { ContainerSeen, DockerEngine } from './docker-engine.js';
import { nodeForContainers } from './node-in-container.js';

export interface DockerRuntimeOptions {
  /** That of the exec runtime: both keep what they know of a launch in its one folder. */
  readonly folder: string;
  readonly disks?: DiskFolders;
  readonly cpuLimit?: CpuLimit;
  readonly outputs?: RotationLimits;
  readonly onTrouble: (error: unknown) => void;
}

type OfImage = TaskLaunch & { readonly image: string };

const FOLDER_LABEL = 'orrery.launches';
const LAUNCH_LABEL = 'orrery.launch';
/** For people who look at the engine: what the task is told of itself. */
const TOLD_LABELS = {
  'orrery.service': 'ORRERY_SERVICE',
  'orrery.task': 'ORRERY_TASK_ID',
  'orrery.agent': 'ORRERY_AGENT',
};
const PULL_WITHIN_MS = 600_000;
/** Between looks for an end that the engine could not tell. */
const LOOK_AGAIN_MS = 1_000;
const ROTATION_INTERVAL_MS = 5_000;
const SIGNALS: Readonly<Record<number, string>> = { 137: 'SIGKILL', 143: 'SIGTERM' };
const OUTPUTS: RotationLimits = { fileBytesMax: 16 * 1024 * 1024, filesKept: 2 };

/** Whether an agent of this folder has launches that only an engine can tell of. */
export function needsEngine(folder: string): boolean {
  const launches = join(folder, 'launches');
  if (!existsSync(launches)) return false;
  const has = (launch: string, file: string) => existsSync(join(launches, launch, file));
  return readdirSync(launches).some((launch) => has(launch, 'container') && !has(launch, 'released'));
}

/**
 * Runs tasks that name an image as containers of an engine on this machine, and hands all others to the exec runtime. Beside what
 * that one keeps in the folder of a launch, `container` is the claim (the name of the container, made exclusively before anything
 * is asked of the engine) and `end` how it ended, written before the container is removed.
 */
export class DockerRuntime implements Runtime {
  readonly name = 'docker';
  readonly isolation: string;
  readonly #exec: ExecRuntime;
  readonly #engine: DockerEngine;
  readonly #options: DockerRuntimeOptions;
  readonly #launches: string;
  readonly #volumes: string;
  readonly #node: readonly Mount[];
  /** Of this agent's folder on this machine: several installations may share an engine. */
  readonly #installation: string;
  readonly #watched = new Map<string, (end: Ended) => void>();
  readonly #starting = new Map<string, Promise<Observation>>();
  readonly #pulls = new Map<string, Promise<void>>();
  readonly #sizes = new FolderSizes();
  readonly #rotation: NodeJS.Timeout;
  #isClosed = false;

  constructor(exec: ExecRuntime, engine: DockerEngine, options: DockerRuntimeOptions) {
    this.#exec = exec;
    this.#engine = engine;
    this.#options = options;
    this.isolation = exec.isolation;
    const folder = realpathSync(options.folder);
    this.#launches = join(resolve(options.folder), 'launches');
    this.#volumes = join(resolve(options.folder), 'volumes');
    this.#node = nodeForContainers(folder);
    this.#installation = createHash('sha256').update(folder).digest('hex').slice(0, 12);
    this.#rotation = setInterval(() => void this.#rotateOutputs(), ROTATION_INTERVAL_MS);
  }

  fetchImage(image: string): Promise<void> {
    let pull = this.#pulls.get(image);
    if (pull === undefined) {
      pull = this.#pull(image).finally(() => this.#pulls.delete(image));
      this.#pulls.set(image, pull);
    }
    return pull;
  }

  start(task: TaskLaunch): Promise<Observation> {
    const { image, launch } = task;
    if (image === undefined) return this.#exec.start(task);
    const begun =
      this.#starting.get(launch) ?? this.#start({ ...task, image }).finally(() => this.#starting.delete(launch));
    this.#starting.set(launch, begun);
    return begun;
  }

  async observe(launch: string): Promise<Observation> {
    // What is on its way is neither absent nor over.
    await this.#starting.get(launch);
    return this.#look(launch);
  }

  async stop(launch: string, graceMs: number): Promise<void> {
    await this.#starting.get(launch);
    const name = this.#containerOf(launch);
    if (name === undefined) return this.#exec.stop(launch, graceMs);
    if ((await this.observe(launch)).state !== 'running') return;
    await this.#engine.signal(name, 'SIGTERM');
    const kill = () => void this.#engine.signal(name, 'SIGKILL').catch(this.#options.onTrouble);
    setTimeout(kill, graceMs).unref();
  }

  watch(launch: string, onEnded: (end: Ended) => void): void {
    const name = this.#containerOf(launch);
    if (name === undefined) return this.#exec.watch(launch, onEnded);
    const isNew = !this.#watched.has(launch);
    this.#watched.set(launch, onEnded);
    if (isNew) void this.#awaitEnd(launch, name);
  }

  async usage(launches: readonly string[]): Promise<ReadonlyMap<string, Usage>> {
    const used = new Map(await this.#exec.usage(launches));
    const contained = launches.filter((launch) => this.#containerOf(launch) !== undefined && !this.#endOf(launch));
    const sandboxes = contained.map((launch) => this.#sandboxOf(launch));
    const sizes = await this.#sizes.of(sandboxes, Date.now());
    await Promise.all(
      contained.map(async (launch) => {
        const usage = await this.#engine.usage(this.#containerOf(launch)!);
        const diskBytes = sizes.get(this.#sandboxOf(launch));
        if (usage !== undefined) used.set(launch, { ...usage, ...(diskBytes !== undefined && { diskBytes }) });
      }),
    );
    return used;
  }

  async probe(launch: string, probe: Probe): Promise<ProbeResult> {
    const name = this.#containerOf(launch);
    if (name === undefined) return this.#exec.probe(launch, probe);
    const sandbox = this.#sandboxOf(launch);
    // Ports are those of this machine.
    if (probe.kind !== 'cmd') return probeOnce(probe, { sandbox, environment: {}, procsFiles: [] });
    return checkInContainer(this.#engine, name, sandbox, probe);
  }

  exec(launch: string, command: TaskCommand): RunningCommand {
    const name = this.#containerOf(launch);
    if (name === undefined) return this.#exec.exec(launch, command);
    return runInContainer(this.#engine, name, this.#sandboxOf(launch), command);
  }

  launches(): string[] {
    return this.#exec.launches();
  }

  placeOf(launch: string, path: string): string {
    return this.#exec.placeOf(launch, path);
  }

  async release(launch: string): Promise<void> {
    this.#watched.delete(launch);
    const name = this.#containerOf(launch);
    if (name !== undefined) await this.#engine.remove(name).catch(this.#options.onTrouble);
    await this.#exec.release(launch);
  }

  destroyVolumes(volumes: readonly string[]): Promise<void> {
    return this.#exec.destroyVolumes(volumes);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#rotation);
    this.#watched.clear();
    this.#exec.close();
  }

  // --- Start ----------------------------------------------------------------------------------------------------------

  async #pull(image: string): Promise<void> {
    if (await this.#engine.hasImage(image)) return;
    await this.#engine.pull(image, PULL_WITHIN_MS).catch((error: Error) => {
      throw new Error(`image ${image}: ${error.message}`);
    });
  }

  async #start(task: OfImage): Promise<Observation> {
    // Another installation may have had this folder and this launch, and left a container behind.
    const name = `orrery-${this.#installation}-${task.launch}-${randomBytes(4).toString('hex')}`;
    if (!this.#claim(task.launch, name)) return this.#look(task.launch);
    try {
      const sandbox = this.#sandboxOf(task.launch);
      makeSandbox(task, sandbox, this.#volumes, this.#options.disks);
      await this.#engine.run(
        containerOf(task, {
          ...{ name, sandbox },
          labels: this.#labelsOf(task),
          mounts: this.#mountsOf(task, sandbox),
          cpuLimit: this.#options.cpuLimit ?? 'quota',
        }),
      );
    } catch (error) {
      return this.#failed(task.launch, name, error as Error);
    }
    return this.#look(task.launch);
  }

  /** False when it was begun before, or was stopped before it began. */
  #claim(launch: string, name: string): boolean {
    const folder = launchFolder(this.#launches, launch);
    if (readClaim(folder).by !== 'nobody') return false;
    mkdirSync(folder.path, { recursive: true });
    return createOnce(join(folder.path, 'container'), name);
  }

  #labelsOf({ launch, environment }: TaskLaunch): Record<string, string> {
    const told = Object.entries(TOLD_LABELS).map(([label, name]) => [label, environment[name] ?? '']);
    return { [FOLDER_LABEL]: this.#installation, [LAUNCH_LABEL]: launch, ...Object.fromEntries(told) };
  }

  /** The sandbox links to its volumes, to what was fetched and to its secrets: all of them have their own place inside, too. */
  #mountsOf({ volumes, links = [] }: TaskLaunch, sandbox: string): Mount[] {
    const eyesOnly = join(dirname(sandbox), 'eyes-only');
    return [
      ...this.#node,
      { source: sandbox, target: sandbox, readOnly: false },
      ...volumes.map(({ volume }) => {
        const target = volumeFolder(this.#volumes, volume);
        return { source: realpathSync(target), target, readOnly: false };
      }),
      ...[...new Set(links.map(({ place }) => place))].map((place) => ({
        source: realpathSync(place),
        target: place,
        readOnly: true,
      })),
      ...(existsSync(eyesOnly) ? [{ source: eyesOnly, target: eyesOnly, readOnly: true }] : []),
    ];
  }

  /** An engine that went away in the middle may have begun it all the same: then it runs, and is watched. */
  async #failed(launch: string, name: string, { message }: Error): Promise<Observation> {
    const seen = await this.#engine.see(name).catch(() => undefined);
    if (seen?.status === 'running') return { state: 'running', pid: seen.pid, since: seen.since };
    return this.#recordEnd(launch, name, { state: 'ended', how: 'start-failed', at: Date.now(), message });
  }

  async #look(launch: string): Promise<Observation> {
    const name = this.#containerOf(launch);
    if (name === undefined) return this.#exec.observe(launch);
    const known = this.#endOf(launch);
    if (known !== undefined) return known;
    const seen = await this.#engine.see(name);
    if (seen?.status === 'running') return { state: 'running', pid: seen.pid, since: seen.since };
    return this.#concluded(launch, name, seen);
  }

  // --- End ------------------------------------------------------------------------------------------------------------

  async #awaitEnd(launch: string, name: string): Promise<void> {
    while (!this.#isClosed && this.#watched.has(launch)) {
      try {
        await this.#engine.ended(name);
        const seen = await this.observe(launch);
        const onEnded = this.#watched.get(launch);
        if (seen.state === 'ended' && onEnded !== undefined && !this.#isClosed) {
          this.#watched.delete(launch);
          return onEnded(seen);
        }
      } catch (error) {
        this.#options.onTrouble(error);
      }
      await new Promise((next) => void setTimeout(next, LOOK_AGAIN_MS).unref());
    }
  }

  #concluded(launch: string, name: string, seen: ContainerSeen | undefined): Promise<Ended> {
    const lost = (message: string): Ended => ({ state: 'ended', how: 'unknown', at: Date.now(), message });
    if (seen === undefined) return this.#recordEnd(launch, name, lost('its container is not there any more'));
    if (seen.status === 'created')
      return this.#recordEnd(launch, name, lost('the agent ended before its container began'));
    const { pid, since, until: at, code, oom } = seen;
    const signal = SIGNALS[code];
    const how = signal === undefined ? { code } : { signal };
    const lastLine = code === 0 ? undefined : lastLineOf(join(this.#sandboxOf(launch), 'stderr'));
    const told = { since, oom, ...(pid > 0 && { pid }), ...how, ...(lastLine !== undefined && { lastLine }) };
    return this.#recordEnd(launch, name, { state: 'ended', how: 'exited', at, ...told });
  }

  /** On disk before the container goes: what is told once stays true. */
  async #recordEnd(launch: string, name: string, end: Ended): Promise<Ended> {
    const file = join(launchFolder(this.#launches, launch).path, 'end');
    writeFileSync(`${file}.new`, JSON.stringify(end));
    renameSync(`${file}.new`, file);
    removeEyesOnlyFiles(this.#sandboxOf(launch));
    await this.#engine.remove(name).catch(this.#options.onTrouble);
    return end;
  }

  async #rotateOutputs(): Promise<void> {
    for (const launch of [...this.#watched.keys()])
      await rotateOutput(this.#sandboxOf(launch), this.#options.outputs ?? OUTPUTS).catch(this.#options.onTrouble);
  }

  #containerOf(launch: string): string | undefined {
    return readIfThere(join(launchFolder(this.#launches, launch).path, 'container'));
  }

  #endOf(launch: string): Ended | undefined {
    const text = readIfThere(join(launchFolder(this.#launches, launch).path, 'end'));
    return text === undefined ? undefined : (JSON.parse(text) as Ended);
  }

  #sandboxOf(launch: string): string {
    return launchFolder(this.#launches, launch).sandbox;
  }
}
