import type { AgentId, CommandId, CommitRecord, RecordedEvent } from '@orrery/contracts';
import { rowsOf } from './rows.js';

const agent = 'ada' as AgentId;

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

describe('the rows of a commit', () => {
  it('tell what happens to an agent, and by which number sets name it', () => {
    const registered = event('AgentRegistered', { agent, number: 4, epoch: 1, session: 's', hostname: 'ada' });
    const gone = event('AgentUnreachable', { agent, epoch: 1, at: 1 }, { cause: { internal: 'lease-lapsed' } });
    const back = event('AgentReturned', { agent, epoch: 1 });
    const { agents, numbers } = rowsOf({ domain: 'cluster', cell: 2 }, commit(1, registered, gone, back));
    expect(agents.map(({ type, n, state, cause }) => [type, n, state, cause])).toEqual([
      ['AgentRegistered', 0, 'ACTIVE', 'orrery.agents.reports-0@9'],
      ['AgentUnreachable', 1, 'UNREACHABLE', 'lease-lapsed'],
      ['AgentReturned', 2, 'ACTIVE', 'orrery.agents.reports-0@9'],
    ]);
    expect(numbers).toEqual([{ cell: 2, number: 4, agent: 'ada' }]);
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
