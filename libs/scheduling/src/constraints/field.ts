import type { Node } from '../node.js';

/** Every node has another one: for rules that speak of the node itself. */
export const NODE_FIELD = '@node';

/** How many devices the machine has. */
export const GPUS_FIELD = '@gpus';

/**
 * The value of a constraint's field on a node, if it has one. `@hostname`, `@region`, `@zone`, `@gpus` are facts of the machine;
 * any other name is an attribute, and where the machine has no such attribute, `hostname`, `region` and `zone` are the
 * facts of the same name.
 */
export function fieldOf(field: string, node: Node): string | undefined {
  if (!field.startsWith('@') && Object.hasOwn(node.attributes, field)) return node.attributes[field];
  switch (field) {
    case 'hostname':
    case '@hostname':
      return node.hostname;
    case 'region':
    case '@region':
      return node.faultDomain.region;
    case 'zone':
    case '@zone':
      return node.faultDomain.zone;
    case GPUS_FIELD:
      return String(node.capacity.gpuIds.length);
    case NODE_FIELD:
      return node.id;
    default:
      return undefined;
  }
}
