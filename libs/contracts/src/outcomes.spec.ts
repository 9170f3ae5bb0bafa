import type { CommandId } from './ids.js';
import type { CommitRecord, RecordedEvent } from './journal.js';
import { outcomesOf } from './outcomes.js';

const id = (name: string) => name as CommandId;
const event = (type: string, command: string, data: object): RecordedEvent => ({
  type,
  version: 1,
  cause: { command: id(command) },
  actor: 'ann',
  reason: 'because',
  data,
});
const outcome = (command: string, more: object = {}) => ({
  command: id(command),
  commandType: 'orrery.services.ScaleService.v1',
  bodyDigest: '00',
  notAfter: 9,
  subject: 'hello',
  ...more,
});
const commit = (...events: RecordedEvent[]): CommitRecord => ({
  journalId: 'j',
  kind: 'Commit',
  term: 1,
  seq: 7,
  prevHash: '',
  writer: 'w',
  at: 5,
  inputs: [],
  relayedSeq: 6,
  events,
});

describe('the outcomes of a commit', () => {
  it('say who, why and what followed', () => {
    const plan = { service: 'hello', generation: 1, plan: 'deploy', run: '7.0' };
    const [first, second] = outcomesOf(
      commit(
        event('CommandAccepted', 'one', outcome('one')),
        event('ServiceApplied', 'one', { service: 'hello' }),
        event('PlanStarted', 'one', plan),
        event('CommandRefused', 'two', outcome('two', { code: 'unknown-pod', message: 'no pod x', field: '/pod' })),
      ),
    );
    expect(first).toMatchObject({ command: 'one', status: 'accepted', seq: 7, at: 5, actor: 'ann', reason: 'because' });
    expect(first).toMatchObject({
      followed: ['ServiceApplied', 'PlanStarted'],
      plans: [{ service: 'hello', plan: 'deploy' }],
    });
    expect(second).toMatchObject({ status: 'refused', refusal: { code: 'unknown-pod', field: '/pod' }, followed: [] });
  });

  it('leave out what commands did not cause', () => {
    const tick: RecordedEvent = { type: 'StepStarted', version: 1, cause: { internal: 'tick' }, data: {} };
    expect(outcomesOf(commit(tick, event('CommandForwarded', 'one', outcome('one', { partition: 1 }))))).toEqual([]);
  });
});
