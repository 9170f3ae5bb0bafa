import { reject, type Decision } from '@orrery/kernel';
import type { Constraint, PodSpec } from '@orrery/contracts';
import { contradictionOf, patternProblem } from '@orrery/scheduling';

const PATTERN_LENGTH_MAX = 256;

type Operator = Constraint['operator'];
type Argument = 'none' | 'optional' | 'number or none' | 'number' | 'pattern' | 'text';

/** What each of Marathon's operators takes as its third part. */
const argumentOf: Readonly<Record<Operator, Argument>> = {
  UNIQUE: 'none',
  CLUSTER: 'optional',
  GROUP_BY: 'number or none',
  MAX_PER: 'number',
  LIKE: 'pattern',
  UNLIKE: 'pattern',
  IS: 'text',
};

/** A row of `placement` that `refusalOfPlacement` has let through. */
export function parseConstraint(row: readonly (string | number)[]): Constraint {
  const [field, operator, value] = row;
  return {
    field: String(field),
    operator: String(operator).toUpperCase() as Operator,
    ...(value === undefined ? {} : { value: String(value) }),
  };
}

/** What is wrong with the placement rows of a pod, if anything. */
export function refusalOfPlacement(pod: PodSpec, path: string): Decision<never> | undefined {
  for (const [at, row] of (pod.placement ?? []).entries()) {
    const problem = problemOf(row);
    if (problem === undefined) continue;
    const field = `${path}/placement/${at}`;
    return reject('invalid-spec', `${field} ${problem.message}, found ${JSON.stringify(row)}`, {
      field,
      remedy: problem.remedy,
    });
  }
  const rules = (pod.placement ?? []).map(parseConstraint);
  const contradiction = contradictionOf(rules, pod.count ?? 1);
  if (contradiction === undefined) return undefined;
  const field = `${path}/placement/${contradiction.at}`;
  return reject('invalid-spec', `${field} can never hold beside those before it: ${contradiction.message}`, {
    field,
    remedy: 'leave out one of them, or ask for fewer pods',
  });
}

function problemOf(row: readonly (string | number)[]): { message: string; remedy: string } | undefined {
  const operator = String(row[1]).toUpperCase();
  if (typeof row[0] !== 'string' || row[0] === '') {
    return {
      message: 'begins with the name of a field',
      remedy: 'hostname, region, zone, or an attribute of the agents',
    };
  }
  if (!Object.hasOwn(argumentOf, operator)) {
    return { message: 'has an unknown operator', remedy: `one of ${Object.keys(argumentOf).join(', ')}` };
  }
  const argument = argumentOf[operator as Operator];
  const value = row[2] === undefined ? undefined : String(row[2]);
  const example = `[${row[0]}, ${operator}${argument === 'none' ? '' : `, ${exampleOf(argument)}`}]`;
  if (!takes(argument, value))
    return { message: `needs ${wordsFor(argument)} as its third part`, remedy: `such as ${example}` };
  return undefined;
}

function takes(argument: Argument, value: string | undefined): boolean {
  switch (argument) {
    case 'none':
      return value === undefined;
    case 'optional':
      return value !== '';
    case 'number or none':
      return value === undefined || isCount(value);
    case 'number':
      return value !== undefined && isCount(value);
    case 'pattern':
      return value !== undefined && isPattern(value);
    case 'text':
      return value !== undefined && value !== '';
  }
}

function isCount(value: string): boolean {
  return /^[1-9]\d{0,6}$/.test(value);
}

/** One that the allocator can run: an engine of its own, whose cost is linear in the text. */
function isPattern(value: string): boolean {
  return value.length <= PATTERN_LENGTH_MAX && patternProblem(value) === undefined;
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
