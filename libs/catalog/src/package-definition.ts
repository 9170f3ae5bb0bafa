import { checkShape } from '@orrery/contracts';
import type { Refusal } from '@orrery/kernel';
import { Type, type Static, type TSchema } from 'typebox';

/** The texts of a package by their names; `service.yaml.mustache` and what it names are templates. */
export type PackageFiles = Readonly<Record<string, string>>;

/** Files that every package has. */
export const packageFiles = ['package.json', 'config.json', 'resource.json', 'service.yaml.mustache'] as const;

export type PackageResult<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly refusal: Refusal };

const versions = Type.Optional(
  Type.Array(Type.String({ minLength: 1 }), { description: 'versions of this package; * is any' }),
);

const Manifest = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }),
    version: Type.String({ pattern: '^[0-9A-Za-z][0-9A-Za-z.+-]{0,62}$' }),
    description: Type.String({ maxLength: 1024 }),
    tags: Type.Optional(Type.Array(Type.String({ maxLength: 63 }), { maxItems: 64 })),
    /** Installed versions that this one may follow. */
    upgradesFrom: versions,
    /** Versions that may follow this one though they are older. */
    downgradesTo: versions,
    notes: Type.Optional(
      Type.Object(
        { preInstall: Type.Optional(Type.String()), postInstall: Type.Optional(Type.String()) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

export interface PackageDefinition {
  readonly manifest: Static<typeof Manifest>;
  /** JSON Schema of the options, with their defaults. */
  readonly config: TSchema;
  /** Assets by runtime, as templates see them. */
  readonly resource: Readonly<Record<string, unknown>>;
  readonly files: PackageFiles;
}

/** A package from its files; refused with the file and the field that are wrong. */
export function readPackage(files: PackageFiles): PackageResult<PackageDefinition> {
  const missing = packageFiles.find((name) => files[name] === undefined);
  if (missing !== undefined) return broken(`/${missing}`, 'is missing', `add ${missing} to the folder of the package`);
  const [manifest, config, resource] = (['package.json', 'config.json', 'resource.json'] as const).map((name) =>
    parseObject(name, files[name]!),
  ) as [Parsed, Parsed, Parsed];
  for (const parsed of [manifest, config, resource]) if (!parsed.ok) return parsed;
  if (!manifest.ok || !config.ok || !resource.ok) return manifest as never;
  const checked = checkShape(Manifest, manifest.value);
  if (!checked.ok) return broken(`/package.json${checked.refusal.field}`, checked.refusal.message);
  return {
    ok: true,
    value: { manifest: checked.value, config: config.value as unknown as TSchema, resource: resource.value, files },
  };
}

type Parsed = PackageResult<Record<string, unknown>>;

function parseObject(name: string, text: string): Parsed {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { ok: true, value: value as Record<string, unknown> };
    return broken(`/${name}`, 'is no JSON object');
  } catch (error) {
    return broken(`/${name}`, `is no JSON: ${(error as Error).message}`);
  }
}

/** The package itself is wrong: whoever maintains it has to mend it. */
export function broken(field: string, message: string, remedy = 'tell whoever maintains the package') {
  return { ok: false, refusal: { code: 'broken-package', message: `${field} ${message}`, field, remedy } } as const;
}
