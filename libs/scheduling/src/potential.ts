import { constraintsOf, NOBODY } from './constraints/constraints.js';
import { isFieldRule } from './constraints/constraint.js';
import { fieldOf } from './constraints/field.js';
import { flattened } from './constraints/rules.js';
import { amountsOf, type Needs, type Node } from './node.js';
import { countPorts, hasPort } from './ports.js';
import type { Wish } from './session.js';

/**
 * At most so many pods of a wish would fit if nothing ran on the nodes: by their capacities, the fixed constraints, and how
 * many of the set a value may have. More can never be placed there; whether that many can is not said.
 */
export function fittingOnEmpty(nodes: Iterable<Node>, { needs, rules, avoid }: Wish): number {
  const { fixed } = constraintsOf(rules, NOBODY);
  const limits = flattened(rules)
    .filter(isFieldRule)
    .filter(({ operator }) => operator === 'UNIQUE' || operator === 'MAX_PER');
  const byValue = limits.map(() => new Map<string, number>());
  let total = 0;
  for (const node of nodes) {
    if (avoid.includes(node.id) || !fixed.every((constraint) => constraint.passes(node))) continue;
    const pods = podsOnEmpty(node, needs);
    total += pods;
    for (const [at, { field }] of limits.entries()) {
      const value = fieldOf(field, node);
      if (value !== undefined) byValue[at]!.set(value, (byValue[at]!.get(value) ?? 0) + pods);
    }
  }
  for (const [at, { operator, value }] of limits.entries()) {
    const most = operator === 'UNIQUE' ? 1 : Number(value);
    let within = 0;
    for (const pods of byValue[at]!.values()) within += Math.min(pods, most);
    total = Math.min(total, within);
  }
  return total;
}

function podsOnEmpty({ capacity }: Node, needs: Needs): number {
  const amounts = amountsOf(capacity);
  let pods = Number.MAX_SAFE_INTEGER;
  for (const resource of ['cpusMilli', 'memoryMib', 'diskMib', 'gpus'] as const)
    if (needs[resource] > 0) pods = Math.min(pods, Math.floor(amounts[resource] / needs[resource]));
  if (needs.ports.length > 0) pods = Math.min(pods, Math.floor(countPorts(capacity.ports) / needs.ports.length));
  for (const { port } of needs.ports) if (port !== 0) pods = Math.min(pods, hasPort(capacity.ports, port) ? 1 : 0);
  return Math.max(0, pods);
}
