import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { bootId, identityOf, isAlive, type ProcessIdentity } from '../process-identity.js';

const LOOK_AGAIN_MS = 100;

/**
 * Does something while no other process of this machine does it. The lock of a process that died counts for nothing. Two
 * that find it dead at once may both go on: whoever uses this has to make that harmless.
 */
export async function holdingLock<Value>(file: string, work: () => Promise<Value>): Promise<Value> {
  while (!take(file)) {
    if (!isHeld(file)) rmSync(file, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string): boolean {
  try {
    const handle = openSync(file, 'wx');
    writeSync(handle, JSON.stringify(identityOf(process.pid)));
    closeSync(handle);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isHeld(file: string): boolean {
  try {
    return isAlive(JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity, bootId());
  } catch (error) {
    // Just made and not written yet; or just gone.
    return error instanceof SyntaxError;
  }
}
