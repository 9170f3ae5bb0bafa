import type { Amounts } from '../answers.js';
import type { Options } from '../call.js';

/** What is named of `--cpus`, `--memory`, `--disk`, `--gpus`, with something before the name: `--guarantee-cpus`. */
export function givenAmounts(options: Options, before = ''): Partial<Amounts> | undefined {
  const given: Partial<Record<keyof Amounts, number>> = {};
  for (const resource of ['cpus', 'memory', 'disk', 'gpus'] as const) {
    const name = before === '' ? resource : `${before}${resource.charAt(0).toUpperCase()}${resource.slice(1)}`;
    const value = options[name];
    if (typeof value === 'number') given[resource] = value;
  }
  return Object.keys(given).length === 0 ? undefined : given;
}

/** Such as `cpus 2, memory 512`. */
export function amountsText(amounts: Partial<Amounts> | undefined): string | undefined {
  if (amounts === undefined) return undefined;
  return Object.entries(amounts)
    .map(([resource, amount]) => `${resource} ${amount}`)
    .join(', ');
}
