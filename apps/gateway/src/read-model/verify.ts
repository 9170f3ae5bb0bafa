import { auditJournal, type AuditReport, type PastPorts } from '@orrery/control-loop';
import { journalName } from '../position.js';
import { Checkpoints } from './checkpoints.js';
import { journalsOf } from './followed-journals.js';
import { breathe } from './past-worlds.js';
import type { AuditLine } from './read-model.js';

const PROGRESS_EVERY_MS = 500;

/** The audit walk over all journals, as lines: progress on the way, what was found, one result. */
export async function* verifyJournals(cells: number, ports: PastPorts, signal: AbortSignal): AsyncGenerator<AuditLine> {
  const checkpoints = await Checkpoints.read(ports.log);
  let [clean, records, events] = [true, 0, 0];
  for (const { domain, cell, folding } of journalsOf(cells)) {
    const journal = journalName(domain, cell);
    const walk = new Walk();
    const walking = auditJournal(ports, {
      domain,
      cell,
      folding,
      onRecord: ({ seq }, position) => {
        walk.seq = seq;
        checkpoints.check(position);
      },
      breathe: async () => {
        signal.throwIfAborted();
        await breathe();
      },
    });
    for (const done = walking.then(() => true); !(await Promise.race([done, pause(PROGRESS_EVERY_MS)]));) {
      yield { kind: 'progress', journal, seq: walk.seq };
    }
    const report = await walking;
    yield* linesOf(journal, report);
    const witnessed = checkpoints.resultOf(report.journalId);
    for (const { seq, message: found } of witnessed.findings) yield { kind: 'finding', journal, message: found, seq };
    if (witnessed.confirmed > 0)
      yield { kind: 'journal', journal, message: `${witnessed.confirmed} checkpoints confirmed` };
    clean &&= report.clean && witnessed.findings.length === 0;
    records += report.accepted;
    events += report.events;
  }
  const message = `${records} records and ${events} events of ${cells * 3} journals: ${clean ? 'clean' : 'NOT clean, see above'}`;
  yield { kind: 'result', ok: clean, message };
}

class Walk {
  seq = -1;
}

function* linesOf(journal: string, report: AuditReport): Generator<AuditLine> {
  const { accepted, messages, terms, position, digest, voidRecords, snapshots, stopped } = report;
  for (const { offset, reason, what, expected } of voidRecords) {
    yield {
      kind: expected ? 'void' : 'finding',
      journal,
      message: `void record at offset ${offset} (${reason}): ${what}`,
      offset,
      reason,
    };
  }
  for (const { seq, ok, what } of snapshots) {
    yield { kind: ok ? 'snapshot' : 'finding', journal, message: `snapshot of seq ${seq}: ${what}`, seq };
  }
  if (stopped !== undefined) yield { kind: 'finding', journal, message: stopped };
  const message = `${accepted} of ${messages} records accepted in ${terms} terms, up to seq ${position.seq}, digest ${digest}`;
  yield { kind: 'journal', journal, message, seq: position.seq, digest };
}

function pause(ms: number): Promise<false> {
  return new Promise((done) => setTimeout(() => done(false), ms));
}
