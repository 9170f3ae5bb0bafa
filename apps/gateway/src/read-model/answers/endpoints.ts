import { portNumbersOf, type DiscoverySpec, type PortSpec, type ServiceSpec } from '@orrery/contracts';
import { isPausedTask, launchesOfService, serviceView, taskViewOf, versionViews } from '@orrery/domain';
import { pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Page } from '../query.js';
import type { World } from '../world.js';
import { cellOf } from './services.js';

interface Endpoint {
  readonly name: string;
  readonly address: string[];
  readonly vip?: string;
  /** `<prefix>-<index>` of the tasks at these addresses, where they have such names. */
  readonly names?: string[];
  readonly visibility?: DiscoverySpec['visibility'];
  readonly labels?: DiscoverySpec['labels'];
}

/** Advertised ports and where they can be reached now: of tasks that run and are ready, and don't sleep. */
export function listEndpoints(world: World, name: string, page: Page): ListAnswer {
  const { services, cluster } = cellOf(world, name);
  const { version } = serviceView(services, name)!;
  const spec = versionViews(services, name).find((view) => view.version === version)?.spec;
  const endpoints = advertisedPorts(spec);
  if (endpoints.size === 0) return { items: [], next: null };
  for (const row of launchesOfService(cluster, name)) {
    const { state, ready, address, ports, pod, index, task } = taskViewOf(cluster, row);
    if (state !== 'RUNNING' || !ready || isPausedTask(services, name, pod, index, task)) continue;
    const prefix = spec?.pods[pod]?.tasks[task]?.discovery?.prefix;
    for (const [port, number] of Object.entries(ports)) {
      const endpoint = endpoints.get(keyOf(pod, task, port));
      endpoint?.address.push(`${address}:${number}`);
      if (prefix !== undefined) endpoint?.names?.push(`${prefix}-${index}`);
    }
  }
  const byName = new Map<string, Endpoint>();
  for (const endpoint of endpoints.values()) {
    const same = byName.get(endpoint.name);
    byName.set(endpoint.name, same === undefined ? endpoint : together(same, endpoint));
  }
  const sorted = [...byName].sort(([left], [right]) => (left < right ? -1 : 1)) as Keyed<Endpoint>[];
  return pageOfEntries(sorted, page, (endpoint) => ({
    ...endpoint,
    address: endpoint.address.sort(),
    ...(endpoint.names === undefined ? {} : { names: endpoint.names.sort() }),
  }));
}

/** Ports of one name in several tasks are one endpoint; what only one of them may have is that of the first. */
function together(first: Endpoint, second: Endpoint): Endpoint {
  const names = [...(first.names ?? []), ...(second.names ?? [])];
  return {
    ...second,
    ...first,
    address: [...first.address, ...second.address],
    ...(first.names === undefined && second.names === undefined ? {} : { names }),
    ...(first.labels === undefined && second.labels === undefined
      ? {}
      : { labels: { ...second.labels, ...first.labels } }),
  };
}

function advertisedPorts(spec: ServiceSpec | undefined): Map<string, Endpoint> {
  const endpoints = new Map<string, Endpoint>();
  for (const [pod, { tasks }] of Object.entries(spec?.pods ?? {})) {
    for (const [task, { ports = {}, discovery }] of Object.entries(tasks)) {
      for (const [port, declared] of Object.entries(ports)) {
        if (declared.advertise !== true && declared.vip === undefined) continue;
        for (const { name } of portNumbersOf(port, declared)) {
          endpoints.set(keyOf(pod, task, name), { name, address: [], ...vipOf(declared), ...foundBy(discovery) });
        }
      }
    }
  }
  return endpoints;
}

function foundBy(discovery: DiscoverySpec | undefined): Pick<Endpoint, 'names' | 'visibility' | 'labels'> {
  if (discovery === undefined) return {};
  const { prefix, visibility = 'CLUSTER', labels } = discovery;
  return {
    visibility,
    ...(prefix === undefined ? {} : { names: [] }),
    ...(labels === undefined ? {} : { labels }),
  };
}

function vipOf({ vip }: PortSpec): { vip?: string } {
  return vip === undefined ? {} : { vip: `${vip.prefix}:${vip.port}` };
}

function keyOf(pod: string, task: string, port: string): string {
  return `${pod}/${task}/${port}`;
}
