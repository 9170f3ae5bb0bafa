import type { AllocationEventOf, ClusterEvent } from '@orrery/contracts';
import { accept, type Decision } from '@orrery/kernel';
import { nameOf } from './agents.js';
import type { ClusterState } from './state.js';
import { nextOrder } from './syncs.js';

/** Row 21. On an agent that can't be reached the order waits in the state for its Sync; with one that is gone they went. */
export function destroyVolumes(
  { agent, volumes }: AllocationEventOf<'VolumeDestroying'>['data'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const row = state.agents.get(agent);
  if (row === undefined) return accept();
  if (row.standing === 'GONE') return accept({ type: 'VolumesGone', data: { ...nameOf(row), volumes } });
  return accept({ type: 'VolumeDestroyAccepted', data: { ...nameOf(row), n: nextOrder(state, row.number), volumes } });
}
