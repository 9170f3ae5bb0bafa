import { reject, type Decision } from '@orrery/kernel';
import type { ParameterSpec, PlanSpec } from '@orrery/contracts';
import { compilePattern } from '@orrery/scheduling';

const VALUE_LENGTH_MAX = 4096;

type Given = Readonly<Record<string, string>>;

/** The values of a plan's parameters as its tasks see them, defaults filled in; or what is wrong with those that were given. */
export function parametersOf(
  plan: string,
  spec: PlanSpec | undefined,
  given: Given = {},
): { readonly values: Given } | { readonly refusal: Decision<never> } {
  const declared = spec?.parameters ?? {};
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(declared, name)) continue;
    const known = Object.keys(declared).join(', ') || 'it takes none';
    return { refusal: invalid(name, `plan ${plan} has no parameter ${name}`, `parameters: ${known}`) };
  }
  const values: Record<string, string> = {};
  for (const [name, parameter] of Object.entries(declared)) {
    const value = given[name] ?? (parameter.default === undefined ? undefined : String(parameter.default));
    if (value === undefined) {
      if (parameter.required === false) continue;
      const what = parameter.description === undefined ? '' : `: ${parameter.description}`;
      const message = `plan ${plan} needs a value of ${name}${what}`;
      return { refusal: invalid(name, message, `-p ${name}=<${parameter.type}>`) };
    }
    const problem = problemOf(parameter, value);
    if (problem !== undefined) {
      return { refusal: invalid(name, `${name} ${problem}, found ${value}`, `-p ${name}=<${parameter.type}>`) };
    }
    values[name] = value;
  }
  return { values };
}

/** What a value lacks to be one of this parameter. */
export function problemOf({ type, pattern }: ParameterSpec, value: string): string | undefined {
  if (value.length > VALUE_LENGTH_MAX) return `has at most ${VALUE_LENGTH_MAX} characters`;
  if (type === 'integer' && !/^-?\d{1,15}$/.test(value)) return 'is a whole number';
  if (type === 'number' && (value.trim() === '' || !Number.isFinite(Number(value)))) return 'is a number';
  if (type === 'boolean' && value !== 'true' && value !== 'false') return 'is true or false';
  if (pattern === undefined) return undefined;
  // The author's pattern must not be able to stall an owner, so the engine's own expressions are not used.
  const compiled = compilePattern(pattern);
  return 'error' in compiled || !compiled.matches(value) ? `matches ${pattern}` : undefined;
}

function invalid(name: string, message: string, remedy: string): Decision<never> {
  return reject('invalid-parameter', message, { field: `/parameters/${name}`, remedy });
}
