import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import Mustache from 'mustache';
import type { TaskLaunch } from '../runtime.js';
import { isSafeName } from './launch-folder.js';

/** A path that a task or a person named leads to what is neither the task's sandbox nor one of its volumes. */
export class OutsideSandbox extends RangeError {
  constructor(path: string) {
    super(`the path ${JSON.stringify(path)} leads out of the sandbox`);
    this.name = 'OutsideSandbox';
  }
}

/** Makes the working directory of a task: links to its volumes and to what was fetched, its configuration files, empty output files. */
export function makeSandbox(task: TaskLaunch, sandbox: string, volumes: string): void {
  mkdirSync(sandbox, { recursive: true });
  for (const { volume, path } of task.volumes) {
    const link = placeIn(sandbox, path);
    mkdirSync(dirname(link), { recursive: true });
    const folder = volumeFolder(volumes, volume);
    mkdirSync(folder, { recursive: true });
    linkTo(folder, link);
  }
  for (const { place, path } of task.links ?? []) {
    const link = placeIn(sandbox, path);
    mkdirSync(dirname(link), { recursive: true });
    linkTo(place, link);
  }
  for (const { template, dest } of task.configs) {
    const file = placeIn(sandbox, dest);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, renderConfig(template, task.environment));
  }
  for (const name of ['stdout', 'stderr']) writeFileSync(join(sandbox, name), '', { flag: 'a' });
}

export function volumeFolder(volumes: string, volume: string): string {
  if (!isSafeName(volume))
    throw new RangeError(`a volume id must be a plain file name, found ${JSON.stringify(volume)}`);
  return join(volumes, volume);
}

/** Configuration files are no HTML: nothing is escaped. */
function renderConfig(template: string, environment: Readonly<Record<string, string>>): string {
  return Mustache.render(template, environment, undefined, { escape: (value: string) => value });
}

/** A path below the sandbox; one that leads out of it is refused. */
function placeIn(sandbox: string, path: string): string {
  const place = resolve(sandbox, path);
  if (!isWithin(sandbox, place)) throw new OutsideSandbox(path);
  return place;
}

/** The real place of a file that a task may have linked anywhere: only the sandbox and the volumes may be read. */
export function realPlaceIn(sandbox: string, path: string, volumes: string): string {
  const named = resolve(sandbox, path);
  if (named !== sandbox) placeIn(sandbox, path);
  const place = realpathSync(named);
  const allowed = [realpathSync(sandbox), realpathSync(volumes)].some(
    (folder) => place === folder || isWithin(folder, place),
  );
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
