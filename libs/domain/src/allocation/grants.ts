import type { AgentId, AllocationEvent, ClusterEventOf, GrantId, ServicesEventOf, VolumeId } from '@orrery/contracts';
import { firstIndexes } from './ranges.js';
import type { AllocationState, GrantRow } from './state.js';

/**
 * The only end of a grant: its service says that nothing runs on it. With `destroyVolumes` the volumes are destroyed first
 * (two steps: the agent has to do it). What is unknown, or on its way already, changes nothing.
 */
export function grantsReturned(
  { grants, destroyVolumes }: ServicesEventOf<'GrantReturned'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const events: AllocationEvent[] = [];
  const released: GrantId[] = [];
  for (const id of new Set(grants)) {
    const grant = state.grants.get(id);
    if (grant === undefined || isDestroying(state, grant)) continue;
    const agent = state.agents.get(grant.agent);
    const volumes = (grant.volumes ?? []).filter((volume) => state.volumes.get(volume)?.state !== 'lost');
    if (destroyVolumes !== true || volumes.length === 0 || agent === undefined) released.push(id);
    else
      events.push({
        type: 'VolumeDestroying',
        data: { agent: grant.agent, epoch: agent.epoch, grant: id, volumes },
      });
  }
  if (released.length > 0) events.push({ type: 'GrantReleased', data: { grants: released } });
  return events;
}

/** The agent destroyed volumes; a grant whose last one went is released. Volumes that nobody wanted destroyed stay. */
export function volumesGone(
  { agent, volumes }: ClusterEventOf<'VolumesGone'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  return destroyed(agent, new Set(volumes), state);
}

/** The agent is gone, and with it what was to be destroyed there. */
export function destroyedWithAgent(agent: AgentId, state: AllocationState): AllocationEvent[] {
  return destroyed(agent, new Set(state.volumes.keysBy('agent', agent)), state);
}

function destroyed(agent: AgentId, volumes: ReadonlySet<VolumeId>, state: AllocationState): AllocationEvent[] {
  const byGrant = new Map<GrantId, VolumeId[]>();
  for (const id of volumes) {
    const volume = state.volumes.get(id);
    if (volume?.state !== 'destroying' || volume.grant === undefined || volume.agent !== agent) continue;
    const others = byGrant.get(volume.grant);
    if (others === undefined) byGrant.set(volume.grant, [id]);
    else others.push(id);
  }
  const events: AllocationEvent[] = [];
  const released: GrantId[] = [];
  for (const [grant, gone] of byGrant) {
    events.push({ type: 'VolumeDestroyed', data: { agent, grant, volumes: gone } });
    if (state.grants.get(grant)?.volumes?.length === gone.length) released.push(grant);
  }
  if (released.length > 0) events.push({ type: 'GrantReleased', data: { grants: released } });
  return events;
}

/** What an uninstalled service has to leave on agents out of reach is no longer charged to its role. */
export function grantsLeftBehind(
  { grants }: ServicesEventOf<'LeftBehind'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  return superseded(grants, state);
}

/** Nothing waits for a service that is no more, and what it left is its role's no longer. */
export function serviceRemoved(
  { service, generation }: ServicesEventOf<'ServiceRemoved'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const events: AllocationEvent[] = [];
  const left: GrantId[] = [];
  const prefix = `${service}/${generation}/`;
  for (const key of startingWith(state.requests.valuesOf('set', prefix), prefix))
    for (const [request, row] of state.requests.by('set', key))
      events.push({ type: 'RequestDropped', data: { request, indexes: firstIndexes(row.indexes, Infinity) } });
  for (const key of startingWith(state.lots.valuesOf('set', prefix), prefix))
    for (const lot of state.lots.keysBy('set', key)) left.push(...state.grants.keysBy('lot', lot));
  return [...events, ...superseded(left, state)];
}

/** The grants of these that still count for their role, as an event that ends that. */
export function superseded(grants: readonly GrantId[], state: AllocationState): AllocationEvent[] {
  const charged = [...new Set(grants)].filter((id) => {
    const grant = state.grants.get(id);
    return grant !== undefined && grant.superseded !== true;
  });
  return charged.length === 0 ? [] : [{ type: 'GrantSuperseded', data: { grants: charged } }];
}

function isDestroying(state: AllocationState, grant: GrantRow): boolean {
  return (grant.volumes ?? []).some((id) => state.volumes.get(id)?.state === 'destroying');
}

function* startingWith(values: Iterable<string>, prefix: string): IterableIterator<string> {
  for (const value of values) {
    if (!value.startsWith(prefix)) return;
    yield value;
  }
}
