import { copyFile, open, rename, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

export interface RotationLimits {
  readonly fileBytesMax: number;
  /** Older files beside the current one: `stdout.1` is the latest. */
  readonly filesKept: number;
}

/**
 * Bounds stdout and stderr of a task without standing between it and its files: the file is copied away and cut to nothing,
 * and the task, which appends, goes on at its new end. What is written between the last copied byte and the cut is lost; a
 * second pass over what came meanwhile keeps that to microseconds.
 */
export async function rotateOutput(sandbox: string, { fileBytesMax, filesKept }: RotationLimits): Promise<void> {
  for (const name of ['stdout', 'stderr']) {
    const path = join(sandbox, name);
    const { size } = await stat(path);
    if (size <= fileBytesMax) continue;
    for (let number = filesKept - 1; number >= 1; number--)
      await renameIfThere(`${path}.${number}`, `${path}.${number + 1}`);
    await copyFile(path, `${path}.1`);
    await copyRest(path, `${path}.1`);
    await truncate(path, 0);
  }
}

async function copyRest(from: string, to: string): Promise<void> {
  const source = await open(from, 'r');
  const target = await open(to, 'a');
  try {
    let { size } = await target.stat();
    const buffer = Buffer.alloc(1024 * 1024);
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length, size);
      if (bytesRead === 0) return;
      await target.write(buffer, 0, bytesRead);
      size += bytesRead;
    }
  } finally {
    await source.close();
    await target.close();
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
