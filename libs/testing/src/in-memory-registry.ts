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
}
