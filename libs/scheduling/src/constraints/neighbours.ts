import { noEffect, type Constraint, type Neighbour, type NeighbourNodes } from './constraint.js';
import { fieldOf } from './field.js';
import { fieldOfNeighbour } from './rules.js';
import type { Node } from '../node.js';

/** Not where such pods are (the SDK's TaskTypeRule, avoid). */
export function avoid(of: Neighbour, nodesOf: NeighbourNodes): Constraint {
  const near = new Near(of, nodesOf(of, 'avoid'));
  return {
    name: `avoid ${labelOf(of)}`,
    effect: 'settled',
    placed: noEffect,
    passes: (node) => !near.has(node),
    explain: (node) =>
      `${near.place(node)} has ${near.count(node)}${of.mutual ? ', which these pods must leave alone' : ''}`,
    remedy: () =>
      `start an agent${near.where} without ${labelOf(of)}, or move those pods${of.mutual ? ', or take the rule from them' : ''}`,
  };
}

/** Only where such pods are (the SDK's TaskTypeRule, colocate). */
export function colocate(of: Neighbour, nodesOf: NeighbourNodes): Constraint {
  const near = new Near(of, nodesOf(of, 'colocate'));
  return {
    name: `colocate ${labelOf(of)}`,
    effect: 'settled',
    placed: noEffect,
    passes: (node) => near.has(node),
    explain: (node) => `${near.place(node)} has no pod of ${labelOf(of)}, which is on ${near.nodes} agents`,
    remedy: () =>
      near.nodes === 0
        ? `start ${labelOf(of)} first: no pod of it has a place`
        : `make room where ${labelOf(of)} is, on ${near.nodes} agents, or give it more pods`,
  };
}

export function labelOf({ service, pod, field }: Neighbour): string {
  const who = service === undefined ? (pod ?? 'its service') : pod === undefined ? service : `${service}/${pod}`;
  return field === undefined ? who : `${who} by ${field}`;
}

/** Where the neighbours are, by the values of the field. */
class Near {
  readonly #field: string;
  readonly #named: string | undefined;
  readonly #counts = new Map<string, number>();
  readonly #label: string;
  nodes = 0;

  constructor(of: Neighbour, nodes: Iterable<Node>) {
    this.#field = fieldOfNeighbour(of);
    this.#named = of.field;
    this.#label = labelOf({
      ...(of.service === undefined ? {} : { service: of.service }),
      ...(of.pod === undefined ? {} : { pod: of.pod }),
    });
    for (const node of nodes) {
      this.nodes += 1;
      const value = fieldOf(this.#field, node);
      if (value !== undefined) this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    }
  }

  has(node: Node): boolean {
    const value = fieldOf(this.#field, node);
    return value !== undefined && this.#counts.has(value);
  }

  place(node: Node): string {
    return this.#named === undefined ? node.hostname : `${this.#named} ${fieldOf(this.#named, node) ?? 'unknown'}`;
  }

  count(node: Node): string {
    const agents = this.#counts.get(fieldOf(this.#field, node) ?? '') ?? 0;
    return this.#named === undefined ? `a pod of ${this.#label}` : `${this.#label} on ${agents} agents`;
  }

  get where(): string {
    return this.#named === undefined ? '' : ` of another ${this.#named}`;
  }
}
