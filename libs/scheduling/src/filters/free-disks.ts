import { chooseDisks, type Disk, type DiskNeed } from '../disk-set.js';
import type { Filter } from './filter.js';

/** Volumes that need disks of their own: parts of PATH disks, whole MOUNT disks. */
export function freeDisks(needs: readonly DiskNeed[]): Filter {
  return {
    name: 'disks',
    passes: ({ free }) => chooseDisks(free.disks ?? [], needs) !== undefined,
    explain: ({ free, capacity }) => missing(free.disks ?? [], capacity.disks ?? [], needs),
    remedy: (rejected) => {
      const [need] = needs as readonly [DiskNeed, ...DiskNeed[]];
      const none = rejected.every(({ capacity }) => !(capacity.disks ?? []).some(({ type }) => type === need.type));
      return none
        ? `no agent has a ${need.type} disk: start one that declares it, or ask for volumes of another type`
        : `destroy a volume that nobody needs on such a disk, start an agent with ${shown(need)}, or ask for less`;
    },
  };
}

function missing(free: readonly Disk[], declared: readonly Disk[], needs: readonly DiskNeed[]): string {
  for (const need of needs) {
    if (chooseDisks(free, [need]) !== undefined) continue;
    const same = declared.filter(({ type, name }) => type === need.type && (need.disk ?? name) === name);
    if (same.length === 0) return `needs ${shown(need)}, has no such disk`;
    const told = same.map(({ name, sizeMib }) => {
      const left = free.find((disk) => disk.name === name);
      if (left?.kept === true) return `${name} is reserved for others`;
      return `${name} has ${left?.sizeMib ?? 0} of ${sizeMib} MiB free`;
    });
    return `needs ${shown(need)}: ${told.join(', ')}`;
  }
  return `needs ${needs.map(shown).join(' and ')}, which do not all fit`;
}

function shown({ type, sizeMib, disk }: DiskNeed): string {
  const which = disk === undefined ? `a ${type} disk` : `the ${type} disk ${disk}`;
  return type === 'MOUNT' ? `${which} of ${sizeMib} MiB` : `${sizeMib} MiB of ${which}`;
}
