import type { ExitStatus, LaunchId, TaskTemplate } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import type { Ended, Running } from '@orrery/runtimes';
import { isLive, type End, type Kill, type LaunchRow, type TerminalState } from './agent-state.js';
import type { Turn } from './turn.js';
import { destroyDoomed } from './volumes.js';

const GRACE_DEFAULT_MS = 5000;
/** It goes into the journal. */
const MESSAGE_CHARACTERS_MAX = 1000;

export function began(turn: Turn, launch: LaunchId, { pid, since }: Running): void {
  const row = turn.state.launches.get(launch);
  if (row?.state !== 'ORDERED') return;
  const template = turn.state.templates.get(row.kind.templateDigest);
  turn.record({ type: 'TaskBegan', launch, pid, since, ready: template?.readinessCheck === undefined });
  turn.then({ type: 'watch', row: turn.state.launches.get(launch)!, template });
}

export function ended(turn: Turn, launch: LaunchId, seen: Ended): void {
  const row = turn.state.launches.get(launch);
  if (row === undefined || !isLive(row)) return;
  // It came and went between two looks: that it ran is told all the same.
  if (row.state === 'ORDERED' && seen.pid !== undefined && seen.since !== undefined) {
    turn.record({ type: 'TaskBegan', launch, pid: seen.pid, since: seen.since, ready: false });
  }
  turn.record({ type: 'TaskEnded', launch, ...verdict(row, seen, turn.state.templates.get(row.kind.templateDigest)) });
  if (row.launch.volumes.length > 0) destroyDoomed(turn);
}

export function becameReady(turn: Turn, launch: LaunchId, at: EpochMs): void {
  const row = turn.state.launches.get(launch);
  if (row?.state === 'RUNNING' && !row.ready) turn.record({ type: 'TaskBecameReady', launch, at });
}

export function becameUnhealthy(turn: Turn, launch: LaunchId, message: string, at: EpochMs): void {
  const row = turn.state.launches.get(launch);
  if (row?.state !== 'RUNNING' || row.kill !== undefined) return;
  requestKill(turn, row, { cause: 'health-check', at, message });
}

/** Ends a launch in any state. An order to kill outweighs what was asked for before; a shorter grace shortens the rest. */
export function requestKill(
  turn: Turn,
  row: LaunchRow,
  { cause, at, message, graceMs }: Pick<Kill, 'cause' | 'at'> & Partial<Kill>,
): void {
  const { launch } = row.launch;
  const grace = graceMs ?? turn.state.templates.get(row.kind.templateDigest)?.killGraceMs ?? GRACE_DEFAULT_MS;
  turn.record({
    type: 'KillRequested',
    launch,
    kill: { cause, at, graceMs: grace, ...(message !== undefined && { message }) },
  });
  turn.then({ type: 'stop', launch, graceMs: grace });
}

/** What an end means for the cluster. */
function verdict(
  row: LaunchRow,
  seen: Ended,
  template: TaskTemplate | undefined,
): { readonly state: TerminalState; readonly end: End } {
  const { kill } = row;
  const exit = exitOf(seen);
  const found = kill?.message ?? seen.message ?? outOfMemory(seen, template);
  const say = (state: TerminalState, reason: string, message = found?.slice(0, MESSAGE_CHARACTERS_MAX)) => ({
    state,
    end: { at: seen.at, reason, ...(exit !== undefined && { exit }), ...(message !== undefined && { message }) },
  });
  if (kill?.cause === 'health-check') return say('FAILED', 'health-check');
  if (kill !== undefined) return say('KILLED', seen.how === 'never-begun' ? 'never-started' : kill.cause);
  if (seen.how === 'never-begun') return say('ERROR', 'start-failed');
  if (seen.how === 'unknown') return say('FAILED', 'exit-unknown');
  if (seen.how !== 'exited') return say('ERROR', seen.how);
  if (seen.code === 0) return say('FINISHED', 'exit-code');
  if (seen.oom === true) return say('FAILED', 'oom');
  return say('FAILED', seen.signal === undefined ? 'exit-code' : 'signal', seen.lastLine);
}

/** Only here the limit is known that was not enough; what else an exit means, it says itself. */
function outOfMemory({ oom }: Ended, template: TaskTemplate | undefined): string | undefined {
  return oom === true && template !== undefined
    ? `out of memory: it may use ${template.memoryMib} MiB, ask for more`
    : undefined;
}

function exitOf({ how, code, signal, oom }: Ended): ExitStatus | undefined {
  if (how !== 'exited') return undefined;
  return {
    ...(code !== undefined && { code }),
    ...(signal !== undefined && { signal }),
    ...(oom === true && { oom }),
  };
}
