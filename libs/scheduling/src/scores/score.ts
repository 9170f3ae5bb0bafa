import type { Amounts } from '../amounts.js';
import type { Node, Stock } from '../node.js';

export type Policy = 'pack' | 'spread';

/** How well a node suits a pod that fits: higher is better, equal ones are told apart by their ids. */
export interface Score {
  readonly name: Policy;
  of(node: Node, free: Stock, needs: Amounts): number;
  /** A node that got a pod stays ahead of those that were behind it, so a set may fill it up at once. */
  readonly fillsUp: boolean;
}

/** Mean use of cpus and memory, 0 to 1, once the pod is there (Kubernetes' MostAllocated and LeastAllocated). */
export function useAfter({ capacity }: Node, free: Stock, needs: Amounts): number {
  const cpus = capacity.cpusMilli <= 0 ? 1 : 1 - (free.cpusMilli - needs.cpusMilli) / capacity.cpusMilli;
  const memory = capacity.memoryMib <= 0 ? 1 : 1 - (free.memoryMib - needs.memoryMib) / capacity.memoryMib;
  return (cpus + memory) / 2;
}
