import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

/** Of UTF-8; what is longer is cut, and ends in an ellipsis. */
export const LAST_LINE_BYTES_MAX = 512;
const TAIL_BYTES_MAX = 8192;

/** Where an exception was thrown says less than what it was: a JVM writes that before. */
const STACK_FRAME = /^\s+at \S|^\s*\.\.\. \d+ (more|common frames omitted)$/;

/** The last line of a file that says anything, as one line that can be shown anywhere; nothing when there is none. */
export function lastLineOf(file: string): string | undefined {
  const opened = openIfThere(file);
  if (opened === undefined) return undefined;
  try {
    const { size } = fstatSync(opened);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES_MAX));
    const length = readSync(opened, tail, 0, tail.length, size - tail.length);
    return lastLineIn(tail.subarray(0, length));
  } finally {
    closeSync(opened);
  }
}

/** The bytes may begin amid a character and need not be text at all. */
export function lastLineIn(bytes: Uint8Array): string | undefined {
  const lines = new TextDecoder()
    .decode(bytes)
    .split(/[\r\n]+/)
    .map(stripVTControlCharacters);
  const said = lines.findLast((line) => plain(line) !== '' && !STACK_FRAME.test(line));
  return said === undefined ? undefined : cut(plain(said));
}

/** Without control characters, and without those that turn the direction of text. */
function plain(line: string): string {
  return line
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, '')
    .trim();
}

function cut(line: string): string {
  const bytes = new TextEncoder().encode(line);
  if (bytes.length <= LAST_LINE_BYTES_MAX) return line;
  let end = LAST_LINE_BYTES_MAX - '…'.length * 3;
  // A byte 10xxxxxx goes on with a character.
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return `${new TextDecoder().decode(bytes.subarray(0, end))}…`;
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
