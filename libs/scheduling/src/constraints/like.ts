import { lacking, nameOf, noEffect, type Constraint, type FieldRule } from './constraint.js';
import { fieldOf } from './field.js';
import { compilePattern } from './pattern.js';

/** Only nodes whose value matches the pattern as a whole. */
export function like(rule: FieldRule): Constraint {
  return matching(rule, true);
}

/** Only nodes whose value does not match, those without one included. */
export function unlike(rule: FieldRule): Constraint {
  return matching(rule, false);
}

function matching(rule: FieldRule, wanted: boolean): Constraint {
  const source = rule.value ?? '';
  const pattern = compilePattern(source);
  const known = new Map<string, boolean>();
  const matches = (value: string): boolean => {
    if ('error' in pattern) return !wanted;
    let answer = known.get(value);
    if (answer === undefined) known.set(value, (answer = pattern.matches(value)));
    return answer;
  };
  return {
    name: nameOf(rule),
    effect: 'fixed',
    placed: noEffect,
    passes(node) {
      const value = fieldOf(rule.field, node);
      return value === undefined ? !wanted && !('error' in pattern) : matches(value) === wanted;
    },
    explain(node) {
      if ('error' in pattern) return `${source} is not a pattern: ${pattern.error}`;
      const value = fieldOf(rule.field, node);
      if (value === undefined) return lacking(rule);
      return `${rule.field} is ${value}, which ${wanted ? 'does not match' : 'matches'} ${source}`;
    },
    remedy() {
      if ('error' in pattern) return `correct the pattern ${source}: ${pattern.error}`;
      return `add an agent whose ${rule.field} ${wanted ? 'matches' : 'does not match'} ${source}`;
    },
  };
}
