import {
  CassandraHistory,
  CassandraRegistry,
  ensureKeyspace,
  type AuditRow,
  type CommandOutcomeRow,
  type TaskStateRow,
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
    const states = ['STAGING', 'STARTING', 'RUNNING'];
    const rows = Array.from({ length: 6_000 }, (_, n) =>
      taskState({ service, index: Math.floor(n / 3), n, state: states[n % 3]! }),
    );
    await history.append(rows);
    await history.append(rows.slice(3_000, 4_000));
    for (const index of [0, 1_023, 1_024, 1_999]) {
      const story = await history.readTask({ service, generation: 7, pod: 'web', index, task: 'server' });
      expect(story).toEqual(rows.filter((row) => row.index === index));
    }
    const last = await history.readTask(
      { service, generation: 7, pod: 'web', index: 5, task: 'server' },
      { newest: 2 },
    );
    expect(last.map(({ state }) => state)).toEqual(['STARTING', 'RUNNING']);
    expect(await history.readTask({ service, generation: 8, pod: 'web', index: 5, task: 'server' })).toEqual([]);
  });

  it('keeps how a task ended, and nothing that was not said', async () => {
    const service = freshName('service');
    const ended: TaskStateRow = {
      ...taskState({ service, index: 0, n: 1, state: 'FAILED' }),
      exit: { code: 137, signal: 'SIGKILL', oom: true },
      message: 'out of memory',
      late: true,
      ready: false,
    };
    const bare = taskState({ service, index: 0, n: 2, state: 'STAGING' });
    await history.append([ended, bare]);
    expect(await history.readTask(ended)).toEqual([ended, bare]);
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

function taskState(row: { service: string; index: number; n: number; state: string }): TaskStateRow {
  return {
    ...{ generation: 7, pod: 'web', task: 'server', seq: 100 + row.n, incarnation: 1, at: 1_800_000_000_000 + row.n },
    ...{ agent: 'agent-1', launch: `5.${row.n}`, cause: 'services/0@5' },
    ...row,
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
