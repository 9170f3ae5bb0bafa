import { lacking, nameOf, noEffect, type Constraint, type Rule } from './constraint.js';
import { fieldOf } from './field.js';

/** Only nodes with exactly this value. */
export function is(rule: Rule): Constraint {
  const wanted = rule.value ?? '';
  return {
    name: nameOf(rule),
    effect: 'fixed',
    field: rule.field,
    placed: noEffect,
    passes: (node) => fieldOf(rule.field, node) === wanted,
    explain(node) {
      const value = fieldOf(rule.field, node);
      return value === undefined ? lacking(rule) : `${rule.field} is ${value}, not ${wanted}`;
    },
    remedy: () => `add an agent with ${rule.field} ${wanted}`,
  };
}
