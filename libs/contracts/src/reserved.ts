import type { Refusal } from '@orrery/kernel';
import { Type, type Static } from 'typebox';
import { PortRange, Resources, type Capacity } from './resources.js';
import { givenOf, givenProperties, resourcesOf, roleOfCommand } from './given-amounts.js';
import { mergedRanges } from './sets.js';

/** What a reservation keeps: amounts, port numbers, and disks of their own as a whole. */

const strict = { additionalProperties: false } as const;

export const diskName = Type.String({
  pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'name of a disk that the agent declares',
});
const port = Type.Integer({ minimum: 1, maximum: 65_535 });

export const Labels = Type.Record(Type.String({ maxLength: 63 }), Type.String({ maxLength: 255 }), {
  maxProperties: 64,
});

/** As people give it; both ends of a range are included. */
export const GivenReserved = Type.Object(
  {
    ...givenProperties,
    ports: Type.Optional(
      Type.Array(Type.Object({ begin: port, end: port }, strict), {
        minItems: 1,
        maxItems: 64,
        description: 'port numbers, such as { begin: 9092, end: 9095 }',
      }),
    ),
    disks: Type.Optional(Type.Array(diskName, { minItems: 1, maxItems: 64, uniqueItems: true })),
  },
  { ...strict, minProperties: 1 },
);
export type GivenReserved = Static<typeof GivenReserved>;

/** In the form that decisions use: ranges ascend and do not touch, names ascend. */
export const Reserved = Type.Object({
  ...Resources.properties,
  ports: Type.Optional(Type.Array(PortRange)),
  disks: Type.Optional(Type.Array(Type.String())),
});
export type Reserved = Static<typeof Reserved>;

/** What an agent declares to be reserved on it: it lasts as long as the agent declares it. */
export const StaticReservation = Type.Object({
  role: roleOfCommand,
  resources: Reserved,
  labels: Labels,
});
export type StaticReservation = Static<typeof StaticReservation>;

export function reservedOf({ ports, disks, ...amounts }: GivenReserved): Reserved {
  return reservedFrom(
    { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0, ...resourcesOf(amounts) },
    ports?.map(({ begin, end }): [number, number] => [begin, end]),
    disks,
  );
}

export function reservedFrom(
  { cpusMilli, memoryMib, diskMib, gpus }: Resources,
  ports: readonly (readonly [number, number])[] = [],
  disks: readonly string[] = [],
): Reserved {
  const amounts = { cpusMilli, memoryMib, diskMib, gpus };
  return {
    ...amounts,
    ...(ports.length === 0 ? {} : { ports: mergedRanges(ports) }),
    ...(disks.length === 0 ? {} : { disks: [...disks].sort() }),
  };
}

export function givenReservedOf({ ports, disks, ...amounts }: Reserved): GivenReserved {
  return {
    ...givenOf(amounts),
    ...(ports === undefined ? {} : { ports: ports.map(([begin, end]) => ({ begin, end })) }),
    ...(disks === undefined ? {} : { disks }),
  };
}

/** Such as `9092-9095, 9100`. */
export function portsText(ports: readonly (readonly [number, number])[]): string {
  return ports.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(', ');
}

/** What is wrong with what an agent declares as reserved, seen with all that it has. */
export function staticProblem(capacity: Capacity, reservations: readonly StaticReservation[]): Refusal | undefined {
  const seen = new Set<string>();
  const ports: (readonly [number, number])[] = [];
  const disks = new Set<string>();
  const sum = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0 };
  for (const [at, { role, resources, labels }] of reservations.entries()) {
    const field = `/reservations/${at}`;
    const wrong = (message: string, remedy: string): Refusal => ({ code: 'invalid-field', field, message, remedy });
    if (role === '*') return wrong('what is for everyone is not reserved', 'name a role such as eng/search');
    const key = keyOfStatic({ role, labels });
    if (seen.has(key)) return wrong(`two reservations are for ${role}`, 'make one of them, or give them other labels');
    seen.add(key);
    for (const resource of ['cpusMilli', 'memoryMib', 'diskMib', 'gpus'] as const) {
      if (resources[resource] < 0) return wrong(`${resource} is below zero`, 'reserve 0 or more');
      sum[resource] += resources[resource];
    }
    for (const range of resources.ports ?? []) {
      const [from, to] = range;
      if (from < 1 || to > 65_535 || from > to) return wrong(`ports go from ${from} to ${to}`, 'name 1 to 65535');
      if (!mergedRanges(capacity.ports).some(([first, last]) => first <= from && to <= last))
        return wrong(`ports ${from}-${to} are not offered`, `offer them, or reserve of ${portsText(capacity.ports)}`);
      if (ports.some(([first, last]) => from <= last && first <= to))
        return wrong(`ports ${from}-${to} are reserved twice`, 'reserve each port once');
      ports.push(range);
    }
    for (const disk of resources.disks ?? []) {
      if (capacity.disks?.every(({ name }) => name !== disk) ?? true)
        return wrong(`disk ${disk} is not declared`, 'declare it among the disks');
      if (disks.has(disk)) return wrong(`disk ${disk} is reserved twice`, 'reserve each disk once');
      disks.add(disk);
    }
  }
  const { gpuIds, ...has } = capacity;
  const whole = { ...has, gpus: gpuIds.length };
  const over = (['cpusMilli', 'memoryMib', 'diskMib', 'gpus'] as const).find((name) => sum[name] > whole[name]);
  if (over === undefined) return undefined;
  return {
    code: 'reservation-too-large',
    field: '/reservations',
    message: `${over}: ${sum[over]} would be reserved of ${whole[over]}`,
    remedy: 'reserve less, or offer more',
  };
}

/** What tells the reservations that an agent declares from one another. */
export function keyOfStatic({ role, labels }: Pick<StaticReservation, 'role' | 'labels'>): string {
  const names = Object.keys(labels).sort();
  return JSON.stringify([role, names.map((name) => [name, labels[name]])]);
}
