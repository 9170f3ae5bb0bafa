import {
  chosenOptions,
  compareVersions,
  endpointWishes,
  readPackage,
  refusalOfFixed,
  refusalOfMove,
  ALERTS_FILE,
  alertsOf,
  renderService,
  type Options,
  type PackageDefinition,
  type RenderRequest,
} from '@orrery/catalog';
import type { ServiceSpec } from '@orrery/contracts';
import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import { Problem } from '../problem.js';
import { Repositories } from './repositories.js';
import type { PackageEntry } from './repository.js';

/** A package as a list shows it. */
export interface PackageLine {
  readonly name: string;
  /** The newest. */
  readonly version: string;
  readonly versions: readonly string[];
  readonly description: string;
  readonly tags: readonly string[];
  readonly repository: string;
}

/** What is asked of a package. */
export interface PackageRequest {
  /** Of the service; absent: the option service.name, else its default. */
  readonly name?: string;
  /** Absent: the newest; for an update the installed one. */
  readonly version?: string;
  readonly options: Options;
  /** Of an update: what was stored before is left out. */
  readonly replace?: boolean;
}

/** What a package is rendered into: the services that are there. */
export interface Surroundings {
  find(service: string): Promise<ServiceSpec | undefined>;
  /** Of the instances that are ready; nothing when there is no such service. */
  addressesOf(service: string, endpoint: string): Promise<readonly string[] | undefined>;
}

/** Finds packages, and makes services of them. */
@Injectable()
export class Packages {
  constructor(private readonly repositories: Repositories) {}

  /** Those with all words of the query in name, description or tags. */
  async search(query: string): Promise<readonly PackageLine[]> {
    const words = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const lines = new Map<string, PackageLine>();
    for (const place of this.repositories.list()) {
      for (const entries of byName(await this.repositories.open(place).packages()).values()) {
        const { name, version, description, tags } = entries[0]!;
        const text = [name, description, ...tags].join(' ').toLowerCase();
        if (lines.has(name) || !words.every((word) => text.includes(word))) continue;
        const versions = entries.map((entry) => entry.version);
        lines.set(name, { name, version, versions, description, tags, repository: place.name });
      }
    }
    return [...lines.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  async describe(name: string, version: string | undefined) {
    const { entries, repository } = await this.#find(name);
    const { manifest, config, resource, files } = await open(chosen(entries, version));
    const versions = entries.map((entry) => entry.version);
    const template = files['service.yaml.mustache'];
    return { ...manifest, repository, versions, config, resource, template, alerts: alertsOf(files) };
  }

  /** The text of its alerting rules. */
  async alerts(name: string, version: string | undefined): Promise<string> {
    const { entries } = await this.#find(name);
    const { files } = await open(chosen(entries, version));
    const text = files[ALERTS_FILE];
    if (text !== undefined) return text;
    throw Problem.of('no-alerts', `package ${name} brings no alerting rules along`, {
      remedy: 'orrery package describe shows which alerts a package has',
    });
  }

  /** The service that comes of it. */
  async render(
    name: string,
    { version, options, name: service }: PackageRequest,
    surroundings: Surroundings,
  ): Promise<ServiceSpec> {
    const { entries } = await this.#find(name);
    const request = { given: options, ...(service !== undefined && { name: service }) };
    return rendered(await open(chosen(entries, version)), request, surroundings);
  }

  /** As `render`; refused when another service has its name. The same once more is no other. */
  async install(name: string, request: PackageRequest, surroundings: Surroundings): Promise<ServiceSpec> {
    const spec = await this.render(name, request, surroundings);
    const there = await surroundings.find(spec.name);
    if (there === undefined || isDeepStrictEqual(there.package, spec.package)) return spec;
    const what = there.package === undefined ? 'was not installed from a package' : `is ${there.package.name}`;
    throw Problem.of('package-already-installed', `there is a service ${spec.name}, and it ${what}`, {
      field: '/name',
      remedy: `orrery package update ${name}, or another --name`,
    });
  }

  /** The next version of an installed service: its stored options, and what is given. */
  async update(
    name: string,
    request: PackageRequest,
    installed: ServiceSpec,
    surroundings: Surroundings,
  ): Promise<ServiceSpec> {
    const { entries } = await this.#find(name);
    const from = installed.package!;
    const before = entries.find(({ version }) => version === from.version);
    const to = await open(chosen(entries, request.version ?? before?.version));
    const old = before && (await open(before));
    const stored = request.replace === true ? {} : from.options;
    const next = { name: installed.name, stored, given: request.options };
    const refusal =
      refusalOfMove(from.version, to, old) ??
      refusalOfFixed(
        { definition: old ?? to, options: from.options },
        { definition: to, options: chosenOptions(next) },
      );
    if (refusal !== undefined) throw Problem.refused(refusal);
    return rendered(to, next, surroundings);
  }

  /** All versions of a package, the newest first, from the first repository that has any. */
  async #find(name: string): Promise<{ entries: readonly PackageEntry[]; repository: string }> {
    for (const place of this.repositories.list()) {
      const entries = byName(await this.repositories.open(place).packages()).get(name);
      if (entries !== undefined) return { entries, repository: place.name };
    }
    throw Problem.of('unknown-package', `no repository has a package ${name}`, {
      remedy: 'orrery package search, orrery repo list',
    });
  }
}

function byName(entries: readonly PackageEntry[]): Map<string, PackageEntry[]> {
  const named = new Map<string, PackageEntry[]>();
  for (const entry of entries) named.set(entry.name, [...(named.get(entry.name) ?? []), entry]);
  for (const each of named.values()) each.sort((left, right) => compareVersions(right.version, left.version));
  return named;
}

function chosen(entries: readonly PackageEntry[], version: string | undefined): PackageEntry {
  const found = version === undefined ? entries[0] : entries.find((entry) => entry.version === version);
  if (found !== undefined) return found;
  const { name } = entries[0]!;
  throw Problem.of('unknown-package-version', `there is no ${name} ${version}`, {
    field: '/version',
    remedy: `versions: ${entries.map((entry) => entry.version).join(', ')}`,
  });
}

async function open(entry: PackageEntry): Promise<PackageDefinition> {
  const read = readPackage(await entry.files());
  if (!read.ok) throw Problem.refused(read.refusal);
  return read.value;
}

async function rendered(
  definition: PackageDefinition,
  request: RenderRequest,
  surroundings: Surroundings,
): Promise<ServiceSpec> {
  const addresses = await addressesFor(definition, request, surroundings);
  const result = renderService(definition, { ...request, addresses });
  if (!result.ok) throw Problem.refused(result.refusal);
  return result.value;
}

async function addressesFor(
  definition: PackageDefinition,
  request: RenderRequest,
  { addressesOf }: Surroundings,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const wishes = endpointWishes(definition, chosenOptions(request));
  if (!wishes.ok) throw Problem.refused(wishes.refusal);
  const found = wishes.value.map(async ({ option, service, endpoint }) => {
    const addresses = await addressesOf(service, endpoint);
    if (addresses !== undefined && addresses.length > 0) return [option, addresses] as const;
    const field = `/${option.replaceAll('.', '/')}`;
    if (addresses === undefined) {
      const remedy = `install it first, or name another service by the option ${option}`;
      throw Problem.of('invalid-option', `option ${option}: there is no service ${service}`, { field, remedy });
    }
    const remedy = `wait until it is ready: orrery endpoints ${service}`;
    throw Problem.of('no-endpoint', `option ${option}: ${service} has no ${endpoint} that is ready`, { field, remedy });
  });
  return new Map(await Promise.all(found));
}
