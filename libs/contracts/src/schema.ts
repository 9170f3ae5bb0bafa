import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Type, type Static, type TSchema, type TUnsafe } from 'typebox';
import type { Mistake, Refusal } from '@orrery/kernel';

/** The schema of a branded string. */
export function branded<Branded extends string>(description?: string): TUnsafe<Branded> {
  return Type.Unsafe<Branded>(
    Type.String({ minLength: 1, maxLength: 255, ...(description === undefined ? {} : { description }) }),
  );
}

/** More of them help nobody. */
const MISTAKES_MAX = 20;

/** Of schemas, made when they are first asked for: most processes look for all errors of nothing. */
class Validators {
  readonly #allErrors: boolean;
  readonly #compiled = new WeakMap<TSchema, ValidateFunction>();
  #ajv: Ajv2020 | undefined;

  constructor(allErrors: boolean) {
    this.#allErrors = allErrors;
  }

  of(schema: TSchema): ValidateFunction {
    let validate = this.#compiled.get(schema);
    if (validate === undefined) {
      this.#ajv ??= new Ajv2020({ allErrors: this.#allErrors, strict: false, multipleOfPrecision: 6, verbose: true });
      validate = this.#ajv.compile(schema);
      this.#compiled.set(schema, validate);
    }
    return validate;
  }
}

const toTheFirst = new Validators(false);
const toTheEnd = new Validators(true);

type Checked<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly refusal: Refusal };

/** Checks a value; a refusal names the field, what is wrong with it, and what would make it pass. */
export function checkShape<Schema extends TSchema>(schema: Schema, value: unknown): Checked<Static<Schema>> {
  const validate = toTheFirst.of(schema);
  if (validate(value)) return { ok: true, value: value as Static<Schema> };
  return { ok: false, refusal: refusalOf(validate.errors![0]!) };
}

/**
 * As `checkShape`, and tells up to 20 mistakes at once: for what people write. Shards stop at the first one, since whoever sends
 * them a large body with nothing right in it would else have them busy.
 */
export function checkWholeShape<Schema extends TSchema>(schema: Schema, value: unknown): Checked<Static<Schema>> {
  const checked = checkShape(schema, value);
  if (checked.ok) return checked;
  const validate = toTheEnd.of(schema);
  validate(value);
  const told = new Set([checked.refusal.field]);
  const also: Mistake[] = [];
  for (const error of validate.errors!.filter(isTold)) {
    const { code: _, ...mistake } = refusalOf(error);
    if (told.has(mistake.field)) continue;
    told.add(mistake.field);
    also.push(mistake);
    if (told.size === MISTAKES_MAX) break;
  }
  return also.length === 0 ? checked : { ok: false, refusal: { ...checked.refusal, also } };
}

/** Of alternatives the first one speaks, and not that none of them fits. */
function isTold({ keyword, schemaPath }: ErrorObject): boolean {
  return !['anyOf', 'oneOf', 'if'].includes(keyword) && !/\/(anyOf|oneOf)\/[1-9]/.test(schemaPath);
}

/** Makes the check ready, which takes up to some 100 ms: for those who may not wait so long later. */
export function prepareShapes(schemas: Readonly<Record<string, TSchema>>): void {
  for (const schema of Object.values(schemas)) toTheFirst.of(schema);
}

function refusalOf(error: ErrorObject): Refusal {
  if (error.keyword === 'additionalProperties') {
    const field = `${error.instancePath}/${String(error.params['additionalProperty'])}`;
    const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {});
    const remedy =
      known.length > 0
        ? `remove it; known fields here: ${known.join(', ')}`
        : 'rename it: names are lower-case letters, digits and dashes';
    return { code: 'unknown-field', message: `${field} is not a field`, field, remedy };
  }
  const field =
    error.keyword === 'required'
      ? `${error.instancePath}/${String(error.params['missingProperty'])}`
      : error.instancePath || '/';
  const expected = error.keyword === 'required' ? 'is required' : (error.message ?? 'does not fit the schema');
  const found = error.keyword === 'required' ? '' : `, found ${shorten(error.data)}`;
  const remedy = error.keyword === 'required' ? `add ${field}` : remedyOf(error);
  return { code: 'invalid-field', message: `${field} ${expected}${found}`, field, remedy };
}

/** What fits, in other words than the message: an example or the values to choose from, where the schema has any. */
function remedyOf({ keyword, params, parentSchema }: ErrorObject): string {
  const description = (parentSchema as { description?: string } | undefined)?.description;
  if (description !== undefined) return `give ${description}`;
  switch (keyword) {
    case 'const':
      return `give ${JSON.stringify(params['allowedValue'])}`;
    case 'enum':
      return `one of ${(params['allowedValues'] as readonly unknown[]).map((value) => JSON.stringify(value)).join(', ')}`;
    case 'type':
      return `give ${article(String(params['type']))}`;
    case 'minimum':
    case 'maximum':
      return `give a number that is ${params['comparison'] === '>=' ? 'at least' : 'at most'} ${String(params['limit'])}`;
    case 'pattern':
      return `give text of the form ${String(params['pattern'])}`;
    default:
      return 'see the schema of the service spec at /schemas/service.json, and /openapi.json for other bodies';
  }
}

function article(type: string): string {
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
