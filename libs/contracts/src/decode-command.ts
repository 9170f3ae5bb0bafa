import type { Refusal } from '@orrery/kernel';
import type { TSchema } from 'typebox';
import { allocationCommandSchemas, type AllocationCommand } from './allocation.js';
import { objectOfCommand, type CommandObject } from './command-object.js';
import { clusterCommandSchemas, type ClusterCommand } from './cluster.js';
import type { DomainName } from './ids.js';
import { checkShape } from './schema.js';
import { servicesCommandSchemas, type ServicesCommand } from './services.js';

export const commandSchemas = {
  cluster: clusterCommandSchemas,
  allocation: allocationCommandSchemas,
  services: servicesCommandSchemas,
} as const;

export interface CommandsOf {
  cluster: ClusterCommand;
  allocation: AllocationCommand;
  services: ServicesCommand;
}

export type DecodedCommand<Command> =
  | { readonly ok: true; readonly command: Command; readonly object: CommandObject }
  | { readonly ok: false; readonly refusal: Refusal };

/** A typed command from a parsed body and what it is about, or why not: `unknown-type`, `unsupported-version`, `unknown-field`, `invalid-field`. */
export function decodeCommand<Domain extends DomainName>(
  domain: Domain,
  name: string,
  version: number,
  body: unknown,
  check: typeof checkShape = checkShape,
): DecodedCommand<CommandsOf[Domain]> {
  const schemas: Readonly<Record<string, TSchema>> = commandSchemas[domain];
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  if (schema === undefined) {
    const remedy = `commands of ${domain}: ${Object.keys(schemas).join(', ')}`;
    return {
      ok: false,
      refusal: { code: 'unknown-type', message: `there is no command ${name} in ${domain}`, field: 'ce_type', remedy },
    };
  }
  if (version !== 1) {
    const message = `${name} exists in version 1, found ${version}`;
    return {
      ok: false,
      refusal: { code: 'unsupported-version', message, field: 'ce_type', remedy: `send orrery.${domain}.${name}.v1` },
    };
  }
  const checked = check(schema, body);
  if (!checked.ok) return checked;
  const command = { type: name, body: checked.value } as unknown as CommandsOf[Domain];
  return { ok: true, command, object: objectOfCommand(command) };
}
