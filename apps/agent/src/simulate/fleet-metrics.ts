import { Gauge, type Registry } from 'prom-client';
import type { Fleet } from './fleet.js';

/** What a fleet has done so far: what a benchmark divides by. */
export function fleetMetrics(registry: Registry, fleet: Fleet): void {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `orrery_fleet_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge('agents', 'simulated agents', () => fleet.agents.length);
  gauge('registered', 'agents whose registration was answered', () => fleet.registered);
  gauge('launches', 'launches held, ended ones until they are acknowledged', () => fleet.tasks.count);
  gauge('live', 'launches that have not ended', () => fleet.tasks.live);
  gauge('begun', 'launches that ran', () => fleet.tasks.begun);
  gauge('untold_agents', 'agents that have something to tell', () => fleet.untold);
  gauge('launch_bytes', 'room for launches', () => fleet.tasks.bytes);
  gauge('reports', 'reports sent', () => fleet.counts.reports);
  gauge('report_bytes', 'bytes of reports sent', () => fleet.counts.reportBytes);
  gauge('heartbeats', 'heartbeats sent', () => fleet.counts.heartbeats);
  gauge('orders', 'orders read', () => fleet.counts.orders);
  gauge('order_bytes', 'bytes of orders read', () => fleet.counts.orderBytes);
  gauge('late_ms', 'how much later than planned the last turn of the clock came', () => fleet.counts.lateMs);
}
