import { randomUUID } from 'node:crypto';
import {
  commandHeaders,
  commandTopic,
  commandTypeName,
  journalTopic,
  quarantineTopic,
  type JournalRecord,
} from '@orrery/contracts';
import { KafkajsLog } from '@orrery/kafka';
import { eventually, RealCluster } from '@orrery/testing';

const sleeper = (name: string) => ({
  name,
  pods: { node: { count: 1, tasks: { sleep: { cmd: 'exec sleep 100000', cpus: 0.01, memory: 16 } } } },
});

describe('input that is wrong, doubled or forged', () => {
  let cluster: RealCluster;
  let log: KafkajsLog;
  beforeAll(async () => {
    cluster = await RealCluster.start();
    log = new KafkajsLog({ brokers: [...cluster.endpoints.kafka], clientId: 'hostile' });
  });
  afterAll(async () => {
    await log.close();
    await cluster.stop();
  });

  const headers = (id: string, name: string, more: Record<string, string> = {}) => ({
    [commandHeaders.specversion]: '1.0',
    [commandHeaders.id]: id,
    [commandHeaders.type]: commandTypeName('services', name),
    [commandHeaders.source]: 'hostile',
    [commandHeaders.time]: new Date().toISOString(),
    ...more,
  });
  const send = (value: Buffer, sent: Record<string, string>) =>
    log.publish(commandTopic('services'), [{ partition: 0, key: 'x', headers: sent, value }]);
  const outcome = (id: string) =>
    eventually(
      async () => {
        const { status, json } = await cluster.request('GET', `/v1/commands/${id}`);
        return status === 200 ? (json as { status: string; refusal?: { code: string } }) : undefined;
      },
      { withinMs: 20_000, what: `command ${id} has an outcome` },
    );
  const journal = async () => {
    const source = { topic: journalTopic('services'), partition: 0 };
    const { low, high } = await log.bounds(source);
    return (await log.read(source, low, high)).map(({ value }) => Buffer.from(value!).toString('utf8'));
  };
  const quarantined = async () => {
    const source = { topic: quarantineTopic, partition: 0 };
    const { low, high } = await log.bounds(source);
    return (await log.read(source, low, high)).length;
  };

  it.each([
    ['an unknown type', 'NoSuchThing', {}, {}, 'unknown-type'],
    [
      'a wrong version',
      'ApplyService',
      {},
      { [commandHeaders.type]: 'orrery.services.ApplyService.v9' },
      'unsupported-version',
    ],
    [
      'a negative cpu',
      'ApplyService',
      { name: 'bad', pods: { a: { tasks: { b: { cmd: 'true', cpus: -1 } } } } },
      {},
      'invalid-field',
    ],
    ['a service that is not there', 'UninstallService', { name: 'nobody' }, {}, 'unknown-service'],
    [
      'a command of yesterday',
      'UninstallService',
      { name: 'hello' },
      { [commandHeaders.time]: '2020-01-01T00:00:00Z' },
      'expired',
    ],
    [
      'a command of tomorrow',
      'UninstallService',
      { name: 'hello' },
      { [commandHeaders.time]: '2999-01-01T00:00:00Z' },
      'from-the-future',
    ],
  ])('refuses %s by its code, and goes on', async (_, name, body, more, code) => {
    const id = randomUUID();
    await send(Buffer.from(JSON.stringify(body)), headers(id, name, more as Record<string, string>));
    expect(await outcome(id)).toMatchObject({ status: 'refused', refusal: { code } });
  });

  it('puts garbage and a message of 1 MB aside, and decides the next command', async () => {
    const before = await quarantined();
    await send(Buffer.from([0xff, 0xfe, 0x00, 0x01]), {});
    const tooLarge = randomUUID();
    await send(Buffer.alloc(1024 * 1024, 0x20), headers(tooLarge, 'ApplyService'));
    await eventually(async () => (await quarantined()) > before, {
      withinMs: 20_000,
      what: 'the garbage is in the quarantine',
    });
    expect(await outcome(tooLarge)).toMatchObject({ status: 'refused', refusal: { code: 'too-large' } });
    const next = randomUUID();
    await send(Buffer.from(JSON.stringify(sleeper('after-garbage'))), headers(next, 'ApplyService'));
    expect(await outcome(next)).toMatchObject({ status: 'accepted' });
  });

  it('lets a command that was sent twice, by Kafka and by REST, take effect once', async () => {
    const id = randomUUID();
    const body = sleeper('once');
    await send(Buffer.from(JSON.stringify(body)), headers(id, 'ApplyService'));
    await send(Buffer.from(JSON.stringify(body)), headers(id, 'ApplyService'));
    const answer = await cluster.request('PUT', '/v1/services/once', {
      body,
      headers: { 'idempotency-key': id, prefer: 'wait=20' },
    });
    expect(answer.status).toBe(200);
    const applied = (await journal()).flatMap(
      (text) =>
        (JSON.parse(text) as JournalRecord & { events?: { type: string; data: { service?: string } }[] }).events ?? [],
    );
    expect(applied.filter(({ type, data }) => type === 'ServiceApplied' && data.service === 'once')).toHaveLength(1);
    const other = await cluster.request('PUT', '/v1/services/once', {
      body: sleeper('once2'),
      headers: { 'idempotency-key': id, prefer: 'wait=20' },
    });
    expect(other.status).toBeGreaterThanOrEqual(400);
  });

  it('is not moved by a forged record, and names it in the audit', async () => {
    const records = await journal();
    const last = JSON.parse(records.at(-1)!) as JournalRecord;
    const forged = {
      ...last,
      seq: last.seq,
      events: [
        {
          type: 'ServiceRemoved',
          version: 1,
          cause: { internal: 'forged' },
          data: { service: 'hello', generation: 1, leftOn: [] },
        },
      ],
    };
    await log.append({ topic: journalTopic('services'), partition: 0 }, { value: Buffer.from(JSON.stringify(forged)) });
    await log.append({ topic: journalTopic('services'), partition: 0 }, { value: Buffer.from('not even JSON') });
    const id = randomUUID();
    await send(Buffer.from(JSON.stringify(sleeper('after-forgery'))), headers(id, 'ApplyService'));
    expect(await outcome(id)).toMatchObject({ status: 'accepted' });
    expect((await cluster.request('GET', '/v1/services/hello')).status).toBe(200);
    const { stdout } = await cluster.cli('audit', 'verify', '-o', 'json');
    expect(stdout).toContain('void');
    const metrics = await cluster.request('GET', '/metrics');
    expect(metrics.text).toMatch(/orrery_journal_void_records_total\{[^}]*domain="services"[^}]*\} [1-9]/);
  });
});
