import type { Difference, Endpoint, Owned, Service, ServiceVersion } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import { changeLines } from '../change-lines.js';
import { CliError } from '../cli-error.js';
import { dryRunText, isPlaced, type DryRun } from '../dry-run.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import type { Change, Outcome } from '../gateway-client.js';
import { pairsText } from '../output/lines.js';
import type { Listing } from '../output/output.js';
import { fields, table } from '../output/table.js';
import { versionCounts } from '../output/versions.js';
import { planTrouble, waitForPlans } from '../plan-progress.js';
import { whyNotReady } from '../not-ready.js';
import { atOf, showList, showObject } from '../reading.js';
import { waitUntil } from '../waiting.js';
import { readSpecs } from '../spec-files.js';

const services: Listing<Service> = {
  name: (service) => service.name,
  columns: [
    { title: 'NAME', cell: (service) => service.name },
    { title: 'VERSION', cell: (service) => service.version, right: true },
    { title: 'STATE', cell: (service) => service.state },
    { title: 'RUNNING', cell: podCounts, shrinks: true },
    { title: 'PLAN', cell: (service) => planText(service.plan) },
    { title: 'ROLE', cell: (service) => service.role },
    { title: 'CELL', cell: (service) => service.cell, wide: true },
  ],
};

export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/services', {}, services);
}

export async function show(call: Call): Promise<void> {
  const name = argument(call, 0);
  const trouble = ({ state }: Service) =>
    state === 'DEGRADED' && call.options.at === undefined ? whyNotReady(call, name) : Promise.resolve([]);
  await showObject<Service>(call, path`/v1/services/${name}`, {
    name: services.name,
    people: serviceText,
    more: trouble,
  });
}

/** Without its spec, which `-o yaml` shows. */
function serviceText({ name, version, role, state, plan, pods }: Service): string {
  type Row = [string, Service['pods'][string]];
  const counts = table(
    [
      { title: 'POD', cell: ([pod]: Row) => pod },
      { title: 'COUNT', cell: ([, { count }]) => count, right: true },
      { title: 'RUNNING', cell: ([, { running }]) => running, right: true },
      { title: 'READY', cell: ([, { ready }]) => ready, right: true },
      {
        title: 'VERSIONS',
        cell: ([, { versions = {} }]) => versionCounts(versions),
        unlessNone: ([, { versions = {} }]) => Object.keys(versions).some((running) => Number(running) !== version),
      },
      { title: 'PRIORITY', cell: ([, { priority }]) => priority, right: true, unlessNone: isRanked },
      { title: 'REVOCABLE', cell: ([, { revocable }]) => revocable === true, unlessNone: isRevocable },
    ],
    Object.entries(pods),
  );
  const trouble = (plan === null ? [] : planTrouble(plan)).map((line) => `${line}\n`).join('');
  return `${fields({ name, version, role, state, plan: planText(plan) })}${trouble}\n${counts}`;
}

/** Of those that nothing is said of. */
const PRIORITY_DEFAULT = 50;

function isRanked([, { priority }]: [string, Service['pods'][string]]): boolean {
  return priority !== undefined && priority !== PRIORITY_DEFAULT;
}

function isRevocable([, { revocable }]: [string, Service['pods'][string]]): boolean {
  return revocable === true;
}

export async function apply(call: Call): Promise<ExitCode> {
  const specs = await readSpecs(call);
  if (call.options['dryRun'] === true) return dryRun(call, specs);
  for (const spec of specs) {
    const outcome = await call.gateway.change('PUT', path`/v1/services/${spec.name}`, {
      body: spec,
      ...changeOf(call),
    });
    await finish(call, spec.name, outcome);
  }
  return exitCodes.done;
}

