import { startOf } from '@orrery/control-loop';
import { CheckpointPace } from './checkpoints.js';

const at = (seq: number, atMs: number, journal = 'j') => ({ ...startOf(journal), seq, at: atMs });

describe('checkpoints of a journal', () => {
  it('come once a minute of its own time, or every thousand records', () => {
    const pace = new CheckpointPace();
    expect(
      [at(0, 0), at(1, 59_999), at(2, 60_000), at(3, 60_001), at(1002, 60_002)].map((each) => pace.isDue(each)),
    ).toEqual([...[true, false, true, false, true]]);
  });

  it('of one journal do not wait for those of another', () => {
    const pace = new CheckpointPace();
    expect([pace.isDue(at(0, 0, 'a')), pace.isDue(at(0, 0, 'b')), pace.isDue(at(1, 1, 'a'))]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
