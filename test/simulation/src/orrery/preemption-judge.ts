import {
  countIds,
  countIn,
  idsIn,
  priorityOf,
  type AllocationEvent,
  type AllocationEventOf,
  type DomainName,
  type GrantId,
  type JournalRecord,
  type Ranked,
} from '@orrery/contracts';
import { GangJudge } from './gang-judge.js';
import { KeptRoom } from './kept-room.js';
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
    const events = record.events as unknown as AllocationEvent[];
    const gangs = Array.from(journal.gangs.hear(events), (what) => `GANG: ${what}, at seq ${record.seq}`);
    const others = events.flatMap((event) =>
      journal.hear(event).map((what) => `PREEMPTION: ${what}, at seq ${record.seq}`),
    );
    return [...gangs, ...others];
  }
}

class Journal {
  readonly #placed = new Map<GrantId, Claim>();
  readonly #waiting = new Map<string, Claim>();
  readonly #left = new Map<string, number>();
  readonly #kept = new KeptRoom();
  readonly gangs = new GangJudge();
  readonly #numbers = new Map<string, number>();
  #spent: readonly (readonly [at: number, pods: number])[] = [];
  #budget = BUDGET_DEFAULT;

  hear(event: AllocationEvent): string[] {
    return [...this.#kept.hear(event), ...this.#about(event)];
  }

  #about(event: AllocationEvent): string[] {
    switch (event.type) {
      case 'AgentOpened':
        this.#numbers.set(event.data.agent, event.data.number);
        return [];
      case 'AgentClosed':
        this.#kept.lost(this.#numbers.get(event.data.agent) ?? 0, this.gangs.togetherWith);
        return [];
      case 'RequestQueued':
        this.#waiting.set(event.data.request, claimOf(event.data));
        this.#left.set(event.data.request, countIn(event.data.indexes));
        return [];
      case 'RequestDropped':
        this.#answered(event.data);
        return [];
      case 'Placed':
        for (const grant of idsIn<GrantId>(event.data.grants)) this.#placed.set(grant, claimOf(event.data));
        this.#answered(event.data);
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

  /** Nothing more of it waits: it may ask nobody. */
  #answered({ request, indexes }: AllocationEventOf<'RequestDropped'>['data']): void {
    const left = (this.#left.get(request) ?? 0) - countIn(indexes);
    this.#left.set(request, left);
    if (left <= 0) this.#waiting.delete(request);
  }

  *#withoutRight(order: AllocationEventOf<'PreemptionOrdered'>['data']): Iterable<string> {
    const asker = this.#waiting.get(order.for.request);
    if (asker === undefined) return yield `${order.for.request} asks others to make way, and does not wait`;
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
