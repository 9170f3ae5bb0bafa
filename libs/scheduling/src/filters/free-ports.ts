import type { Node } from '../node.js';
import { PortSet } from '../port-set.js';
import { countPorts, hasPort, normalisePorts, rowsOf, type PortNeed, type PortRanges } from '../ports.js';
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
        : `start an agent with ${needs.length} free ports${wordsFor(needs)}`,
  };
}

function missing({ capacity, free }: Node, needs: readonly PortNeed[]): string {
  for (const [index, { name, port }] of needs.entries()) {
    if (port === 0) continue;
    if (!hasPort(capacity.ports, port)) return `does not offer port ${port} (${name})`;
    if (hasPort(free.portsKept ?? [], port)) return `port ${port} (${name}) is reserved for others`;
    if (!hasPort(free.ports, port)) return `port ${port} (${name}) is taken`;
    const twin = needs.find((other, at) => at < index && other.port === port);
    if (twin !== undefined) return `port ${port} is asked for twice, by ${twin.name} and ${name}`;
  }
  const kept = countPorts(free.portsKept ?? []);
  const reserved = kept === 0 ? '' : `, ${kept} reserved for others`;
  return `needs ${needs.length} ports${wordsFor(needs)}, ${countPorts(free.ports)} free${inRangesOf(needs, free.ports)}${reserved}`;
}

/** Where they have to be, if that is said. */
function wordsFor(needs: readonly PortNeed[]): string {
  const rows = rowsOf(needs)
    .filter(({ length, ranges }) => length > 1 || ranges !== undefined)
    .map(({ at, length, ranges }) => {
      const where = ranges === undefined ? '' : ` of ${ranges.map(([from, to]) => `${from}-${to}`).join(', ')}`;
      return `${length === 1 ? 'one' : `${length} in a row`}${where} for ${needs[at]!.name}`;
    });
  return rows.length === 0 ? '' : ` (${rows.join('; ')})`;
}

function inRangesOf(needs: readonly PortNeed[], free: PortRanges): string {
  const ranges = normalisePorts(needs.flatMap((need) => need.ranges ?? []));
  if (ranges.length === 0) return '';
  let count = 0;
  for (const [from, to] of ranges)
    for (const [first, last] of free) count += Math.max(0, Math.min(to, last) - Math.max(from, first) + 1);
  return `, ${count} of them in these ranges`;
}
