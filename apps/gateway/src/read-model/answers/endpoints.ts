import type { PortSpec, ServiceSpec } from '@orrery/contracts';
import { isPausedTask, launchesOfService, serviceView, taskViewOf, versionViews } from '@orrery/domain';
import { pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Page } from '../query.js';
import type { World } from '../world.js';
import { cellOf } from './services.js';

interface Endpoint {
  readonly name: string;
  readonly address: string[];
  readonly vip?: string;
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
    for (const [port, number] of Object.entries(ports))
      endpoints.get(keyOf(pod, task, port))?.address.push(`${address}:${number}`);
  }
  const byName = new Map<string, Endpoint>();
  for (const endpoint of endpoints.values()) {
    const same = byName.get(endpoint.name);
    if (same === undefined) byName.set(endpoint.name, endpoint);
    else same.address.push(...endpoint.address);
  }
  const sorted = [...byName].sort(([left], [right]) => (left < right ? -1 : 1)) as Keyed<Endpoint>[];
  return pageOfEntries(sorted, page, (endpoint) => ({ ...endpoint, address: endpoint.address.sort() }));
}

function advertisedPorts(spec: ServiceSpec | undefined): Map<string, Endpoint> {
  const endpoints = new Map<string, Endpoint>();
  for (const [pod, { tasks }] of Object.entries(spec?.pods ?? {})) {
    for (const [task, { ports = {} }] of Object.entries(tasks)) {
      for (const [port, declared] of Object.entries(ports)) {
        if (declared.advertise !== true && declared.vip === undefined) continue;
        endpoints.set(keyOf(pod, task, port), { name: port, address: [], ...vipOf(declared) });
      }
    }
  }
  return endpoints;
}

function vipOf({ vip }: PortSpec): { vip?: string } {
  return vip === undefined ? {} : { vip: `${vip.prefix}:${vip.port}` };
}

function keyOf(pod: string, task: string, port: string): string {
  return `${pod}/${task}/${port}`;
}
