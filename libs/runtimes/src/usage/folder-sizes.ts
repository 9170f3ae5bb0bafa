import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Files that are counted of one folder; what is beyond is not. */
const ENTRIES_MAX = 10_000;
const COUNTED_AGAIN_MS = 60_000;
/** Folders that are counted in one round: the ones that were counted longest ago. */
const FOLDERS_PER_ROUND = 8;

/** How large folders are, counted so seldom that it costs little: a size may be a minute old, or older with many folders. */
export class FolderSizes {
  readonly #known = new Map<string, { readonly bytes: number; readonly countedMs: number }>();

  /** Links in a folder are followed one level, into the volumes of a task. */
  async of(folders: readonly string[], nowMs: number): Promise<ReadonlyMap<string, number>> {
    const wanted = new Set(folders);
    for (const folder of this.#known.keys()) if (!wanted.has(folder)) this.#known.delete(folder);
    const countedMs = (folder: string) => this.#known.get(folder)?.countedMs ?? -Infinity;
    const due = folders
      .filter((folder) => countedMs(folder) + COUNTED_AGAIN_MS <= nowMs)
      .sort((left, right) => countedMs(left) - countedMs(right))
      .slice(0, FOLDERS_PER_ROUND);
    for (const folder of due) {
      const bytes = await sizeOf(folder);
      if (bytes !== undefined) this.#known.set(folder, { bytes, countedMs: nowMs });
    }
    return new Map([...this.#known].map(([folder, { bytes }]) => [folder, bytes]));
  }
}

/** As the file system counts it, holes of files left out; nothing when there is no such folder. */
async function sizeOf(top: string): Promise<number | undefined> {
  let bytes = 0;
  let entries = 0;
  const folders = [{ path: top, follows: true }];
  try {
    for (let next = folders.pop(); next !== undefined && entries < ENTRIES_MAX; next = folders.pop()) {
      for (const entry of await readdir(next.path, { withFileTypes: true })) {
        if ((entries += 1) > ENTRIES_MAX) break;
        const path = join(next.path, entry.name);
        if (entry.isDirectory()) folders.push({ path, follows: false });
        else if (entry.isFile()) bytes += (await lstat(path)).blocks * 512;
        else if (entry.isSymbolicLink() && next.follows && (await isFolder(path)))
          folders.push({ path, follows: false });
      }
    }
    return bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // it went while it was counted
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false; // a link to nothing
    throw error;
  }
}
