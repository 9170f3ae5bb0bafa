import type { JournalPosition } from '@orrery/contracts';
import { JournalStopped } from './journal/judge.js';
import type { Clock } from './ports/clock.js';
import type { JournalRegistration, JournalRegistry } from './ports/journal-registry.js';
import type { JournalAddress } from './shard/hosting.js';
import { loadNewestSnapshot, type LoadOptions, type LoadTarget } from './snapshots/load.js';

export interface BootOptions {
  readonly clock: Clock;
  /** Told of each failed attempt. */
  onTrouble(error: Error): void;
  /** Nobody waits for the answer any more. */
  isOver(): boolean;
}

const RETRY_MS = 500;
const ATTEMPTS_MAX = 10;

/** The journal of a cell; a registry that does not answer is asked again, a journal that is not there stops. */
export async function findRegistration(
  registry: JournalRegistry,
  { domain, cell }: JournalAddress,
  { clock, onTrouble, isOver }: BootOptions,
): Promise<JournalRegistration> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const registration = await registry.get(domain, cell);
      if (registration !== undefined) return registration;
      if (attempt >= ATTEMPTS_MAX) {
        throw new JournalStopped('not-registered', `no journal of ${domain}/${cell} is registered: provision it first`);
      }
    } catch (error) {
      if (error instanceof JournalStopped || isOver()) throw error;
      onTrouble(error as Error);
    }
    await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
  }
}

/**
 * B1, with patience: the newest good snapshot. A store that stays away costs the time to fold from zero, and no more: the
 * journal is enough.
 */
export async function loadPatiently(
  target: LoadTarget,
  load: LoadOptions,
  { clock, onTrouble, isOver }: BootOptions,
): Promise<JournalPosition | undefined> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX && !isOver(); attempt += 1) {
    try {
      return await loadNewestSnapshot(target, load);
    } catch (error) {
      target.clear();
      onTrouble(error as Error);
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
    }
  }
  return undefined;
}
