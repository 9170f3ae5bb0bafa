import { brief } from './lines.js';

/** A column of a list: its title, its cell, and whether only `-o wide` shows it. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string | number | boolean | undefined | null;
  readonly wide?: boolean;
  readonly right?: boolean;
  /** Left out, but for `-o wide`, when this holds of no row. */
  readonly unlessNone?: (row: Row) => boolean;
  /** Text that may be cut where there is no room for all of it. */
  readonly shrinks?: boolean;
}

export interface TableOptions {
  /** With the columns that only `-o wide` shows. */
  readonly wide?: boolean;
  /** Of the terminal; without one, and with `wide`, nothing is cut. */
  readonly width?: number | undefined;
}

const SHRUNK_WIDTH_MIN = 12;

/** Aligned text, two spaces between columns, no trailing blanks; an empty cell is a dash, so that lines stay parseable. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { wide = false, width }: TableOptions = {},
): string {
  const shown = columns.filter((column) => wide || isShown(column, rows));
  const lines = [
    shown.map((column) => column.title),
    ...rows.map((row) => shown.map((column) => oneLine(column.cell(row)))),
  ];
  const needed = shown.map((_, at) => lines.reduce((most, line) => Math.max(most, widthOf(line[at]!)), 0));
  const widths = wide || width === undefined ? needed : fitted(needed, shown, width);
  return lines
    .map((line) =>
      line
        .map((cell, at) => pad(cut(cell, widths[at]!), widths[at]!, shown[at]!.right === true))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function isShown<Row>({ wide, unlessNone }: Column<Row>, rows: readonly Row[]): boolean {
  return wide !== true && (unlessNone === undefined || rows.some(unlessNone));
}

/** The widest of the columns that may shrink give way first. */
function fitted(needed: readonly number[], columns: readonly Column<never>[], width: number): number[] {
  const widths = [...needed];
  let excess = widths.reduce((sum, each) => sum + each + 2, -2) - width;
  while (excess > 0) {
    const widest = columns.reduce<number | undefined>((best, { shrinks }, at) => {
      if (shrinks !== true || widths[at]! <= SHRUNK_WIDTH_MIN) return best;
      return best === undefined || widths[at]! > widths[best]! ? at : best;
    }, undefined);
    if (widest === undefined) break;
    widths[widest]! -= 1;
    excess -= 1;
  }
  return widths;
}

function cut(text: string, width: number): string {
  return widthOf(text) > width ? `${[...text].slice(0, width - 1).join('')}…` : text;
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

const LINE_LENGTH_MAX = 160;

/** A list of plain values, or of lists of them, fits into a line as `[a, b]`. */
function isPlainList(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  const isPlain = value.every((item) => typeof item !== 'object' || item === null || isPlainList(item));
  return isPlain && brief(value, Number.MAX_SAFE_INTEGER).length <= LINE_LENGTH_MAX;
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0 && !isPlainList(value);
}

function oneLine(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  if (Array.isArray(value)) return oneLine(brief(value, Number.MAX_SAFE_INTEGER));
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
