import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The way of one owner from the kill of its predecessor to its term: milliseconds after the kill. */
export interface BootLine {
  /** The supervisor has started it. */
  readonly started: number;
  /** Its program is loaded. */
  readonly booting: number;
  /** The newest snapshot is loaded. */
  readonly loaded: number;
  /** The journal behind the snapshot is folded. */
  readonly folded: number;
  /** The hint names it. */
  readonly named: number;
  /** Its term was accepted. */
  readonly owning: number;
  /** Where the journal ended then. */
  readonly seq: number;
  /** Records between the snapshot and that. */
  readonly tail: number;
}

interface Line {
  readonly pid: number;
  readonly time: string;
  readonly msg: string;
  readonly startedAt?: string;
  readonly to?: string;
  readonly why?: string;
  readonly seq?: number;
}

/** Read from the lines that the owner itself logged; undefined while it does not own yet. */
export function bootLine(home: string, name: string, pid: number, killedAtMs: number): BootLine | undefined {
  const lines = readFileSync(join(home, 'logs', `${name}.log`), 'utf8')
    .split('\n')
    .flatMap((text) => (text.startsWith('{') ? [JSON.parse(text) as Line] : []))
    .filter((line) => line.pid === pid);
  const served = lines.find(({ startedAt }) => startedAt !== undefined);
  const loaded = lines.find(({ msg }) => / begins at seq /.test(msg));
  const state = (to: string): Line | undefined => lines.find((line) => line.to === to);
  const [folded, named, owning] = [state('standby'), state('taking-over'), state('owning')];
  if (served === undefined || loaded === undefined || folded === undefined) return undefined;
  if (named === undefined || owning === undefined) return undefined;
  const seq = Number(/\d+$/.exec(folded.why ?? '')?.[0] ?? NaN);
  const after = (time: string): number => Math.round(Date.parse(time) - killedAtMs);
  return {
    started: after(served.startedAt!),
    booting: after(served.time),
    loaded: after(loaded.time),
    folded: after(folded.time),
    named: after(named.time),
    owning: after(owning.time),
    seq,
    tail: seq - loaded.seq!,
  };
}
