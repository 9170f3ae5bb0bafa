import { portsText, reservedFrom, type Reserved } from '@orrery/contracts';
import { minus, NOTHING, plus } from '@orrery/scheduling';
import { only, shown } from './quotas.js';
import { normalised, without } from './ranges.js';
import { RESOURCES } from './role-tree.js';

/** Sums and differences of what reservations keep. */

export function plusReserved(left: Reserved, right: Reserved): Reserved {
  return reservedFrom(plus(left, right), normalised([...(left.ports ?? []), ...(right.ports ?? [])]), [
    ...new Set([...(left.disks ?? []), ...(right.disks ?? [])]),
  ]);
}

export function minusReserved(left: Reserved, right: Reserved): Reserved {
  return reservedFrom(
    minus(left, right),
    without(left.ports ?? [], right.ports ?? []),
    (left.disks ?? []).filter((disk) => right.disks?.includes(disk) !== true),
  );
}

export function sumReserved(all: Iterable<Reserved>): Reserved {
  let total: Reserved = NOTHING;
  for (const each of all) total = plusReserved(total, each);
  return total;
}

/** What of the first the second does not have. */
export function beyond(wanted: Reserved, there: Reserved): Reserved {
  const { cpusMilli, memoryMib, diskMib, gpus } = minus(wanted, there);
  const short = {
    cpusMilli: Math.max(0, cpusMilli),
    memoryMib: Math.max(0, memoryMib),
    diskMib: Math.max(0, diskMib),
    gpus: Math.max(0, gpus),
  };
  const { ports, disks } = minusReserved(wanted, there);
  return reservedFrom(short, ports, disks);
}

export function isNothingReserved(reserved: Reserved): boolean {
  return (
    RESOURCES.every((resource) => reserved[resource] === 0) &&
    reserved.ports === undefined &&
    reserved.disks === undefined
  );
}

/** Such as `2 cpus, ports 9092-9095`. */
export function reservedText(reserved: Reserved): string {
  const { ports, disks } = reserved;
  const amounts = shown(
    only(
      reserved,
      RESOURCES.filter((resource) => reserved[resource] !== 0),
    ),
  );
  return [
    ...(amounts === '' ? [] : [amounts]),
    ...(ports === undefined ? [] : [`ports ${portsText(ports)}`]),
    ...(disks === undefined ? [] : [`disks ${disks.join(', ')}`]),
  ].join(', ');
}
