import { lstatSync, mkdirSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import Mustache from 'mustache';
import type { TaskLaunch } from '../runtime.js';
import { EyesOnlyFiles } from './eyes-only.js';
import { isSafeName } from './launch-folder.js';

/** A path that a task or a person named leads to what is neither the task's sandbox nor one of its volumes. */
export class OutsideSandbox extends RangeError {
  constructor(path: string) {
    super(`the path ${JSON.stringify(path)} leads out of the sandbox`);
    this.name = 'OutsideSandbox';
  }
}

/** Disks of their own for volumes: name → folder. */
export type DiskFolders = Readonly<Record<string, string>>;

/** Makes the working directory of a task: links to its volumes and to what was fetched, its configuration files, empty output files. */
export function makeSandbox(task: TaskLaunch, sandbox: string, volumes: string, disks: DiskFolders = {}): void {
  mkdirSync(sandbox, { recursive: true });
  for (const { volume, path, disk } of task.volumes) {
    const link = placeIn(sandbox, path);
    mkdirSync(dirname(link), { recursive: true });
    const folder = volumeFolder(volumes, volume);
    if (disk === undefined) mkdirSync(folder, { recursive: true });
    else linkToDisk(folder, join(diskFolder(disks, disk), basename(folder)));
    linkTo(folder, link);
  }
  for (const { place, path } of task.links ?? []) {
    const link = placeIn(sandbox, path);
    mkdirSync(dirname(link), { recursive: true });
    linkTo(place, link);
  }
  makeFiles(task, sandbox);
  for (const name of ['stdout', 'stderr']) writeFileSync(join(sandbox, name), '', { flag: 'a' });
}

function makeFiles(
  { configs, environment, secretEnvironment = {}, secretFiles = [], view }: TaskLaunch,
  sandbox: string,
) {
  const eyesOnly = new EyesOnlyFiles(sandbox);
  const put = (path: string, write: (place: string) => void) => {
    const place = placeIn(sandbox, path);
    mkdirSync(dirname(place), { recursive: true });
    write(place);
  };
  for (const { path, value } of secretFiles) put(path, (place) => linkTo(eyesOnly.add(value), place));
  for (const { template, dest } of configs) {
    const told = { ...environment, ORRERY_SANDBOX: sandbox, ...view };
    const text = renderConfig(template, told);
    const whole = renderConfig(template, { ...secretEnvironment, ...told });
    if (whole === text) put(dest, (place) => writeFileSync(place, text));
    else put(dest, (place) => linkTo(eyesOnly.add(whole), place));
  }
}

export function volumeFolder(volumes: string, volume: string): string {
  if (!isSafeName(volume))
    throw new RangeError(`a volume id must be a plain file name, found ${JSON.stringify(volume)}`);
  return join(volumes, volume);
}

/** A disk that is not there must not be taken for an empty one. */
function diskFolder(disks: DiskFolders, disk: string): string {
  const folder = Object.hasOwn(disks, disk) ? disks[disk]! : undefined;
  if (folder === undefined) throw new RangeError(`this agent no longer declares disk ${disk}, which its volume is on`);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new RangeError(`disk ${disk} is not there: ${folder} is no folder`);
  return folder;
}

/** A volume on a disk of its own is a folder there, and a link among the volumes. */
function linkToDisk(folder: string, place: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(place, { recursive: true });
    linkTo(place, folder);
  } else if (statSync(folder, { throwIfNoEntry: false }) === undefined)
    throw new RangeError(`the data of volume ${basename(folder)} is not at ${place} any more`);
}

/** Configuration files are no HTML: nothing is escaped. */
function renderConfig(template: string, view: Readonly<Record<string, unknown>>): string {
  return Mustache.render(template, view, undefined, { escape: (value: string) => value });
}

/** A path below the sandbox; one that leads out of it is refused. */
function placeIn(sandbox: string, path: string): string {
  const place = resolve(sandbox, path);
  if (!isWithin(sandbox, place)) throw new OutsideSandbox(path);
  return place;
}

/** The real place of a file that a task may have linked anywhere: only the sandbox and the volumes may be read. */
export function realPlaceIn(sandbox: string, path: string, volumes: readonly string[]): string {
  const named = resolve(sandbox, path);
  if (named !== sandbox) placeIn(sandbox, path);
  const place = realpathSync(named);
  const allowed = [sandbox, ...volumes]
    .map((folder) => realpathSync(folder))
    .some((folder) => place === folder || isWithin(folder, place));
  if (!allowed) throw new OutsideSandbox(path);
  return place;
}

function isWithin(folder: string, place: string): boolean {
  const way = relative(folder, place);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !way.startsWith(sep);
}

function linkTo(target: string, link: string): void {
  try {
    symlinkSync(target, link);
  } catch (error) {
    // A start that was cut off left it; the shim decides whether this one goes on.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
