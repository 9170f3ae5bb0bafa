import type { FieldRule, NeighbourNodes, Peer, Rule } from './constraints/constraint.js';
import { Fleet } from './fleet.js';
import type { Needs, Node } from './node.js';
import type { Picks } from './picks.js';
import { normalisePorts } from './ports.js';
import type { Wish } from './session.js';
import { useAfter } from './scores/score.js';

/** What specs hold placing to. */

// --- The slow and obvious way: every pod looks at every node, and all it knows is the list of what was placed ---------

export interface Place {
  readonly nodeId: string;
  /** In the order of the needs. */
  readonly ports: readonly number[];
  readonly gpuIds: readonly string[];
}

export function placeSlowly(nodes: readonly Node[], wish: Wish, count: number): { places: Place[]; nodes: Node[] } {
  const now = [...nodes];
  const places: Place[] = [];
  while (places.length < count) {
    const counts = countsOf(wish.peers, places, nodes);
    const { neighbours } = wish;
    const rules = partsOf(wish.rules);
    const fixed = rules.filter(speaksOfFacts);
    const nobody = { placed: [], eligible: [], neighbours };
    const eligible = now.filter(
      (node) => !wish.avoid.includes(node.id) && fixed.every((rule) => holds(rule, node, nobody)),
    );
    const around = { placed: counts, eligible, neighbours };
    const able = eligible.filter(
      (node) => rules.every((rule) => holds(rule, node, around)) && hasRoom(node, wish.needs),
    );
    const best = able
      .map((node) => {
        const own = (wish.policy === 'pack' ? 1 : -1) * useOf(node, wish.needs) + likedOf(wish, node);
        return { node, own, score: own + behindOf(wish, node, count, counts, eligible) };
      })
      .sort((left, right) => right.score - left.score || right.own - left.own || order(left, right))
      .at(0)?.node;
    if (best === undefined) break;
    const taken = takenFrom(best, wish.needs);
    places.push({ nodeId: best.id, ...taken });
    now[now.indexOf(best)] = { ...best, free: freeAfter(best, wish.needs, taken) };
  }
  return { places, nodes: now };
}

function useOf({ capacity, free }: Node, needs: Needs): number {
  const memoryLeft = free.memoryMib - needs.memoryMib;
  return useAfter(free.cpusMilli - needs.cpusMilli, capacity.cpusMilli, memoryLeft, capacity.memoryMib);
}

function likedOf({ preferences }: Wish, node: Node): number {
  let liked = 0;
  for (const { weight, ...rule } of preferences?.affinities ?? [])
    if (holdsOfField(rule, node, { placed: [], eligible: [], neighbours: () => [] })) liked += weight / 100;
  return liked;
}

/** How far its groups are behind their shares of the set. */
function behindOf(
  { preferences, peers, size }: Wish,
  node: Node,
  count: number,
  placed: readonly Node[],
  eligible: readonly Node[],
): number {
  const inAll = size ?? peers.reduce((sum, peer) => sum + peer.count, count);
  let score = 0;
  for (const { field, weight, targets = {} } of preferences?.spreads ?? []) {
    const part = weight / 100;
    const value = fieldValue(field, node);
    const pods = placed.filter((other) => value !== undefined && fieldValue(field, other) === value).length;
    const values = new Set(eligible.map((other) => fieldValue(field, other)));
    const unnamed = [...values].filter((other) => other !== undefined && targets[other] === undefined);
    const left = Math.max(0, 100 - Object.values(targets).reduce((sum, percent) => sum + percent, 0));
    const percent = targets[value ?? ''] ?? left / Math.max(1, unnamed.length);
    if (value === undefined) score += -part;
    else if (percent <= 0) score += -part * (1 + pods);
    else score += part * (1 - pods / Math.max(1, (inAll * percent) / 100));
  }
  return score;
}

function takenFrom({ free }: Node, needs: Needs): Omit<Place, 'nodeId'> {
  return { ports: portsFor(free, needs)!, gpuIds: free.gpuIds.slice(0, needs.gpus) };
}

