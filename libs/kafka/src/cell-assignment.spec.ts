import * as fc from 'fast-check';
import { assignCells, type Candidate } from './cell-assignment.js';

describe('cells', () => {
  it('all go to the only instance', () => {
    expect(assignCells(3, [{ memberId: 'a', owned: [], generation: -1 }]).get('a')).toEqual([0, 1, 2]);
  });

  it('stay where they are when an instance comes that finds its share', () => {
    const dealt = assignCells(4, [
      { memberId: 'a', owned: [0, 1, 2, 3], generation: 3 },
      { memberId: 'b', owned: [], generation: -1 },
    ]);
    expect(dealt.get('a')).toEqual([0, 1]);
    expect(dealt.get('b')).toEqual([2, 3]);
  });

  it('leave a single cell with its owner, whoever joins', () => {
    const dealt = assignCells(1, [
      { memberId: 'a', owned: [], generation: -1 },
      { memberId: 'b', owned: [0], generation: 3 },
    ]);
    expect(dealt.get('a')).toEqual([]);
    expect(dealt.get('b')).toEqual([0]);
  });

  it('stay with the later owner when one who was away still claims them', () => {
    const dealt = assignCells(1, [
      { memberId: 'a', owned: [0], generation: 4 },
      { memberId: 'b', owned: [0], generation: 5 },
    ]);
    expect([dealt.get('a'), dealt.get('b')]).toEqual([[], [0]]);
  });

  it('are dealt out once each, evenly, without a needless move, in any order of the candidates', () => {
    const candidates = fc.uniqueArray(
      fc.record({ memberId: fc.string({ minLength: 1 }), owned: fc.uniqueArray(fc.nat(12)), generation: fc.nat(3) }),
      { selector: ({ memberId }) => memberId, minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 12 }), candidates, (cells, members) => {
        const dealt = assignCells(cells, members);
        const all = [...dealt.values()].flat().toSorted((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: cells }, (_, cell) => cell));
        const sizes = [...dealt.values()].map((own) => own.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(assignCells(cells, members.toReversed())).toEqual(dealt);
        expect(assignCells(cells, settled(dealt))).toEqual(dealt);
      }),
    );
  });
});

function settled(dealt: ReadonlyMap<string, readonly number[]>): Candidate[] {
  return [...dealt].map(([memberId, owned]) => ({ memberId, owned, generation: 9 }));
}
