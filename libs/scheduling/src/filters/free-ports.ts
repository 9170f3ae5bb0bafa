import type { Node } from '../node.js';
import { PortSet } from '../port-set.js';
import { countPorts, hasPort, type PortNeed } from '../ports.js';
import type { Filter } from './filter.js';

/** Fixed ports must be offered and free; for the others there must be enough free ones beside. */
export function freePorts(needs: readonly PortNeed[]): Filter {
  const fixed = needs.filter(({ port }) => port !== 0);
  return {
    name: 'ports',
    passes: (node) => new PortSet(node.free.ports).fits(needs),
    explain: (node) => missing(node, needs),
    remedy: () =>
      fixed.length > 0
        ? `free port ${fixed.map(({ port }) => port).join(', ')} on an agent that offers it, start another agent, or ask for port 0 (any)`
        : `start an agent with ${needs.length} free ports`,
  };
}

function missing({ capacity, free }: Node, needs: readonly PortNeed[]): string {
  for (const [index, { name, port }] of needs.entries()) {
    if (port === 0) continue;
    if (!hasPort(capacity.ports, port)) return `does not offer port ${port} (${name})`;
    if (!hasPort(free.ports, port)) return `port ${port} (${name}) is taken`;
    const twin = needs.find((other, at) => at < index && other.port === port);
    if (twin !== undefined) return `port ${port} is asked for twice, by ${twin.name} and ${name}`;
  }
  return `needs ${needs.length} ports, ${countPorts(free.ports)} free`;
}