/** Fixed ones first, then those bound to ranges by where these end, then the longest rows: each the lowest that is left. */
function portsFor(free: Node['free'], { ports }: Needs): number[] | undefined {
  const left = new Set(portsIn(free));
  const numbers: number[] = ports.map(({ port }) => port);
  for (const number of numbers) if (number !== 0 && !left.delete(number)) return undefined;
  const heads = ports.flatMap(({ port, next }, at) => (port === 0 && next !== true ? [at] : []));
  const lengthOf = (at: number) => {
    const after = ports.slice(at + 1).findIndex(({ next }) => next !== true);
    return 1 + (after === -1 ? ports.length - at - 1 : after);
  };
  const allowed = (at: number, port: number) =>
    ports[at]!.ranges?.some(([from, to]) => from <= port && port <= to) ?? true;
  const endOf = (at: number) => Math.max(...(ports[at]!.ranges?.map(([, to]) => to) ?? [99_999]));
  for (const at of heads.sort(
    (one, other) => endOf(one) - endOf(other) || lengthOf(other) - lengthOf(one) || one - other,
  )) {
    const row = Array.from({ length: lengthOf(at) }, (_, step) => step);
    const first = [...left].find((from) => row.every((step) => left.has(from + step) && allowed(at, from + step)));
    if (first === undefined) return undefined;
    for (const step of row) {
      numbers[at + step] = first + step;
      left.delete(first + step);
    }
  }
  return numbers;
}

function freeAfter({ free }: Node, needs: Needs, { ports, gpuIds }: Omit<Place, 'nodeId'>): Node['free'] {
  const left = portsIn(free).filter((port) => !ports.includes(port));
  return {
    cpusMilli: free.cpusMilli - needs.cpusMilli,
    memoryMib: free.memoryMib - needs.memoryMib,
    diskMib: free.diskMib - needs.diskMib,
    gpuIds: free.gpuIds.filter((id) => !gpuIds.includes(id)),
    ports: normalisePorts(left.map((port) => [port, port] as const)),
  };
}

function portsIn({ ports }: Node['free']): number[] {
  return ports.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
}

const order = (left: { node: Node }, right: { node: Node }) => (left.node.id < right.node.id ? -1 : 1);

function countsOf(peers: readonly Peer[], places: readonly Place[], nodes: readonly Node[]): readonly Node[] {
  const placed = places.map(({ nodeId }) => nodes.find(({ id }) => id === nodeId)!);
  return [...peers.flatMap(({ node, count }) => Array.from({ length: count }, () => node)), ...placed];
}

function fieldValue(field: string, node: Node): string | undefined {
  return field === 'hostname' ? node.hostname : field === '@zone' ? node.faultDomain.zone : node.attributes[field];
}

/** All that a rule can ask about beside the node itself. */
interface Situation {
  readonly placed: readonly Node[];
  readonly eligible: readonly Node[];
  readonly neighbours: NeighbourNodes;
}

function speaksOfFacts(rule: Rule): boolean {
  if ('and' in rule) return rule.and.every(speaksOfFacts);
  if ('or' in rule) return rule.or.every(speaksOfFacts);
  if ('not' in rule) return speaksOfFacts(rule.not);
  if (!('operator' in rule)) return false;
  return ['IS', 'LIKE', 'UNLIKE'].includes(rule.operator) || (rule.operator === 'CLUSTER' && rule.value !== undefined);
}

/** What must hold at once, in parts. */
function partsOf(rules: readonly Rule[]): Rule[] {
  return rules.flatMap((rule) => ('and' in rule ? partsOf(rule.and) : [rule]));
}

function holds(rule: Rule, node: Node, around: Situation): boolean {
  if ('and' in rule) return rule.and.every((part) => holds(part, node, around));
  if ('or' in rule) return rule.or.some((part) => holds(part, node, around));
  if ('not' in rule) return !holds(rule.not, node, around);
  if ('avoid' in rule) return !isNear(node, [...around.neighbours(rule.avoid, 'avoid')], rule.avoid.field);
  if ('colocate' in rule) return isNear(node, [...around.neighbours(rule.colocate, 'colocate')], rule.colocate.field);
  return holdsOfField(rule, node, around);
}

function isNear(node: Node, others: readonly Node[], field: string | undefined): boolean {
  if (field === undefined) return others.some(({ id }) => id === node.id);
  const found = fieldValue(field, node);
  return found !== undefined && others.some((other) => fieldValue(field, other) === found);
}

