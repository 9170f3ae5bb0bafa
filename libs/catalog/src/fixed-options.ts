import type { Refusal } from '@orrery/kernel';
import { isDeepStrictEqual } from 'node:util';
import { optionsOf, type Options } from './options.js';
import type { PackageDefinition } from './package-definition.js';

/** In config.json, beside an option that stays as it was installed: what is written into volumes, or all pods have to agree on. */
const FIXED = 'x-fixed';

/** An installed package and the options that were chosen for it. */
export interface Chosen {
  readonly definition: PackageDefinition;
  readonly options: Options;
}

/** Nothing, or why an update may not follow: the first option that is fixed and would become another. Defaults count as chosen. */
export function refusalOfFixed(before: Chosen, after: Chosen): Refusal | undefined {
  const [was, will] = [before, after].map(({ definition, options }) => optionsOf(definition, options));
  if (!was!.ok || !will!.ok) return undefined;
  const changed = fixedIn(after.definition.config, []).find(
    (path) => !isDeepStrictEqual(at(was!.value, path), at(will!.value, path)) && at(was!.value, path) !== undefined,
  );
  if (changed === undefined) return undefined;
  const option = changed.join('.');
  const [is, found] = [was!.value, will!.value].map((options) => JSON.stringify(at(options, changed)));
  return {
    code: 'option-fixed',
    message: `option ${option} is ${is} for the life of the service, found ${found}`,
    field: `/${changed.join('/')}`,
    remedy: `leave it, or install the package once more under another --name and move the data`,
  };
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly [FIXED]?: boolean;
}

function fixedIn(schema: Schema, path: readonly string[]): readonly (readonly string[])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const inner = [...path, name];
    return property[FIXED] === true ? [inner] : fixedIn(property, inner);
  });
}

function at(options: Options, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (value as Options | undefined)?.[name], options);
}
