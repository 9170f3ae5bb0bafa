import type { Filter } from './filter.js';

/** Nodes that turned out to be gone, or that the pod has to leave. */
export function avoidFilter(avoid: readonly string[]): Filter {
  const avoided = new Set(avoid);
  return {
    name: 'avoid',
    passes: (node) => !avoided.has(node.id),
    explain: () => 'the request asks to avoid it',
    remedy: () => 'start another agent: the request avoids those that are left',
  };
}
