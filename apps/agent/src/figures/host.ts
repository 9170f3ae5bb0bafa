import { statfsSync } from 'node:fs';
import { cpus, freemem, loadavg, totalmem } from 'node:os';
import type { HostFigures } from '@orrery/contracts';

const MIB = 1024 * 1024;

/** Measures the machine; how busy it was is told from one call to the next. */
export class HostMeter {
  #before = processorMs();

  constructor(private readonly folder: string) {}

  measure(): HostFigures {
    const now = processorMs();
    const total = now.total - this.#before.total;
    const busy = total <= 0 ? 0 : 1 - (now.idle - this.#before.idle) / total;
    this.#before = now;
    const { blocks, bavail, bsize } = statfsSync(this.folder);
    return {
      cpusMilli: Math.max(0, Math.round(busy * now.cores * 1000)),
      cores: now.cores,
      memoryUsedMib: Math.round((totalmem() - freemem()) / MIB),
      memoryMib: Math.round(totalmem() / MIB),
      diskUsedMib: Math.round(((blocks - bavail) * bsize) / MIB),
      diskMib: Math.round((blocks * bsize) / MIB),
      load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    };
  }
}

function processorMs(): { readonly total: number; readonly idle: number; readonly cores: number } {
  const times = cpus().map(({ times: each }) => each);
  const idle = times.reduce((sum, each) => sum + each.idle, 0);
  const total = times.reduce((sum, { user, nice, sys, idle: still, irq }) => sum + user + nice + sys + still + irq, 0);
  return { total, idle, cores: Math.max(1, times.length) };
}
