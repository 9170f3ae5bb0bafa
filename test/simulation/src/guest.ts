import type { DomainName, JournalRecord } from '@orrery/contracts';
import type { Hosting, OutgoingMessage } from '@orrery/control-loop';
import type { SeededRandom } from '@orrery/testing';

// A simulation hosts deciders of any types side by side; each is only ever given back to itself.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyHosting = Hosting<any, any, any, any, any, any>;

/** A command that a simulated client sends. */
export interface SimulatedCommand {
  readonly domain: DomainName;
  readonly cell: number;
  readonly id: string;
  readonly message: OutgoingMessage;
}

/** What is simulated: the deciders, what clients ask of them, and what must hold of their journals. */
export interface Guest {
  readonly hostings: readonly AnyHosting[];
  readonly cells: number;
  /** The next command of a client; the same chance gives the same command. */
  command(random: SeededRandom, nowMs: number, number: number): SimulatedCommand;
  /** A short text that differs whenever the states do; taken often, so cheap. */
  fingerprint(domain: DomainName, state: unknown): string;
  /** A fresh checker of the guest's own invariants over the accepted records of all journals. */
  checker(): GuestChecker;
}

export interface GuestChecker {
  /** Called for each accepted record once; names what it violates. */
  onRecord(domain: DomainName, cell: number, record: JournalRecord): string[];
  /** Called when everything has come to rest. */
  atRest(): string[];
}
