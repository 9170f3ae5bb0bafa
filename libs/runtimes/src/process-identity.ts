import { readdirSync, readFileSync } from 'node:fs';

/** A pid alone is reused; with the start time (clock ticks since boot) and the boot it names one process for ever. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

export interface ProcessStat {
  readonly pid: number;
  /** `R`, `S`, `D`, `Z`, … */
  readonly state: string;
  readonly group: number;
  readonly session: number;
  readonly startTicks: string;
}

/** Reads a line of `/proc/<pid>/stat`; the command name in it may hold blanks and parentheses. */
export function parseStat(line: string): ProcessStat | undefined {
  const open = line.indexOf('(');
  const close = line.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  const pid = Number(line.slice(0, open));
  const fields = line
    .slice(close + 2)
    .trimEnd()
    .split(' ');
  const startTicks = fields[19];
  if (!Number.isInteger(pid) || startTicks === undefined) return undefined;
  return { pid, state: fields[0]!, group: Number(fields[2]), session: Number(fields[3]), startTicks };
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Of a process that lives. */
export function identityOf(pid: number): ProcessIdentity {
  const stat = readStat(pid);
  if (stat === undefined) throw new Error(`process ${pid} has ended`);
  return { pid, startTicks: stat.startTicks, bootId: bootId() };
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

/** A zombie counts as ended: only its parent has yet to notice. */
export function isAlive(identity: ProcessIdentity, boot: string): boolean {
  if (identity.bootId !== boot) return false;
  const stat = readStat(identity.pid);
  return stat !== undefined && stat.startTicks === identity.startTicks && stat.state !== 'Z' && stat.state !== 'X';
}

/** Live members of the session or process group that `leader` began, itself included. */
export function membersOf(leader: ProcessIdentity, boot: string): number[] {
  if (leader.bootId !== boot) return [];
  const now = readStat(leader.pid);
  // The number is somebody else's by now: it can't name our session, or it would not have been given away.
  if (now !== undefined && now.startTicks !== leader.startTicks) return [];
  return allProcesses()
    .filter((stat) => stat.state !== 'Z' && stat.state !== 'X')
    .filter((stat) => stat.session === leader.pid || stat.group === leader.pid || stat.pid === leader.pid)
    .map((stat) => stat.pid);
}

/** Sends a signal to a process, or to a group when negative; false when it is not there any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function allProcesses(): ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined);
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
