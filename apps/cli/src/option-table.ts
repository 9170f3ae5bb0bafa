import { table } from './output/table.js';

interface Schema {
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  /** It stays as it was installed. */
  readonly 'x-fixed'?: boolean;
}

type Row = readonly [path: string, schema: Schema];

const DEFAULT_LENGTH_SHOWN = 40;

/** The options of a package, one a line: path, kind, default, what it means. */
export function optionTable(config: object): string {
  return table(
    [
      { title: 'OPTION', cell: ([path]: Row) => path },
      { title: 'TYPE', cell: ([, { type }]: Row) => type },
      { title: 'DEFAULT', cell: ([, schema]: Row) => shorten(JSON.stringify(schema.default)) },
      { title: 'MEANING', cell: ([, schema]: Row) => meaningOf(schema) },
    ],
    rowsOf(config as Schema, ''),
  );
}

function rowsOf({ properties = {} }: Schema, before: string): Row[] {
  return Object.entries(properties).flatMap(([name, schema]): Row[] =>
    schema.properties === undefined ? [[before + name, schema]] : rowsOf(schema, `${before}${name}.`),
  );
}

function meaningOf({ description, 'x-fixed': fixed }: Schema): string | undefined {
  return fixed === true ? `${description}; fixed for the life of the service` : description;
}

function shorten(text: string | undefined): string | undefined {
  return text !== undefined && text.length > DEFAULT_LENGTH_SHOWN
    ? `${text.slice(0, DEFAULT_LENGTH_SHOWN - 1)}…`
    : text;
}
