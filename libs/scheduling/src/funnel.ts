import type { Filter } from './filters/filter.js';
import type { Node } from './node.js';

/** Why no node was left: what each filter rejected, in order, with examples and what would help. */
export interface Funnel {
  readonly agents: number;
  readonly funnel: readonly { readonly filter: string; readonly rejected: number; readonly left: number }[];
  readonly examples: readonly {
    readonly agent: string;
    readonly hostname: string;
    readonly filter: string;
    readonly message: string;
  }[];
  readonly remedy: string;
}

/**
 * Sends every node through the filters, each counted where it is rejected first. Examples are those that came furthest, so
 * that the nearest misses are seen; the remedy speaks of them.
 */
export function funnelOf<Candidate extends Node>(
  nodes: Iterable<Candidate>,
  filters: readonly Filter<Candidate>[],
  examplesMax = 50,
): Funnel {
  const rejected: Candidate[][] = filters.map(() => []);
  let agents = 0;
  let passed = 0;
  for (const node of nodes) {
    agents += 1;
    const at = filters.findIndex((filter) => !filter.passes(node));
    if (at === -1) passed += 1;
    else rejected[at]!.push(node);
  }
  const stages = filters.map((filter, at) => ({ filter, nodes: rejected[at]! }));
  let left = agents;
  return {
    agents,
    funnel: stages.map(({ filter, nodes: lost }) => ({
      filter: filter.name,
      rejected: lost.length,
      left: (left -= lost.length),
    })),
    examples: examplesOf(stages, examplesMax),
    remedy: remedyOf(stages, agents, passed),
  };
}

type Stage<Candidate extends Node> = { readonly filter: Filter<Candidate>; readonly nodes: readonly Candidate[] };

function examplesOf<Candidate extends Node>(stages: readonly Stage<Candidate>[], most: number): Funnel['examples'] {
  const examples: Funnel['examples'][number][] = [];
  for (const { filter, nodes } of stages.toReversed())
    for (const node of nodes.slice(0, most - examples.length))
      examples.push({ agent: node.id, hostname: node.hostname, filter: filter.name, message: filter.explain(node) });
  return examples;
}

function remedyOf<Candidate extends Node>(stages: readonly Stage<Candidate>[], agents: number, passed: number): string {
  if (agents === 0) return 'start an agent: there is none';
  const last = stages.findLast(({ nodes }) => nodes.length > 0);
  if (passed > 0 || last === undefined) return 'there is room now: wait for the next round';
  return last.filter.remedy(last.nodes);
}
