// Writes the JSON Schemas of all messages that are TypeScript types in libs/contracts: events, records, orders, reports. They
// are made from those types, so they can't say anything else; `--check` only says whether the written file is current.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import {
  BaseType,
  createFormatter,
  createParser,
  createProgram,
  DefinitionType,
  SchemaGenerator,
  StringType,
} from 'ts-json-schema-generator';
import typescript from 'typescript';

const contracts = await import('@orrery/contracts');
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const file = join(root, 'apps', 'gateway', 'schemas', 'messages.json');

const types = [
  ...['GenesisRecord', 'TermStartedRecord', 'CommitRecord', 'LoopEvent'],
  ...['ClusterEvent', 'AllocationEvent', 'ServicesEvent'],
  ...['LaneOrder', 'AgentOrder', 'AgentReport', 'Heartbeat', 'HeartbeatMarker', 'Checkpoint'],
];

const config = {
  path: join(root, 'libs', 'contracts', 'src', 'index.ts'),
  tsconfig: join(root, 'tsconfig.json'),
  expose: 'export',
  topRef: true,
  jsDoc: 'extended',
  // Readers let through what a newer writer adds.
  additionalProperties: true,
  skipTypeCheck: true,
};

/** A type that a schema stands behind already: `type Volume = Static<typeof Volume>`. */
class SchemaType extends BaseType {
  constructor(name) {
    super();
    this.name = name;
  }

  getId() {
    return `schema-${this.name}`;
  }
}

const schemaParser = {
  supportsNode: (node) =>
    node.kind === typescript.SyntaxKind.TypeAliasDeclaration && /^Static<typeof \w+>$/.test(node.type.getText()),
  createType(node) {
    const name = /^Static<typeof (\w+)>$/.exec(node.type.getText())[1];
    if (contracts[name] === undefined) throw new Error(`the schema ${name} is not exported by @orrery/contracts`);
    return new DefinitionType(name, new SchemaType(name));
  },
};

/** To a reader a branded string is a string. */
const brandParser = {
  supportsNode: (node) => node.kind === typescript.SyntaxKind.TypeReference && node.typeName.getText() === 'Brand',
  createType: () => new StringType(),
};

const schemaFormatter = {
  supportsType: (type) => type instanceof SchemaType,
  getDefinition: ({ name }) => {
    const { $id: _, ...schema } = JSON.parse(JSON.stringify(contracts[name]));
    return schema;
  },
  getChildren: () => [],
};

function generate() {
  const program = createProgram(config);
  const parser = createParser(program, config, (chain) => chain.addNodeParser(schemaParser).addNodeParser(brandParser));
  const formatter = createFormatter(config, (chain) => chain.addTypeFormatter(schemaFormatter));
  const generator = new SchemaGenerator(program, parser, formatter, config);
  const definitions = Object.assign({}, ...types.map((type) => generator.createSchema(type).definitions));
  const sorted = Object.fromEntries(Object.entries(definitions).sort(([left], [right]) => (left < right ? -1 : 1)));
  return { $schema: 'http://json-schema.org/draft-07/schema#', definitions: sorted };
}

const text = await format(JSON.stringify(generate()), { ...(await resolveConfig(file)), filepath: file });
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (text !== readFileSync(file, 'utf8')) {
  console.error('apps/gateway/schemas/messages.json is not what libs/contracts says: run `npm run schemas`');
  process.exitCode = 1;
}
