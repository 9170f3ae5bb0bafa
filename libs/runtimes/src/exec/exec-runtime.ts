import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { readlink, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { CgroupOfLaunch, Cgroups, CpuLimit } from '../cgroups/cgroups.js';
import { bootId, isAlive, membersOf, signal, type ProcessIdentity } from '../process-identity.js';
import { probeOnce, type ProbePlace } from '../probes.js';
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
import { ownNetworkOf, usageBySession, type SessionUsage } from '../usage/process-table.js';
import type { Usage } from '../usage/usage.js';
import { runInTask } from '../task-commands.js';
import { removeEyesOnlyFiles } from './eyes-only.js';
import { inheritedEnvironment } from './inherited-environment.js';
import { lastLineOf } from './last-line.js';
import {
  claimForNobody,
  launchFolder,
  readClaim,
  readExit,
  readIfThere,
  type ExitRecord,
  type LaunchFolder,
} from './launch-folder.js';
import { rotateOutput, type RotationLimits } from './output-rotation.js';
import { ReleasedLaunches } from './released-launches.js';
import { rlimitWords } from './rlimits.js';
import { makeSandbox, realPlaceIn, volumeFolder, type DiskFolders } from './sandbox.js';
import { installShim } from './shim.js';

export interface ExecRuntimeOptions {
  /** Holds `launches/` and `volumes/`. */
  readonly folder: string;
  /** Disks of their own for volumes. */
  readonly disks?: DiskFolders;
  readonly cgroups: Cgroups | undefined;
  /** Said as `isolation` when there are no cgroups. */
  readonly whyNoCgroups?: string;
  readonly cpuLimit?: CpuLimit;
  /** How often the ends of tasks are looked for that are no children of this process (any more). */
  readonly pollMs?: number;
  /** Ended launches whose files stay for people to look at. */
  readonly sandboxesKept?: number;
  readonly outputs?: RotationLimits;
  /** Told what went wrong while nobody waited for it. */
  readonly onTrouble?: (error: unknown) => void;
}

/** A shim that wrote no line into its claim for so long is dead. */
const CLAIM_PATIENCE_MS = 5_000;
const KILL_REPEAT_MS = 50;
const ROTATION_INTERVAL_MS = 5_000;

const DEFAULTS = {
  disks: {} as DiskFolders,
  cpuLimit: 'quota' as CpuLimit,
  pollMs: 250,
  sandboxesKept: 100,
  outputs: { fileBytesMax: 16 * 1024 * 1024, filesKept: 2 } as RotationLimits,
  onTrouble: (error: unknown): void => {
    throw error;
  },
};

/** Runs commands as plain processes of this machine, one shim and one process group a launch. */
export class ExecRuntime implements Runtime {
  readonly name = 'exec';
  readonly isolation: string;
  readonly #launches: string;
  readonly #volumes: string;
  readonly #shim: string;
  readonly #boot = bootId();
  readonly #options: typeof DEFAULTS & ExecRuntimeOptions;
  readonly #watched = new Map<string, (end: Ended) => void>();
  readonly #released: ReleasedLaunches;
  readonly #sizes = new FolderSizes();
  readonly #timers: readonly NodeJS.Timeout[];
  #polling = false;

  constructor(options: ExecRuntimeOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#launches = join(options.folder, 'launches');
    this.#volumes = join(options.folder, 'volumes');
    mkdirSync(this.#launches, { recursive: true });
    mkdirSync(this.#volumes, { recursive: true });
    this.#shim = installShim(options.folder);
    this.#released = new ReleasedLaunches(this.#launches, this.#options.sandboxesKept);
    this.isolation = describeIsolation(options.cgroups, options.whyNoCgroups);
    this.#timers = [
      setInterval(() => void this.#lookForEnds(), this.#options.pollMs),
      setInterval(() => void this.#rotateOutputs(), ROTATION_INTERVAL_MS),
    ];
  }

  fetchImage(image: string): Promise<void> {
    return Promise.reject(new Error(`image ${image}: no container engine answered when this agent began`));
  }

  async start(task: TaskLaunch): Promise<Observation> {
    const folder = launchFolder(this.#launches, task.launch);
    if (readClaim(folder).by !== 'nobody') return this.observe(task.launch);
    try {
      makeSandbox(task, folder.sandbox, this.#volumes, this.#options.disks);
      await this.#runShim(task, this.#groupFor(task));
    } catch (error) {
      // Whoever holds the claim tells what became of it; without a holder nobody may begin it any more.
      if (claimForNobody(folder)) return failedToStart(error, folder);
    }
    const seen = await this.observe(task.launch);
    if (seen.state !== 'absent' || !claimForNobody(folder)) return seen;
    return failedToStart(new Error('the shim ended before it could claim the launch'), folder);
  }

  async observe(launch: string): Promise<Observation> {
    const folder = launchFolder(this.#launches, launch);
    const claim = readClaim(folder);
    if (claim.by === 'nobody') return { state: 'absent' };
    if (claim.by === 'tombstone') return { state: 'ended', how: 'never-begun', at: claim.at };
    if (claim.by === 'unknown') {
      if (Date.now() - claim.at > CLAIM_PATIENCE_MS)
        return unknownEnd(claim.at, 'the shim died while it claimed the launch');
      await delay(5);
      return this.observe(launch);
    }
    const { shim, task, at: since } = claim;
    if (isAlive(shim, this.#boot) || (task !== undefined && isAlive(task, this.#boot))) {
      if (task !== undefined) return { state: 'running', pid: task.pid, since };
      await delay(5);
      return this.observe(launch);
    }
    await this.#killRest(launch);
    removeEyesOnlyFiles(folder.sandbox);
    const exit = readExit(folder);
    const told = { ...(task !== undefined && { pid: task.pid }), since };
    if (exit !== undefined) return { state: 'ended', how: 'exited', ...told, ...exit, ...lastWords(exit, folder) };
    const why = shim.bootId === this.#boot ? 'its shim was killed' : 'the machine was restarted';
    return { ...unknownEnd(Date.now(), `nobody saw its end: ${why}`), ...told };
  }

  async stop(launch: string, graceMs: number): Promise<void> {
    const folder = launchFolder(this.#launches, launch);
    if (claimForNobody(folder)) return;
    const seen = await this.observe(launch);
    if (seen.state !== 'running') return;
    // Between its record and its own session the task is no leader of a group yet.
    if (!signal(-seen.pid, 'SIGTERM')) signal(seen.pid, 'SIGTERM');
    setTimeout(() => void this.#killRest(launch).catch(this.#options.onTrouble), graceMs).unref();
  }

  watch(launch: string, onEnded: (end: Ended) => void): void {
    this.#watched.set(launch, onEnded);
    void this.#lookAt(launch);
  }

  async usage(launches: readonly string[]): Promise<ReadonlyMap<string, Usage>> {
    const sizes = await this.#sizes.of(
      launches.map((launch) => this.sandboxOf(launch)),
      Date.now(),
    );
    const found = new Map<string, Usage>();
    let sessions: ReadonlyMap<number, SessionUsage> | undefined;
    for (const launch of launches) {
      const claim = readClaim(launchFolder(this.#launches, launch));
      if (claim.by !== 'shim' || claim.task === undefined || !isAlive(claim.task, this.#boot)) continue;
      const counted = this.#groupOf(launch)?.usage() ?? {};
      const isWhole = counted.cpuMs !== undefined && counted.memoryBytes !== undefined;
      if (!isWhole) sessions ??= usageBySession();
      const diskBytes = sizes.get(this.sandboxOf(launch));
      const network = ownNetworkOf(claim.task.pid);
      found.set(launch, {
        ...(isWhole ? {} : sessions?.get(claim.task.pid)),
        ...counted,
        ...(diskBytes !== undefined && { diskBytes }),
        ...(network !== undefined && { network }),
      });
    }
    return found;
  }

  async probe(launch: string, probe: Probe): Promise<ProbeResult> {
    return probeOnce(probe, this.#insideOf(launch));
  }

  exec(launch: string, command: TaskCommand): RunningCommand {
    return runInTask(command, this.#insideOf(launch));
  }

  launches(): string[] {
    return readdirSync(this.#launches);
  }

  placeOf(launch: string, path: string): string {
    const disks = Object.values(this.#options.disks).filter((folder) => existsSync(folder));
    return realPlaceIn(this.sandboxOf(launch), path, [this.#volumes, ...disks]);
  }

  sandboxOf(launch: string): string {
    return launchFolder(this.#launches, launch).sandbox;
  }

  async release(launch: string): Promise<void> {
    this.#watched.delete(launch);
    await this.#released.add(launch);
  }

  async destroyVolumes(volumes: readonly string[]): Promise<void> {
    for (const volume of volumes) {
      const folder = volumeFolder(this.#volumes, volume);
      const doomed = join(this.#volumes, `.destroying-${volume}`);
      // Renamed first: half of a volume must never be taken for one.
      if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) await rename(folder, doomed);
      if (lstatSync(doomed, { throwIfNoEntry: false })?.isSymbolicLink() === true)
        await rm(await readlink(doomed), { recursive: true, force: true });
      await rm(doomed, { recursive: true, force: true });
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#watched.clear();
    this.#options.cgroups?.close();
  }

  // --- Start ----------------------------------------------------------------------------------------------------------

  #groupFor(task: TaskLaunch): CgroupOfLaunch | undefined {
    const group = this.#options.cgroups?.create(task.launch, { ...task, cpuLimit: this.#options.cpuLimit });
    if (group === undefined) return undefined;
    writeFileSync(join(launchFolder(this.#launches, task.launch).path, 'cgroups'), group.folders.join('\n'));
    return group;
  }

  #insideOf(launch: string): ProbePlace {
    const { sandbox } = launchFolder(this.#launches, launch);
    const environment = { ...inheritedEnvironment(), ORRERY_SANDBOX: sandbox };
    return { sandbox, environment, procsFiles: this.#groupOf(launch)?.procsFiles ?? [] };
  }

  #groupOf(launch: string): CgroupOfLaunch | undefined {
    const folders = readIfThere(join(launchFolder(this.#launches, launch).path, 'cgroups'));
    return folders === undefined ? undefined : this.#options.cgroups?.reopen(folders.split('\n'));
  }

  /** Resolves when the task is on record or the shim has ended. */
  async #runShim(task: TaskLaunch, group: CgroupOfLaunch | undefined): Promise<void> {
    const { path, sandbox } = launchFolder(this.#launches, task.launch);
    const shim = spawn(
      '/bin/sh',
      [
        ...[this.#shim, path, task.command, group?.oomCounter ?? '', rlimitWords(task.rlimits ?? [])],
        ...(group?.procsFiles ?? []),
      ],
      {
        cwd: '/',
        // A session of its own: what ends the agent's terminal or service doesn't end the task.
        detached: true,
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
        env: { ...inheritedEnvironment(), ...task.secretEnvironment, ...task.environment, ORRERY_SANDBOX: sandbox },
      },
    );
    await recorded(shim);
    shim.once('exit', () => void this.#lookAt(task.launch));
    shim.unref();
  }

  // --- End ------------------------------------------------------------------------------------------------------------

  async #lookForEnds(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    for (const launch of [...this.#watched.keys()]) await this.#lookAt(launch);
    this.#polling = false;
  }

  async #rotateOutputs(): Promise<void> {
    for (const launch of [...this.#watched.keys()]) {
      await rotateOutput(this.sandboxOf(launch), this.#options.outputs).catch(this.#options.onTrouble);
    }
  }

  async #lookAt(launch: string): Promise<void> {
    if (!this.#watched.has(launch)) return;
    try {
      const seen = await this.observe(launch);
      const onEnded = this.#watched.get(launch);
      if (seen.state !== 'ended' || onEnded === undefined) return;
      this.#watched.delete(launch);
      onEnded(seen);
    } catch (error) {
      this.#options.onTrouble(error);
    }
  }

  /** SIGKILL to everything that belongs to the launch, until nothing is left. */
  async #killRest(launch: string): Promise<void> {
    const claim = readClaim(launchFolder(this.#launches, launch));
    if (claim.by !== 'shim') return;
    const group = this.#groupOf(launch);
    const left = () => this.#leftOf(claim.task, group);
    for (let pids = left(); pids.length > 0; pids = left()) {
      group?.kill();
      for (const pid of pids) signal(pid, 'SIGKILL');
      await delay(KILL_REPEAT_MS);
    }
    group?.remove();
  }

  /** A task joins its group just after it is on record; without a group, whoever began a session of its own is not found. */
  #leftOf(task: ProcessIdentity | undefined, group: CgroupOfLaunch | undefined): number[] {
    if (group === undefined) return task === undefined ? [] : membersOf(task, this.#boot);
    const members = group.processes();
    return task !== undefined && isAlive(task, this.#boot) ? [...members, task.pid] : members;
  }
}

function recorded(shim: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    shim.once('error', reject);
    const record = shim.stdio[3] as Readable | null;
    if (record === null) return;
    record.once('data', () => record.destroy());
    record.once('close', resolve);
    record.once('error', reject);
    shim.once('exit', () => record.destroy());
  });
}

function describeIsolation(cgroups: Cgroups | undefined, why = 'not asked for'): string {
  if (cgroups === undefined) return `none: ${why}`;
  const missing = (['cpu', 'memory'] as const).filter((limit) => !cgroups.limits[limit]);
  return `cgroup-v${cgroups.version}${missing.length > 0 ? ` without limits of ${missing.join(' and ')}` : ''}`;
}

function failedToStart(error: unknown, { sandbox }: LaunchFolder): Ended {
  removeEyesOnlyFiles(sandbox);
  const message = error instanceof Error ? error.message : String(error);
  return { state: 'ended', how: 'start-failed', at: Date.now(), message };
}

function lastWords({ code }: ExitRecord, { sandbox }: LaunchFolder): Pick<Ended, 'lastLine'> {
  const lastLine = code === 0 ? undefined : lastLineOf(join(sandbox, 'stderr'));
  return lastLine === undefined ? {} : { lastLine };
}

function unknownEnd(at: number, message: string): Ended {
  return { state: 'ended', how: 'unknown', at, message };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
