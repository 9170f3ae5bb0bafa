import { isFieldRule, nameOf, type FieldRule, type Neighbour, type Rule } from './constraint.js';
import { isScalar, sameValue } from './is.js';
import { labelOf } from './neighbours.js';
import { compilePattern } from './pattern.js';
import { flattened, type LeafAboutNeighbours } from './rules.js';

/** Rules that no agent can fulfil together, whatever there will ever be, and why. */
export interface Contradiction {
  /** Of the rule that can't hold beside those before it. */
  readonly at: number;
  readonly message: string;
}

/** Ways to fulfil rules that are looked at; of more nothing is said. */
const WAYS_MAX = 256;

/**
 * What can never hold for `count` pods: a field with two values, a value that a pattern or a `not` forbids, a rule and its
 * opposite, pods that are both sought and avoided, or more pods on some values than a limit allows. With `or` it is one only
 * when every way is. It says nothing of patterns alone, and nothing wrong: what it names has no place in any cluster.
 */
export function contradictionOf(rules: readonly Rule[], count: number): Contradiction | undefined {
  let ways: readonly Way[] = [[]];
  for (const [at, rule] of rules.entries()) {
    if (countWays(rule, true) * ways.length > WAYS_MAX) return undefined;
    const problems: string[] = [];
    const next: Way[] = [];
    for (const way of ways)
      for (const more of waysOf(rule, true)) {
        const longer = [...way, ...more];
        const problem = problemOf(longer);
        if (problem === undefined) next.push(longer);
        else problems.push(problem);
      }
    if (next.length === 0) return { at, message: [...new Set(problems)].slice(0, 3).join('; ') };
    ways = next;
    const crowd = crowdOf(flattened(rules.slice(0, at + 1)), ways, count);
    if (crowd !== undefined) return { at, message: crowd };
  }
  return undefined;
}

/** One way to fulfil rules: all of these, or their opposites. */
type Way = readonly Literal[];

interface Literal {
  readonly leaf: FieldRule | LeafAboutNeighbours;
  readonly wanted: boolean;
}

function waysOf(rule: Rule, wanted: boolean): readonly Way[] {
  if ('not' in rule) return waysOf(rule.not, !wanted);
  if (!('and' in rule || 'or' in rule)) return [[{ leaf: rule, wanted }]];
  const parts = ('and' in rule ? rule.and : rule.or).map((part) => waysOf(part, wanted));
  // What must not hold all at once is any of the opposites.
  if ('or' in rule === wanted) return parts.flat();
  return parts.reduce<readonly Way[]>(
    (ways, more) => ways.flatMap((way) => more.map((next) => [...way, ...next])),
    [[]],
  );
}

function countWays(rule: Rule, wanted: boolean): number {
  if ('not' in rule) return countWays(rule.not, !wanted);
  if (!('and' in rule || 'or' in rule)) return 1;
  const counts = ('and' in rule ? rule.and : rule.or).map((part) => countWays(part, wanted));
  return 'or' in rule === wanted
    ? counts.reduce((sum, count) => sum + count, 0)
    : counts.reduce((product, count) => product * count, 1);
}

// --- What one agent can't fulfil --------------------------------------------------------------------------------------

function problemOf(way: Way): string | undefined {
  return oppositesIn(way) ?? valuesIn(way) ?? neighboursIn(way);
}

function oppositesIn(way: Way): string | undefined {
  const known = new Map<string, boolean>();
  for (const { leaf, wanted } of way) {
    const key = JSON.stringify(leaf);
    if (known.get(key) === !wanted) return `${told(leaf)} can't both hold and not hold`;
    known.set(key, wanted);
  }
  return undefined;
}

function told(leaf: Literal['leaf']): string {
  if (isFieldRule(leaf)) return nameOf(leaf);
  return 'avoid' in leaf ? `avoid ${labelOf(leaf.avoid)}` : `colocate ${labelOf(leaf.colocate)}`;
}

/** What a way says about the values of one field. */
interface FieldFacts {
  values: string[];
  forbidden: string[];
  readonly patterns: { readonly source: string; readonly wanted: boolean }[];
}

