import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LaunchId, VolumeId } from '@orrery/contracts';
import { systemClock } from '@orrery/control-loop';
import { detectCgroups, ExecRuntime } from '@orrery/runtimes';
import { InMemoryLog } from '@orrery/testing';
import type { Agent } from '../../apps/agent/src/agent.js';
import { beginAgent } from './agent-in-folder.js';
import { FakeMaster, headOf } from './fake-master.js';
import { until } from './until.js';

const { cgroups } = detectCgroups(`spec-${process.pid}`);

describe('an agent with real processes', () => {
  let folder: string;
  let log: InMemoryLog;
  let master: FakeMaster;
  let runtime: ExecRuntime;
  let agent: Agent;
  let said: string[];
  let failures: unknown[];

  const begin = async () => {
    runtime = new ExecRuntime({ folder, cgroups, pollMs: 50 });
    agent = await beginAgent({
      ...{ folder, log, runtime },
      say: (_, message) => said.push(message),
      onFailure: (error) => failures.push(error),
      onRejoin: () => said.push('rejoin'),
    });
  };
  const leave = async (endTasks = false) => {
    await agent.stop({ endTasks });
    runtime.close();
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-agent-'));
    log = new InMemoryLog(systemClock);
    master = new FakeMaster(log);
    said = [];
    failures = [];
    await begin();
    await until(() => agent.state.epoch === 1);
  });
  afterEach(async () => {
    await leave(true);
    await master.stop();
    rmSync(folder, { recursive: true, force: true });
    expect(failures).toEqual([]);
    expect(master.problems).toEqual([]);
  });

  it('registers, runs what is ordered and ends what is killed', async () => {
    expect(agent.state.agent).toBe('spec-beef');
    await master.launch({}, { launch: '1.0' });
    await until(() => master.runningOf('1.0') !== undefined);
    process.kill(master.runningOf('1.0')!.pid, 0);
    await master.kill('1.0');
    await until(() => master.endOf('1.0') !== undefined);
    expect(master.statesOf('1.0').filter((state) => state !== 'STARTING')).toEqual(['RUNNING', 'KILLED']);
  });

  it('tells how tasks ended', async () => {
    await master.launch({ cmd: 'exit 0' }, { launch: '1.0' });
    await master.launch({ cmd: 'echo begin >&2; echo no such table >&2; exit 9' }, { launch: '2.0' });
    await master.launch({ cmd: 'kill -9 $$' }, { launch: '3.0' });
    await master.launch({ image: 'registry/name:1' }, { launch: '4.0' });
    await until(() => ['1.0', '2.0', '3.0', '4.0'].every((launch) => master.endOf(launch) !== undefined));
    expect(master.endOf('1.0')).toMatchObject({ state: 'FINISHED', exit: { code: 0 } });
    expect(master.endOf('2.0')).toMatchObject({
      ...{ state: 'FAILED', reason: 'exit-code', exit: { code: 9 } },
      message: 'no such table',
    });
    expect(master.endOf('3.0')).toMatchObject({ state: 'FAILED', reason: 'signal', exit: { signal: 'SIGKILL' } });
    expect(master.endOf('4.0')).toMatchObject({ state: 'ERROR', reason: 'fetch-failed' });
  });

  it('drops repeated and late orders, and waits for a Sync where one was lost', async () => {
    await master.launch({}, { launch: '1.0' });
    const n = master.ordered;
    await until(() => agent.state.obeyed === n);
    const kills = (epoch: number, at: number, journalId = master.journalId) =>
      master.sendLane({ type: 'Kills', journalId, to: headOf(agent.state.number, epoch, at), launches: [[[1, 0, 0]]] });
    await kills(1, n);
    await kills(1, n + 2);
    await kills(0, n + 1);
    await kills(1, n + 1, 'other');
    await master.sendLane({
      type: 'Kills',
      journalId: master.journalId,
      to: headOf(agent.state.number + 1, 1, n + 1),
      launches: [[[1, 0, 0]]],
    });
    await until(() => master.runningOf('1.0') !== undefined);
    master.ordered += 1;
    await master.launch({}, { launch: '2.0' });
    await master.sync();
    await until(() => master.runningOf('2.0') !== undefined);
    expect(agent.state.obeyed).toBe(master.ordered);
    expect(master.endOf('1.0')).toBeUndefined();
  });

  it('finds its tasks again in a next life and tells what ended meanwhile', async () => {
    await master.launch({}, { launch: '1.0' });
    await master.launch({ cmd: 'while [ ! -f go ]; do sleep 0.02; done; exit 5' }, { launch: '2.0' });
    await until(() => master.runningOf('1.0') !== undefined && master.runningOf('2.0') !== undefined);
    const { pid } = master.runningOf('1.0')!;
    await leave();
    process.kill(pid, 0);
    await until(() => touch(join(runtime.sandboxOf('2.0'), 'go')));
    await begin();
    await until(() => master.endOf('2.0') !== undefined && agent.state.epoch === 2);
    expect(master.endOf('2.0')).toMatchObject({ state: 'FAILED', exit: { code: 5 } });
    expect(agent.state.launches.get('1.0' as LaunchId)).toMatchObject({ state: 'RUNNING', pid });
    await master.sync();
    await until(() => !agent.state.launches.has('2.0' as LaunchId));
  });

  it('checks readiness and health', async () => {
    const times = { intervalMs: 20, timeoutMs: 1000, delayMs: 0, gracePeriodMs: 0, failuresMax: 2 };
    await master.launch(
      {
        cmd: 'sleep 0.2; touch up; exec sleep 600',
        readinessCheck: { ...times, probe: { kind: 'cmd', cmd: 'test -f up && test "$ORRERY_TASK" = server' } },
        healthCheck: { ...times, delayMs: 50, probe: { kind: 'cmd', cmd: 'test ! -f sick' } },
      },
      { launch: '1.0' },
    );
    await until(() => master.statesOf('1.0').includes('READY'));
    expect(master.runningOf('1.0')).toMatchObject({ ready: false });
    touch(join(runtime.sandboxOf('1.0'), 'sick'));
    await until(() => master.endOf('1.0') !== undefined);
    expect(master.endOf('1.0')).toMatchObject({ state: 'FAILED', reason: 'health-check' });
  });

  it('keeps volumes over launches and destroys them when told', async () => {
    const volumes = [{ volume: '7.0' as VolumeId, name: 'data', path: 'data', sizeMib: 1 }];
    await master.launch({ cmd: 'echo one >> data/log; exec sleep 600' }, { launch: '1.0', volumes });
    await until(() => master.runningOf('1.0') !== undefined);
    await master.order({ type: 'DestroyVolumes', volumes: ['7.0' as VolumeId] });
    await until(() => agent.state.doomedVolumes.size === 1);
    expect(agent.state.volumes.has('7.0' as VolumeId)).toBe(true);
    await master.kill('1.0');
    await until(() => master.reports.some((report) => report.type === 'VolumesDestroyed'));
    expect(master.endOf('1.0')).toBeDefined();
  });
});

function touch(file: string): boolean {
  try {
    writeFileSync(file, '');
    return true;
  } catch {
    return false; // not there yet: asked again
  }
}
