import { KafkajsLog, KafkajsQuotas } from '@orrery/kafka';
import { freshName, freshTopic, kafka } from './infrastructure.js';

const KIB = 1024;
const CHUNK_BYTES = 64 * KIB;
/** Kafka takes the mean over ten seconds: so much goes through at once, whatever the rate. */
const WINDOW_SECONDS = 10;

const quotas = new KafkajsQuotas(kafka);

async function publishChunks(log: KafkajsLog, topic: string, count: number): Promise<number> {
  const began = performance.now();
  for (let chunk = 0; chunk < count; chunk += 1)
    await log.publish(topic, [{ partition: 0, value: Buffer.alloc(CHUNK_BYTES) }]);
  return performance.now() - began;
}

describe('a producer quota', () => {
  it('is set once, and left as it is where somebody chose another', async () => {
    const topic = await freshTopic(1);
    const asked = { clientId: freshName('streams'), bytesPerSecond: 1_000_000 };
    expect(await quotas.ensureQuotas([asked], topic)).toEqual({ set: [asked], kept: [], missing: [] });
    expect(await quotas.ensureQuotas([asked], topic)).toEqual({ set: [], kept: [asked], missing: [] });
    const other = { ...asked, bytesPerSecond: 2_000_000 };
    expect(await quotas.ensureQuotas([other], topic)).toEqual({ set: [], kept: [asked], missing: [] });
  });

  it('that no broker would set is named with what to do, and nobody else suffers', async () => {
    const topic = await freshTopic(1);
    const impossible = { clientId: freshName('streams'), bytesPerSecond: -1 };
    const possible = { clientId: freshName('streams'), bytesPerSecond: 1_000_000 };
    const { set, missing } = await quotas.ensureQuotas([impossible, possible], topic);
    expect(set).toEqual([possible]);
    expect(missing).toMatchObject([{ clientId: impossible.clientId }]);
    expect(missing[0]?.why).toContain(`--entity-name ${impossible.clientId}`);
  });

  it('holds back what is published under its client id, while the same process appends to a journal at once', async () => {
    const [logs, journal, free] = [await freshTopic(1), await freshTopic(1), await freshTopic(1)];
    const clientId = freshName('streams');
    await quotas.ensureQuotas([{ clientId, bytesPerSecond: 32 * KIB }], logs);
    const log = new KafkajsLog({ ...kafka, clientIds: { [logs]: clientId } });
    try {
      const chunks = (WINDOW_SECONDS * 32 * KIB) / CHUNK_BYTES + 2;
      const unlimitedMs = await publishChunks(log, free, chunks);
      let held = true;
      const heldMs = publishChunks(log, logs, chunks).finally(() => (held = false));
      const appendsMs: number[] = [];
      while (held) {
        const began = performance.now();
        await log.append({ topic: journal, partition: 0 }, { value: Buffer.from('commit') });
        appendsMs.push(performance.now() - began);
      }
      // One and two chunks above what ten seconds allow: two seconds for the first, four for both, less what time has let go.
      expect(await heldMs).toBeGreaterThan(1_500);
      expect(await heldMs).toBeGreaterThan(2 * unlimitedMs);
      appendsMs.sort((left, right) => left - right);
      expect(appendsMs.length).toBeGreaterThan(50);
      expect(appendsMs[Math.floor(appendsMs.length * 0.99)]).toBeLessThan(500);
    } finally {
      await log.close();
    }
  });
});
