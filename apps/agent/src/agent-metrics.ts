import { Gauge, type Registry } from 'prom-client';
import type { Agent } from './agent.js';

/** What of the agent's state tells how it fares. */
export function agentMetrics(registry: Registry, agent: Agent): void {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `orrery_agent_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge(
    'launches',
    'launches in the checkpoint, ended ones until they are acknowledged',
    () => agent.state.launches.size,
  );
  gauge('pending_reports', 'states of tasks that nobody was told yet', () => agent.state.pendingTasks.length);
  gauge('reports_under_way', 'numbered reports that the broker has not taken', () => agent.state.outgoing.length);
  gauge('obeyed', 'last order obeyed in this registration', () => agent.state.obeyed);
  gauge('epoch', 'registration of this process, 0 before the first answer', () => agent.state.epoch);
}
