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
    expect(table(columns, [{ name: 'mars', moons: 2 }], { wide: true })).toBe('NAME  MOONS  NOTE\nmars      2  -\n');
  });

  it('cuts the columns that may shrink, the widest first, to the width of a terminal', () => {
    const more: Column<Planet>[] = [
      { title: 'NAME', cell: (planet) => planet.name },
      { title: 'NOTE', cell: (planet) => planet.note, shrinks: true },
      { title: 'MORE', cell: () => 'fifteen letters', shrinks: true },
    ];
    const rows = [{ name: 'mars', moons: 2, note: 'is red and has two moons' }];
    expect(table(more, rows, { width: 40 })).toBe(
      'NAME  NOTE               MORE\nmars  is red and has t…  fifteen letters\n',
    );
    expect(table(more, rows, { width: 5 })).toBe('NAME  NOTE          MORE\nmars  is red and …  fifteen let…\n');
    expect(table(more, rows, { width: 5, wide: true })).toContain('two moons  fifteen letters');
  });

  it('leaves out a column that has nothing to say', () => {
    const moons: Column<Planet>[] = [
      ...columns.slice(0, 1),
      { title: 'MOONS', cell: (planet) => planet.moons, unlessNone: (planet) => planet.moons > 0 },
    ];
    expect(table(moons, [{ name: 'venus', moons: 0 }])).toBe('NAME\nvenus\n');
    expect(table(moons, [{ name: 'venus', moons: 0 }], { wide: true })).toBe('NAME   MOONS\nvenus  0\n');
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
  it('show lists of plain values in a line, and lists of objects below their name', () => {
    expect(fields({ placement: [['hostname', 'UNIQUE']], tasks: [{ id: 'a' }, { id: 'b' }], none: [] })).toBe(
      'placement:  [[hostname, UNIQUE]]\ntasks:\n  id:  a\n  id:  b\nnone:       []\n',
    );
  });

  it('are lines, nested ones below their name', () => {
    expect(fields({ name: 'mars', moons: { phobos: 1, deimos: 2 }, tags: ['red', 'cold'], note: undefined })).toBe(
      'name:  mars\nmoons:\n  phobos:  1\n  deimos:  2\ntags:  [red, cold]\n',
    );
  });
});
