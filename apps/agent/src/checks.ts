import type { LaunchId, TaskCheck, TaskTemplate } from '@orrery/contracts';
import type { Clock } from '@orrery/control-loop';
import type { Probe, ProbeResult } from '@orrery/runtimes';
import type { LaunchRow } from './agent-state/agent-state.js';

export interface CheckOptions {
  readonly clock: Clock;
  /** Where the tasks of this agent listen. */
  readonly address: string;
  readonly probe: (launch: LaunchId, probe: Probe) => Promise<ProbeResult>;
  readonly environmentOf: (row: LaunchRow, template: TaskTemplate) => Readonly<Record<string, string>>;
  readonly onReady: (launch: LaunchId) => void;
  readonly onUnhealthy: (launch: LaunchId, message: string) => void;
}

/**
 * Runs the checks of running tasks, each with its own rhythm, one run of it at a time. Readiness is asked until it was once
 * true, as in the DC/OS SDK: a check may be dear. Health is asked for as long as the task lives; failures in the grace
 * period after the start don't count before the first success.
 */
export class Checks {
  readonly #options: CheckOptions;
  readonly #cancels = new Map<LaunchId, Set<() => void>>();

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  begin(row: LaunchRow, template: TaskTemplate): void {
    const { launch } = row.launch;
    if (this.#cancels.has(launch)) return;
    this.#cancels.set(launch, new Set());
    if (template.readinessCheck !== undefined && !row.ready) this.#untilReady(row, template, template.readinessCheck);
    if (template.healthCheck !== undefined) this.#whileHealthy(row, template, template.healthCheck);
  }

  end(launch: LaunchId): void {
    for (const cancel of this.#cancels.get(launch) ?? []) cancel();
    this.#cancels.delete(launch);
  }

  close(): void {
    for (const launch of [...this.#cancels.keys()]) this.end(launch);
  }

  #untilReady(row: LaunchRow, template: TaskTemplate, check: TaskCheck): void {
    const probe = this.#probeOf(row, template, check);
    this.#repeat(row.launch.launch, check, probe, ({ passed }) => {
      if (passed) this.#options.onReady(row.launch.launch);
      return !passed;
    });
  }

  #whileHealthy(row: LaunchRow, template: TaskTemplate, check: TaskCheck): void {
    const { launch } = row.launch;
    const graceUntil = (row.since ?? this.#options.clock.nowMs()) + check.gracePeriodMs;
    let failures = 0;
    let passedOnce = false;
    this.#repeat(launch, check, this.#probeOf(row, template, check), ({ passed, message }) => {
      passedOnce ||= passed;
      const counts = passedOnce || this.#options.clock.nowMs() >= graceUntil;
      failures = passed || !counts ? 0 : failures + 1;
      if (failures < check.failuresMax) return true;
      this.#options.onUnhealthy(launch, `${failures} health checks failed in a row, the last: ${message}`);
      return false;
    });
  }

  /** Runs again after each interval while `onResult` says so. */
  #repeat(launch: LaunchId, check: TaskCheck, probe: Probe, onResult: (result: ProbeResult) => boolean): void {
    const cancels = this.#cancels.get(launch)!;
    const schedule = (delayMs: number) => {
      const cancel = this.#options.clock.after(delayMs, () => {
        cancels.delete(cancel);
        void run();
      });
      cancels.add(cancel);
    };
    const run = async () => {
      const result = await this.#options
        .probe(launch, probe)
        .catch((error: Error): ProbeResult => ({ passed: false, message: error.message }));
      if (this.#cancels.get(launch) === cancels && onResult(result)) schedule(check.intervalMs);
    };
    schedule(check.delayMs);
  }

  #probeOf(row: LaunchRow, template: TaskTemplate, { probe, timeoutMs }: TaskCheck): Probe {
    const { address } = this.#options;
    switch (probe.kind) {
      case 'cmd':
        return { kind: 'cmd', command: probe.cmd, environment: this.#options.environmentOf(row, template), timeoutMs };
      case 'http':
        return { kind: 'http', address, port: row.launch.ports[probe.port] ?? 0, path: probe.path, timeoutMs };
      case 'tcp':
        return { kind: 'tcp', address, port: row.launch.ports[probe.port] ?? 0, timeoutMs };
    }
  }
}
