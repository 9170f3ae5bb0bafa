import { batchesOf, joined, type Statement } from './batches.js';

const row = (name: string, bytes = 10): Statement => ({ query: 'INSERT', params: [name, Buffer.alloc(bytes)] });
const rows = (count: number, bytes?: number) => Array.from({ length: count }, (_, at) => row(`r${at}`, bytes));
const sizes = (batches: readonly (readonly Statement[])[]) => batches.map((batch) => batch.length);

describe('statements in batches', () => {
  it('are at most twenty of a partition, in their order', () => {
    const statements = rows(45);
    expect(sizes(batchesOf(statements))).toEqual([20, 20, 5]);
    expect(batchesOf(statements).flat()).toEqual(statements);
  });

  it('have at most 40 KiB together, and larger ones go alone', () => {
    expect(sizes(batchesOf(rows(5, 15_000)))).toEqual([2, 2, 1]);
    expect(sizes(batchesOf([row('large', 100_000), row('small'), row('large', 100_000)]))).toEqual([1, 1, 1]);
  });

  it('are of at most ten partitions where these are joined, none of them torn apart', () => {
    expect(sizes(joined(rows(25).map((each) => [each])))).toEqual([10, 10, 5]);
    expect(sizes(joined([rows(12), rows(7), rows(3), rows(20), rows(1)]))).toEqual([19, 3, 20, 1]);
    expect(sizes(joined([rows(1, 30_000), rows(1, 9_000), rows(1, 9_000)]))).toEqual([2, 1]);
    expect(joined([])).toEqual([]);
  });
});
