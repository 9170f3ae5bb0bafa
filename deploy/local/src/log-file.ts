import { copyFileSync, existsSync, mkdirSync, openSync, renameSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { readTextIfThere } from './files.js';

export const LOG_BYTES_MAX = 16 * 1024 * 1024;
export const LOG_FILES_KEPT = 3;

/**
 * A log that a child writes by itself: it gets the file, not a pipe through the launcher, so that it lives on, and its
 * last words are kept, when the launcher is killed.
 */
export function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  return openSync(file, 'a');
}

/** Copies a log that has grown too large aside and empties it; the child goes on appending to the same file. */
export function rotateLog(file: string, bytesMax: number = LOG_BYTES_MAX): boolean {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= bytesMax) return false;
  for (let n = LOG_FILES_KEPT; n > 1; n -= 1) {
    if (existsSync(`${file}.${n - 1}`)) renameSync(`${file}.${n - 1}`, `${file}.${n}`);
  }
  copyFileSync(file, `${file}.1`);
  truncateSync(file, 0);
  return true;
}

/** The end of a log, for a message about a process that would not start. */
export function lastLines(file: string, count = 20): string {
  return (readTextIfThere(file) ?? '').trimEnd().split('\n').slice(-count).join('\n');
}