function factsOf(way: Way): Map<string, FieldFacts> {
  const fields = new Map<string, FieldFacts>();
  for (const { leaf, wanted } of way) {
    if (!isFieldRule(leaf)) continue;
    const { field, operator, value } = leaf;
    const facts = fields.get(field) ?? { values: [], forbidden: [], patterns: [] };
    fields.set(field, facts);
    if (operator === 'IS' || (operator === 'CLUSTER' && value !== undefined))
      (wanted ? facts.values : facts.forbidden).push(value ?? '');
    else if (operator === 'LIKE' || operator === 'UNLIKE')
      facts.patterns.push({ source: value ?? '', wanted: (operator === 'LIKE') === wanted });
  }
  return fields;
}

function valuesIn(way: Way): string | undefined {
  for (const [field, { values, forbidden, patterns }] of factsOf(way)) {
    const twins = patterns.find(({ source, wanted }) =>
      patterns.some((other) => other.source === source && other.wanted !== wanted),
    );
    if (twins !== undefined) return `${field} can't both match ${twins.source} and not`;
    const [value] = values;
    if (value === undefined) continue;
    const other = values.find((another) => !sameValue(value, another));
    if (other !== undefined) return `${field} can't be ${value} and ${other}`;
    const not = forbidden.find((another) => sameValue(value, another));
    if (not !== undefined) return `${field} can't be ${value} and not ${not}`;
    const unfit = patterns.find((pattern) => !allows(pattern, values));
    if (unfit !== undefined)
      return `${field} can't be ${value}, which ${unfit.wanted ? 'does not match' : 'matches'} ${unfit.source}`;
  }
  return undefined;
}

/** A number stands for all ways to write it: of those nothing is known. */
function allows({ source, wanted }: FieldFacts['patterns'][number], values: readonly string[]): boolean {
  if (values.some(isScalar)) return true;
  const pattern = compilePattern(source);
  return 'error' in pattern || pattern.matches(values[0]!) === wanted;
}

/** Pods that are sought on agents where the same ones are avoided. */
function neighboursIn(way: Way): string | undefined {
  for (const { leaf: sought, wanted } of way)
    for (const { leaf: avoided, wanted: also } of way)
      if (wanted && also && 'colocate' in sought && 'avoid' in avoided && covers(avoided.avoid, sought.colocate))
        return `colocate ${labelOf(sought.colocate)} can't hold beside avoid ${labelOf(avoided.avoid)}`;
  return undefined;
}

function covers(avoided: Neighbour, sought: Neighbour): boolean {
  if (avoided.service !== sought.service || avoided.field !== sought.field) return false;
  return avoided.pod === undefined || avoided.pod === sought.pod;
}

// --- What a set can't fulfil ------------------------------------------------------------------------------------------

/** More pods than all the values that any way leaves may have. */
function crowdOf(rules: readonly Rule[], ways: readonly Way[], count: number): string | undefined {
  for (const limit of rules) {
    if (!isFieldRule(limit) || (limit.operator !== 'UNIQUE' && limit.operator !== 'MAX_PER')) continue;
    const { field, operator } = limit;
    const most = operator === 'UNIQUE' ? 1 : Number(limit.value);
    const together = rules.some(
      (rule) => isFieldRule(rule) && rule.field === field && rule.operator === 'CLUSTER' && rule.value === undefined,
    );
    const values = together ? 1 : valuesLeft(field, ways);
    if (values === undefined || count <= values * most) continue;
    const where = values === 1 ? `one ${field}` : `${values} values of ${field}`;
    return `${count} pods can't be on ${where} of which each has ${most} at most`;
  }
  return undefined;
}

/** How many values of the field any of the ways leads to, where each leads to one. */
function valuesLeft(field: string, ways: readonly Way[]): number | undefined {
  const values = new Set<string>();
  for (const way of ways) {
    const [value] = factsOf(way).get(field)?.values ?? [];
    // One number is written in several ways, and a limit holds for each of them.
    if (value === undefined || isScalar(value)) return undefined;
    values.add(value);
  }
  return values.size;
}
