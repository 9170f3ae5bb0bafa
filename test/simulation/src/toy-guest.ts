import type { DomainName, JournalRecord } from '@orrery/contracts';
import {
  commandMessage,
  decodeToyCommand,
  toyDecider,
  type SeededRandom,
  type ToyCommand,
  type ToyState,
} from '@orrery/testing';
import type { AnyHosting, Guest, GuestRun, SimulatedCommand } from './guest.js';

const counters = ['a', 'b', 'c', 'd'];

/** Two domains of counters: what `services` sends, `allocation` adds, told by the journal alone. */
export const toyGuest: Guest = {
  cells: 1,
  stepMsMax: 120,
  domains: [
    { domain: 'services', host: () => toyHostingOf('services', () => []) },
    { domain: 'allocation', host: () => toyHostingOf('allocation', (cell) => [{ domain: 'services', cell }]) },
  ],
  command(random, nowMs, number): SimulatedCommand {
    const domain = random.chance(0.7) ? 'services' : 'allocation';
    const message = commandMessage(`command-${number}`, toyCommand(random, nowMs), { nowMs, domain });
    return { domain, cell: 0, message };
  },
  fingerprint: (_domain, state) =>
    [...(state as ToyState).counters.entries()]
      .map(([name, { value, changes }]) => `${name}:${value}/${changes}`)
      .join(' '),
  begin: () => new ToyRun(),
};

function toyHostingOf(domain: DomainName, foreign: NonNullable<AnyHosting['foreign']>): AnyHosting {
  return { domain, decider: { ...toyDecider, name: domain }, decodeCommand: decodeToyCommand, foreign };
}

function toyCommand(random: SeededRandom, nowMs: number): ToyCommand {
  const counter = random.pick(counters);
  const amount = 1 + random.below(9);
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      return { type: 'Send', counter, amount, to: random.pick(counters) };
    case 3:
      return { type: 'Schedule', counter, dueMs: nowMs + random.below(5_000) };
    case 4:
      return { type: 'Count', counter, times: 1 + random.below(12) };
    default:
      return { type: 'Add', counter, amount };
  }
}

/** What was sent arrives once: never more has arrived than was sent, and at rest the sums agree. */
class ToyRun implements GuestRun {
  readonly actors = [];
  #sent = 0;
  #arrived = 0;

  onAccepted(domain: DomainName, record: JournalRecord): string[] {
    if (record.kind !== 'Commit') return [];
    for (const { type, data, cause } of record.events) {
      const { amount } = data as { amount: number };
      if (domain === 'services' && type === 'Sent') this.#sent += amount;
      if (domain === 'allocation' && type === 'Added' && 'seq' in cause) this.#arrived += amount;
    }
    return [];
  }

  unrest(): string[] {
    return this.#sent === this.#arrived ? [] : [`${this.#sent} were sent, ${this.#arrived} arrived`];
  }
}
