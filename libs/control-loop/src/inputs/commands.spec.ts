import { commandHeaders, commandTopic, quarantineTopic } from '@orrery/contracts';
import { commandMessage, ToyWorld, toyHosting } from '@orrery/testing';

const MINUTE_MS = 60_000;

async function owned(settings: Parameters<ToyWorld['host']>[0] = {}) {
  const world = new ToyWorld();
  await world.provision('services', settings.cells ?? 1);
  await world.host(settings);
  /** Sends a message and gives the events that it leads to. */
  const decide = async (...messages: readonly Parameters<ToyWorld['sendRaw']>[0][]) => {
    const before = world.events().length;
    messages.forEach((message) => world.sendRaw(message));
    await world.clock.advance(2_000);
    return world.events().slice(before);
  };
  const add = (id: string, options: { headers?: Record<string, string>; amount?: unknown; nowMs?: number } = {}) =>
    commandMessage(
      id,
      { type: 'Add', counter: 'a', amount: options.amount ?? 1 },
      { nowMs: options.nowMs ?? world.clock.nowMs(), headers: options.headers ?? {} },
    );
  return { world, decide, add };
}
const codes = (events: readonly { type: string; data: Record<string, unknown> }[]) =>
  events.map(({ type, data }) => (data['code'] === undefined ? type : `${type} ${String(data['code'])}`));
const without = (message: ReturnType<typeof commandMessage>, header: string) => ({
  ...message,
  headers: Object.fromEntries(Object.entries(message.headers!).filter(([name]) => name !== header)),
});

