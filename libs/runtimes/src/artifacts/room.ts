import { randomUUID } from 'node:crypto';
import { lstatSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const KEY = /^[0-9a-f]{64}(\.extracted)?(\.executable)?$/;
const DOOMED = '.removing-';
/** Of a fetch that nobody ended: longer than any may take. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;

export interface Room {
  /** Renamed, so that nobody finds them by their keys; what is left is to remove them. */
  readonly doomed: readonly string[];
  /** Of all that stays. */
  readonly bytes: number;
}

/** Puts away what was used longest ago and is used no more, until the rest fits. */
export function makeRoom(folder: string, bytesMax: number, inUse: ReadonlySet<string>, nowMs: number): Room {
  const names = readdirSync(folder);
  const doomed = names.filter((name) => name.startsWith(DOOMED) || isAbandoned(folder, name, nowMs));
  const entries = names
    .filter((name) => KEY.test(name))
    .map((key) => ({ key, bytes: bytesIn(join(folder, key)), usedMs: lstatSync(join(folder, key)).atimeMs }))
    .sort((left, right) => left.usedMs - right.usedMs);
  let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  for (const entry of entries) {
    if (bytes <= bytesMax) break;
    if (inUse.has(entry.key)) continue;
    const place = `${DOOMED}${randomUUID()}`;
    renameSync(join(folder, entry.key), join(folder, place));
    doomed.push(place);
    bytes -= entry.bytes;
  }
  return { doomed: doomed.map((name) => join(folder, name)), bytes };
}

/** A fetch works in a folder of its own beside the place. */
function isAbandoned(folder: string, name: string, nowMs: number): boolean {
  const isPartial = /^[0-9a-f]{64}.*\.[0-9a-f]{8}-[0-9a-f-]{27}$/.test(name);
  return isPartial && nowMs - lstatSync(join(folder, name)).mtimeMs > ABANDONED_AFTER_MS;
}

function bytesIn(place: string): number {
  const stat = lstatSync(place);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(place).reduce((sum, name) => sum + bytesIn(join(place, name)), 0);
}
