import { countIn, type VolumeId } from '@orrery/contracts';
import { times, type Amounts } from '@orrery/scheduling';
import type { LotPart } from './lots.js';
import { positionsOf } from './ranges.js';
import type { AllocationState } from './state.js';

/** What the role is charged for these grants: their needs and the volumes of their own that are still there. */
export function chargeOf(state: AllocationState, part: LotPart): Amounts {
  const { cpusMilli, memoryMib, diskMib, gpus } = times(part.lot.needs, countIn(part.ordinals));
  let volumesMib = 0;
  for (const id of volumesOf(part)) {
    const volume = state.volumes.get(id);
    if (volume?.users === undefined) volumesMib += volume?.sizeMib ?? 0;
  }
  return { cpusMilli, memoryMib, diskMib: diskMib + volumesMib, gpus };
}

export function* volumesOf({ lot, ordinals }: LotPart): IterableIterator<VolumeId> {
  if (lot.volumes === undefined) return;
  for (const [first, last] of positionsOf(lot.ordinals, ordinals))
    for (let position = first; position <= last; position += 1) yield* lot.volumes[position]!;
}
