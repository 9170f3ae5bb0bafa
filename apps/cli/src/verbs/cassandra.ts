import type { Plan } from '../answers.js';
import { argument, confirm, path, type Verb } from '../call.js';
import { planProgress, waitForPlans } from '../plan-progress.js';

/** `repair`, `cleanup`, `upgradesstables`, `backup`, `restore`: plans of the package. */
export function plan(name: string): Verb {
  return async (call) => {
    const service = argument(call, 0);
    const backup = call.args[1];
    const { keyspaces, incremental } = call.options;
    const parameters = {
      ...(backup === undefined ? {} : { NAME: backup }),
      ...(keyspaces === undefined ? {} : { KEYSPACES: keyspaces }),
      ...(incremental === true ? { FULL: 'false' } : {}),
    };
    if (name === 'restore') await confirm(call, `Put the rows of backup ${backup} back into ${service}?`);
    const body = Object.keys(parameters).length === 0 ? {} : { parameters };
    const { reason } = call.options;
    const outcome = await call.gateway.change('POST', path`/v1/services/${service}/plans/${name}/start`, {
      body,
      reason,
    });
    await waitForPlans(call, { ...outcome, plans: [{ service, plan: name }] });
    const shown = await call.gateway.get<Plan>(path`/v1/services/${service}/plans/${name}`);
    await call.output.object(shown, { name: () => name, people: () => `${planProgress(shown)}\n` });
  };
}
