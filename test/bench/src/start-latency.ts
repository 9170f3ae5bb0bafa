import { randomUUID } from 'node:crypto';
import { idsIn, valueAt, type ClusterEventOf, type LaunchId, type TasksRun } from '@orrery/contracts';
import type { KafkajsLog } from '@orrery/kafka';
import { eventually, type RealCluster } from '@orrery/testing';
import { orderRecords, reportsTaken, type OrderRecord } from './agent-records.js';
import { JournalTail } from './journal-tail.js';

/**
 * The start of one task, in ms from the commit that accepted the scaling. Journals and reports are stamped by the broker,
 * the rest by the agent: one clock, on one machine.
 */
export interface StartSample {
  /** The cluster journal has the launch: allocated, ordered and accepted. */
  readonly accepted: number;
  /** The agent has the order. */
  readonly received: number;
  /** The task's process exists; it has yet to join its groups and to become its command. */
  readonly exists: number;
  /** The broker has the agent's report of it. */
  readonly reported: number;
  /** The cluster journal says RUNNING. */
  readonly running: number;
  /** Between order and process, for so long the agent's machine was making processes: this one, or others of the same order. */
  readonly making: number;
}

/**
 * What the plane took of it: everything but the agent's machine making processes. The agent's own way from the order to the
 * first process (its checkpoint) and between two of them counts, as does a process that exists and nobody has told of yet.
 */
export function planeMs({ running, making }: StartSample): number {
  return running - making;
}

/** Scales a service of `sleep` tasks from three to `count` and takes the time of each new one. */
export async function startLatencies(cluster: RealCluster, log: KafkajsLog, count: number): Promise<StartSample[]> {
  const name = `sleep-${randomUUID().slice(0, 8)}`;
  const sleep = { cmd: 'exec sleep 100000', cpus: 0.01, memory: 16 };
  const spec = {
    name,
    pods: { node: { count: 3, tasks: { sleep } } },
    plans: { deploy: { phases: { node: { pod: 'node', strategy: 'parallel' } } } },
  };
  await wanted(cluster, 'PUT', `/v1/services/${name}`, spec);
  await running(cluster, name, 3);
  const watch = await StartWatch.of(log, name, count - 3);
  const reports = await reportsTaken(log);
  await wanted(cluster, 'POST', `/v1/services/${name}/scale`, { pod: 'node', count });
  await watch.done;
  await eventually(() => watch.launches.every((launch) => reports.taken.has(launch)), {
    withinMs: 10_000,
    what: 'every report is read',
  });
  await Promise.all([watch.stop(), reports.stop()]);
  const samples = watch.samples(orderRecords(cluster.home, watch.launches), reports.taken);
  await wanted(cluster, 'DELETE', `/v1/services/${name}`);
  await eventually(async () => (await cluster.request('GET', `/v1/services/${name}`)).status === 404, {
    withinMs: 60_000,
    what: `${name} is removed`,
  });
  return samples;
}

interface Launch {
  readonly acceptedMs: number;
  existsMs?: number;
  runningMs?: number;
}

/** What both journals say of the launches of one service from now on. */
class StartWatch {
  readonly done: Promise<void>;
  readonly #tails: readonly JournalTail[];
  readonly #launches = new Map<string, Launch>();
  #scaledMs = 0;

  static async of(log: KafkajsLog, service: string, count: number): Promise<StartWatch> {
    return new StartWatch(await JournalTail.from(log, 'services'), await JournalTail.from(log, 'cluster'), {
      service,
      count,
    });
  }

  private constructor(
    services: JournalTail,
    cluster: JournalTail,
    { service, count }: { readonly service: string; readonly count: number },
  ) {
    this.#tails = [services, cluster];
    services.on(({ record, timestampMs }) => {
      if (record.events.some(({ type }) => type === 'ServiceApplied')) this.#scaledMs ||= timestampMs;
    });
    this.done = new Promise((resolve) => {
      cluster.on(({ record, timestampMs }) => {
        for (const { type, data } of record.events) {
          if (type === 'LaunchAccepted') this.#onAccepted(data as LaunchAccepted, service, timestampMs);
          if (type === 'TasksRunning') this.#onRunning(data as TasksRun, timestampMs);
        }
        const running = [...this.#launches.values()].filter(({ runningMs }) => runningMs !== undefined);
        if (running.length >= count) resolve();
      });
    });
  }

  get launches(): readonly string[] {
    return [...this.#launches.keys()];
  }

  samples(orders: ReadonlyMap<string, OrderRecord>, reported: ReadonlyMap<string, number>): StartSample[] {
    const made = [...this.#launches].map(([launch, { existsMs }]) => ({
      ...orders.get(launch)!,
      existsMs: existsMs!,
    }));
    return [...this.#launches].map(([launch, { acceptedMs, existsMs, runningMs }]) => {
      const { agent, receivedMs } = orders.get(launch)!;
      const making = made.filter((each) => each.agent === agent);
      return {
        accepted: acceptedMs - this.#scaledMs,
        received: receivedMs - this.#scaledMs,
        exists: existsMs! - this.#scaledMs,
        reported: reported.get(launch)! - this.#scaledMs,
        running: runningMs! - this.#scaledMs,
        making: coveredMs(receivedMs, existsMs!, making),
      };
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#tails.map((tail) => tail.stop()));
  }

  #onAccepted({ service, launches }: LaunchAccepted, ofService: string, acceptedMs: number): void {
    if (service !== ofService) return;
    for (const launch of idsIn<LaunchId>(launches)) this.#launches.set(launch, { acceptedMs });
  }

  #onRunning({ launches, sinceFrom, since }: TasksRun, runningMs: number): void {
    let position = 0;
    for (const launch of idsIn<LaunchId>(launches)) {
      const existsMs = sinceFrom + valueAt(since, position++);
      const known = this.#launches.get(launch);
      if (known !== undefined) Object.assign(known, { existsMs, runningMs });
    }
  }
}

/** How much of the time from `fromMs` to `toMs` lies in any of the spans. */
function coveredMs(
  fromMs: number,
  toMs: number,
  spans: readonly { readonly begunMs: number; readonly existsMs: number }[],
): number {
  let covered = 0;
  let at = fromMs;
  for (const { begunMs, existsMs } of [...spans].sort((left, right) => left.begunMs - right.begunMs)) {
    const [begin, end] = [Math.max(at, begunMs), Math.min(toMs, existsMs)];
    if (end <= begin) continue;
    covered += end - begin;
    at = end;
  }
  return covered;
}

type LaunchAccepted = ClusterEventOf<'LaunchAccepted'>['data'];

async function wanted(cluster: RealCluster, method: string, path: string, body?: unknown): Promise<void> {
  const answer = await cluster.request(method, path, {
    ...(body === undefined ? {} : { body }),
    headers: { prefer: 'wait=30' },
  });
  if (answer.status >= 300 || answer.status === 0)
    throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
}

async function running(cluster: RealCluster, service: string, count: number): Promise<void> {
  await eventually(
    async () => {
      const answer = await cluster.request('GET', `/v1/services/${service}`);
      const pods = (answer.json as { pods?: { node?: { running: number } } } | undefined)?.pods;
      return pods?.node?.running === count;
    },
    { withinMs: 60_000, what: `${count} tasks of ${service} run` },
  );
}
