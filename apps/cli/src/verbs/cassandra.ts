import { argument, confirm, type Verb } from '../call.js';
import { changePlan } from './plan.js';

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
    await changePlan(call, { service, plan: name, verb: 'start', body, waits: true });
  };
}
