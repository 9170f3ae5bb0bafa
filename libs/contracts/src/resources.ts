import { Type, type Static } from 'typebox';
import { branded } from './schema.js';
import type { VolumeId } from './ids.js';

/** Amounts as decisions use them: whole numbers only, so that sums are exact. */
export const Resources = Type.Object({
  cpusMilli: Type.Integer(),
  memoryMib: Type.Integer(),
  diskMib: Type.Integer(),
  gpus: Type.Integer(),
});
export type Resources = Static<typeof Resources>;

const PortRange = Type.Unsafe<[number, number]>(Type.Array(Type.Integer(), { minItems: 2, maxItems: 2 }));

/** What an agent has. Ports are inclusive ranges; gpus are device ids. */
export const Capacity = Type.Object({
  cpusMilli: Type.Integer(),
  memoryMib: Type.Integer(),
  diskMib: Type.Integer(),
  gpuIds: Type.Array(Type.String()),
  ports: Type.Array(PortRange),
});
export type Capacity = Static<typeof Capacity>;

export const FaultDomain = Type.Object({ region: Type.String(), zone: Type.String() });
export type FaultDomain = Static<typeof FaultDomain>;

export const VolumeNeed = Type.Object({
  name: Type.String(),
  path: Type.String(),
  type: Type.Union([Type.Literal('ROOT'), Type.Literal('PATH'), Type.Literal('MOUNT')]),
  sizeMib: Type.Integer(),
});
export type VolumeNeed = Static<typeof VolumeNeed>;

/** What one pod needs of one agent: the sum over its tasks. A port of 0 is any free one. */
export const PodNeeds = Type.Object({
  cpusMilli: Type.Integer(),
  memoryMib: Type.Integer(),
  diskMib: Type.Integer(),
  gpus: Type.Integer(),
  /** Named `<task>.<port>`. `ranges`: inclusive, where it has to be; `next`: the number after that of the port before it. */
  ports: Type.Array(
    Type.Object({
      name: Type.String(),
      port: Type.Integer(),
      ranges: Type.Optional(Type.Array(PortRange)),
      next: Type.Optional(Type.Literal(true)),
    }),
  ),
  volumes: Type.Array(VolumeNeed),
});
export type PodNeeds = Static<typeof PodNeeds>;

/** A volume that a grant holds. */
export const Volume = Type.Object({
  volume: branded<VolumeId>(),
  name: Type.String(),
  path: Type.String(),
  sizeMib: Type.Integer(),
});
export type Volume = Static<typeof Volume>;
