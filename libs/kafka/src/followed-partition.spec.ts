import type { MessageBatch } from '@orrery/control-loop';
import { FollowedPartition } from './followed-partition.js';
import { encodeBatch } from './record-batch.js';

describe('what a reader of a partition is handed', () => {
  it('is below the high watermark, also where the broker looked at it before it read the records', async () => {
    const batches: MessageBatch[] = [];
    const followed = new FollowedPartition({ topic: 't', partition: 0 }, 0, {
      onBatch: (batch) => void batches.push(batch),
      onError: (error) => {
        throw error;
      },
      onRoom: () => undefined,
    });
    followed.take(encodeBatch([{ value: Buffer.from('a') }, { value: Buffer.from('b') }], 1), 1);
    await followed.stop();
    expect(batches.map(({ messages, highWatermark }) => [messages.length, highWatermark])).toEqual([[2, 2]]);
  });
});
