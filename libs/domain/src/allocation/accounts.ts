import type {
  AgentId,
  AllocationEvent,
  AllocationEventOf,
  ServiceRef,
  ServicesEventOf,
  VolumeId,
} from '@orrery/contracts';
import { countOf } from './lots.js';
import { startingWith } from './keys.js';
import type { AllocationState, VolumeRow } from './state.js';

/** What a service owns here. */
export interface Owned {
  /** Places of its pods. */
  readonly reservations: number;
  readonly volumes: number;
  readonly agents: readonly AgentId[];
}

/** A service that was removed and still owned something then. */
export interface AccountRow extends ServiceRef {
  /** It owns nothing any more, which is to be told. */
  readonly over?: true;
}

/** Of this generation, or of all that had this name. */
export function ownedBy(state: AllocationState, service: string, generation?: number): Owned {
  const agents = new Set<number>();
  let [reservations, volumes] = [0, 0];
  const prefix = generation === undefined ? `${service}/` : accountKey({ service, generation });
  for (const set of startingWith(state.lots.valuesOf('set', prefix), prefix))
    for (const [, lot] of state.lots.by('set', set)) {
      reservations += countOf(lot);
      for (const agent of lot.agents) agents.add(agent);
    }
  for (const owner of startingWith(state.volumes.valuesOf('owner', prefix), prefix))
    for (const [, volume] of state.volumes.by('owner', owner)) {
      if (isForOthers(volume)) continue;
      volumes += 1;
      agents.add(volume.agent);
    }
  const named = [...agents]
    .sort((left, right) => left - right)
    .flatMap((number) => state.agents.numbered(number) ?? []);
  return { reservations, volumes, agents: named.map(({ id }) => id) };
}

/** What no pod holds goes with the service; then it is told what is left, which is what can't be reached now. */
export function closeAccount(
  { service, generation }: ServicesEventOf<'ServiceRemoved'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const events = destroyDetached(state, { service, generation });
  const told = {
    type: 'ServiceAccounted',
    data: { service, generation, ...ownedBy(state, service, generation) },
  } as const;
  return [...events, told];
}

/** Detached volumes on machines that are gone went with them. */
function destroyDetached(state: AllocationState, owner: ServiceRef): AllocationEvent[] {
  const byAgent = new Map<number, VolumeId[]>();
  for (const [id, volume] of state.volumes.by('owner', accountKey(owner))) {
    if (isForOthers(volume) || (volume.state !== 'detached' && volume.state !== 'lost')) continue;
    if (volume.grant === undefined) byAgent.set(volume.agent, [...(byAgent.get(volume.agent) ?? []), id]);
  }
  return Array.from(byAgent, ([number, volumes]): AllocationEvent => {
    const row = state.agents.numbered(number);
    const gone = row === undefined || row.closed === 'gone';
    if (gone) return { type: 'VolumeDestroyed', data: { agent: row?.id ?? (`#${number}` as AgentId), volumes } };
    return { type: 'VolumeDestroying', data: { agent: row.id, epoch: row.epoch, volumes } };
  });
}

/** Removed services whose last thing is gone. */
export function accountsOver(state: AllocationState): AllocationEvent[] {
  return Array.from(state.accounts.by('over', 'yes'), ([, { service, generation }]): AllocationEvent => {
    return { type: 'ServiceAccounted', data: { service, generation, ...ownedBy(state, service, generation) } };
  });
}

export function serviceAccounted(
  state: AllocationState,
  { service, generation, reservations, volumes }: AllocationEventOf<'ServiceAccounted'>['data'],
): void {
  const key = accountKey({ service, generation });
  if (reservations + volumes === 0) return state.accounts.delete(key);
  state.accounts.put(key, { service, generation });
  // Volumes of machines that are gone were told to be destroyed together with this.
  lessOwned(state, { service, generation });
}

/** Something that this service owned is gone. */
export function lessOwned(state: AllocationState, { service, generation }: ServiceRef): void {
  const key = accountKey({ service, generation });
  const row = state.accounts.get(key);
  if (row === undefined) return;
  const { reservations, volumes } = ownedBy(state, service, generation);
  if (reservations + volumes === 0) state.accounts.put(key, { ...row, over: true });
}

/** Adopted for another service, or mounted by pods of one. */
function isForOthers({ adopter, users, service }: VolumeRow): boolean {
  return (adopter !== undefined && adopter.service !== service) || (users ?? 0) > 0;
}

export function accountKey({ service, generation }: { readonly service: string; readonly generation: number }): string {
  return `${service}/${generation}/`;
}
