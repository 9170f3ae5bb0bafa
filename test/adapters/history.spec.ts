import {
  CassandraHistory,
  CassandraRegistry,
  CassandraSession,
  ensureKeyspace,
  type AuditRow,
  type CommandOutcomeRow,
  type TaskSetRow,
} from '@orrery/cassandra';
import { cassandra, freshName } from './infrastructure.js';

const options = cassandra('orrery_adapters');
const DAY_MS = 24 * 60 * 60 * 1000;

describe('history in Cassandra', () => {
  let history: CassandraHistory;
  let registry: CassandraRegistry;

  beforeAll(async () => {
    await ensureKeyspace(options);
    await ensureKeyspace(options);
    history = new CassandraHistory(options);
    registry = new CassandraRegistry(options);
  });
  afterAll(() => Promise.all([history.close(), registry.close()]));

  it('tells the story of one task among thousands, oldest first, however often it was written', async () => {
    const service = freshName('service');
    await history.saveAgentNumbers([1, 2].map((number) => ({ cell: 0, number, agent: `agent-${number}` })));
    // Three states of 2,500 pods: a row for each 1,024 of them, agent by agent.
    const rows = ['STAGING', 'STARTING', 'RUNNING'].flatMap((state, n) =>
      [0, 1, 2].map((bucket) => taskSet({ service, bucket, n, state, count: Math.min(1_024, 2_500 - bucket * 1_024) })),
    );
    await history.saveTaskSets(rows);
    await history.saveTaskSets(rows.slice(3, 6));
    for (const index of [0, 511, 512, 1_023, 1_024, 2_499]) {
      const story = await history.readTask({ service, generation: 7, pod: 'web', index, task: 'server' });
      expect(story).toEqual(
        ['STAGING', 'STARTING', 'RUNNING'].map((state, n) => ({
          ...{ service, generation: 7, pod: 'web', index, task: 'server', incarnation: 1, state },
          ...{ seq: 100 + n, n: 4, at: 1_800_000_000_000 + n, launch: `5.${index}`, cause: 'services-0:5' },
          agent: index % 1_024 < 512 ? 'agent-1' : 'agent-2',
        })),
      );
    }
    const task = { service, generation: 7, pod: 'web', index: 5, task: 'server' };
    const last = await history.readTask(task, { newest: 2 });
    expect(last.map(({ state }) => state)).toEqual(['STARTING', 'RUNNING']);
    expect(await history.readTask({ ...task, generation: 8 })).toEqual([]);
    expect(await history.readTask({ ...task, index: 2_500 })).toEqual([]);
    expect(await history.readTask({ ...task, task: 'other' })).toEqual([]);
  });

  it('goes on telling in the next segment, and lets a row that has more take the place of the one before', async () => {
    const service = freshName('service');
    const first = taskSet({ service, bucket: 0, n: 0, state: 'STAGING', count: 3 });
    const next = { ...taskSet({ service, bucket: 0, n: 1, state: 'RUNNING', count: 2 }), segment: 1 };
    const grown = { ...taskSet({ service, bucket: 0, n: 1, state: 'RUNNING', count: 3 }), segment: 1 };
    const states = async () =>
      (await history.readTask({ service, generation: 7, pod: 'web', index: 2, task: 'server' })).map(
        ({ state }) => state,
      );
    await history.saveTaskSets([first, next]);
    expect(await states()).toEqual(['STAGING']);
    await history.saveTaskSets([grown]);
    expect(await states()).toEqual(['STAGING', 'RUNNING']);
  });

  it('keeps how a task ended, and nothing that was not said', async () => {
    const service = freshName('service');
    const ended: TaskSetRow = {
      ...taskSet({ service, bucket: 0, n: 1, state: 'FAILED', count: 1 }),
      exit: { code: 137, signal: 'SIGKILL', oom: true },
      message: 'out of memory',
      late: true,
      ready: false,
    };
    await history.saveTaskSets([ended, taskSet({ service, bucket: 0, n: 2, state: 'STAGING', count: 1 })]);
    const [told, bare] = await history.readTask({ service, generation: 7, pod: 'web', index: 0, task: 'server' });
    const { exit, message, late, ready } = ended;
    expect(told).toMatchObject({ state: 'FAILED', exit, message, late, ready });
    expect(Object.keys(bare!)).not.toEqual(expect.arrayContaining(['message', 'exit', 'late', 'ready', 'reason']));
  });

  it('keeps what a projector needs to go on, until it keeps something newer', async () => {
    const projector = freshName('historian');
    const slices = [0, 1, 2].map((number) => new Uint8Array(400_000).fill(number));
    await history.saveMemory(projector, { journal: 'cluster/0', seq: 9, slices });
    expect((await history.memory(projector, 'cluster/0', 9)).map(({ length, 7: byte }) => [length, byte])).toEqual([
      ...[0, 1, 2].map((number) => [400_000, number]),
    ]);
    await history.saveMemory(projector, { journal: 'cluster/0', seq: 12, slices: slices.slice(1) });
    await history.forgetMemoryBefore(projector, 'cluster/0', 12);
    expect(await history.memory(projector, 'cluster/0', 9)).toEqual([]);
    expect(await history.memory(projector, 'cluster/0', 12)).toHaveLength(2);
  });

  it('drops the history of an earlier version, which the historian writes again, and nothing else', async () => {
    const old = cassandra('orrery_adapters_old');
    await ensureKeyspace(old);
    const [registered, written] = [new CassandraRegistry(old), new CassandraHistory(old)];
    const session = new CassandraSession(old);
    try {
      await registered.put({ domain: 'services', cell: 0, journalId: 'j', genesisHash: 'g' });
      await written.savePosition('historian', { journal: 'services/0', seq: 4, cursor: '{}' });
      await session.define('DROP TABLE task_history');
      await session.define('CREATE TABLE task_history (service text PRIMARY KEY, state text)');
      await ensureKeyspace(old);
      await written.saveTaskSets([taskSet({ service: 's', bucket: 0, n: 0, state: 'STAGING', count: 1 })]);
      expect(await written.positions('historian')).toEqual([]);
      expect(await registered.get('services', 0)).toMatchObject({ journalId: 'j' });
      await session.define('ALTER TABLE journal_registry DROP repairs');
      await expect(ensureKeyspace(old)).rejects.toThrow(/journal_registry is of another version/);
    } finally {
      await session.define('DROP KEYSPACE orrery_adapters_old');
      await Promise.all([registered.close(), written.close(), session.close()]);
    }
  });

  it('tells what became of a command: where it was decided, not where it was forwarded', async () => {
    const commandId = freshName('command');
    const forwarded = outcome({ commandId, at: 1_000, cell: 0, outcome: 'forwarded', forwardedTo: 1 });
    const refusal = { code: 'no-such-service', message: 'there is none', remedy: 'apply it first' };
    const refused = outcome({ commandId, at: 2_000, cell: 1, outcome: 'refused', refusal });
    const repeated = outcome({
      commandId,
      at: 3_000,
      cell: 1,
      outcome: 'refused',
      refusal: { code: 'id-reused', message: '' },
    });
    await history.saveOutcomes([forwarded]);
    expect(await history.outcome(commandId)).toEqual(forwarded);
    await history.saveOutcomes([repeated, refused]);
    expect(await history.outcome(commandId)).toEqual(refused);
    expect(await history.outcome(freshName('command'))).toBeUndefined();
  });

  it('keeps every version of a service with its spec, the newest first', async () => {
    const service = freshName('service');
    const version = (generation: number, number: number) => ({
      ...{ service, generation, version: number, cell: 0, seq: generation + number, at: 5_000, commandId: 'c' },
      ...{ specDigest: `digest ${number}`, spec: '{"name":"x"}', actor: 'ann', reason: 'because' },
    });
    await history.saveServiceVersions([version(3, 1), version(3, 2), version(9, 1)]);
    const names = (await history.serviceVersions(service)).map((row) => `${row.generation}.${row.version}`);
    expect(names).toEqual(['9.1', '3.2', '3.1']);
    expect(await history.serviceVersions(service, 3)).toEqual([version(3, 2), version(3, 1)]);
  });

  it('keeps what happened to an agent, the newest first', async () => {
    const agent = freshName('agent');
    const rows = [1, 2, 3].map((seq) => ({
      agent,
      seq,
      n: 0,
      at: seq,
      type: 'AgentRegistered',
      epoch: seq,
      state: 'ACTIVE',
    }));
    await history.saveAgentHistory(rows);
    expect(await history.agentHistory(agent)).toEqual([...rows].reverse());
    expect(await history.agentHistory(agent, 1)).toEqual([rows[2]]);
  });

  it('answers who did what, by person, by thing and by time, page by page', async () => {
    const [ann, bob] = [freshName('ann'), freshName('bob')];
    const [web, db] = [freshName('web'), freshName('db')];
    const now = Date.now();
    const rows = Array.from({ length: 120 }, (_, n): AuditRow => ({
      ...{ at: now - n * DAY_MS, journal: 'services/0', seq: 1_000 - n, n: n % 3, type: 'ServiceApplied', reason: 'r' },
      ...{ actor: n % 3 === 0 ? ann : bob, subject: n % 2 === 0 ? web : db },
    }));
    await history.saveAudit(rows);
    expect(await history.audit({ actor: ann, limit: 1_000 })).toEqual(rows.filter(({ actor }) => actor === ann));
    expect(await history.audit({ subject: web, actor: ann, limit: 3 })).toEqual(
      rows.filter(({ actor, subject }) => actor === ann && subject === web).slice(0, 3),
    );
    const [from, to] = [now - 20 * DAY_MS, now - 10 * DAY_MS];
    expect(await history.audit({ subject: db, from, to })).toEqual(
      rows.filter(({ subject, at }) => subject === db && at >= from && at <= to),
    );
    const pages: AuditRow[] = [];
    for (;;) {
      const after = pages.at(-1);
      const page = await history.audit({ actor: bob, limit: 7, ...(after === undefined ? {} : { after }) });
      if (page.length === 0) break;
      pages.push(...page);
    }
    expect(pages).toEqual(rows.filter(({ actor }) => actor === bob));
  });

  it('knows how far each projector has come in each journal', async () => {
    const projector = freshName('historian');
    await history.savePosition(projector, { journal: 'services/0', seq: 4, cursor: '{"next":5}' });
    await history.savePosition(projector, { journal: 'cluster/0', seq: 9, cursor: '{"next":10}' });
    await history.savePosition(projector, { journal: 'services/0', seq: 5, cursor: '{"next":6}' });
    expect(await history.position(projector, 'services/0')).toEqual({
      journal: 'services/0',
      seq: 5,
      cursor: '{"next":6}',
    });
    expect((await history.positions(projector)).map(({ journal }) => journal)).toEqual(['cluster/0', 'services/0']);
    expect(await history.position(projector, 'allocation/0')).toBeUndefined();
  });

  it('lets only the first of many register a journal', async () => {
    const cell = Math.floor(Math.random() * 1_000_000);
    const put = (n: number) =>
      registry.put({ domain: 'services', cell, journalId: `journal-${n}`, genesisHash: `${n}` });
    expect(await registry.get('services', cell)).toBeUndefined();
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => put(n)));
    expect(new Set(answers.map(({ journalId }) => journalId)).size).toBe(1);
    expect(await registry.get('services', cell)).toEqual(answers[0]);
    expect(await put(99)).toEqual(answers[0]);
  });
});

