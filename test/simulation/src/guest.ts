import type { DomainName, JournalRecord } from '@orrery/contracts';
import type { Clock, Hosting, Log, OutgoingMessage } from '@orrery/control-loop';
import type { SeededRandom } from '@orrery/testing';
import type { SimulatedProcess } from './simulated-process.js';

// A simulation hosts deciders of any types side by side; each is only ever given back to itself.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyHosting = Hosting<any, any, any, any, any, any>;

/** A command that a simulated client sends. */
export interface SimulatedCommand {
  readonly domain: DomainName;
  readonly cell: number;
  readonly message: OutgoingMessage;
}

/** What is simulated: the deciders, what clients ask of them, and what must hold of their journals. */
export interface Guest {
  readonly domains: readonly GuestDomain[];
  readonly cells: number;
  /** A step of the storm takes up to this long. */
  readonly stepMsMax: number;
  /** The next command of a client; the same chance gives the same command. */
  command(random: SeededRandom, nowMs: number, number: number): SimulatedCommand;
  /** A short text that differs whenever the states do; taken often, so cheap. */
  fingerprint(domain: DomainName, state: unknown): string;
  /** A fresh judge of the guest's own promises, and its own actors, for one run. */
  begin(world: { readonly clock: Clock; readonly random: SeededRandom }): GuestRun;
}

export interface GuestDomain {
  readonly domain: DomainName;
  /** Hosts the decider in a process; what the host does beside deciding goes through the process. */
  host(process: { readonly log: Log; readonly clock: Clock }): AnyHosting;
}

export interface GuestRun {
  /** Processes of the guest's own, such as agents: paused, killed and started again like the owners. */
  readonly actors: readonly GuestActor[];
  /** Called for the first time that anybody accepts a commit, with the state right after it; names what is violated. */
  onAccepted(domain: DomainName, record: JournalRecord, state: unknown): string[];
  /** What keeps the guest from being at rest; given the states of all journals, folded from zero. */
  unrest(stateOf: (domain: DomainName, cell: number) => unknown): string[];
}

export interface GuestActor {
  readonly name: string;
  /** Begins a life of the actor in a fresh process. */
  start(process: SimulatedProcess): void;
  /** Something of the actor's own goes wrong, such as a task that ends by itself. */
  mishap(random: SeededRandom): void;
}
