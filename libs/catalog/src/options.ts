import { checkWholeShape } from '@orrery/contracts';
import type { Mistake } from '@orrery/kernel';
import type { TSchema } from 'typebox';
import type { PackageDefinition, PackageResult } from './package-definition.js';

/** Options of a package, as its config.json describes them. */
export type Options = Readonly<Record<string, unknown>>;

/** What is given outweighs what was stored; objects are merged, everything else is replaced; null takes an option back. */
export function mergeOptions(stored: Options, given: Options): Options {
  const merged: Record<string, unknown> = { ...stored };
  for (const [name, value] of Object.entries(given)) {
    const before = merged[name];
    if (value === null) delete merged[name];
    else merged[name] = isObject(before) && isObject(value) ? mergeOptions(before, value) : value;
  }
  return merged;
}

/** All options with their defaults; refused with the path of the option, such as `brokers.count`. Unknown ones are refused. */
export function optionsOf({ config, manifest }: PackageDefinition, options: Options): PackageResult<Options> {
  const all = mergeOptions(defaultsOf(config as Schema), options);
  const checked = checkWholeShape(closed(config as Schema) as TSchema, all);
  if (checked.ok) return { ok: true, value: all };
  const { code, also, ...first } = checked.refusal;
  const known = `orrery package describe ${manifest.name} shows all options`;
  return {
    ok: false,
    refusal: {
      code: code === 'unknown-field' ? 'unknown-option' : 'invalid-option',
      ...inOptions(first, known),
      ...(also !== undefined && { also: also.map((mistake) => inOptions(mistake, known)) }),
    },
  };
}

/** The same mistake in the words of who gives options: `brokers.count` in the place of `/brokers/count`. */
function inOptions({ message, remedy, field = '/' }: Mistake, known: string): Mistake {
  const path = field.slice(1).replaceAll('/', '.');
  const said = (text: string) => text.replaceAll(field, path === '' ? 'the options' : path);
  return {
    message: `option ${said(message).replace(' is not a field', ' is not an option')}`,
    field,
    remedy: remedy === undefined ? known : said(remedy).replace('known fields here', 'known options here'),
  };
}

/** The part of JSON Schema that this looks into; the check itself knows all of it. */
interface Schema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  /** What packages say of an option beside JSON Schema. */
  readonly [extension: `x-${string}`]: unknown;
}

/** Every option that a config.json describes, by its path. */
export function describedOptions(
  config: object,
  path: readonly string[] = [],
): readonly (readonly [path: readonly string[], schema: Schema])[] {
  return Object.entries((config as Schema).properties ?? {}).flatMap(([name, property]) => {
    const inner = [...path, name];
    return property.properties === undefined ? [[inner, property] as const] : describedOptions(property, inner);
  });
}

export function optionAt(options: Options, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (value as Options | undefined)?.[name], options);
}

function defaultsOf(schema: Schema): Options {
  const defaults = Object.entries(schema.properties ?? {}).flatMap(([name, property]): [string, unknown][] => {
    if (property.properties !== undefined) {
      return [[name, mergeOptions(defaultsOf(property), isObject(property.default) ? property.default : {})]];
    }
    return property.default === undefined ? [] : [[name, property.default]];
  });
  return Object.fromEntries(defaults);
}

const closedSchemas = new WeakMap<Schema, Schema>();

/** A mistyped option must not silently mean nothing, so objects take no more than they describe unless they say so. */
function closed(schema: Schema): Schema {
  let found = closedSchemas.get(schema);
  if (found === undefined) {
    const { properties } = schema;
    const inside = Object.entries(properties ?? {}).map(([name, property]) => [name, closed(property)]);
    found =
      properties === undefined
        ? schema
        : { additionalProperties: false, ...schema, properties: Object.fromEntries(inside) };
    closedSchemas.set(schema, found);
  }
  return found;
}

function isObject(value: unknown): value is Options {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
