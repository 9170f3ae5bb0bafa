import type { Refusal } from '@orrery/kernel';
import { isDeepStrictEqual } from 'node:util';
import { describedOptions, optionAt, optionsOf, type Options } from './options.js';
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
  const changed = describedOptions(after.definition.config).find(([path, schema]) => {
    const value = optionAt(was!.value, path);
    return schema[FIXED] === true && value !== undefined && !isDeepStrictEqual(value, optionAt(will!.value, path));
  });
  if (changed === undefined) return undefined;
  const [path] = changed;
  const option = path.join('.');
  const [is, found] = [was!.value, will!.value].map((options) => JSON.stringify(optionAt(options, path)));
  return {
    code: 'option-fixed',
    message: `option ${option} is ${is} for the life of the service, found ${found}`,
    field: `/${path.join('/')}`,
    remedy: `leave it, or install the package once more under another --name and move the data`,
  };
}
