import {
  idOf,
  idsIn,
  type AllocationEvent,
  type DomainName,
  type GrantId,
  type JournalRecord,
} from '@orrery/contracts';
import { grantOf, type AllocationState } from '@orrery/domain';
import type { SceneJudge } from './scene.js';

type Placed = Extract<AllocationEvent, { type: 'Placed' }>['data'];

/** Of pods that change size where they are: the grant that outlives the other one is all that was promised. */
export class ResizeJudge implements SceneJudge {
  /** By journal, and by the grant that stands on another one. */
  readonly #standing = new Map<string, Map<GrantId, NonNullable<Placed['resizes']>>>();

  onAccepted(domain: DomainName, record: JournalRecord, state: unknown): string[] {
    if (domain !== 'allocation' || record.kind !== 'Commit') return [];
    const standing = this.#standing.get(record.journalId) ?? new Map<GrantId, NonNullable<Placed['resizes']>>();
    this.#standing.set(record.journalId, standing);
    const released = new Set<GrantId>();
    for (const event of record.events as unknown as AllocationEvent[]) {
      if (event.type === 'Placed' && event.data.resizes !== undefined) {
        const [[seq, ordinal]] = event.data.grants as [[number, number]];
        standing.set(idOf<GrantId>(seq, ordinal), event.data.resizes);
      }
      // Who destroys the data with the pod gives both grants back, one after the other.
      if (event.type === 'VolumeDestroyed')
        for (const [grant, { grant: under }] of [...standing]) if (under === event.data.grant) standing.delete(grant);
      if (event.type === 'GrantReleased') for (const grant of idsIn<GrantId>(event.data.grants)) released.add(grant);
    }
    return [...taken(standing, released, state as AllocationState)].map(
      (what) => `RESIZE: ${what}, at seq ${record.seq}`,
    );
  }
}

function* taken(
  standing: Map<GrantId, NonNullable<Placed['resizes']>>,
  released: ReadonlySet<GrantId>,
  state: AllocationState,
): Iterable<string> {
  for (const [grant, { grant: under, needs }] of [...standing]) {
    if (!released.has(grant) && !released.has(under)) continue;
    standing.delete(grant);
    const held = released.has(grant) ? undefined : grantOf(state, grant);
    if (held === undefined) continue;
    const promised = [needs.cpusMilli, needs.memoryMib, needs.diskMib, needs.volumes.length];
    const has = [held.needs.cpusMilli, held.needs.memoryMib, held.needs.diskMib, held.volumes.length];
    if (promised.join() !== has.join())
      yield `grant ${grant} took over from ${under} and holds ${has.join('/')} of ${promised.join('/')}`;
  }
}
