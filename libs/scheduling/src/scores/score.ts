export type Policy = 'pack' | 'spread';

/** How well a node suits a pod that fits: higher is better, equal ones are told apart by the nodes' numbers. */
export interface Score {
  readonly name: Policy;
  /** Of the use of the node once the pod is there. */
  of(use: number): number;
  /** A node that got a pod stays ahead of those that were behind it, so a set may fill it up at once. */
  readonly fillsUp: boolean;
}

/**
 * Mean use of cpus and memory, 0 to 1, once the pod is there (Kubernetes' MostAllocated and LeastAllocated); what is left of
 * each and what there is of it. A machine that has none of a resource counts as full of it.
 */
export function useAfter(cpusLeft: number, cpus: number, memoryLeft: number, memory: number): number {
  return ((cpus <= 0 ? 1 : 1 - cpusLeft / cpus) + (memory <= 0 ? 1 : 1 - memoryLeft / memory)) / 2;
}
