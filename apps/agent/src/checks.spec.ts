import type { LaunchId, TaskCheck, TaskTemplate } from '@orrery/contracts';
import { ManualClock } from '@orrery/testing';
import type { LaunchRow } from './agent-state/agent-state.js';
import { Checks } from './checks.js';

const check: TaskCheck = {
  probe: { kind: 'http', port: 'web', path: '/up' },
  intervalMs: 1000,
  timeoutMs: 500,
  delayMs: 200,
  gracePeriodMs: 0,
  failuresMax: 2,
};

/** A task whose checks pass or fail as the case says. */
function watch(template: Partial<TaskTemplate>) {
  const clock = new ManualClock(0);
  const seen = { passes: true, probes: [] as number[], ready: 0, unhealthy: [] as string[] };
  const checks = new Checks({
    clock,
    address: '127.0.0.2',
    probe: (_, probe) => {
      expect(probe).toEqual({ kind: 'http', address: '127.0.0.2', port: 31_000, path: '/up', timeoutMs: 500 });
      seen.probes.push(clock.nowMs());
      return Promise.resolve({ passed: seen.passes, message: 'status 500' });
    },
    environmentOf: () => ({}),
    onReady: () => (seen.ready += 1),
    onUnhealthy: (_, message) => seen.unhealthy.push(message),
  });
  const row = { launch: { launch: '1.0', ports: { web: 31_000 } }, since: 0, ready: false } as unknown as LaunchRow;
  checks.begin(row, template as TaskTemplate);
  return { clock, seen, end: () => checks.end('1.0' as LaunchId) };
}

describe('a readiness check', () => {
  it('is asked until it passes, and never again', async () => {
    const { clock, seen } = watch({ readinessCheck: check });
    seen.passes = false;
    await clock.advance(2500);
    expect(seen).toMatchObject({ probes: [200, 1200, 2200], ready: 0 });
    seen.passes = true;
    await clock.advance(10_000);
    expect(seen).toMatchObject({ probes: [200, 1200, 2200, 3200], ready: 1 });
  });
});

describe('a health check', () => {
  it('fails the task after so many failures in a row', async () => {
    const { clock, seen } = watch({ healthCheck: check });
    await clock.advance(1000);
    seen.passes = false;
    await clock.advance(1000);
    seen.passes = true;
    await clock.advance(1000);
    seen.passes = false;
    await clock.advance(1000);
    expect(seen.unhealthy).toEqual([]);
    await clock.advance(1000);
    expect(seen.unhealthy).toEqual(['2 health checks failed in a row, the last: status 500']);
    await clock.advance(10_000);
    expect(seen.unhealthy).toHaveLength(1);
  });

  it('does not count failures in the grace period before the first success', async () => {
    const { clock, seen } = watch({ healthCheck: { ...check, gracePeriodMs: 5000 } });
    seen.passes = false;
    await clock.advance(5100);
    expect(seen.unhealthy).toEqual([]);
    await clock.advance(2000);
    expect(seen.unhealthy).toHaveLength(1);
  });

  it('ends with its task', async () => {
    const { clock, seen, end } = watch({ healthCheck: check });
    await clock.advance(300);
    end();
    await clock.advance(10_000);
    expect(seen.probes).toEqual([200]);
  });
});
