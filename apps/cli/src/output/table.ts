/** A column of a list: its title, its cell, and whether only `-o wide` shows it. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string | number | boolean | undefined | null;
  readonly wide?: boolean;
  readonly right?: boolean;
}

/** Aligned text, two spaces between columns, no trailing blanks; an empty cell is a dash, so that lines stay parseable. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], wide = false): string {
  const shown = columns.filter((column) => wide || column.wide !== true);
  const lines = [
    shown.map((column) => column.title),
    ...rows.map((row) => shown.map((column) => oneLine(column.cell(row)))),
  ];
  const widths = shown.map((_, at) => Math.max(...lines.map((line) => widthOf(line[at]!))));
  return lines
    .map((line) =>
      line
        .map((cell, at) => pad(cell, widths[at]!, shown[at]!.right === true))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** `name:  value` lines for one object; nested objects are indented below their name. */
export function fields(value: Readonly<Record<string, unknown>>, indent = ''): string {
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  const width = Math.max(0, ...entries.map(([name, field]) => (isNested(field) ? 0 : name.length)));
  return entries.map(([name, field]) => fieldLines(name, field, width, indent)).join('');
}

function fieldLines(name: string, field: unknown, width: number, indent: string): string {
  if (!isNested(field)) return `${indent}${`${name}:`.padEnd(width + 1)}  ${oneLine(field)}\n`;
  if (!Array.isArray(field)) return `${indent}${name}:\n${fields(field as Record<string, unknown>, `${indent}  `)}`;
  const items = field.map((item) =>
    isNested(item) ? fields(item as Record<string, unknown>, `${indent}  `) : `${indent}  ${oneLine(item)}\n`,
  );
  return `${indent}${name}:\n${items.join(items.some((item) => item.indexOf('\n') < item.length - 1) ? '\n' : '')}`;
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function oneLine(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  if (Array.isArray(value)) return '[]';
  if (typeof value === 'object') return '{}';
  // Control characters of a task's message must not steer the terminal.
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

function widthOf(text: string): number {
  return [...text].length;
}

function pad(text: string, width: number, right: boolean): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? blanks + text : text + blanks;
}
