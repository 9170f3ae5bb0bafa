import type { ServiceSpec } from '@orrery/contracts';
import { launchesOfService, serviceView, taskViewOf, versionViews } from '@orrery/domain';
import type { Cell, World } from '../world.js';

/** Tasks with a port of this name answer Prometheus at /metrics there. */
const METRICS_PORT = 'metrics';
/** Prometheus takes the list as a whole. */
const TARGETS_MAX = 10_000;

interface MetricsTarget {
  readonly targets: readonly [address: string];
  readonly labels: Readonly<Record<string, string>>;
}

/** What Prometheus reads by `http_sd_configs`: one target for each running task with a port `metrics`. */
export function metricsTargets({ cells }: World): readonly MetricsTarget[] {
  const found = cells.flatMap((cell) => [...cell.services.services.keys()].flatMap((name) => targetsOf(cell, name)));
  return found.slice(0, TARGETS_MAX);
}

function targetsOf({ services, cluster }: Cell, name: string): MetricsTarget[] {
  const view = serviceView(services, name);
  const spec = versionViews(services, name).find(({ version }) => version === view?.version)?.spec;
  if (view === undefined || spec === undefined || !isMeasured(spec)) return [];
  return [...launchesOfService(cluster, name)].flatMap((row): MetricsTarget[] => {
    const { state, address, ports, id, pod, index, hostname } = taskViewOf(cluster, row);
    const port = ports[METRICS_PORT];
    if (state !== 'RUNNING' || port === undefined) return [];
    const of = { service: name, role: view.role, pod: `${pod}-${index}`, task: id, agent: hostname };
    return [
      {
        targets: [`${address}:${port}`],
        labels: { ...of, ...(spec.package === undefined ? {} : { package: spec.package.name }) },
      },
    ];
  });
}

function isMeasured({ pods }: ServiceSpec): boolean {
  return Object.values(pods).some(({ tasks }) =>
    Object.values(tasks).some(({ ports = {} }) => Object.hasOwn(ports, METRICS_PORT)),
  );
}
