import type { Node, Stock } from '../node.js';
import type { Filter } from './filter.js';

interface Resource {
  readonly name: string;
  readonly unit: string;
  of(stock: Stock): number;
  /** An amount for people. */
  shown(amount: number): string;
}

const cpus: Resource = {
  name: 'cpus',
  unit: ' cpus',
  of: (stock) => stock.cpusMilli,
  shown: (milli) => String(milli / 1000),
};
const memory: Resource = { name: 'memory', unit: ' MiB of memory', of: (stock) => stock.memoryMib, shown: String };
const disk: Resource = { name: 'disk', unit: ' MiB of disk', of: (stock) => stock.diskMib, shown: String };
const gpus: Resource = { name: 'gpus', unit: ' gpus', of: (stock) => stock.gpuIds.length, shown: String };

export const enoughCpus = (needed: number): Filter => enough(cpus, needed);
export const enoughMemory = (needed: number): Filter => enough(memory, needed);
export const enoughDisk = (needed: number): Filter => enough(disk, needed);
export const enoughGpus = (needed: number): Filter => enough(gpus, needed);

function enough(resource: Resource, needed: number): Filter {
  const { name, unit, of, shown } = resource;
  const short = (node: Node) => needed - of(node.free);
  return {
    name,
    passes: (node) => short(node) <= 0 || needed === 0,
    explain: ({ free, capacity }) =>
      `needs ${shown(needed)}${unit}, free ${shown(of(free))} of ${shown(of(capacity))}: short by ${shown(needed - of(free))}`,
    remedy(rejected) {
      const nearest = rejected.reduce((best, node) => (short(node) < short(best) ? node : best));
      const largest = rejected.reduce((most, node) => Math.max(most, of(node.capacity)), 0);
      if (largest < needed)
        return `no agent has ${shown(needed)}${unit} at all (the largest has ${shown(largest)}): start a larger agent, or ask for less`;
      return `free ${shown(short(nearest))}${unit} on ${nearest.hostname}, start an agent with ${shown(needed)}${unit} free, or ask for less`;
    },
  };
}
