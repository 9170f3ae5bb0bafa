import type { Package, PackageLine, Service } from '../answers.js';
import { argument, path, type Call } from '../call.js';
import { CliError } from '../cli-error.js';
import { dryRunText, isPlaced, type DryRun } from '../dry-run.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import { optionTable } from '../option-table.js';
import type { Listing } from '../output/output.js';
import { fields, table } from '../output/table.js';
import { showList } from '../reading.js';
import { readDocuments } from '../spec-files.js';
import { findService, finish, uninstallService } from './service.js';

const packages: Listing<PackageLine> = {
  name: ({ name }) => name,
  columns: [
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'VERSION', cell: ({ version }) => version },
    { title: 'DESCRIPTION', cell: ({ description }) => description, shrinks: true },
    { title: 'REPOSITORY', cell: ({ repository }) => repository, wide: true },
    { title: 'VERSIONS', cell: ({ versions }) => versions.join(' '), wide: true },
  ],
};

const installed: Listing<Service> = {
  name: ({ name }) => name,
  columns: [
    { title: 'PACKAGE', cell: (service) => service.package?.name },
    { title: 'VERSION', cell: (service) => service.package?.version },
    { title: 'SERVICE', cell: ({ name }) => name },
    { title: 'STATE', cell: ({ state }) => state },
  ],
};

const alertColumns = [
  { title: 'ALERT', cell: ({ name }: Package['alerts'][number]) => name },
  { title: 'SEVERITY', cell: ({ severity }: Package['alerts'][number]) => severity },
  { title: 'SUMMARY', cell: ({ summary }: Package['alerts'][number]) => summary },
];

export async function search(call: Call): Promise<void> {
  const query = ((call.args[0] ?? []) as unknown as string[]).join(' ');
  await call.output.list(await call.gateway.list<PackageLine>('/v1/packages', { query }), packages);
}

export async function describe(call: Call): Promise<void> {
  const shown = await describedBy(call);
  await call.output.object(shown, {
    name: ({ name }) => name,
    people: ({ name, version, versions, description, repository, config, alerts, notes }) => {
      const head = fields({ name, version, versions: versions.join(', '), repository, description });
      const watched = alerts.length === 0 ? [] : [table(alertColumns, alerts)];
      const told = notes?.preInstall === undefined ? [] : [`${notes.preInstall}\n`];
      return [head, optionTable(config), ...watched, ...told].join('\n');
    },
  });
}

/** Services that were installed from a package. */
export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/services', {}, installed, (service) => service.package !== undefined);
}

export async function install(call: Call): Promise<ExitCode> {
  return change(call, 'install', await bodyOf(call));
}

export async function update(call: Call): Promise<ExitCode> {
  const body = await bodyOf(call);
  return change(call, 'update', call.options['replace'] === true ? { ...body, replace: true } : body);
}

export async function uninstall(call: Call): Promise<void> {
  const name = argument(call, 0);
  const service = (call.options['name'] as string | undefined) ?? name;
  const found = await findService(call, service);
  if (found?.package?.name !== name) {
    throw new CliError('package-not-installed', `there is no service ${service} of the package ${name}`, {
      remedy: 'orrery package list shows what is installed; --name says which service is meant',
      exitCode: exitCodes.notFound,
    });
  }
  await uninstallService(call, service);
}

interface PackageBody {
  readonly name?: string;
  readonly version?: string;
  readonly options: object;
}

async function change(call: Call, verb: 'install' | 'update', body: object): Promise<ExitCode> {
  const name = argument(call, 0);
  if (call.options['render'] === true) return render(call, name, body);
  if (call.options['dryRun'] === true) return dryRun(call, path`/v1/packages/${name}/${verb}`, body);
  const place = path`/v1/packages/${name}/${verb}`;
  const outcome = await call.gateway.change('POST', place, { body, reason: call.options.reason });
  await finish(call, outcome.subject ?? name, outcome);
  const { notes } = verb === 'install' ? await describedBy(call) : {};
  if (notes?.postInstall !== undefined) call.output.remark(notes.postInstall);
  return exitCodes.done;
}

async function render(call: Call, name: string, body: object): Promise<ExitCode> {
  const spec = await call.gateway.ask<{ name: string }>('POST', path`/v1/packages/${name}/render`, {}, body);
  const { stringify } = await import('yaml');
  await call.output.object(spec, { name: () => spec.name, people: (shown) => stringify(shown) });
  return exitCodes.done;
}

async function dryRun(call: Call, place: string, body: object): Promise<ExitCode> {
  const run = await call.gateway.ask<DryRun>('POST', place, { 'dry-run': true }, body);
  await call.output.object(run, { name: () => run.name, people: dryRunText });
  if (!isPlaced(run)) return exitCodes.notPlaced;
  return run.changes.length > 0 && call.options['exitCode'] === true ? exitCodes.changesPending : exitCodes.done;
}

async function bodyOf(call: Call): Promise<PackageBody> {
  const file = call.options['options'] as string | undefined;
  const version = call.options['packageVersion'] as string | undefined;
  const name = call.options['name'] as string | undefined;
  const options = file === undefined ? {} : await optionsIn(call, file);
  return { options, ...(name !== undefined && { name }), ...(version !== undefined && { version }) };
}

async function optionsIn(call: Call, file: string): Promise<object> {
  const { place, documents } = await readDocuments(call, file);
  const [options] = documents;
  if (documents.length === 1 && typeof options === 'object' && !Array.isArray(options)) return options as object;
  throw new CliError('malformed', `${place} has no options`, {
    remedy: 'one object, such as { "web": { "count": 5 } }',
  });
}

function describedBy(call: Call): Promise<Package> {
  const version = call.options['packageVersion'] as string | undefined;
  return call.gateway.get<Package>(path`/v1/packages/${argument(call, 0)}`, { version });
}
