import type {
  AgentId,
  CommandId,
  CommitRecord,
  GrantId,
  LaunchId,
  RecordedEvent,
  ServiceName,
} from '@orrery/contracts';
import { cluster, type ClusterState } from '@orrery/domain';
import { rowsOf, type HistoryRows } from './rows.js';
import { statesTold, type ToldState } from './told.js';

const agent = 'ada' as AgentId;
const launch = '7.0' as LaunchId;
const facts = {
  hostname: 'ada',
  address: '127.0.0.1',
  capacity: { cpusMilli: 1000, memoryMib: 1024, diskMib: 1024, gpuIds: [], ports: [] },
  attributes: {},
  faultDomain: { region: 'r', zone: 'z' },
};
const template = {
  ...{ cmd: 'true', goal: 'RUNNING', env: {}, cpusMilli: 100, memoryMib: 64, diskMib: 0, killGraceMs: 5000 },
  ...{ portEnv: {}, configs: [] },
} as const;
const set = {
  ...{ service: 'hello' as ServiceName, generation: 3, version: 1, pod: 'web', task: 'server', templateDigest: 'd' },
  ...{ agent, epoch: 1 },
  launches: [{ launch, grant: '5.0' as GrantId, index: 2, incarnation: 1, ports: {}, gpuIds: [], volumes: [] }],
};

const registered = event('AgentRegistered', { agent, epoch: 1, session: 's', ...facts });
const kept = event('TemplateKept', { digest: 'd', template });
const accepted = event('LaunchAccepted', { ...set, n: 1, at: 1 });
const running = event('TasksRunning', { agent, epoch: 1, m: 1, tasks: [{ launch, pid: 1, since: 1 }] });

function event(type: string, data: object, more: Partial<RecordedEvent> = {}): RecordedEvent {
  return { type, version: 1, cause: { topic: 'orrery.agents.reports', partition: 0, offset: 9 }, data, ...more };
}

function commit(seq: number, ...events: RecordedEvent[]): CommitRecord {
  const head = {
    journalId: 'j',
    kind: 'Commit',
    term: 1,
    prevHash: '',
    writer: 'w',
    inputs: [],
    relayedSeq: 0,
  } as const;
  return { ...head, seq, at: seq * 1000, events };
}

/** Rows of commits of the cluster journal, each event told from the state before it. */
function rowsOfCluster(...commits: CommitRecord[]): HistoryRows {
  const state: ClusterState = cluster.initialState();
  let rows: HistoryRows | undefined;
  for (const each of commits) {
    const told = new Map<RecordedEvent, ToldState[]>();
    for (const one of each.events) {
      told.set(one, statesTold(state, one as never));
      cluster.evolve(state, one as never);
    }
    rows = rowsOf({ domain: 'cluster', cell: 0 }, each, (one) => told.get(one) ?? [], rows);
  }
  return rows!;
}

describe('the rows of a commit', () => {
  it('tell every state of a task, with cause and place', () => {
    const ended = event('TasksEnded', {
      ...{ agent, epoch: 1, m: 2 },
      tasks: [{ launch, state: 'FAILED', reason: 'exit-code', message: 'code 3', exit: { code: 3 } }],
    });
    const { states } = rowsOfCluster(commit(1, registered, kept, accepted), commit(2, running), commit(3, ended));
    const key = {
      service: 'hello',
      generation: 3,
      pod: 'web',
      index: 2,
      task: 'server',
      incarnation: 1,
      agent: 'ada',
      launch,
    };
    expect(states).toEqual([
      expect.objectContaining({ ...key, seq: 1, n: 0, state: 'STAGING', at: 1000, cause: 'orrery.agents.reports-0@9' }),
      expect.objectContaining({ ...key, seq: 2, n: 0, state: 'RUNNING', at: 2000 }),
      expect.objectContaining({
        ...key,
        seq: 3,
        n: 0,
        state: 'FAILED',
        reason: 'exit-code',
        message: 'code 3',
        exit: { code: 3 },
      }),
    ]);
  });

  it('tell of each task on an agent that can not be reached, and on its return', () => {
    const gone = event('AgentUnreachable', { agent, epoch: 1, at: 1 }, { cause: { internal: 'lease-lapsed' } });
    const back = event('AgentReturned', { agent, epoch: 1 });
    const { states, agents } = rowsOfCluster(
      commit(1, registered, kept, accepted),
      commit(2, running),
      commit(3, gone),
      commit(4, back),
    );
    expect(states.map(({ state, reason }) => [state, reason])).toEqual([
      ['STAGING', undefined],
      ['RUNNING', undefined],
      ['UNREACHABLE', 'agent-unreachable'],
      ['RUNNING', 'agent-returned'],
    ]);
    expect(agents.map(({ type, state, cause }) => [type, state, cause])).toEqual([
      ['AgentRegistered', 'ACTIVE', 'orrery.agents.reports-0@9'],
      ['AgentUnreachable', 'UNREACHABLE', 'lease-lapsed'],
      ['AgentReturned', 'ACTIVE', 'orrery.agents.reports-0@9'],
    ]);
  });

  it('are the same rows again when the commit is read again', () => {
    const commits = [commit(1, registered, kept, accepted), commit(2, running)];
    expect(rowsOfCluster(...commits)).toEqual(rowsOfCluster(...commits));
  });

  it('tell who asked for what, why, and what followed', () => {
    const head = { commandType: 'orrery.services.ScaleService.v1', bodyDigest: '0', notAfter: 9, subject: 'hello' };
    const by = (id: string) => ({ cause: { command: id as CommandId }, actor: 'ann', reason: 'load' });
    const spec = { name: 'hello', pods: {} };
    const applied = { service: 'hello', generation: 3, version: 2, specDigest: 'd', role: '*', spec, recipes: {} };
    const { outcomes, audit, versions } = rowsOf(
      { domain: 'services', cell: 1 },
      commit(
        5,
        event('CommandAccepted', { command: 'one', ...head }, by('one')),
        event('ServiceApplied', applied, by('one')),
        event('CommandRefused', { command: 'two', ...head, code: 'unknown-pod', message: 'no' }, by('two')),
        event('CommandForwarded', { command: 'three', ...head, partition: 0 }, by('three')),
        event('InputQuarantined', { topic: 't', partition: 0, offset: 4, code: 'malformed', message: 'garbage' }),
      ),
      () => [],
    );
    expect(outcomes.map(({ commandId, outcome, n, refusal }) => [commandId, outcome, n, refusal?.code])).toEqual([
      ['one', 'accepted', 0, undefined],
      ['two', 'refused', 1, 'unknown-pod'],
      ['three', 'forwarded', 2, undefined],
    ]);
    expect(audit.map(({ type, actor, subject, reason, n }) => [type, actor, subject, reason, n])).toEqual([
      ['ScaleService', 'ann', 'hello', 'load', 0],
      ['ScaleService', 'ann', 'hello', 'load', 1],
      ['InputQuarantined', 'unknown', 't-0', undefined, 3],
    ]);
    expect(JSON.parse(audit[0]!.detail!)).toMatchObject({ status: 'accepted', followed: ['ServiceApplied'] });
    expect(versions).toMatchObject([{ service: 'hello', version: 2, cell: 1, actor: 'ann', commandId: 'one' }]);
  });
});
