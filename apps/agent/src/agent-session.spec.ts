import type { LaneOrder } from '@orrery/contracts';
import { isNext, ownPart, paceAfter, ReportBatch, reportDueAt, takesSync, unreported } from './agent-session.js';

const registration = { journalId: 'j', number: 7, epoch: 2, obeyed: 4 };
const head = { agent: 'ada' as never, session: 's1', epoch: 2, m: 1, obeyed: 4 };

describe('an order', () => {
  it('counts when it is the next one; a Sync when it says more than was obeyed', () => {
    expect([4, 5, 6].map((n) => isNext(registration, { epoch: 2, n }))).toEqual([false, true, false]);
    expect(isNext(registration, { epoch: 1, n: 5 })).toBe(false);
    expect([4, 5, 9].map((n) => takesSync(registration, { epoch: 2, n }))).toEqual([false, true, true]);
    expect([takesSync(registration, { epoch: 1, n: 9 }), takesSync(registration, { epoch: 3, n: 1 })]).toEqual([
      false,
      true,
    ]);
  });

  it('to a lane is for those that it names, of the cluster that they obey', () => {
    const order = {
      type: 'Kills',
      journalId: 'j',
      to: { numbers: [6, 7], epochs: [1, 2], ns: [1, 5], reported: [0, 3] },
      launches: [],
    } as LaneOrder;
    expect(ownPart(order, registration)).toEqual({ at: 1, epoch: 2, n: 5, reported: 3 });
    expect(ownPart(order, { ...registration, number: 8 })).toBeUndefined();
    expect(ownPart(order, { ...registration, number: 0 })).toBeUndefined();
    expect(ownPart({ ...order, journalId: 'other' }, registration)).toBeUndefined();
  });
});

describe('a report', () => {
  it('tells what runs in columns by id, apart whether anything checks that it is ready', () => {
    const batch = new ReportBatch();
    batch.running(9, 1, 1005, 43, true);
    batch.running(9, 0, 1000, 42, true);
    batch.running(8, 5, 900, 7, false);
    expect(batch.count).toBe(3);
    expect(batch.take(head)).toEqual({
      type: 'TaskStates',
      ...head,
      running: [
        { launches: [[8, 5, 5]], sinceFrom: 900, since: [0], pids: [7] },
        { launches: [[9, 0, 1]], sinceFrom: 1000, since: [0, 5], pids: [42, 43], ready: true },
      ],
    });
    expect([batch.count, batch.take(head)]).toEqual([0, { type: 'TaskStates', ...head }]);
  });

  it('leaves STARTING out where RUNNING is told with it', () => {
    const batch = new ReportBatch();
    batch.starting(9, 0);
    batch.starting(9, 1);
    batch.running(9, 0, 1000, 42, true);
    expect(batch.take(head)).toMatchObject({ starting: [[9, 1, 1]], running: [{ launches: [[9, 0, 0]] }] });
  });

  it('tells readiness, and ends that are alike together', () => {
    const batch = new ReportBatch();
    batch.readiness(9, 0, true);
    batch.readiness(9, 1, false);
    batch.ended(9, 2, { state: 'FAILED', reason: 'exit-code', exit: { code: 1 } }, 1000);
    batch.ended(9, 3, { state: 'FINISHED', reason: 'exit-code', exit: { code: 0 } }, 1001);
    batch.ended(9, 4, { state: 'FAILED', reason: 'exit-code', exit: { code: 1 } }, 1002);
    expect(batch.take(head)).toMatchObject({
      ready: [[9, 0, 0]],
      unready: [[9, 1, 1]],
      ended: [
        { launches: [[9, 2, 2, 4, 4]], state: 'FAILED', agentTime: 1002 },
        { launches: [[9, 3, 3]], state: 'FINISHED', agentTime: 1001 },
      ],
    });
  });

  it('goes at once after a pause, and waits longer the longer there is always something to tell', () => {
    expect(reportDueAt(unreported)).toBeLessThan(1000);
    let pace = paceAfter(unreported, 1_000_000);
    const gaps = [];
    for (let report = 0; report < 5; report += 1) {
      gaps.push(reportDueAt(pace) - pace.at);
      pace = paceAfter(pace, reportDueAt(pace) + 250);
    }
    expect(gaps).toEqual([100, 300, 600, 1000, 1000]);
    const later = paceAfter(pace, reportDueAt(pace) + 1500);
    expect(reportDueAt(later) - later.at).toBe(100);
  });

  it('waits for nobody where nothing more is about to begin, and begins anew after that', () => {
    let pace = paceAfter(unreported, 1_000_000);
    for (let report = 0; report < 5; report += 1) pace = paceAfter(pace, reportDueAt(pace));
    expect(reportDueAt(pace) - pace.at).toBe(1000);
    expect(reportDueAt(pace, 0) - pace.at).toBe(50);
    pace = paceAfter(pace, reportDueAt(pace, 0), 0);
    const gaps = [];
    for (let report = 0; report < 4; report += 1) {
      gaps.push(reportDueAt(pace) - pace.at);
      pace = paceAfter(pace, reportDueAt(pace));
    }
    expect(gaps).toEqual([50, 100, 300, 600]);
  });

  it('waits shorter for longer where only a few are about to begin', () => {
    let pace = paceAfter(unreported, 1_000_000, 8);
    const gaps = [];
    for (let report = 0; report < 8; report += 1) {
      gaps.push(reportDueAt(pace, 8) - pace.at);
      pace = paceAfter(pace, reportDueAt(pace, 8), 8);
    }
    expect(gaps).toEqual([50, 75, 100, 150, 300, 600, 1000, 1000]);
    expect(reportDueAt(pace, 200) - pace.at).toBe(1000);
    const many = paceAfter(paceAfter(unreported, 1_000_000, 200), 1_000_100, 200);
    expect([reportDueAt(many, 200), reportDueAt(many, 3)]).toEqual([1_000_400, 1_000_175]);
  });
});