/** A state of the first `count` pods of a bucket: half of its pods on agent 1, half on agent 2. */
function taskSet(row: { service: string; bucket: number; n: number; state: string; count: number }): TaskSetRow {
  const { service, bucket, n, state, count } = row;
  const first = bucket * 1_024;
  const counts = count > 512 ? [512, count - 512] : [count];
  const begins = counts.map((_, at) => first + at * 512);
  return {
    ...{ service, generation: 7, pod: 'web', bucket, segment: 0, seq: 100 + n, n, task: 'server', incarnation: 1 },
    ...{ cell: 0, state },
    pieces: {
      length: counts.length,
      ...{ counts, indexes: begins, agents: counts.map((_, at) => at + 1), launchSeqs: [5], launchOrdinals: begins },
      tellings: {
        ...{ pieces: [counts.length], seqs: [100 + n], events: [4], ats: [1_800_000_000_000 + n] },
        ...{ causeTexts: [0], causeNumbers: [5] },
      },
      causes: ['services-0:'],
    },
  };
}

function outcome(
  row: Pick<CommandOutcomeRow, 'commandId' | 'at' | 'cell' | 'outcome'> & Partial<CommandOutcomeRow>,
): CommandOutcomeRow {
  return {
    domain: 'services',
    seq: row.at,
    n: 0,
    commandType: 'orrery.services.ApplyService.v1',
    subject: 's',
    ...row,
  };
}
