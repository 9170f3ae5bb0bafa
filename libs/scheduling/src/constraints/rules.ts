import { isFieldRule, type Effect, type FieldRule, type Neighbour, type Rule } from './constraint.js';
import { NODE_FIELD } from './field.js';

/** What there is to know of rules without any node. */

/** Of what they have in common, the strongest: whether, and which way, what is placed elsewhere can decide about a node. */
export function effectOf(rules: readonly Rule[]): Effect {
  return strongest(rules.map(effectOfRule));
}

function effectOfRule(rule: Rule): Effect {
  if (isFieldRule(rule)) return effectOfField(rule);
  if ('and' in rule) return effectOf(rule.and);
  if ('or' in rule) return effectOf(rule.or);
  if ('not' in rule) return reversed(effectOfRule(rule.not));
  return 'settled';
}

function effectOfField({ operator, value }: FieldRule): Effect {
  if (operator === 'GROUP_BY') return 'balancing';
  if (operator === 'UNIQUE' || operator === 'MAX_PER') return 'narrowing';
  return operator === 'CLUSTER' && value === undefined ? 'narrowing' : 'fixed';
}

/** What closes for one opens for the opposite. */
export function reversed(effect: Effect): Effect {
  return effect === 'narrowing' ? 'balancing' : effect;
}

export function strongest(effects: readonly Effect[]): Effect {
  return (['balancing', 'narrowing', 'settled'] as const).find((effect) => effects.includes(effect)) ?? 'fixed';
}

/** All that must hold at once, each by itself. */
export function flattened(rules: readonly Rule[]): readonly Rule[] {
  if (!rules.some((rule) => 'and' in rule)) return rules;
  return rules.flatMap((rule) => ('and' in rule ? flattened(rule.and) : [rule]));
}

/** Every rule that stands anywhere in these and has none below it. */
export function* leavesOf(rules: readonly Rule[]): IterableIterator<FieldRule | LeafAboutNeighbours> {
  for (const rule of rules)
    if ('and' in rule) yield* leavesOf(rule.and);
    else if ('or' in rule) yield* leavesOf(rule.or);
    else if ('not' in rule) yield* leavesOf([rule.not]);
    else yield rule;
}

export type LeafAboutNeighbours = { readonly avoid: Neighbour } | { readonly colocate: Neighbour };

/** Fields on whose values alone it depends whether a node passes. */
export function fieldsOf(rules: readonly Rule[]): string[] {
  const fields = new Set<string>();
  for (const leaf of leavesOf(rules)) fields.add(isFieldRule(leaf) ? leaf.field : fieldOfNeighbour(neighbourIn(leaf)));
  return [...fields];
}

export function neighbourIn(leaf: LeafAboutNeighbours): Neighbour {
  return 'avoid' in leaf ? leaf.avoid : leaf.colocate;
}

export function fieldOfNeighbour({ field = NODE_FIELD }: Neighbour): string {
  return field;
}
