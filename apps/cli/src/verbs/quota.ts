import type { QuotaOfRole } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import type { Listing } from '../output/output.js';
import { showList } from '../reading.js';
import { amountsText, givenAmounts } from './amounts.js';

const quotas: Listing<QuotaOfRole> = {
  name: (quota) => quota.role,
  columns: [
    { title: 'ROLE', cell: (quota) => quota.role },
    { title: 'LIMIT', cell: (quota) => amountsText(quota.limit) },
    { title: 'GUARANTEE', cell: (quota) => amountsText(quota.guarantee) },
    { title: 'USED', cell: (quota) => amountsText(quota.used) },
    { title: 'CELLS', cell: (quota) => String(quota.cells), right: true, wide: true },
  ],
};

export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/quotas', {}, quotas);
}

/** Replaces what was set before. */
export async function set(call: Call): Promise<void> {
  const role = argument(call, 0);
  const limit = givenAmounts(call.options);
  const guarantee = givenAmounts(call.options, 'guarantee');
  if (limit === undefined && guarantee === undefined)
    throw new CliError('no-amounts', 'a quota names at least one amount', {
      remedy: `for instance: orrery quota set ${role} --cpus 8 --memory 16384`,
      exitCode: exitCodes.usage,
    });
  const body = {
    ...(limit === undefined ? {} : { limit }),
    ...(guarantee === undefined ? {} : { guarantee }),
    ...(call.options['force'] === true ? { force: true } : {}),
  };
  await call.gateway.change('PUT', path`/v1/quotas/${role}`, { body, reason: call.options.reason });
  const told = [
    limit === undefined ? [] : `at most ${amountsText(limit)}`,
    guarantee === undefined ? [] : `at least ${amountsText(guarantee)}`,
  ].flat();
  await call.output.object({ role, ...body }, { name: () => role, people: () => `${role} ${told.join('; ')}\n` });
}

export async function remove(call: Call): Promise<void> {
  const role = argument(call, 0);
  await confirm(call, `Remove the quota of ${role}: its limit and its guarantee end. Go on?`);
  await call.gateway.change('DELETE', path`/v1/quotas/${role}`, { reason: call.options.reason });
  await call.output.object({ role }, { name: () => role, people: () => `${role} has no quota any more\n` });
}
