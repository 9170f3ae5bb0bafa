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
    const object = { kind: 'service', name: 'hello' };
    const by = (id: string) => ({ cause: { command: id as CommandId }, actor: 'ann', reason: 'load' });
    const spec = { name: 'hello', pods: {} };
    const applied = { service: 'hello', generation: 3, version: 2, specDigest: 'd', role: '*', spec, recipes: {} };
    const { outcomes, audit, versions } = rowsOf(
      { domain: 'services', cell: 1 },
      commit(
        5,
        event('CommandAccepted', { command: 'one', ...head, object }, by('one')),
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
    expect(JSON.parse(audit[0]!.detail!)).toMatchObject({ status: 'accepted', object, followed: ['ServiceApplied'] });
    expect(versions).toMatchObject([{ service: 'hello', version: 2, cell: 1, actor: 'ann', commandId: 'one' }]);
  });

  it('tell what the plane did by itself, and why', () => {
    const spec = { name: 'hello', pods: {} };
    const ref = { service: 'hello', generation: 3 };
    const applied = { ...ref, version: 4, specDigest: 'd', role: '*', spec, recipes: {} };
    const replaced = { ...ref, pod: 'web', cause: 'agent-unreachable' };
    const services = rowsOf(
      { domain: 'services', cell: 0 },
      commit(
        5,
        event('ServiceApplied', applied),
        event('PlanStarted', { ...ref, plan: 'update', reason: 'version 3 failed' }),
        event('ReplaceStarted', { ...replaced, indexes: [[2, 2]] }),
        event('ReplaceStarted', { ...replaced, indexes: [[0, 4], [7, 7]] }), // prettier-ignore
        event('ReplaceStarted', { ...replaced, indexes: [[1, 1]] }, { cause: { command: 'one' as CommandId } }),
      ),
    );
    const lost = event('AgentUnreachable', { agent, epoch: 1, at: 1 }, { cause: { internal: 'lease-lapsed' } });
    const cluster = rowsOf({ domain: 'cluster', cell: 0 }, commit(6, lost));
    const told = [...services.audit, ...cluster.audit].map(({ type, actor, subject, reason, detail }) => [
      ...[type, actor, subject, reason],
      (JSON.parse(detail!) as { object: { kind: string; name: string } }).object,
    ]);
    expect(told).toEqual([
      ['ServiceApplied', 'orrery', 'hello', 'version 3 failed', { kind: 'service', name: 'hello' }],
      ['ReplaceStarted', 'orrery', 'hello', 'agent-unreachable', { kind: 'pod', name: 'hello.web-2' }],
      ['ReplaceStarted', 'orrery', 'hello', 'agent-unreachable', { kind: 'pods', name: 'hello.web-[0..4,7]' }],
      ['AgentUnreachable', 'orrery', 'ada', 'heartbeats stopped', { kind: 'agent', name: 'ada' }],
    ]);
    expect(services.versions).toMatchObject([{ version: 4, actor: 'orrery', reason: 'version 3 failed' }]);
  });
});
