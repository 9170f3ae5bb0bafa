import type { StateTold } from '@orrery/cassandra';
import type { ClusterEvent, IdRuns, LaunchSet, TaskEnds } from '@orrery/contracts';
import { isEnded, Mark, type LaunchBook, type Piece, type Run } from './launch-book.js';

export type Tell = (told: StateTold, piece: Piece) => void;

/**
 * What a cluster event says about tasks, piece by piece, and what is known of them afterwards. A launch that the book knows
 * nothing of any more has told its story.
 */
export function tellAndFold(book: LaunchBook, event: ClusterEvent, tell: Tell): void {
  switch (event.type) {
    case 'AgentRegistered':
      return book.agentRegistered(event.data.agent, event.data.number);
    case 'LaunchAccepted':
      return accepted(book, event.data, tell);
    case 'KillAccepted':
      return killed(book, event.data, tell);
    case 'TasksStarting':
      return advanced(book, event.data.launches, Mark.starting, tell);
    case 'TasksRunning':
      return advanced(book, event.data.launches, Mark.running | (event.data.ready === true ? Mark.ready : 0), tell);
    case 'TasksReady':
      return readied(book, event.data, tell);
    case 'TasksEnded':
      for (const ends of event.data.ends) ended(book, ends, tell);
      return;
    case 'TasksLost':
      return ended(book, { launches: event.data.launches, state: 'LOST', reason: event.data.reason }, tell);
    case 'TasksReportedLate':
      for (const ends of event.data.ends) toldLate(book, ends, tell);
      return;
    case 'AgentUnreachable':
    case 'AgentReturned':
      return agentTold(book, event, tell);
    case 'GrantsForgotten':
      return book.grantsForgotten(event.data.grants);
    case 'ServiceForgotten':
      return book.serviceForgotten(event.data.service, event.data.generation);
    default:
    // Says nothing about tasks.
  }
}

const phases = ['STAGING', 'STARTING', 'RUNNING'] as const;

function accepted(book: LaunchBook, set: LaunchSet, tell: Tell): void {
  const told = { state: 'STAGING' };
  for (const run of book.accepted(set)) eachAgent(run, (piece) => tell(told, piece));
}

function eachAgent(run: Run, visit: (piece: Piece) => void): void {
  const { agents, count } = run;
  if (typeof agents === 'number') return visit({ run, offset: 0, count, agent: agents, mark: Mark.staging });
  for (let offset = 0; offset < count;) {
    let end = offset + 1;
    while (end < count && agents[end] === agents[offset]) end += 1;
    visit({ run, offset, count: end - offset, agent: agents[offset]!, mark: Mark.staging });
    offset = end;
  }
}

function killed(
  book: LaunchBook,
  { launches, final }: { readonly launches: IdRuns; readonly final?: true },
  tell: Tell,
): void {
  const told = { state: 'KILLING', reason: 'killed' };
  book.visit(launches, (piece) => {
    if (isEnded(piece.mark)) return undefined;
    tell(told, piece);
    return final === true ? piece.mark | Mark.final : undefined;
  });
}

/** One each for ever: what is told of a million tasks is compared by being the same. */
const toldOf = {
  starting: { state: 'STARTING' },
  running: { state: 'RUNNING', ready: false },
  ready: { state: 'RUNNING', ready: true },
} as const satisfies Readonly<Record<string, StateTold>>;

/** Phases only rise, and an end is for ever. */
function advanced(book: LaunchBook, launches: IdRuns, to: number, tell: Tell): void {
  const phase = to & Mark.phase;
  const begun = (to & Mark.ready) === 0 ? toldOf.running : toldOf.ready;
  const told = phase === Mark.running ? begun : toldOf.starting;
  book.visit(launches, (piece) => {
    tell(told, piece);
    return (piece.mark & Mark.phase) < phase ? to | (piece.mark & ~Mark.phase) : undefined;
  });
}

function readied(
  book: LaunchBook,
  { launches, ready }: { readonly launches: IdRuns; readonly ready: boolean },
  tell: Tell,
): void {
  const told = { state: 'RUNNING', ready, reason: ready ? 'ready' : 'not-ready' };
  book.visit(launches, (piece) => {
    tell(told, piece);
    if (isEnded(piece.mark)) return undefined;
    return ready ? piece.mark | Mark.ready : piece.mark & ~Mark.ready;
  });
}

function ended(book: LaunchBook, ends: TaskEnds, tell: Tell): void {
  const told = endOf(ends);
  book.visit(ends.launches, (piece) => {
    tell(told, piece);
    return (piece.mark & Mark.final) === 0 ? Mark.ended : Mark.forgotten;
  });
}

function toldLate(book: LaunchBook, ends: TaskEnds, tell: Tell): void {
  const told = { ...endOf(ends), late: true };
  book.visit(ends.launches, (piece) => tell(told, piece));
}

function endOf({ state, reason, message, exit }: TaskEnds): StateTold {
  return { state, reason, ...(message === undefined ? {} : { message }), ...(exit === undefined ? {} : { exit }) };
}

/** Everything that lives on an agent has the fate of the agent, without a list in the event. */
function agentTold(
  book: LaunchBook,
  { type, data }: Extract<ClusterEvent, { readonly type: 'AgentUnreachable' | 'AgentReturned' }>,
  tell: Tell,
): void {
  const number = book.numberOf(data.agent);
  if (number === undefined) return;
  book.visitAgent(number, (piece) => {
    if (!isEnded(piece.mark)) tell(type === 'AgentReturned' ? returnedAs(piece.mark) : unreachable, piece);
  });
}

const unreachable: StateTold = { state: 'UNREACHABLE', reason: 'agent-unreachable' };

function returnedAs(mark: number): StateTold {
  return { state: phases[mark & Mark.phase]!, ready: (mark & Mark.ready) !== 0, reason: 'agent-returned' };
}
