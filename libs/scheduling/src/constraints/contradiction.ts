import type { Rule } from './constraint.js';
import { compilePattern } from './pattern.js';
import { sameValue } from './is.js';

/** Rules that no agent can fulfil together, whatever there will ever be, and why. */
export interface Contradiction {
  /** Of the rule that can't hold beside those before it. */
  readonly at: number;
  readonly message: string;
}

/**
 * What can never hold for `count` pods: one field with two values, a value that a pattern forbids, or more pods on one value
 * than a limit allows. Of patterns alone nothing is said.
 */
export function contradictionOf(rules: readonly Rule[], count: number): Contradiction | undefined {
  const fields = new Map<string, FieldRules>();
  for (const [at, rule] of rules.entries()) {
    const known = fields.get(rule.field) ?? { patterns: [], most: Number.POSITIVE_INFINITY, together: false };
    fields.set(rule.field, known);
    note(known, rule);
    const message = problemOf(rule.field, known, count);
    if (message !== undefined) return { at, message };
  }
  return undefined;
}

/** All that is said of one field so far. */
interface FieldRules {
  /** The one value, and another one. */
  value?: string;
  other?: string;
  readonly patterns: { readonly source: string; readonly wanted: boolean }[];
  /** Pods on one value at most. */
  most: number;
  /** All pods on one value. */
  together: boolean;
}

function note(known: FieldRules, { operator, value = '' }: Rule): void {
  switch (operator) {
    case 'IS':
      return noteValue(known, value);
    case 'CLUSTER':
      known.together = true;
      return value === '' ? undefined : noteValue(known, value);
    case 'LIKE':
    case 'UNLIKE':
      known.patterns.push({ source: value, wanted: operator === 'LIKE' });
      return;
    case 'UNIQUE':
      known.most = Math.min(known.most, 1);
      return;
    case 'MAX_PER':
      known.most = Math.min(known.most, Number(value));
      return;
    default:
      return;
  }
}

function noteValue(known: FieldRules, value: string): void {
  if (known.value === undefined) known.value = value;
  else if (!sameValue(known.value, value)) known.other = value;
}

function problemOf(field: string, known: FieldRules, count: number): string | undefined {
  const { value, other, patterns, most, together } = known;
  if (other !== undefined) return `${field} can't be ${value} and ${other}`;
  if (count > most && (together || value !== undefined))
    return `${count} pods can't be on one ${field} of which each has ${most} at most`;
  if (value === undefined) return undefined;
  for (const { source, wanted } of patterns) {
    const pattern = compilePattern(source);
    if ('error' in pattern || pattern.matches(value) === wanted) continue;
    return `${field} can't be ${value}, which ${wanted ? 'does not match' : 'matches'} ${source}`;
  }
  return undefined;
}
