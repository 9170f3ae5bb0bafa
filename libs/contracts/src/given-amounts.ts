import { Type, type Static } from 'typebox';
import type { RoleName } from './ids.js';
import type { Resources } from './resources.js';

/** Roles and amounts as people write them. */

export const roleOfCommand = Type.Unsafe<RoleName>(
  Type.String({
    pattern: '^(\\*|[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)$',
    maxLength: 255,
    description: 'a path such as eng/search',
  }),
);
const mebibytes = Type.Integer({ minimum: 0, maximum: 1_099_511_627_776, description: 'MiB' });

/** Amounts as people give them; what is left out is not spoken of. */
export const givenProperties = {
  cpus: Type.Optional(
    Type.Number({ minimum: 0, maximum: 4_194_304, multipleOf: 0.001, description: 'cores, up to three decimals' }),
  ),
  memory: Type.Optional(mebibytes),
  disk: Type.Optional(mebibytes),
  gpus: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_048_576, description: 'whole devices' })),
};
export const GivenAmounts = Type.Object(givenProperties, { additionalProperties: false, minProperties: 1 });
export type GivenAmounts = Static<typeof GivenAmounts>;

export const resourceNames = ['cpus', 'memory', 'disk', 'gpus'] as const;
export type ResourceName = (typeof resourceNames)[number];

/** In the form that decisions use; a resource that is not named is not bounded. */
export type SomeResources = Partial<Resources>;

export function resourcesOf({ cpus, memory, disk, gpus }: GivenAmounts): SomeResources {
  return {
    ...(cpus === undefined ? {} : { cpusMilli: Math.round(cpus * 1000) }),
    ...(memory === undefined ? {} : { memoryMib: memory }),
    ...(disk === undefined ? {} : { diskMib: disk }),
    ...(gpus === undefined ? {} : { gpus }),
  };
}

export function givenOf({ cpusMilli, memoryMib, diskMib, gpus }: SomeResources): GivenAmounts {
  return {
    ...(cpusMilli === undefined ? {} : { cpus: cpusMilli / 1000 }),
    ...(memoryMib === undefined ? {} : { memory: memoryMib }),
    ...(diskMib === undefined ? {} : { disk: diskMib }),
    ...(gpus === undefined ? {} : { gpus }),
  };
}
