import { decodeAgentReport } from './decode-report.js';

const head = { agent: 'ada', session: 's1', epoch: 1, obeyed: 0, m: 1 };
const codeOf = (body: unknown) => {
  const decoded = decodeAgentReport(body);
  return decoded.ok ? 'ok' : decoded.refusal.code;
};

describe('a report of an agent', () => {
  it('is taken with fields that a newer agent adds', () => {
    const tasks = [
      { launch: '1.0', state: 'RUNNING', agentTime: 5, pid: 7, ready: true, mood: 'good' },
      { launch: '1.1', state: 'FAILED', agentTime: 5, exit: { code: 1 }, reason: 'exit-code' },
    ];
    const body = { type: 'TaskStates', ...head, tasks };
    expect(decodeAgentReport(body)).toEqual({ ok: true, report: body });
  });

  it('is refused when it is none', () => {
    for (const body of [null, 1, 'text', [], {}, { type: 'toString' }, { type: 'Dance' }]) {
      expect(codeOf(body)).toBe('unknown-type');
    }
  });

  it('is refused when a field is missing or wrong', () => {
    expect(codeOf({ type: 'TaskStates', ...head })).toBe('invalid-field');
    expect(codeOf({ type: 'TaskStates', ...head, m: -1, tasks: [] })).toBe('invalid-field');
    const tasks = [{ launch: '1.0', state: 'DANCING', agentTime: 5 }];
    expect(codeOf({ type: 'TaskStates', ...head, tasks })).toBe('invalid-field');
    expect(codeOf({ type: 'Inventory', ...head, launches: [], volumes: [] })).toBe('invalid-field');
  });
});
