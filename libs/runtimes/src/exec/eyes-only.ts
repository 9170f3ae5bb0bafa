import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Files of one launch that nobody but its processes may read: beside the sandbox, which links to them, so that whoever asks
 * for files of the sandbox is told that these lie elsewhere.
 */
export class EyesOnlyFiles {
  readonly #folder: string;
  #count = 0;

  constructor(sandbox: string) {
    this.#folder = folderOf(sandbox);
    // A start that was cut off may have left some, which can't be written any more.
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Gives the place of the file. */
  add(content: string | Uint8Array): string {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const place = join(this.#folder, `${this.#count}`);
    this.#count += 1;
    writeFileSync(place, content, { mode: 0o400 });
    return place;
  }
}

export function removeEyesOnlyFiles(sandbox: string): void {
  rmSync(folderOf(sandbox), { recursive: true, force: true });
}

function folderOf(sandbox: string): string {
  return join(dirname(sandbox), 'eyes-only');
}
