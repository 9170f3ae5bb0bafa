import { checkpointsTopic, type Checkpoint } from '@orrery/contracts';
import { startOf, systemClock } from '@orrery/control-loop';
import { InMemoryLog } from '@orrery/testing';
import { Checkpoints } from './checkpoints.js';

const seen = (seq: number, hash: string): Checkpoint => ({
  ...{ journalId: 'j', domain: 'services', cell: 0, seq, offset: seq, hash, at: 0 },
});
const found = (seq: number, hash: string) => ({ ...startOf('j'), seq, lastOffset: seq, hash });

async function checkpointsOf(...values: (Checkpoint | string)[]): Promise<Checkpoints> {
  const log = new InMemoryLog(systemClock);
  for (const value of values) {
    const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    await log.append({ topic: checkpointsTopic, partition: 0 }, { value: bytes });
  }
  return Checkpoints.read(log);
}

describe('checkpoints', () => {
  it('confirm a journal that is as it was seen', async () => {
    const checkpoints = await checkpointsOf(seen(1, 'a'), 'garbage', '{"seq":1}', seen(5, 'b'));
    for (const [seq, hash] of [
      [0, 'x'],
      [1, 'a'],
      [5, 'b'],
    ] as const)
      checkpoints.check(found(seq, hash));
    expect(checkpoints.resultOf('j')).toEqual({ confirmed: 2, findings: [] });
  });

  it('find one that was rewritten or cut', async () => {
    const checkpoints = await checkpointsOf(seen(1, 'a'), seen(5, 'b'), seen(1, 'forged later'));
    checkpoints.check(found(1, 'other'));
    expect(checkpoints.resultOf('j').findings).toEqual([
      { seq: 1, message: expect.stringContaining('was rewritten') },
      { seq: 5, message: expect.stringContaining('does not hold it any more') },
    ]);
    expect(checkpoints.resultOf('another')).toEqual({ confirmed: 0, findings: [] });
  });
});
