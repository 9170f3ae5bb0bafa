import { serviceView, versionDifference, versionsRunning, versionViews, type ServicesState } from '@orrery/domain';
import { Problem } from '../../problem.js';
import { merged, pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Answer, Page, Whereabouts } from '../query.js';
import type { Cell, World } from '../world.js';

export function listServices({ cells }: World, page: Page): ListAnswer {
  const named = merged(cells.map((cell) => namesOf(cell, page.after)));
  return pageOfEntries(named, page, ({ cell, name }) => serviceJson(cell, name));
}

export function showService(world: World, name: string): Answer {
  const cell = cellOf(world, name);
  const { pods, ...shown } = serviceJson(cell, name) as { readonly version: number; readonly pods: object };
  const running = versionsRunning(cell.services, name);
  const counted = Object.entries(pods).map(([pod, counts]) => [pod, { ...counts, versions: running[pod] ?? {} }]);
  const spec = versionViews(cell.services, name).find(({ version }) => version === shown.version)?.spec;
  return {
    value: { ...shown, pods: Object.fromEntries(counted), ...(spec === undefined ? {} : { spec }) },
    etag: String(shown.version),
  };
}

export function whereabouts(world: World, name: string): Whereabouts {
  const { cell, services } = cellOf(world, name);
  return { cell, generation: serviceView(services, name)!.generation };
}

/** The role of each of these services that there is. */
export function rolesOf({ cells }: World, names: readonly string[]): Readonly<Record<string, string>> {
  const roles = cells.flatMap(({ services }) =>
    names.flatMap((name): [string, string][] => {
      const role = serviceView(services, name)?.role;
      return role === undefined ? [] : [[name, role]];
    }),
  );
  return Object.fromEntries(roles);
}

export function listVersions(world: World, name: string, page: Page): ListAnswer {
  const { services } = cellOf(world, name);
  const { version: current, generation } = serviceView(services, name)!;
  const kept = versionViews(services, name).map((view): Keyed<typeof view> => [keyOf(view.version), view]);
  return pageOfEntries(kept, page, ({ version, digest, spec }) => {
    return { version, digest, generation, current: version === current, spec };
  });
}

export function diffVersions(world: World, name: string, from: number, to: number): Answer {
  const { services } = cellOf(world, name);
  const difference = versionDifference(services, name, from, to);
  if (difference !== undefined) return { value: { name, from, to, ...difference } };
  const kept = versionViews(services, name).map(({ version }) => version);
  const missing = kept.includes(from) ? to : from;
  throw Problem.of('unknown-version', `${name} has no version ${missing}`, {
    remedy: `kept versions: ${kept.join(', ')}`,
  });
}

/** The cell where a service lives. */
export function cellOf({ cells }: World, name: string): Cell {
  const cell = cells.find(({ services }) => services.services.has(name));
  if (cell !== undefined) return cell;
  throw Problem.of('unknown-service', `there is no service ${name}`, { remedy: 'see the list of services' });
}

function* namesOf(cell: Cell, from: string | undefined): Generator<Keyed<{ cell: Cell; name: string }>> {
  for (const name of cell.services.services.keys(from)) yield [name, { cell, name }];
}

function serviceJson(
  { cell, services }: { readonly cell: number; readonly services: ServicesState },
  name: string,
): object {
  const { version, role, state, pods, plan, generation, package: from } = serviceView(services, name)!;
  return { name, version, role, state, pods, plan, generation, cell, ...(from !== undefined && { package: from }) };
}

/** Sorts versions as numbers. */
function keyOf(version: number): string {
  return String(version).padStart(9, '0');
}
