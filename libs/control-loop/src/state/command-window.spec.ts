import { slicesOf, UndoLog } from '@orrery/kernel';
import fc from 'fast-check';
import { CommandWindow } from './command-window.js';

const bytesOf = (window: CommandWindow) =>
  Buffer.concat([...slicesOf({ window })].map(({ slice }) => slice)).toString('hex');
const decided = (notAfter: number) => ({ bodyDigest: '0011223344556677', notAfter, seq: 7 });

type Step = { readonly add: string; readonly notAfter: number } | { readonly sweep: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ add: fc.string({ maxLength: 4 }), notAfter: fc.nat(100) }),
  fc.record({ sweep: fc.nat(100) }),
);
const sweepAll = (window: CommandWindow, at: number) => {
  for (let seq = 0; seq < 64; seq += 1) window.sweep(at, seq);
};
const apply = (window: CommandWindow, step: Step) =>
  'add' in step ? window.add(step.add, decided(step.notAfter)) : sweepAll(window, step.sweep);

describe('the window of command ids', () => {
  it('remembers a command by its id, and the first outcome stands', () => {
    const window = new CommandWindow();
    window.add('one', { bodyDigest: 'ffeeddccbbaa9988', notAfter: 5, seq: 3 });
    window.add('one', decided(9));
    expect(window.get('one')).toEqual({ bodyDigest: 'ffeeddccbbaa9988', notAfter: 5, seq: 3 });
    expect(window.get('two')).toBeUndefined();
    expect(window.size).toBe(1);
  });

  it('holds what a map holds, whatever is added and swept', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const window = new CommandWindow();
        const model = new Map<string, number>();
        for (const each of steps) {
          apply(window, each);
          if ('add' in each && !model.has(each.add)) model.set(each.add, each.notAfter);
          if ('sweep' in each) for (const [id, notAfter] of model) if (notAfter < each.sweep) model.delete(id);
        }
        expect(window.size).toBe(model.size);
        for (const [id, notAfter] of model) expect(window.get(id)?.notAfter).toBe(notAfter);
      }),
    );
  });

  it('gives the bytes of before when any suffix is rolled back', () => {
    fc.assert(
      fc.property(fc.array(step), fc.array(step), (kept, undone) => {
        const window = new CommandWindow();
        kept.forEach((each) => apply(window, each));
        const before = bytesOf(window);
        const undo = new UndoLog();
        window.recordTo(undo);
        undone.forEach((each) => apply(window, each));
        undo.rollBackTo(0);
        expect(bytesOf(window)).toBe(before);
      }),
    );
  });

  it('gives equal bytes for equal ids in any order, and loads what it gave', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ maxLength: 4 })), (ids) => {
        const [forth, back, loaded] = [new CommandWindow(), new CommandWindow(), new CommandWindow()];
        ids.forEach((id) => forth.add(id, decided(id.length)));
        ids.toReversed().forEach((id) => back.add(id, decided(id.length)));
        for (const { slice } of slicesOf({ forth })) loaded.load(slice);
        expect(bytesOf(back)).toBe(bytesOf(forth));
        expect(bytesOf(loaded)).toBe(bytesOf(forth));
        expect(loaded.size).toBe(ids.length);
      }),
    );
  });

  it('walks the ids as they were when the walk began, though they go on changing', () => {
    fc.assert(
      fc.property(fc.array(step), fc.array(step), (kept, meanwhile) => {
        const window = new CommandWindow();
        kept.forEach((each) => apply(window, each));
        const before = bytesOf(window);
        const walk = window.walk();
        const slices: Uint8Array[] = [];
        for (let done = false, turn = 0; !done; turn += 1) {
          const next = walk.next(1500);
          done = next.done;
          if (next.slice !== undefined) slices.push(next.slice);
          meanwhile.slice(turn, turn + 1).forEach((each) => apply(window, each));
        }
        expect(Buffer.concat(slices).toString('hex')).toBe(before);
      }),
    );
  });

  it('is full at its cap and has room again once ids expired', () => {
    const window = new CommandWindow(2);
    window.add('one', decided(1));
    window.add('two', decided(2));
    expect(window.full).toBe(true);
    sweepAll(window, 2);
    expect([window.full, window.size, window.get('one')]).toEqual([false, 1, undefined]);
  });
});
