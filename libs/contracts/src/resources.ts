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

export const PortRange = Type.Unsafe<[number, number]>(Type.Array(Type.Integer(), { minItems: 2, maxItems: 2 }));

/** `PATH`: shared by volumes, each with a part of it. `MOUNT`: one volume has all of it. */
export const Disk = Type.Object({
  name: Type.String(),
  /** Where it is on the machine. */
  path: Type.String(),
  sizeMib: Type.Integer(),
  type: Type.Union([Type.Literal('PATH'), Type.Literal('MOUNT')]),
});
export type Disk = Static<typeof Disk>;

/** What an agent has. Ports are inclusive ranges; gpus are device ids. */
export const Capacity = Type.Object({
  cpusMilli: Type.Integer(),
  memoryMib: Type.Integer(),
  diskMib: Type.Integer(),
  gpuIds: Type.Array(Type.String()),
  ports: Type.Array(PortRange),
  /** Beside the disk that everything shares. */
  disks: Type.Optional(Type.Array(Disk)),
});
export type Capacity = Static<typeof Capacity>;

export const FaultDomain = Type.Object({ region: Type.String(), zone: Type.String() });
export type FaultDomain = Static<typeof FaultDomain>;

export const VolumeType = Type.Union([Type.Literal('ROOT'), Type.Literal('PATH'), Type.Literal('MOUNT')]);
export type VolumeType = Static<typeof VolumeType>;

export const VolumeNeed = Type.Object({
  name: Type.String(),
  path: Type.String(),
  type: VolumeType,
  sizeMib: Type.Integer(),
  /** The disk that it is to be on; absent: any of its type. */
  disk: Type.Optional(Type.String()),
  /** Several pods mount the same one at once. */
  shared: Type.Optional(Type.Literal(true)),
  /** The service of the same role whose shared volume of this name it is; absent: one's own. */
  of: Type.Optional(Type.String()),
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
  /** Absent: on the disk that everything shares. */
  disk: Type.Optional(Type.String()),
});
export type Volume = Static<typeof Volume>;
