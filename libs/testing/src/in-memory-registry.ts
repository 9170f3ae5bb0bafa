import type { JournalRegistration, JournalRegistry } from '@orrery/control-loop';

export class InMemoryRegistry implements JournalRegistry {
  readonly #registrations = new Map<string, JournalRegistration>();

  async get(domain: string, cell: number): Promise<JournalRegistration | undefined> {
    return this.#registrations.get(`${domain}/${cell}`);
  }

  async put(registration: JournalRegistration): Promise<JournalRegistration> {
    const key = `${registration.domain}/${registration.cell}`;
    const first = this.#registrations.get(key) ?? registration;
    this.#registrations.set(key, first);
    return first;
  }

  /** What is registered, at once: for those who judge a run from outside. */
  registered(domain: string, cell: number): JournalRegistration | undefined {
    return this.#registrations.get(`${domain}/${cell}`);
  }

  /** The cell whose journal this is. */
  cellOf(domain: string, journalId: string): number | undefined {
    for (const registration of this.#registrations.values()) {
      if (registration.domain === domain && registration.journalId === journalId) return registration.cell;
    }
    return undefined;
  }
}
