import { readFileSync } from 'node:fs';
import {
  AgentMetrics,
  agentReportSchemas,
  commandSchemas,
  commandTypeName,
  domainNames,
  ServiceSpec,
  type DomainName,
} from '@orrery/contracts';

export type Schema = { readonly [keyword: string]: unknown };

/** A message, or a part of one, with the JSON Schema of its value. */
export interface MessageSchema {
  /** Under which it is published: `/schemas/<name>.json`. */
  readonly name: string;
  /** As it stands in the message. */
  readonly title: string;
  readonly kind: 'command' | 'event' | 'record' | 'order' | 'report' | 'other';
  readonly domain?: DomainName;
  /** References name `definitions`. */
  readonly schema: Schema;
}

/** Made from the types of `@orrery/contracts` by `npm run schemas`. */
export const definitions = (
  JSON.parse(readFileSync(new URL('../../schemas/messages.json', import.meta.url), 'utf8')) as {
    readonly definitions: Readonly<Record<string, Schema>>;
  }
).definitions;

const eventUnions: Readonly<Record<DomainName, string>> = {
  cluster: 'ClusterEvent',
  allocation: 'AllocationEvent',
  services: 'ServicesEvent',
};

/** Everything that stands in a topic as JSON. */
export const messageSchemas: readonly MessageSchema[] = [
  ...domainNames.flatMap((domain) => [...commandsOf(domain), ...eventsOf(domain, eventUnions[domain])]),
  ...eventsOf(undefined, 'LoopEvent'),
  recordOf('Genesis', { $ref: '#/definitions/GenesisRecord' }),
  recordOf('TermStarted', { $ref: '#/definitions/TermStartedRecord' }),
  ...domainNames.map((domain) => ({ ...recordOf('Commit', commitOf(domain)), name: `${domain}.Commit`, domain })),
  ...[...alternativesOf('LaneOrder'), ...alternativesOf('AgentOrder')].map((schema) => ({
    ...{ name: `agents.${typeOf(schema)}Order`, title: typeOf(schema), kind: 'order' as const, schema },
  })),
  ...Object.entries(agentReportSchemas).map(([title, schema]) => ({
    ...{ name: `agents.${title}`, title, kind: 'report' as const, schema: plain(schema) },
  })),
  ...['Heartbeat', 'HeartbeatMarker'].map((title) => otherOf(`agents.${title}`, title)),
  { name: 'agents.Metrics', title: 'AgentMetrics', kind: 'other', schema: plain(AgentMetrics) },
  otherOf('audit.Checkpoint', 'Checkpoint'),
];

/** A schema that stands by itself: with all that it refers to. */
export function publishedSchema(name: string): Schema | undefined {
  if (name === 'service') return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...plain(ServiceSpec) };
  const message = messageSchemas.find((known) => known.name === name);
  if (message === undefined) return undefined;
  const needed = new Set<string>();
  gather(message.schema, needed);
  const { $id: _, ...schema } = message.schema;
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: `https://orrery.dev/schemas/${name}.json`,
    title: message.title,
    // Beside a reference draft 7 takes nothing.
    ...('$ref' in schema ? { allOf: [schema] } : schema),
    ...(needed.size === 0
      ? {}
      : { definitions: Object.fromEntries([...needed].sort().map((each) => [each, definitions[each]])) }),
  };
}

function commandsOf(domain: DomainName): MessageSchema[] {
  return Object.entries(commandSchemas[domain]).map(([name, schema]) => ({
    name: `${domain}.${name}`,
    title: commandTypeName(domain, name),
    kind: 'command',
    domain,
    schema: plain(schema),
  }));
}

/** Events as they stand in a commit. */
function eventsOf(domain: DomainName | undefined, union: string): MessageSchema[] {
  const { properties, required, ...envelope } = definitions['RecordedEvent']!;
  return alternativesOf(union).map((event) => {
    const { type, data } = event['properties'] as { readonly type: Schema; readonly data: Schema };
    const schema = { ...envelope, required, properties: { ...(properties as object), type, data } };
    const title = typeOf(event);
    return {
      ...{ name: `${domain ?? 'journal'}.${title}`, title, kind: 'event', schema },
      ...(domain === undefined ? {} : { domain }),
    };
  });
}

function recordOf(title: string, schema: Schema): MessageSchema {
  return { name: `journal.${title}`, title, kind: 'record', schema };
}

function otherOf(name: string, definition: string): MessageSchema {
  return { name, title: definition, kind: 'other', schema: { $ref: `#/definitions/${definition}` } };
}

/** A commit whose events are those of its domain, or those that the loop writes in each. */
function commitOf(domain: DomainName): Schema {
  const events = [...eventsOf(domain, eventUnions[domain]), ...eventsOf(undefined, 'LoopEvent')];
  return {
    allOf: [{ $ref: '#/definitions/CommitRecord' }],
    properties: { events: { type: 'array', items: { anyOf: events.map(({ schema }) => schema) } } },
  };
}

/** The members of a union, also of those that it is made of; a union of one is that one. */
function alternativesOf(definition: string): Schema[] {
  const { anyOf } = definitions[definition]! as { readonly anyOf?: readonly Schema[] };
  const members = anyOf ?? [definitions[definition]!];
  return members.flatMap((member) =>
    typeof member['$ref'] === 'string' ? alternativesOf(nameIn(member['$ref'])) : [member],
  );
}

function typeOf(schema: Schema): string {
  return (schema['properties'] as { readonly type: { readonly const: string } }).type.const;
}

function gather(value: unknown, into: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [keyword, part] of Object.entries(value)) {
    if (keyword !== '$ref' || typeof part !== 'string') gather(part, into);
    else if (!into.has(nameIn(part))) {
      into.add(nameIn(part));
      gather(definitions[nameIn(part)], into);
    }
  }
}

function nameIn(reference: string): string {
  return reference.slice('#/definitions/'.length);
}

/** Without what the schema library keeps beside the keywords. */
function plain(schema: object): Schema {
  return JSON.parse(JSON.stringify(schema)) as Schema;
}