async function dryRun(call: Call, specs: readonly { readonly name: string }[]): Promise<ExitCode> {
  let changes = 0;
  let placed = true;
  for (const spec of specs) {
    const run = await call.gateway.ask<DryRun>('PUT', path`/v1/services/${spec.name}`, { 'dry-run': true }, spec);
    changes += run.changes.length;
    placed &&= isPlaced(run);
    await call.output.object(run, { name: () => spec.name, people: dryRunText });
  }
  if (!placed) return exitCodes.notPlaced;
  return changes > 0 && call.options['exitCode'] === true ? exitCodes.changesPending : exitCodes.done;
}

export async function scale(call: Call): Promise<void> {
  const [name, pod, count] = [argument(call, 0), argument(call, 1), argument(call, 2)];
  if (!/^\d+$/.test(count)) {
    throw new CliError('usage', `COUNT is a whole number, found ${count}`, { exitCode: exitCodes.usage });
  }
  const body = { pod, count: Number(count) };
  await finish(
    call,
    name,
    await call.gateway.change('POST', path`/v1/services/${name}/scale`, { body, ...changeOf(call) }),
  );
}

export async function rollback(call: Call): Promise<void> {
  const name = argument(call, 0);
  const body = { version: versionOf(call, 1) };
  await finish(
    call,
    name,
    await call.gateway.change('POST', path`/v1/services/${name}/rollback`, { body, ...changeOf(call) }),
  );
}

export async function uninstall(call: Call): Promise<void> {
  await uninstallService(call, argument(call, 0));
}

export async function uninstallService(call: Call, name: string): Promise<void> {
  await confirm(call, `Uninstall ${name}: end its tasks and destroy its volumes?`);
  const outcome = await call.gateway.change('DELETE', path`/v1/services/${name}`, changeOf(call));
  if (call.options.detach !== true) {
    await waitUntil(call, { service: name, waitsFor: `uninstall of ${name}` }, async () => {
      const service = await findService(call, name);
      if (service !== undefined) {
        return { done: false, progress: `uninstalling ${name}: ${podCounts(service)} running` };
      }
      const left = await ownedBy(call, name);
      return { done: !left.agents.some(isReachable), progress: `${name} is removed: ${ownedText(left)}` };
    });
  }
  if (call.options.detach === true) {
    await call.output.object(
      { name, ...outcome },
      { name: () => name, people: () => `uninstall of ${name} accepted\n` },
    );
    return;
  }
  const owned = await ownedBy(call, name);
  await call.output.object(
    { name, ...outcome, owned },
    { name: () => name, people: () => `${name} uninstalled: ${ownedText(owned)}\n${leftText(owned)}` },
  );
}

async function ownedBy(call: Call, name: string): Promise<Owned> {
  return call.gateway.get<Owned>(path`/v1/services/${name}/owned`);
}

function isReachable({ state }: Owned['agents'][number]): boolean {
  return state !== 'UNREACHABLE';
}

