import type { AgentFacts } from '@orrery/contracts';
import { choose, draw } from './chance.js';
import type { Knobs } from './knobs.js';

const PORTS: readonly [number, number] = [2000, 31_999];
const purpose = { kind: 1 } as const;

/** What the agent of this number in the fleet says of its machine: kinds by their weights, zones in turn. */
export function simulatedMachine(index: number, { seed, machines, regions, zones }: Knobs): AgentFacts {
  const kinds = machines.map((kind) => [kind, kind.weight] as const);
  const { cpus, memory, disk, gpus = 0, attributes = {} } = choose(kinds, draw(seed, index, 0, purpose.kind));
  const zone = index % zones;
  const region = Math.floor(index / zones) % regions;
  return {
    hostname: hostOf(index),
    address: `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`,
    capacity: {
      cpusMilli: Math.round(cpus * 1000),
      memoryMib: memory,
      diskMib: disk,
      gpuIds: Array.from({ length: gpus }, (_, device) => String(device)),
      ports: [[...PORTS]],
    },
    attributes: { isolation: 'simulated', rack: `rack-${Math.floor(index / 40)}`, ...attributes },
    faultDomain: { region: `region-${region + 1}`, zone: `zone-${zone + 1}` },
  };
}

export function hostOf(index: number): string {
  return `sim-${String(index).padStart(5, '0')}`;
}
