import { lacking, nameOf, noEffect, type Constraint, type FieldRule } from './constraint.js';
import { fieldOf, GPUS_FIELD } from './field.js';

/** Only nodes with this value: the same text, or the same number to three decimals (Marathon's scalars). */
export function is(rule: FieldRule): Constraint {
  const wanted = rule.value ?? '';
  return {
    name: nameOf(rule),
    effect: 'fixed',
    placed: noEffect,
    passes(node) {
      const value = fieldOf(rule.field, node);
      return value !== undefined && sameValue(value, wanted);
    },
    explain(node) {
      const value = fieldOf(rule.field, node);
      return value === undefined ? lacking(rule) : `${rule.field} is ${value}, not ${wanted}`;
    },
    remedy: () =>
      rule.field === GPUS_FIELD && wanted === '0'
        ? `add an agent without gpus, or let these pods use the others: [${GPUS_FIELD}, LIKE, ".*"]`
        : `add an agent with ${rule.field} ${wanted}`,
  };
}

const SCALAR = /^-?\d{1,12}(\.\d+)?$/;

export function isScalar(value: string): boolean {
  return SCALAR.test(value);
}

export function sameValue(left: string, right: string): boolean {
  if (left === right) return true;
  if (!SCALAR.test(left) || !SCALAR.test(right)) return false;
  return Math.round(Number(left) * 1000) === Math.round(Number(right) * 1000);
}