function ownedText({ tasks, volumes, reservations }: Owned): string {
  return `${counted(tasks, 'task')}, ${counted(volumes, 'volume')}, ${counted(reservations, 'reservation')} owned`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function leftText({ agents }: Owned): string {
  const lines = agents.map(({ agent, hostname, state }) => `  left on ${hostname} (${agent}), which is ${state}`);
  if (lines.length === 0) return '';
  return `${lines.join('\n')}\n  it is collected when they return, or given up with orrery agent gone\n`;
}

export async function versions(call: Call): Promise<void> {
  await showList<ServiceVersion>(
    call,
    path`/v1/services/${argument(call, 0)}/versions`,
    {},
    {
      name: (version) => String(version.version),
      columns: [
        { title: 'VERSION', cell: (version) => version.version, right: true },
        { title: 'AT', cell: (version) => version.at },
        { title: 'ACTOR', cell: (version) => version.actor },
        { title: 'REASON', cell: (version) => version.reason },
        { title: 'DIGEST', cell: (version) => version.digest, wide: true },
      ],
    },
  );
}

export async function diff(call: Call): Promise<void> {
  const query = { from: versionOf(call, 1), to: versionOf(call, 2), ...atOf(call) };
  const difference = await call.gateway.get<{ changes: Difference[] }>(
    path`/v1/services/${argument(call, 0)}/diff`,
    query,
  );
  await call.output.object(difference, {
    name: () => argument(call, 0),
    people: ({ changes }) =>
      changes.length === 0
        ? 'no difference\n'
        : changeLines(changes)
            .map((line) => `${line}\n`)
            .join(''),
  });
}

export async function endpoints(call: Call): Promise<void> {
  const [service, name] = [argument(call, 0), call.args[1]];
  const all = await call.gateway.list<Endpoint>(path`/v1/services/${service}/endpoints`, atOf(call));
  const shown = name === undefined ? all : all.filter((endpoint) => endpoint.name === name);
  if (name !== undefined && shown.length === 0) {
    throw new CliError('unknown-endpoint', `${service} has no endpoint ${name}`, {
      remedy: `it has: ${all.map((endpoint) => endpoint.name).join(', ') || 'none'}`,
      exitCode: exitCodes.notFound,
    });
  }
  await call.output.list(shown, {
    name: (endpoint) => endpoint.name,
    columns: [
      { title: 'NAME', cell: (endpoint) => endpoint.name },
      { title: 'ADDRESS', cell: (endpoint) => endpoint.address.join(' '), shrinks: true },
      { title: 'VIP', cell: (endpoint) => endpoint.vip },
      {
        title: 'NAMES',
        cell: ({ names }) => names?.join(' '),
        shrinks: true,
        unlessNone: ({ names }) => names !== undefined,
      },
      { title: 'VISIBILITY', cell: ({ visibility }) => visibility, unlessNone: isRestricted },
      {
        title: 'LABELS',
        cell: ({ labels }) => labels && pairsText(labels, ' '),
        unlessNone: ({ labels }) => labels !== undefined,
      },
    ],
  });
}

/** Whoever runs in the cluster finds what says nothing else. */
function isRestricted({ visibility = 'CLUSTER' }: Endpoint): boolean {
  return visibility !== 'CLUSTER';
}

/** Waits for what a change of a service started, then prints the service. */
export async function finish(call: Call, name: string, outcome: Outcome): Promise<void> {
  await waitForPlans(call, (outcome.plans ?? []).length === 0 ? await unchanged(call, name, outcome) : outcome);
  const service = await call.gateway.get<Service>(path`/v1/services/${name}`);
  const running = call.options.detach === true ? 'accepted' : `${podCounts(service)} running`;
  await call.output.object(service, {
    name: services.name,
    people: ({ version }) => `${name} version ${version}: ${running}\n`,
  });
}

/** Nothing was to be changed; what was under way before is waited for all the same. */
async function unchanged(call: Call, name: string, outcome: Outcome): Promise<Outcome> {
  const { plan } = await call.gateway.get<Service>(path`/v1/services/${name}`);
  // A paused one waits for a word of its own.
  const isUnderWay = plan !== null && plan.status !== 'COMPLETE' && plan.status !== 'WAITING';
  call.output.remark(isUnderWay ? `${name}: no change; plan ${plan.name} is under way` : `${name}: no change`);
  return isUnderWay ? { ...outcome, plans: [{ service: name, plan: plan.name }] } : outcome;
}

export async function findService(call: Call, name: string): Promise<Service | undefined> {
  try {
    return await call.gateway.get<Service>(path`/v1/services/${name}`);
  } catch (error) {
    if (error instanceof CliError && error.exitCode === exitCodes.notFound) return undefined;
    throw error;
  }
}

function changeOf(call: Call): Change {
  return { reason: call.options.reason, ifVersion: call.options['ifVersion'] as string | undefined };
}

function versionOf(call: Call, at: number): number {
  const text = argument(call, at);
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new CliError('usage', `a version is a number from 1 on, found ${text}`, { exitCode: exitCodes.usage });
}

function podCounts(service: Service): string {
  return Object.entries(service.pods)
    .map(([pod, { running, count }]) => `${pod} ${running}/${count}`)
    .join(', ');
}

function planText(plan: Service['plan']): string | undefined {
  return plan === null ? undefined : `${plan.name} ${plan.status}`;
}
