import { join } from 'node:path';
import { readJsonIfThere, writeWhole } from './files.js';

/** The ports that a home had the last time, so that clients find their cluster again if they are still free. */
export class RememberedPorts {
  private readonly file: string;
  private readonly ports: Record<string, number>;

  constructor(home: string) {
    this.file = join(home, 'ports.json');
    this.ports = readJsonIfThere<Record<string, number>>(this.file) ?? {};
  }

  get(name: string): number | undefined {
    return this.ports[name];
  }

  put(name: string, port: number): void {
    this.ports[name] = port;
    writeWhole(this.file, `${JSON.stringify(this.ports)}\n`);
  }

  /** All that were put or remembered. */
  all(): readonly number[] {
    return Object.values(this.ports);
  }
}
