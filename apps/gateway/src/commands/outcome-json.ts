import { parseCommandType } from '@orrery/contracts';
import { statusOfCode } from '../problem.js';
import type { KnownOutcome } from './outcomes.js';

/** What became of a command, as `/v1/commands/{id}` and waiting writes show it. */
export function outcomeJson(outcome: KnownOutcome, position: string): object {
  const { command, commandType, subject, status, refusal, at, actor, reason, journal, seq, followed, plans } = outcome;
  return {
    commandId: command,
    position,
    status,
    type: parseCommandType(commandType)?.name ?? commandType,
    subject,
    at: new Date(at).toISOString(),
    actor,
    reason,
    journal,
    seq,
    plans,
    followed,
    ...(refusal === undefined ? {} : { refusal, httpStatus: statusOfCode(refusal.code) }),
  };
}

/** Handed over, not decided yet as far as this gateway has folded. */
export function pendingJson(commandId: string, position: string): object {
  return { commandId, position, status: 'pending' };
}
