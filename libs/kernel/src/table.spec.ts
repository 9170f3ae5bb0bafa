import fc from 'fast-check';
import { decodePlain, encodePlain, over, slicesOf, Table, UndoLog } from './index.js';

interface Row {
  readonly value: number;
  readonly colour?: string;
}

const newTable = () => new Table<string, Row>('rows', { colour: (row) => row.colour });
const bytesOf = (table: Table<string, Row>) =>
  Buffer.concat([...slicesOf({ table })].map(({ slice }) => slice)).toString('hex');

const key = fc.string({ maxLength: 3 });
const row: fc.Arbitrary<Row> = fc.record(
  { value: fc.integer(), colour: fc.constantFrom('red', 'green') },
  { requiredKeys: ['value'] },
);
const change = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key, row }),
  fc.record({ kind: fc.constant('delete' as const), key }),
);
const apply = (
  table: Table<string, Row>,
  step: { kind: 'put'; key: string; row: Row } | { kind: 'delete'; key: string },
) => (step.kind === 'put' ? table.put(step.key, step.row) : table.delete(step.key));

describe('Table', () => {
  it('walks keys and index values in order, whatever the order of insertion', () => {
    const table = newTable();
    for (const name of ['b', 'a', 'c']) table.put(name, { value: 1, colour: name === 'b' ? 'red' : 'green' });
    expect([...table.keys()]).toEqual(['a', 'b', 'c']);
    expect([...table.keysBy('colour', 'green')]).toEqual(['a', 'c']);
    expect([...table.valuesOf('colour')]).toEqual(['green', 'red']);
  });

  it('finds the first value from a place on, and the first row of a value, as a walk would', () => {
    const table = newTable();
    for (let index = 0; index < 1_500; index += 1)
      table.put(`key-${index}`, { value: index, colour: `shade-${String(index >> 1).padStart(4, '0')}` });
    for (const from of [
      '',
      'shade-0000',
      'shade-0255\0',
      'shade-0256',
      'shade-0511\0',
      'shade-0749',
      'shade-0749\0',
      'z',
    ]) {
      const [first] = table.valuesOf('colour', from);
      expect(table.firstOf('colour', from)).toBe(first);
    }
    expect(table.firstBy('colour', 'shade-0007')).toEqual({ value: 14, colour: 'shade-0007' });
    expect(table.firstBy('colour', 'none')).toBeUndefined();
    expect(newTable().firstOf('colour', '')).toBeUndefined();
  });

  it('files by fields as it files by rows, and asks for names only where a field changed', () => {
    let asked = 0;
    const newTableByFields = () =>
      new Table<string, Row>('rows', {
        colour: over(['colour'], (row) => {
          asked += 1;
          return row.colour;
        }),
      });
    const filed = (table: Table<string, Row>) =>
      [...table.valuesOf('colour')].map((value) => [value, ...table.keysBy('colour', value)]);
    fc.assert(
      fc.property(fc.array(change), (steps) => {
        const [byRows, byFields] = [newTable(), newTableByFields()];
        for (const step of steps) for (const table of [byRows, byFields]) apply(table, step);
        expect(filed(byFields)).toEqual(filed(byRows));
      }),
    );
    const table = newTableByFields();
    table.put('a', { value: 1, colour: 'red' });
    asked = 0;
    table.put('a', { value: 2, colour: 'red' });
    expect(asked).toBe(0);
    table.put('a', { value: 2, colour: 'green' });
    expect(filed(table)).toEqual([['green', 'a']]);
  });

  it('gives the bytes and indexes of before when any suffix of changes is rolled back', () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (kept, undone) => {
        const table = newTable();
        kept.forEach((step) => apply(table, step));
        const before = bytesOf(table);
        const reds = [...table.keysBy('colour', 'red')];
        const undo = new UndoLog();
        table.recordTo(undo);
        undone.forEach((step) => apply(table, step));
        undo.rollBackTo(0);
        expect(bytesOf(table)).toBe(before);
        expect([...table.keysBy('colour', 'red')]).toEqual(reds);
      }),
    );
  });

  it('gives equal bytes for equal rows, and loads what it gave', () => {
    fc.assert(
      fc.property(fc.array(change), (steps) => {
        const lived = newTable();
        steps.forEach((step) => apply(lived, step));
        const loaded = newTable();
        for (const { slice } of slicesOf({ lived })) loaded.load(slice);
        expect([...loaded.entries()]).toEqual([...lived.entries()]);
        expect(bytesOf(loaded)).toBe(bytesOf(lived));
      }),
    );
  });

  it('loads rows whose fields stand in the order in which they were put', () => {
    const lived = new Table<string, { readonly phases: Readonly<Record<string, number>> }>('rows');
    lived.put('plan', { phases: { second: 1, first: 2 } });
    const loaded = new Table<string, { readonly phases: Readonly<Record<string, number>> }>('rows');
    for (const { slice } of slicesOf({ lived })) loaded.load(slice);
    expect(Object.keys(loaded.get('plan')!.phases)).toEqual(['second', 'first']);
  });

  it('walks the rows as they were when the walk began, though the table goes on changing', () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(fc.array(change, { maxLength: 4 })), (kept, meanwhile) => {
        const table = newTable();
        kept.forEach((step) => apply(table, step));
        const before = bytesOf(table);
        const walk = table.walk();
        const slices: Uint8Array[] = [];
        for (let done = false, turn = 0; !done; turn += 1) {
          const step = walk.next(2);
          done = step.done;
          if (step.slice !== undefined) slices.push(step.slice);
          meanwhile[turn]?.forEach((late) => apply(table, late));
        }
        expect(Buffer.concat(slices).toString('hex')).toBe(before);
      }),
    );
  });

  it('cuts slices at most neighbours away from an insertion', () => {
    const table = newTable();
    for (let index = 0; index < 60_000; index += 1)
      table.put(`key-${String(index).padStart(6, '0')}`, { value: index, colour: 'red' });
    const slices = () => [...slicesOf({ table })].map(({ slice }) => Buffer.from(slice).toString('base64'));
    const before = new Set(slices());
    table.put('key-000000-inserted', { value: 1 });
    const fresh = slices().filter((slice) => !before.has(slice));
    expect(before.size).toBeGreaterThan(3);
    expect(fresh.length).toBeLessThanOrEqual(2);
  });

  it('tells a follower of every change, those that are rolled back or loaded included', () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (kept, undone) => {
        const table = newTable();
        const followed = new Map<string, Row>();
        const follower = {
          written: (name: string, before: Row | undefined, after: Row | undefined) => {
            expect(followed.get(name)).toBe(before);
            if (after === undefined) followed.delete(name);
            else followed.set(name, after);
          },
          cleared: () => followed.clear(),
        };
        table.follow(follower);
        kept.forEach((step) => apply(table, step));
        const undo = new UndoLog();
        table.recordTo(undo);
        undone.forEach((step) => apply(table, step));
        undo.rollBackTo(0);
        table.recordTo(undefined);
        expect([...followed.keys()].sort()).toEqual([...table.keys()].sort());
        for (const [name, row] of table.entries()) expect(followed.get(name)).toBe(row);
        const slices = [...slicesOf({ table })];
        table.clear();
        expect(followed.size).toBe(0);
        for (const { slice } of slices) table.load(slice);
        expect(followed.size).toBe(table.size);
      }),
    );
  });
});

describe('canonical encoding', () => {
  it('gives back every plain value, and equal bytes for objects built in another order', () => {
    const plain = fc.jsonValue({ maxDepth: 4 }).filter((value) => JSON.stringify(value) !== undefined);
    fc.assert(
      fc.property(plain, (value) => {
        expect(decodePlain(encodePlain(value as never))).toEqual(value);
      }),
    );
    expect(encodePlain({ a: 1, b: { c: 2, d: 3 } })).toEqual(encodePlain({ b: { d: 3, c: 2 }, a: 1, e: undefined }));
  });

  it('refuses bytes that were cut off', () => {
    expect(() => decodePlain(encodePlain('a long enough text').subarray(0, 5))).toThrow('ends too early');
  });
});