describe('commands', () => {
  it('take effect once, however often they are sent', async () => {
    const { world, decide, add } = await owned();
    const message = add('1');
    expect(codes(await decide(message, message))).toEqual(['CommandAccepted', 'Added']);
    expect(codes(await decide(message))).toEqual([]);
    expect(world.commits()[0]!.events[1]).toMatchObject({ cause: { command: '1' }, actor: 'ann', version: 1 });
  });

  it('are refused under an id that another body has used, and the first outcome stands', async () => {
    const { decide, add } = await owned();
    await decide(add('1'));
    expect(codes(await decide(add('1', { amount: 2 })))).toEqual(['CommandRefused id-reused']);
    expect(codes(await decide(add('1')))).toEqual([]);
  });

  it('are refused after their time and before it, by the time of the commit', async () => {
    const { world, decide, add } = await owned();
    const nowMs = world.clock.nowMs();
    expect(codes(await decide(add('1', { nowMs: nowMs - 15 * MINUTE_MS - 1 })))).toEqual(['CommandRefused expired']);
    expect(codes(await decide(add('2', { nowMs: nowMs + 2 * MINUTE_MS })))).toEqual(['CommandRefused from-the-future']);
    const earlier = { [commandHeaders.notAfter]: new Date(nowMs - 1).toISOString() };
    expect(codes(await decide(add('3', { headers: earlier })))).toEqual(['CommandRefused expired']);
  });

  it('are forgotten once they would be refused as expired anyway', async () => {
    const { world, decide, add } = await owned();
    const message = add('1');
    await decide(message);
    await world.clock.advance(16 * MINUTE_MS);
    for (let index = 0; index < 64; index += 1) await decide(add(`other ${index}`));
    expect(codes(await decide(message))).toEqual(['CommandRefused expired']);
  });

  it('name what is wrong with their type, version, body and size', async () => {
    const { world, decide, add } = await owned();
    const typed = (id: string, type: string) => add(id, { headers: { [commandHeaders.type]: type } });
    expect(codes(await decide(typed('1', 'orrery.services.Nonsense.v1')))).toEqual(['CommandRefused unknown-type']);
    expect(codes(await decide(typed('2', 'orrery.cluster.Add.v1')))).toEqual(['CommandRefused unknown-type']);
    expect(codes(await decide(typed('3', 'orrery.services.Add.v2')))).toEqual(['CommandRefused unsupported-version']);
    expect(await decide(add('4', { amount: -1 }))).toMatchObject([
      { type: 'CommandRefused', data: { code: 'invalid-field', field: '/amount', remedy: 'give 0 or more' } },
    ]);
    const large = { ...add('5'), value: Buffer.alloc(512 * 1024 + 1, ' ') };
    expect(codes(await decide(large))).toEqual(['CommandRefused too-large']);
    expect(world.events().every(({ type }) => type === 'CommandRefused')).toBe(true);
  });

  it('that can not be read are quarantined with their bytes, and the shard goes on', async () => {
    const { world, decide, add } = await owned();
    const garbage = { ...add('1'), value: Buffer.from([0xff, 0xfe, 0x00]) };
    expect(codes(await decide(garbage))).toEqual(['InputQuarantined malformed', 'CommandRefused malformed']);
    expect(codes(await decide({ value: Buffer.from('hello') }))).toEqual(['InputQuarantined malformed']);
    for (const header of [
      commandHeaders.time,
      commandHeaders.source,
      commandHeaders.type,
      commandHeaders.specversion,
    ]) {
      const events = await decide(without(add(`without ${header}`), header));
      expect(codes(events)).toEqual(['InputQuarantined malformed', 'CommandRefused malformed']);
    }
    expect(codes(await decide(add('2')))).toEqual(['CommandAccepted', 'Added']);

    const quarantined = world.log.messagesOf({ topic: quarantineTopic, partition: 0 });
    expect(quarantined).toHaveLength(6);
    expect(Buffer.from(quarantined[0]!.key!).toString()).toBe(`${commandTopic('services')}-0-0`);
    expect([...quarantined[0]!.value!]).toEqual([0xff, 0xfe, 0x00]);
    expect(quarantined[1]!.headers).toMatchObject({ 'orrery-code': 'malformed' });
  });

  it('on the wrong partition are forwarded once to their owner, and refused when they are wrong there too', async () => {
    const hosting = { ...toyHosting, cellOf: (_: unknown, subject: string) => (subject === 'b' ? 1 : 0) };
    const { world, decide, add } = await owned({ cells: 2, hosting });
    const message = { ...add('1'), key: 'b' };
    expect(await decide(message)).toMatchObject([{ type: 'CommandForwarded', data: { partition: 1 } }]);
    await world.clock.advance(1_000);
    expect(codes(world.events('services', 1))).toEqual(['CommandAccepted', 'Added']);
    expect(codes(await decide(message))).toEqual([]);

    const lost = add('2', { headers: { [commandHeaders.forwarded]: 'somewhere' } });
    expect(codes(await decide({ ...lost, key: 'b' }))).toEqual(['CommandRefused misrouted']);
  });

  it('are refused as busy while too many ids are remembered, and may be sent again', async () => {
    const { world, decide, add } = await owned({ commandsMax: 1 });
    await decide(add('1'));
    const second = add('2', {
      headers: { [commandHeaders.notAfter]: new Date(world.clock.nowMs() + 60 * MINUTE_MS).toISOString() },
    });
    expect(codes(await decide(second))).toEqual(['CommandRefused busy']);
    await world.clock.advance(16 * MINUTE_MS);
    // Every commit sweeps a part of the window; these are enough for all of it.
    for (let index = 0; index < 64; index += 1) await decide({ value: Buffer.from(`garbage ${index}`) });
    expect(codes(await decide(second)).at(-1)).toBe('Added');
  });

  it('whose events would not fit into a commit are refused by rule', async () => {
    const { world, decide } = await owned();
    const write = (id: string, bytes: number) =>
      commandMessage(id, { type: 'Write', bytes }, { nowMs: world.clock.nowMs() });
    expect(codes(await decide(write('1', 300 * 1024)))).toEqual(['CommandRefused decision-too-large']);
    const many = Array.from({ length: 12 }, (_, index) => write(`many ${index}`, 200 * 1024));
    expect(codes(await decide(...many)).filter((code) => code === 'Written')).toHaveLength(12);
    expect(world.commits().length).toBeGreaterThan(4);
  });
});
