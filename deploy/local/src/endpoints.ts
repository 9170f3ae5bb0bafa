import { rmSync } from 'node:fs';
import { readJsonIfThere, writeWhole } from './files.js';
import type { RunningProcess } from './supervisor.js';

/** What clients of a local cluster read (`endpoints.json` in ORRERY_HOME). */
export interface Endpoints {
  readonly gateway: string;
  readonly kafka: readonly string[];
  readonly cassandra: readonly string[];
  readonly datacenter: string;
  readonly keyspace: string;
  readonly processes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly restartedBy: 'supervisor';
  }[];
}

export function writeEndpoints(
  file: string,
  addresses: Omit<Endpoints, 'processes'>,
  running: readonly RunningProcess[],
): void {
  const processes = running.map(({ name, pid }) => ({ name, pid, restartedBy: 'supervisor' as const }));
  writeWhole(file, `${JSON.stringify({ ...addresses, processes }, undefined, 2)}\n`);
}

export function readEndpoints(file: string): Endpoints | undefined {
  return readJsonIfThere<Endpoints>(file);
}

export function removeEndpoints(file: string): void {
  rmSync(file, { force: true });
}
