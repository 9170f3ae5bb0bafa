import { AppendInDoubt, type OutgoingMessage, type TopicPartition } from '@orrery/control-loop';
import { checkCommand, CommandSender, type OutgoingCommand } from './command-sender.js';

const clock = {
  nowMs: () => Date.UTC(2026, 0, 1),
  after: (_delayMs: number, run: () => void) => (queueMicrotask(run), () => undefined),
};
const command: OutgoingCommand = {
  domain: 'services',
  name: 'ScaleService',
  key: 'hello',
  cell: 2,
  body: { name: 'hello', pod: 'web', count: 3 },
  id: 'id-1',
  actor: 'ann',
  reason: 'more load',
  ifVersion: '4',
};

describe('a command that is sent', () => {
  it('is a CloudEvent in binary mode on the partition of its cell', async () => {
    const appended: { target: TopicPartition; message: OutgoingMessage }[] = [];
    const log = {
      append: async (target: TopicPartition, message: OutgoingMessage) => appended.push({ target, message }) + 40,
    };
    expect(await new CommandSender(log, clock).send(command)).toEqual({ cell: 2, offset: 41 });
    const { target, message } = appended[0]!;
    expect(target).toEqual({ topic: 'orrery.services.commands', partition: 2 });
    expect(message.key).toBe('hello');
    expect(message.headers).toEqual({
      ce_specversion: '1.0',
      ce_id: 'id-1',
      ce_type: 'orrery.services.ScaleService.v1',
      ce_source: 'ann',
      ce_time: '2026-01-01T00:00:00.000Z',
      'orrery-reason': 'more load',
      'orrery-ifversion': '4',
    });
    expect(JSON.parse(Buffer.from(message.value).toString())).toEqual(command.body);
  });

  it('is sent again, byte for byte, when the broker left it in doubt', async () => {
    const values: OutgoingMessage[] = [];
    const log = {
      append: async (_: TopicPartition, message: OutgoingMessage) => {
        values.push(message);
        if (values.length === 1) throw new AppendInDoubt('timeout');
        return 7;
      },
    };
    expect(await new CommandSender(log, clock).send(command)).toEqual({ cell: 2, offset: 7 });
    expect(values[0]).toEqual(values[1]);
  });

  it('is refused when it is too large for any owner', async () => {
    const log = { append: async () => 0 };
    const sending = new CommandSender(log, clock).send({ ...command, body: { text: 'x'.repeat(600_000) } });
    await expect(sending).rejects.toMatchObject({ code: 'too-large', status: 413 });
  });

  it('is checked at the edge with the codes of its owner', () => {
    expect(() => checkCommand(command)).not.toThrow();
    const codeOf = (changed: object) => {
      try {
        checkCommand({ ...command, ...changed });
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'accepted';
    };
    expect(codeOf({ body: { name: 'hello', pod: 'web', count: -1 } })).toBe('invalid-field');
    expect(codeOf({ body: { name: 'hello', pod: 'web', count: 1, colour: 'red' } })).toBe('unknown-field');
    expect(codeOf({ name: 'Explode' })).toBe('unknown-type');
    expect(codeOf({ id: 'a b' })).toBe('invalid-parameter');
  });
});