function holdsOfField({ field, operator, value }: FieldRule, node: Node, { placed, eligible }: Situation): boolean {
  const found = fieldValue(field, node);
  const countOf = (wanted: string) => placed.filter((peer) => fieldValue(field, peer) === wanted).length;
  if (operator === 'IS' || (operator === 'CLUSTER' && value !== undefined)) return found === value;
  if (operator === 'LIKE') return found !== undefined && new RegExp(`^(?:${value})$`).test(found);
  if (operator === 'UNLIKE') return found === undefined || !new RegExp(`^(?:${value})$`).test(found);
  if (operator === 'UNIQUE') return found !== undefined && countOf(found) === 0;
  if (operator === 'MAX_PER') return found !== undefined && countOf(found) < Number(value);
  if (operator === 'CLUSTER') {
    const values = new Set(placed.map((peer) => fieldValue(field, peer)).filter((other) => other !== undefined));
    return found !== undefined && (values.size === 0 || (values.size === 1 && values.has(found)));
  }
  const groups = [...new Set(eligible.map((other) => fieldValue(field, other)))].filter((group) => group !== undefined);
  if (groups.length === 0) return found !== undefined && countOf(found) === 0;
  const fewest = groups.length < Number(value ?? 0) ? 0 : Math.min(...groups.map(countOf));
  return found !== undefined && countOf(found) <= fewest;
}

function hasRoom({ free }: Node, needs: Needs): boolean {
  const enough = (needed: number, available: number) => needed === 0 || needed <= available;
  return (
    enough(needs.cpusMilli, free.cpusMilli) &&
    enough(needs.memoryMib, free.memoryMib) &&
    enough(needs.diskMib, free.diskMib) &&
    enough(needs.gpus, free.gpuIds.length) &&
    portsFor(free, needs) !== undefined
  );
}

// --- Both in one form ---------------------------------------------------------------------------------------------------

/** Numbered as they stand, each free as it says. */
export function fleetOf(all: readonly Node[]): Fleet {
  const fleet = new Fleet();
  for (const [number, node] of all.entries()) {
    const { capacity, free } = node;
    fleet.put(number, node, true);
    fleet.hold(number, { ...differenceOf(capacity, free), gpus: 0 }, 1);
    fleet.holdPorts(
      number,
      portsIn(capacity).filter((port) => !portsIn(free).includes(port)),
    );
    fleet.holdGpus(
      number,
      capacity.gpuIds.filter((id) => !free.gpuIds.includes(id)),
    );
  }
  return fleet;
}

function differenceOf(capacity: Node['free'], free: Node['free']): Pick<Needs, 'cpusMilli' | 'memoryMib' | 'diskMib'> {
  return {
    cpusMilli: capacity.cpusMilli - free.cpusMilli,
    memoryMib: capacity.memoryMib - free.memoryMib,
    diskMib: capacity.diskMib - free.diskMib,
  };
}

/** In the order in which they were chosen, pod by pod. */
export function placesOf(fleet: Fleet, { numbers, counts, ports, gpuIds }: Picks, needs: Needs): Place[] {
  const nodeIds = numbers.flatMap((number, at) => Array.from({ length: counts[at]! }, () => fleet.nodes[number]!.id));
  return nodeIds.map((nodeId, pod) => ({
    nodeId,
    ports: ports.slice(pod * needs.ports.length, (pod + 1) * needs.ports.length),
    gpuIds: gpuIds[pod] ?? [],
  }));
}

export function example({ id = 'a', ...more }: Partial<Node['free']> & { id?: string }): Node {
  const stock = { cpusMilli: 1000, memoryMib: 1000, diskMib: 1000, gpuIds: [], ports: [], ...more };
  return {
    id,
    hostname: 'host',
    attributes: {},
    faultDomain: { region: 'r', zone: 'z' },
    capacity: stock,
    free: stock,
  };
}

export function wishFor(needs: Partial<Needs>): Wish {
  const all = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0, ports: [], ...needs };
  return { needs: all, rules: [], policy: 'pack', avoid: [], peers: [], neighbours: () => [] };
}
