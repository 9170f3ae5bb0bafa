import { agentCommandsTopic, agentPartition } from '@orrery/contracts';
import { KafkajsLog } from '@orrery/kafka';
import { Clients } from './clients.js';
import { allRun, applyService, durability } from './many-tasks.js';
import type { BenchmarkOptions } from './options.js';
import type { BenchmarkResult } from './report.js';
import { SimulatedCluster } from './simulated-cluster.js';
import { round } from './statistics.js';

const AGENTS = 500;
const TASKS = 20_000;
const TASKS_PER_SERVICE = 1000;
/** As many as an installation of its own has. */
const LANES = 64;

/** So many connections as agents on machines of their own have: what one byte of orders costs the network. */
export async function fanOut(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { agents = AGENTS, tasks = TASKS } = options;
  const environment = { ORRERY_AGENT_LANES: String(LANES) };
  const cluster = await SimulatedCluster.start({ agents, launches: tasks * 2, environment });
  const links: KafkajsLog[] = [];
  try {
    const lanes = Array.from({ length: LANES }, (_, partition) => ({ topic: agentCommandsTopic, partition }));
    const marks = await Promise.all(lanes.map(async (lane) => (await cluster.log.bounds(lane)).high));
    let delivered = 0;
    for (let index = 0; index < agents; index += 1) {
      const log = new KafkajsLog({ brokers: cluster.brokers, clientId: `agent-${index}` });
      const partition = agentPartition(`agent-${index}`, 0, { cells: 1, lanes: LANES });
      links.push(log);
      log.follow(
        lanes[partition]!,
        marks[partition]!,
        ({ messages }) => {
          for (const { value } of messages) delivered += value?.length ?? 0;
        },
        (error) => {
          throw error;
        },
      );
    }
    const clients = await Clients.connect(cluster.brokers, 1);
    const costs = await cluster.costs();
    const services = Math.max(1, Math.round(tasks / TASKS_PER_SERVICE));
    await clients.send(
      Array.from({ length: services }, (_, index) =>
        applyService(`wide-${index}`, Math.min(tasks, TASKS_PER_SERVICE), '*', options),
      ),
    );
    await allRun(cluster, services * Math.min(tasks, TASKS_PER_SERVICE));
    await clients.close();
    let written = 0;
    for (const [partition, lane] of lanes.entries()) {
      const { high } = await cluster.log.bounds(lane);
      const messages = await cluster.log.read(lane, marks[partition]!, high);
      written += messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    }
    const spent = await costs.read();
    return {
      name: 'fan-out',
      durability,
      settings: { agents, tasks, lanes: LANES, policy: options.policy },
      metrics: {
        order_bytes: written,
        order_bytes_per_task: round(written / tasks),
        delivered_bytes: delivered,
        delivered_per_order_byte: round(delivered / written),
        kafka_cpu_s: round(spent.processes['kafka']?.cpuSeconds ?? 0),
      },
      spread: {},
    };
  } finally {
    await Promise.all(links.map((link) => link.close()));
    await cluster.stop();
  }
}
