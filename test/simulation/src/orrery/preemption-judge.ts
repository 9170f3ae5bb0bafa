import {
  countIds,
  idsIn,
  priorityOf,
  type AllocationEvent,
  type AllocationEventOf,
  type DomainName,
  type GrantId,
  type JournalRecord,
  type Ranked,
} from '@orrery/contracts';
import type { SceneJudge } from './scene.js';

const WINDOW_MS = 60_000;
const BUDGET_DEFAULT = 10;
/** How much more important one has to be. */
const DELTA = 10;

/** One kind of pods that have places, or want some. */
interface Claim {
  readonly of: string;
  readonly role: string;
  readonly revocable: boolean;
  readonly keepsData: boolean;
  priority: number;
}

/**
 * Who may ask whom to make way, and how often, from the events of an allocation journal alone: said once more in other words
 * than the domain's, so that a rule that is lost there is missed here.
 */
export class PreemptionJudge implements SceneJudge {
  readonly #journals = new Map<string, Journal>();

  onAccepted(domain: DomainName, record: JournalRecord): string[] {
    if (domain !== 'allocation' || record.kind !== 'Commit') return [];
    const journal = this.#journals.get(record.journalId) ?? new Journal();
    this.#journals.set(record.journalId, journal);
    return record.events.flatMap((event) =>
      journal.hear(event as unknown as AllocationEvent).map((what) => `PREEMPTION: ${what}, at seq ${record.seq}`),
    );
  }
}

class Journal {
  readonly #placed = new Map<GrantId, Claim>();
  readonly #waiting = new Map<string, Claim>();
  #spent: readonly (readonly [at: number, pods: number])[] = [];
  #budget = BUDGET_DEFAULT;

  hear(event: AllocationEvent): string[] {
    switch (event.type) {
      case 'RequestQueued':
        this.#waiting.set(event.data.request, claimOf(event.data));
        return [];
      case 'Placed':
        for (const grant of idsIn<GrantId>(event.data.grants)) this.#placed.set(grant, claimOf(event.data));
        return [];
      case 'GrantReleased':
        for (const grant of idsIn<GrantId>(event.data.grants)) this.#placed.delete(grant);
        return [];
      case 'PriorityChanged':
        for (const claim of [...this.#placed.values(), ...this.#waiting.values()])
          if (claim.of === setOf(event.data)) claim.priority = event.data.priority;
        return [];
      case 'PreemptionBudgetSet':
        this.#budget = event.data.perMinute ?? BUDGET_DEFAULT;
        return [];
      case 'PreemptionOrdered':
        return [...this.#withoutRight(event.data), ...this.#beyondBudget(event.data)];
      default:
        return [];
    }
  }

  *#withoutRight(order: AllocationEventOf<'PreemptionOrdered'>['data']): Iterable<string> {
    const asker = this.#waiting.get(order.for.request);
    if (asker === undefined) return yield `${order.for.request} asks others to make way, and never waited`;
    for (const { grants } of order.victims)
      for (const grant of idsIn<GrantId>(grants)) {
        const victim = this.#placed.get(grant);
        if (victim === undefined) yield `${grant} makes way, and has no place`;
        else if (victim.keepsData) yield `${grant} of ${victim.of} makes way, and has data`;
        else if (!mayAsk(asker, victim)) yield `${textOf(asker)} has ${textOf(victim)} make way`;
      }
  }

  *#beyondBudget({ victims, at }: AllocationEventOf<'PreemptionOrdered'>['data']): Iterable<string> {
    const pods = victims.reduce((sum, { grants }) => sum + countIds(grants), 0);
    this.#spent = [...this.#spent, [at, pods] as const].filter(([when]) => when > at - WINDOW_MS);
    const spent = this.#spent.reduce((sum, [, count]) => sum + count, 0);
    if (spent > this.#budget) yield `${spent} pods made way within a minute, the budget is ${this.#budget}`;
  }
}

function mayAsk(asker: Claim, victim: Claim): boolean {
  if (victim.revocable && !asker.revocable) return true;
  const isBelow = `${victim.role}/`.startsWith(`${asker.role}/`);
  return victim.revocable === asker.revocable && isBelow && asker.priority >= victim.priority + DELTA;
}

function claimOf(
  data: (Ranked & AllocationEventOf<'Placed'>['data']) | AllocationEventOf<'RequestQueued'>['data'],
): Claim {
  const { role, needs, revocable = false } = data;
  return { of: setOf(data), role, revocable, keepsData: needs.volumes.length > 0, priority: priorityOf(data) };
}

function setOf({ service, generation, pod }: { service: string; generation: number; pod: string }): string {
  return `${service}/${generation}/${pod}`;
}

function textOf({ of, role, priority, revocable }: Claim): string {
  return `${of} (${role}, priority ${priority}${revocable ? ', revocable' : ''})`;
}
