import { decodeAgentReport, REPORT_LAUNCHES_MAX } from './decode-report.js';

const head = { agent: 'ada', session: 's1', epoch: 1, obeyed: 0, m: 1 };
const codeOf = (body: unknown) => {
  const decoded = decodeAgentReport(body);
  return decoded.ok ? 'ok' : decoded.refusal.code;
};
const fieldOf = (told: object) => {
  const decoded = decodeAgentReport({ type: 'TaskStates', ...head, ...told });
  return decoded.ok ? 'ok' : decoded.refusal.field;
};
const ran = (more: object = {}) => ({ launches: [[1, 0, 1]], sinceFrom: 5, since: [0, 9], pids: [7], ...more });
const end = (more: object = {}) => ({ launches: [[1, 2, 2]], state: 'FAILED', reason: 'exit-code', ...more });

describe('a report of an agent', () => {
  it('is taken with fields that a newer agent adds', () => {
    const running = [ran({ mood: 'good' })];
    const body = { type: 'TaskStates', ...head, running, ended: [end({ exit: { code: 1 } })] };
    expect(decodeAgentReport(body)).toEqual({ ok: true, report: body });
    expect(codeOf({ type: 'TaskStates', ...head })).toBe('ok');
  });

  it('is refused when it is none', () => {
    for (const body of [null, 1, 'text', [], {}, { type: 'toString' }, { type: 'Dance' }]) {
      expect(codeOf(body)).toBe('unknown-type');
    }
  });

  it('is refused when a field is missing or wrong', () => {
    const { m: _, ...numberless } = head;
    expect(codeOf({ type: 'TaskStates', ...numberless })).toBe('invalid-field');
    expect(codeOf({ type: 'TaskStates', ...head, m: -1 })).toBe('invalid-field');
    expect(codeOf({ type: 'TaskStates', ...head, m: 1e300 })).toBe('invalid-field');
    expect(codeOf({ type: 'TaskStates', ...head, ended: [end({ state: 'DANCING' })] })).toBe('invalid-field');
    expect(codeOf({ type: 'Inventory', ...head, launches: [], volumes: [] })).toBe('invalid-field');
  });

  it('is refused when ids are no pairs that ascend', () => {
    for (const launches of [
      [[1, 0]],
      [[1]],
      [[]],
      [[1, 5, 4]],
      [[1, 0, 1, 7]],
      [[1, 0, -1]],
      [[1, 0.5, 1]],
      [1],
      'x',
    ]) {
      expect(fieldOf({ starting: launches })).toContain('/starting');
      expect(fieldOf({ running: [ran(), ran({ launches })] })).toContain('/running/1/launches');
      expect(fieldOf({ ended: [end({ launches })] })).toContain('/ended/0/launches');
    }
  });

  it('is refused when a column has not one number for each launch', () => {
    expect(fieldOf({ running: [ran()] })).toBe('ok');
    expect(fieldOf({ running: [ran({ since: [1, 2, 3] })] })).toBe('/running/0/since');
    expect(fieldOf({ running: [ran({ pids: [] })] })).toContain('/running/0/pids');
    expect(fieldOf({ running: [ran({ launches: [[1, 0, 3]] })] })).toBe('/running/0/since');
  });

  it('is refused when it speaks of more launches than one decision takes', () => {
    expect(fieldOf({ starting: [[1, 1, REPORT_LAUNCHES_MAX]] })).toBe('ok');
    expect(fieldOf({ starting: [[1, 0, REPORT_LAUNCHES_MAX]] })).toBe('/');
    expect(fieldOf({ starting: [[1, 0, Number.MAX_SAFE_INTEGER]] })).toBe('/');
    expect(fieldOf({ ready: [[1, 1, 3000]], unready: [[2, 1, 3000]] })).toBe('/');
  });

  it('is refused when its sets would not fit a decision', () => {
    const apart = (count: number) => Array.from({ length: count }, (_, at) => [at, 7, 7]);
    const ended = (count: number) => apart(count).map((entry) => end({ launches: [entry], message: 'x'.repeat(1000) }));
    expect(codeOf({ type: 'TaskStates', ...head, running: [ran({ launches: apart(2000), since: [0] })] })).toBe('ok');
    expect(codeOf({ type: 'TaskStates', ...head, ended: ended(1000) })).toBe('ok');
    expect(codeOf({ type: 'TaskStates', ...head, starting: apart(5000).map((entry) => [...entry, 9, 9]) })).not.toBe(
      'ok',
    );
    expect(codeOf({ type: 'TaskStates', ...head, starting: apart(4000), ended: ended(1000) })).toBe('too-large');
  });

  it('of what it holds names launches as they are named', () => {
    const facts = {
      ...{ hostname: 'h', address: 'a', attributes: {}, faultDomain: { region: 'r', zone: 'z' } },
      capacity: { cpusMilli: 1, memoryMib: 1, diskMib: 1, gpuIds: [], ports: [] },
    };
    const of = (launch: string) =>
      codeOf({ type: 'Inventory', ...head, ...facts, volumes: [], launches: [{ launch, state: 'ORDERED' }] });
    expect(of('12.3')).toBe('ok');
    for (const launch of ['', '12', '12.', 'a.b', '1.2.3', '-1.0']) expect(of(launch)).toBe('invalid-field');
  });
});
