import type { Operator } from './constraint.js';
import { patternProblem } from './pattern.js';

/** What is wrong with rules as somebody wrote them. */
export interface RuleProblem {
  /** JSON pointer to the rule, from the list. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

const DEPTH_MAX = 4;
const RULES_MAX = 64;
const PATTERN_LENGTH_MAX = 256;
const NAME_LENGTH_MAX = 255;

type Argument = 'none' | 'optional' | 'number or none' | 'number' | 'pattern' | 'text';

/** What each of Marathon's operators takes beside its field. */
const argumentOf: Readonly<Record<Operator, Argument>> = {
  UNIQUE: 'none',
  CLUSTER: 'optional',
  GROUP_BY: 'number or none',
  MAX_PER: 'number',
  LIKE: 'pattern',
  UNLIKE: 'pattern',
  IS: 'text',
};

/** The first problem of rules that may be anything, nothing where they are rules that can be placed by. */
export function ruleProblem(rules: readonly unknown[]): RuleProblem | undefined {
  const counted = { rules: 0 };
  return firstProblem(rules, '', 1, counted);
}

function firstProblem(
  rules: readonly unknown[],
  path: string,
  depth: number,
  counted: { rules: number },
): RuleProblem | undefined {
  for (const [at, rule] of rules.entries()) {
    const problem = problemOf(rule, `${path}/${at}`, depth, counted);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOf(rule: unknown, path: string, depth: number, counted: { rules: number }): RuleProblem | undefined {
  const fail = (message: string, remedy: string) => ({
    path,
    message: `${message}, found ${JSON.stringify(rule)?.slice(0, 200)}`,
    remedy,
  });
  counted.rules += 1;
  if (counted.rules > RULES_MAX) return fail(`has more than ${RULES_MAX} rules before it`, 'say it with fewer rules');
  if (depth > DEPTH_MAX) return fail(`lies deeper than ${DEPTH_MAX} levels`, 'take and, or and not apart');
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule))
    return fail('is no rule', 'such as [hostname, UNIQUE], {or: [...]}, {not: ...} or {avoid: db}');
  const keys = Object.keys(rule);
  if (keys.includes('operator')) return fieldProblem(rule as never, fail);
  const [key] = keys;
  const value = (rule as Record<string, unknown>)[key ?? ''];
  if (keys.length !== 1 || !['and', 'or', 'not', 'avoid', 'colocate'].includes(key!))
    return fail('has exactly one of and, or, not, avoid, colocate', 'put other rules beside it, or below an and');
  if (key === 'not') return problemOf(value, `${path}/not`, depth + 1, counted);
  if (key === 'avoid' || key === 'colocate') return neighbourProblem(value, fail);
  if (!Array.isArray(value) || value.length === 0) return fail(`needs a list of rules for ${key}`, 'one rule at least');
  return firstProblem(value, `${path}/${key}`, depth + 1, counted);
}

type Fail = (message: string, remedy: string) => RuleProblem;

function fieldProblem(rule: Record<'field' | 'operator' | 'value', unknown>, fail: Fail): RuleProblem | undefined {
  const { field, value } = rule;
  const operator = String(rule.operator);
  const stray = Object.keys(rule).find((key) => !['field', 'operator', 'value'].includes(key));
  if (stray !== undefined) return fail(`has no part ${stray}`, 'a field, an operator, and a value where it takes one');
  if (!isName(field))
    return fail('begins with the name of a field', 'hostname, region, zone, or an attribute of the agents');
  if (!Object.hasOwn(argumentOf, operator))
    return fail('has an unknown operator', `one of ${Object.keys(argumentOf).join(', ')}`);
  const argument = argumentOf[operator as Operator];
  if (takes(argument, value)) return undefined;
  const example = `[${field}, ${operator}${argument === 'none' ? '' : `, ${exampleOf(argument)}`}]`;
  return fail(`needs ${wordsFor(argument)} as its value`, `such as ${example}`);
}

function neighbourProblem(of: unknown, fail: Fail): RuleProblem | undefined {
  const known = ['service', 'pod', 'field'];
  if (typeof of !== 'object' || of === null || !('service' in of || 'pod' in of))
    return fail(
      'names a pod type, a service, or both',
      'such as {avoid: db} or {colocate: {service: shop, pod: cache}}',
    );
  for (const [key, value] of Object.entries(of))
    if (!known.includes(key) || !isName(value))
      return fail(`has ${key} that is no name`, `names for ${known.join(', ')}`);
  return undefined;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= NAME_LENGTH_MAX;
}

function takes(argument: Argument, value: unknown): boolean {
  if (value === undefined) return argument === 'none' || argument === 'optional' || argument === 'number or none';
  if (typeof value !== 'string' || value === '') return false;
  switch (argument) {
    case 'none':
      return false;
    case 'number or none':
    case 'number':
      return /^[1-9]\d{0,6}$/.test(value);
    case 'pattern':
      return value.length <= PATTERN_LENGTH_MAX && patternProblem(value) === undefined;
    case 'optional':
    case 'text':
      return value.length <= NAME_LENGTH_MAX;
  }
}

function wordsFor(argument: Argument): string {
  if (argument === 'none') return 'nothing';
  if (argument === 'pattern')
    return `a regular expression of at most ${PATTERN_LENGTH_MAX} characters, without look-around and back-references`;
  return argument === 'text' || argument === 'optional' ? 'a value' : 'a whole number of at least 1';
}

function exampleOf(argument: Argument): string {
  if (argument === 'pattern') return 'rack-[1-3]';
  return argument === 'text' || argument === 'optional' ? 'rack-1' : '2';
}
