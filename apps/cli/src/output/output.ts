import { fields, table, type Column } from './table.js';

export const outputFormats = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** How a list of things is shown. */
export interface Listing<Row> {
  readonly columns: readonly Column<Row>[];
  readonly name: (row: Row) => string;
}

/** Data on stdout in the chosen format, progress and remarks on stderr. */
export class Output {
  constructor(
    readonly format: OutputFormat,
    private readonly out: (text: string) => void,
    private readonly err: (text: string) => void,
    /** Of the terminal that `out` writes to. */
    private readonly width: () => number | undefined,
  ) {}

  /** Not only for programs. */
  get isForPeople(): boolean {
    return this.format === 'table' || this.format === 'wide';
  }

  async list<Row>(rows: readonly Row[], listing: Listing<Row>): Promise<void> {
    switch (this.format) {
      case 'json':
        return this.out(`${JSON.stringify(rows, null, 2)}\n`);
      case 'yaml':
        return this.out(await yamlOf(rows));
      case 'name':
        return this.out(rows.map((row) => `${listing.name(row)}\n`).join(''));
      default:
        return this.out(table(listing.columns, rows, { wide: this.format === 'wide', width: this.width() }));
    }
  }

  /** `people` writes it for people; without it the fields are listed. */
  async object<Value extends object>(
    value: Value,
    show: { readonly name: (value: Value) => string; readonly people?: (value: Value) => string },
  ): Promise<void> {
    switch (this.format) {
      case 'json':
        return this.out(`${JSON.stringify(value, null, 2)}\n`);
      case 'yaml':
        return this.out(await yamlOf(value));
      case 'name':
        return this.out(`${show.name(value)}\n`);
      default:
        return this.out(show.people?.(value) ?? fields(value as Record<string, unknown>));
    }
  }

  /** One item of a stream: a line of JSON with `-o json`, a document with `-o yaml`. */
  async item<Value extends object>(value: Value, people: (value: Value) => string): Promise<void> {
    if (this.format === 'json') this.out(`${JSON.stringify(value)}\n`);
    else if (this.format === 'yaml') this.out(`---\n${await yamlOf(value)}`);
    else this.out(`${people(value)}\n`);
  }

  raw(text: string): void {
    this.out(text);
  }

  remark(text: string): void {
    this.err(`${text}\n`);
  }
}

async function yamlOf(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value);
}
