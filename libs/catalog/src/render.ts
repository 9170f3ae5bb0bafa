import { checkShape, ServiceSpec } from '@orrery/contracts';
import Mustache from 'mustache';
import { parse } from 'yaml';
import { withAddresses, type Addresses } from './endpoints.js';
import { mergeOptions, optionsOf, type Options } from './options.js';
import { broken, type PackageDefinition, type PackageResult } from './package-definition.js';

export interface RenderRequest {
  /** Of the service; absent: what the option service.name says. */
  readonly name?: string;
  /** What was given when it was installed or updated before. */
  readonly stored?: Options;
  readonly given: Options;
  /** Of the services that options name. */
  readonly addresses?: Addresses;
}

/** The options that a request comes to, without defaults. */
export function chosenOptions({ name, stored = {}, given }: RenderRequest): Options {
  const named: Options = name === undefined ? {} : { service: { name } };
  return mergeOptions(mergeOptions(stored, given), named);
}

/** Options of an installed package have to fit into the spec of the service, and that into a command. */
const OPTIONS_LENGTH_MAX = 64 * 1024;

/**
 * A service from a package: defaults < stored < given, checked, rendered, parsed, checked. The service carries the options
 * that were chosen (not the defaults: a later version may have better ones), so that its journal knows all about it.
 */
export function renderService(definition: PackageDefinition, request: RenderRequest): PackageResult<ServiceSpec> {
  const { manifest, resource, files } = definition;
  const options = chosenOptions(request);
  const length = JSON.stringify(options).length;
  if (length > OPTIONS_LENGTH_MAX) {
    const message = `the options are ${length} characters long, at most ${OPTIONS_LENGTH_MAX} fit`;
    return { ok: false, refusal: { code: 'invalid-option', message, field: '/', remedy: 'shorten them' } };
  }
  const all = optionsOf(definition, options);
  if (!all.ok) return all;
  const about = { resource, package: { name: manifest.name, version: manifest.version } };
  const context = { ...withAddresses(withEntries(all.value), request.addresses ?? new Map()), ...about };
  const parsed = parsedService(files['service.yaml.mustache']!, context);
  if (!parsed.ok) return parsed;
  const filled = withFiles(parsed.value, definition, context);
  if (!filled.ok) return filled;
  const { name, version } = manifest;
  const spec = { ...(filled.value as object), package: { name, version, options } };
  const checked = checkShape(ServiceSpec, spec);
  if (checked.ok) return { ok: true, value: checked.value };
  const { field = '/', message, remedy } = checked.refusal;
  return {
    ok: false,
    refusal: {
      code: 'not-renderable',
      message: `the service that comes of these options: ${message}`,
      field,
      remedy: remedy ?? 'other options',
    },
  };
}

/**
 * A file of a package as a task would find it, for whoever runs the program without an agent: the options that it names, and in
 * `agent` what an agent would tell the task.
 */
export function filledFile(
  text: string,
  { options, agent }: { readonly options: Options; readonly agent: Readonly<Record<string, string>> },
): string {
  const rendered = Mustache.render(text, withEntries(options), undefined, { tags: OPTION_TAGS, escape: plain });
  return Mustache.render(rendered, agent, undefined, { escape: plain });
}

/** Beside each object its entries, since mustache goes through lists only: `kafka` and `kafka@entries`, each with key and value. */
function withEntries(options: Options): Options {
  const both = Object.entries(options).flatMap(([name, value]): [string, unknown][] => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[name, value]];
    const entries = Object.entries(value).map(([key, inner]) => ({ key, value: inner as unknown }));
    return [
      [name, withEntries(value as Options)],
      [`${name}@entries`, entries],
    ];
  });
  return Object.fromEntries(both);
}

/** Values are written as JSON, which is YAML: no option can break out of its place. */
function parsedService(template: string, context: object): PackageResult<unknown> {
  try {
    return {
      ok: true,
      value: parse(Mustache.render(template, context, undefined, { escape: JSON.stringify })) as unknown,
    };
  } catch (error) {
    return broken('/service.yaml.mustache', `does not become YAML: ${(error as Error).message}`);
  }
}

/** Named in the place of a text: `cmd-file: broker.sh` becomes `cmd: <the text of that file>`. */
const FILE_SUFFIX = '-file';
/** In files of a package, options stand in these: the ordinary braces are those of the agent. */
const OPTION_TAGS: [string, string] = ['<%', '%>'];

function withFiles(value: unknown, definition: PackageDefinition, context: object): PackageResult<unknown> {
  let failed: PackageResult<never> | undefined;
  const fill = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(fill);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => entryOf(key, inner)));
  };
  const entryOf = (key: string, inner: unknown): [string, unknown] => {
    if (!key.endsWith(FILE_SUFFIX) || typeof inner !== 'string') return [key, fill(inner)];
    const text = Object.hasOwn(definition.files, inner) ? definition.files[inner] : undefined;
    if (text === undefined) failed ??= broken('/service.yaml.mustache', `names a file that is not there: ${inner}`);
    const rendered = Mustache.render(text ?? '', context, undefined, { tags: OPTION_TAGS, escape: plain });
    return [key.slice(0, -FILE_SUFFIX.length), rendered];
  };
  const filled = fill(value);
  return failed ?? { ok: true, value: filled };
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
