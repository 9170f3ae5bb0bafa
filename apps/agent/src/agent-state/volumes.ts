import type { VolumeId } from '@orrery/contracts';
import { isSafeName } from '@orrery/runtimes';
import { isLive } from './agent-state.js';
import type { Turn } from './turn.js';

export function doomVolumes(turn: Turn, ordered: readonly VolumeId[]): void {
  const volumes = ordered.filter(isSafeName);
  if (volumes.length === 0) return;
  turn.record({ type: 'VolumesDoomed', volumes });
  destroyDoomed(turn);
}

/** A volume goes when the last launch that uses it has ended. */
export function destroyDoomed(turn: Turn): void {
  const { doomedVolumes, launches } = turn.state;
  if (doomedVolumes.size === 0) return;
  const inUse = new Set(
    [...launches.values()].filter(isLive).flatMap(({ launch }) => launch.volumes.map(({ volume }) => volume)),
  );
  const volumes = [...doomedVolumes].filter((volume) => !inUse.has(volume));
  if (volumes.length > 0) turn.then({ type: 'destroy-volumes', volumes });
}

export function volumesDestroyed(turn: Turn, volumes: readonly VolumeId[]): void {
  const gone = volumes.filter((volume) => turn.state.doomedVolumes.has(volume));
  if (gone.length > 0) turn.record({ type: 'VolumesDestroyed', volumes: gone });
}
