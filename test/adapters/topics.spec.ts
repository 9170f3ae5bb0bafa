import { topicLayout } from '@orrery/contracts';
import { KafkajsTopics } from '@orrery/kafka';
import { declaration, freshName, kafka } from './infrastructure.js';

const topics = new KafkajsTopics(kafka);

describe('topics', () => {
  it('are made once, and are right from then on', async () => {
    const prefix = freshName('install');
    const layout = topicLayout({ cells: 2, lanes: 2 }).map((declared) => ({
      ...declared,
      name: `${prefix}.${declared.name}`,
    }));
    const { created } = await topics.ensureTopics(layout);
    expect([...created].sort()).toEqual(layout.map(({ name }) => name).sort());
    expect(await topics.ensureTopics(layout)).toEqual({ created: [] });
  });

  it('are made by several processes at once without harm', async () => {
    const layout = [declaration(freshName('adapters'), { partitions: 3 })];
    await Promise.all(Array.from({ length: 4 }, () => new KafkajsTopics(kafka).ensureTopics(layout)));
    expect(await topics.ensureTopics(layout)).toEqual({ created: [] });
  });

  it.each([
    ['partitions', { partitions: 4 }, '3', '4'],
    ['retention.ms', { retentionMs: 600_000 }, '-1', '600000'],
    ['max.message.bytes', { maxMessageBytes: 1_048_576 }, '8388608', '1048576'],
    ['message.timestamp.type', { timestamps: 'CreateTime' as const }, 'LogAppendTime', 'CreateTime'],
  ])(
    'that are there with other %s are named, with what was found and what must be',
    async (setting, change, found, wanted) => {
      const declared = declaration(freshName('adapters'), { partitions: 3 });
      await topics.ensureTopics([declared]);
      await expect(topics.ensureTopics([{ ...declared, ...change }])).rejects.toMatchObject({
        code: 'topic-misconfigured',
        topic: declared.name,
        setting,
        found,
        wanted,
      });
    },
  );
});
