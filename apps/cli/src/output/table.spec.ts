import { fields, table, type Column } from './table.js';

interface Planet {
  readonly name: string;
  readonly moons: number;
  readonly note?: string;
}

const columns: Column<Planet>[] = [
  { title: 'NAME', cell: (planet) => planet.name },
  { title: 'MOONS', cell: (planet) => planet.moons, right: true },
  { title: 'NOTE', cell: (planet) => planet.note, wide: true },
];

describe('a table', () => {
  it('aligns its columns and ends no line with blanks', () => {
    expect(
      table(columns, [
        { name: 'mars', moons: 2 },
        { name: 'jupiter', moons: 95 },
      ]),
    ).toBe('NAME     MOONS\nmars         2\njupiter     95\n');
  });

  it('shows wide columns only when asked, and a dash for what is not there', () => {
    expect(table(columns, [{ name: 'mars', moons: 2 }], true)).toBe('NAME  MOONS  NOTE\nmars      2  -\n');
  });

  it('has a head without rows', () => {
    expect(table(columns, [])).toBe('NAME  MOONS\n');
  });

  it('keeps control characters of foreign text away from the terminal', () => {
    expect(table(columns, [{ name: '\u001b[31mred\nline', moons: 0 }])).toBe(
      'NAME           MOONS\n [31mred line      0\n',
    );
  });
});

describe('the fields of an object', () => {
  it('are lines, nested ones below their name', () => {
    expect(fields({ name: 'mars', moons: { phobos: 1, deimos: 2 }, tags: ['red', 'cold'], note: undefined })).toBe(
      'name:  mars\nmoons:\n  phobos:  1\n  deimos:  2\ntags:\n  red\n  cold\n',
    );
  });
});
