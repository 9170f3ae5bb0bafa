import { journalProtocol, type JournalProtocol } from '../journal/judge.js';
import type { Clock } from '../ports/clock.js';
import type { JournalRegistry } from '../ports/journal-registry.js';
import type { Log } from '../ports/log.js';
import type { LoopObserver } from '../ports/observer.js';
import type { Random } from '../ports/random.js';
import type { SnapshotStore } from '../ports/snapshot-store.js';

/** Everything that the loop touches of the world. */
export interface LoopPorts {
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  readonly registry: JournalRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: LoopObserver;
}

export interface LoopSettings {
  /** Names this process to people: stands in every TermStarted. */
  readonly instance: string;
  readonly cells: number;
  /** Inputs of one commit. */
  readonly groupInputsMax?: number;
  /** Decide time of one turn. */
  readonly groupMsMax?: number;
  readonly snapshotEveryEvents?: number;
  readonly snapshotEveryMs?: number;
  /** Inputs that gave no events after which a commit saves where they were. */
  readonly saveEveryInputs?: number;
  readonly saveEveryMs?: number;
  /** Command ids that are remembered. */
  readonly commandsMax?: number;
  /** Replaced by simulations that prove each of its rules is needed. */
  readonly protocol?: JournalProtocol;
}

export type ResolvedSettings = Required<LoopSettings>;

export function resolveSettings(settings: LoopSettings): ResolvedSettings {
  return {
    groupInputsMax: 2_000,
    groupMsMax: 20,
    snapshotEveryEvents: 50_000,
    snapshotEveryMs: 60_000,
    saveEveryInputs: 10_000,
    saveEveryMs: 30_000,
    commandsMax: 2_000_000,
    protocol: journalProtocol,
    ...settings,
  };
}
