import { RingUnanswered, ringOf, type RingNode } from '@orrery/cassandra';
import type { Endpoint, Plan } from '../answers.js';
import { argument, confirm, path, type Call, type Verb } from '../call.js';
import { CliError } from '../cli-error.js';
import type { Listing } from '../output/output.js';
import { planProgress, waitForPlans } from '../plan-progress.js';

/** The advertised port of the package. */
const ENDPOINT = 'native';

const nodes: Listing<RingNode> = {
  name: ({ address }) => address,
  columns: [
    { title: 'NODE', cell: ({ address, port }) => `${address}:${port}` },
    { title: 'ANSWERS', cell: ({ answers }) => answers },
    { title: 'STATE', cell: ({ state }) => state },
    { title: 'DATACENTER', cell: ({ datacenter }) => datacenter },
    { title: 'RACK', cell: ({ rack }) => rack },
    { title: 'TOKENS', cell: ({ tokens }) => tokens, right: true },
    { title: 'VERSION', cell: ({ version }) => version },
    { title: 'HOST ID', cell: ({ hostId }) => hostId },
  ],
};

/** Straight to the nodes, where they advertise themselves: the gateway is no way for the data of guests. */
export async function status(call: Call): Promise<void> {
  const service = argument(call, 0);
  const endpoints = await call.gateway.list<Endpoint>(path`/v1/services/${service}/endpoints`);
  const addresses = endpoints.find(({ name }) => name === ENDPOINT)?.address ?? [];
  if (addresses.length === 0) {
    throw new CliError('no-node', `${service} has no node that is ready`, {
      remedy: `orrery pod list ${service}; orrery task why ${service}.node-0.server`,
    });
  }
  try {
    await call.output.list(await ringOf(addresses), nodes);
  } catch (error) {
    if (!(error instanceof RingUnanswered)) throw error;
    throw new CliError('node-away', error.message, { remedy: `the nodes are ${addresses.join(', ')}` });
  }
}

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
