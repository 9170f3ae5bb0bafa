import { Injectable } from '@nestjs/common';
import { Gauge, Histogram, Registry } from 'prom-client';
import { EventRing } from './events/event-ring.js';
import { FigureStore } from './figures/figure-store.js';
import { serviceFigures } from './figures/service-figures.js';
import { EventStreams } from './http/event-streams.js';
import { ReadModel } from './read-model/read-model.js';

const SECONDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

/** What Prometheus reads of this gateway. */
@Injectable()
export class GatewayMetrics {
  readonly #requests: Histogram;

  constructor(
    readonly registry: Registry,
    model: ReadModel,
    ring: EventRing,
    streams: EventStreams,
    figures: FigureStore,
  ) {
    this.#requests = new Histogram({
      name: 'orrery_gateway_request_seconds',
      help: 'Time from request to the end of the answer, by route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: SECONDS,
      registers: [registry],
    });
    const gauge = (name: string, help: string, labelNames: string[], collect: (this: Gauge) => void) =>
      new Gauge({ name, help, labelNames, collect, registers: [this.registry] });
    gauge('orrery_gateway_journal_seq', 'Last commit folded', ['journal'], function () {
      for (const { journal, seq } of model.status().journals) this.set({ journal }, seq);
    });
    gauge('orrery_gateway_journal_lag', 'Records of the log that are not folded yet', ['journal'], function () {
      for (const { journal, lag } of model.status().journals) this.set({ journal }, lag);
    });
    gauge('orrery_gateway_event_streams', 'Open event streams', [], function () {
      this.set(streams.open);
    });
    gauge('orrery_gateway_ring_commits', 'Commits that event streams are fed from', [], function () {
      this.set(ring.end - ring.first);
    });
    gauge('orrery_gateway_measured_tasks', 'Tasks whose figures are known here', [], function () {
      this.set(figures.size);
    });
    gauge('orrery_gateway_unmeasured_tasks', 'Tasks whose figures found no room, since the start', [], function () {
      this.set(figures.turnedAway);
    });
    gauge('orrery_gateway_unreadable_figures', 'Messages on the metrics topic that are none', [], function () {
      this.set(figures.unreadable);
    });
    serviceFigures(registry, figures, model);
  }

  observeRequest(labels: { method: string; route: string; status: string }, seconds: number): void {
    this.#requests.observe(labels, seconds);
  }
}
