import { InvalidArgumentError, Option } from 'commander';

/** Values of options that several nouns take, as commander's parsers: what doesn't fit is refused with what was expected. */

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
}

/** Of an option that may be repeated. */
export function keyValue(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('expected KEY=VALUE.');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** An option that may be given several times. */
export function repeatable(flags: string, says: string): Option {
  return new Option(flags, `${says}, repeatable`)
    .argParser((value: string, before: readonly string[]) => [...before, value])
    .default([], 'none');
}
