import type { EpochMs } from '@orrery/kernel';
import type { CommandObject } from './command-object.js';
import type { CommandId } from './ids.js';
import type { CommandOutcome, CommitRecord, LoopEvent, RecordedEvent, RefusalData } from './journal.js';
import type { ServicesEvent } from './services.js';

/** What became of a command, as its commit tells it. */
export interface RecordedOutcome {
  readonly command: CommandId;
  readonly commandType: string;
  readonly subject: string;
  readonly object?: CommandObject;
  readonly bodyDigest: string;
  readonly status: 'accepted' | 'refused';
  readonly refusal?: RefusalData;
  /** Commit that holds it. */
  readonly seq: number;
  readonly at: EpochMs;
  readonly actor?: string;
  readonly reason?: string;
  /** Types of the events that it caused, in order, each once. */
  readonly followed: readonly string[];
  /** Plans that it started. */
  readonly plans: readonly { readonly service: string; readonly plan: string; readonly run: string }[];
}

/** The outcomes that a commit holds, in order. A forwarded command has its outcome in another journal. */
export function outcomesOf(commit: CommitRecord): RecordedOutcome[] {
  const decided: { readonly event: RecordedEvent; readonly data: OutcomeData; readonly caused: RecordedEvent[] }[] = [];
  for (const event of commit.events) {
    const outcome = event as unknown as LoopEvent;
    if (outcome.type === 'CommandAccepted' || outcome.type === 'CommandRefused') {
      decided.push({ event, data: outcome.data, caused: [] });
    } else if ('command' in event.cause && decided.at(-1)?.data.command === event.cause.command) {
      decided.at(-1)!.caused.push(event);
    }
  }
  return decided.map(({ event, data, caused }) => outcomeOf(commit, event, data, caused));
}

type OutcomeData = CommandOutcome & Partial<RefusalData>;

function outcomeOf(
  { seq, at }: CommitRecord,
  event: RecordedEvent,
  data: OutcomeData,
  caused: readonly RecordedEvent[],
): RecordedOutcome {
  const { command, commandType, subject, object, bodyDigest, code, message, field, remedy } = data;
  const refusal = {
    code: code ?? '',
    message: message ?? '',
    ...(field === undefined ? {} : { field }),
    ...(remedy === undefined ? {} : { remedy }),
  };
  return {
    command,
    commandType,
    subject,
    ...(object === undefined ? {} : { object }),
    bodyDigest,
    status: code === undefined ? 'accepted' : 'refused',
    ...(code === undefined ? {} : { refusal }),
    seq,
    at,
    ...(event.actor === undefined ? {} : { actor: event.actor }),
    ...(event.reason === undefined ? {} : { reason: event.reason }),
    ...whatFollowed(caused),
  };
}

function whatFollowed(events: readonly RecordedEvent[]): Pick<RecordedOutcome, 'followed' | 'plans'> {
  const plans = events.flatMap((event) => {
    const started = event as unknown as ServicesEvent;
    if (started.type !== 'PlanStarted') return [];
    return [{ service: started.data.service, plan: started.data.plan, run: started.data.run }];
  });
  return { followed: [...new Set(events.map((event) => event.type))], plans };
}
