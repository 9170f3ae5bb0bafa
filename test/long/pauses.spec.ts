import { journalTopic, type JournalRecord } from '@orrery/contracts';
import { KafkajsLog } from '@orrery/kafka';
import { eventually, RealCluster } from '@orrery/testing';

const PAUSE_MS = 60_000;

interface Agent {
  readonly state: string;
}

/** Longer than any lease: what stands still must not look like agents that are gone. */
describe('a pause of a minute', () => {
  let cluster: RealCluster;
  let log: KafkajsLog;
  beforeAll(async () => {
    cluster = await RealCluster.start();
    log = new KafkajsLog({ brokers: [...cluster.endpoints.kafka], clientId: 'pauses' });
  });
  afterAll(async () => {
    await log.close();
    await cluster.stop();
  });

  const losses = async () => {
    const source = { topic: journalTopic('cluster'), partition: 0 };
    const { low, high } = await log.bounds(source);
    const records = (await log.read(source, low, high)).map(
      ({ value }) => JSON.parse(Buffer.from(value!).toString('utf8')) as JournalRecord,
    );
    return records
      .flatMap((record) => (record.kind === 'Commit' ? record.events : []))
      .filter(({ type }) => type === 'AgentUnreachable');
  };
  const scaleTo = async (count: number) => {
    const headers = { prefer: 'wait=30' };
    await eventually(
      async () => {
        const answer = await cluster.request('POST', '/v1/services/hello/scale', {
          body: { pod: 'web', count },
          headers,
        });
        return answer.status === 200;
      },
      { withinMs: 90_000, everyMs: 500, what: 'a command is accepted' },
    );
    await eventually(
      async () => {
        const { json } = await cluster.request('GET', '/v1/services/hello');
        return (json as { pods: { web: { running: number } } } | undefined)?.pods.web.running === count;
      },
      { withinMs: 90_000, everyMs: 300, what: `${count} tasks run` },
    );
  };

  it.each([
    ['the master', 'master-0', 4],
    ['Kafka', 'kafka', 5],
  ])(
    'of %s loses no agent, and everything goes on after it',
    async (_, name, count) => {
      const pid = cluster.pidOf(name);
      process.kill(pid, 'SIGSTOP');
      const began = performance.now();
      await eventually(() => performance.now() - began > PAUSE_MS, {
        withinMs: PAUSE_MS + 10_000,
        everyMs: 1000,
        what: 'the pause is over',
      });
      process.kill(pid, 'SIGCONT');
      await scaleTo(count);
      expect(await losses()).toEqual([]);
      const agents = await cluster.json<Agent[]>('agent', 'list');
      expect(agents.map(({ state }) => state)).toEqual(['ACTIVE', 'ACTIVE', 'ACTIVE']);
    },
    300_000,
  );
});
