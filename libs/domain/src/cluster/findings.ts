import type { AgentId, ClusterEvent, ExitStatus, LaunchId, TaskEnd, TerminalState } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import { canAdvance } from './evolve.js';
import { isLivePhase, type ClusterState, type LaunchPhase, type LaunchRow } from './state.js';

/** What an agent says about one launch, in a report or an inventory. */
export interface Sighting {
  readonly launch: LaunchId;
  readonly phase: LaunchPhase;
  readonly pid?: number;
  /** Running since. */
  readonly since?: EpochMs;
  /** When it ended, by the agent's clock. */
  readonly agentTime?: EpochMs;
  readonly ready?: boolean;
  readonly exit?: ExitStatus;
  readonly reason?: string;
  readonly message?: string;
}

/**
 * What reports say that the state did not know yet, as sets. A launch may be seen several times in one report, so what was
 * found so far counts as known.
 */
export class Findings {
  readonly #starting: { launch: LaunchId }[] = [];
  readonly #running: { launch: LaunchId; pid: number; since: EpochMs }[] = [];
  readonly #ready: { launch: LaunchId; ready: boolean }[] = [];
  readonly #ended: TaskEnd[] = [];
  readonly #late: TaskEnd[] = [];
  readonly #lost: LaunchId[] = [];
  readonly #seen = new Map<LaunchId, Pick<LaunchRow, 'phase' | 'ready'>>();

  constructor(
    readonly state: ClusterState,
    readonly agent: AgentId,
  ) {}

  get count(): number {
    return this.#starting.length + this.#running.length + this.#ready.length + this.ends + this.#late.length;
  }

  /** Launches that live no longer. */
  get ends(): number {
    return this.#ended.length + this.#lost.length;
  }

  see(sighting: Sighting): void {
    const row = this.state.launches.get(sighting.launch);
    const known = row?.agent === this.agent ? (this.#seen.get(sighting.launch) ?? row) : undefined;
    if (known === undefined || !isLivePhase(known.phase)) return this.#seeLate(sighting);
    if (!isLivePhase(sighting.phase)) return this.#seeEnd(sighting);
    if (sighting.phase === 'STAGING') return;

    let { phase, ready } = known;
    if (canAdvance(phase, sighting.phase)) {
      phase = sighting.phase;
      if (phase === 'STARTING') this.#starting.push({ launch: sighting.launch });
      else this.#running.push({ launch: sighting.launch, pid: sighting.pid ?? 0, since: sighting.since ?? 0 });
    }
    if (sighting.ready !== undefined && sighting.ready !== ready) {
      ready = sighting.ready;
      this.#ready.push({ launch: sighting.launch, ready });
    }
    this.#seen.set(sighting.launch, { phase, ready });
  }

  /** Wanted and not there: never to be heard of again. */
  miss(launch: LaunchId): void {
    this.#lost.push(launch);
    this.#seen.set(launch, { phase: 'LOST', ready: false });
  }

  /** As events; `m` is 0 when the master concluded them. Empty when nothing new was found. */
  events(epoch: number, m: number, lostReason: string): ClusterEvent[] {
    const head = { agent: this.agent, epoch, m };
    const events: ClusterEvent[] = [];
    if (this.#starting.length > 0) events.push({ type: 'TasksStarting', data: { ...head, tasks: this.#starting } });
    if (this.#running.length > 0) events.push({ type: 'TasksRunning', data: { ...head, tasks: this.#running } });
    if (this.#ready.length > 0) events.push({ type: 'TasksReady', data: { ...head, tasks: this.#ready } });
    if (this.#ended.length > 0) events.push({ type: 'TasksEnded', data: { ...head, tasks: shortened(this.#ended) } });
    if (this.#late.length > 0)
      events.push({ type: 'TasksReportedLate', data: { ...head, tasks: shortened(this.#late) } });
    if (this.#lost.length > 0) {
      events.push({ type: 'TasksLost', data: { agent: this.agent, epoch, launches: this.#lost, reason: lostReason } });
    }
    return events;
  }

  #seeEnd(sighting: Sighting): void {
    this.#ended.push(endOf(sighting));
    this.#seen.set(sighting.launch, { phase: sighting.phase, ready: false });
  }

  #seeLate(sighting: Sighting): void {
    if (!isLivePhase(sighting.phase)) this.#late.push(endOf(sighting));
  }
}

/** Of all messages of one decision together: a decision may not exceed 256 KiB. */
const MESSAGES_LENGTH_MAX = 40_000;
const MESSAGE_LENGTH_MAX = 500;

/** The more tasks end at once, the less can be kept of what each of them said. */
function shortened(ends: readonly TaskEnd[]): TaskEnd[] {
  const lengthMax = Math.min(MESSAGE_LENGTH_MAX, Math.floor(MESSAGES_LENGTH_MAX / ends.length));
  return ends.map((end) => {
    if (end.message === undefined || end.message.length <= lengthMax) return end;
    return { ...end, message: `${end.message.slice(0, lengthMax - 1)}…` };
  });
}

function endOf({ launch, phase, exit, reason, message, agentTime }: Sighting): TaskEnd {
  return {
    launch,
    state: phase as TerminalState,
    reason: reason ?? 'unknown',
    ...(exit === undefined ? {} : { exit }),
    ...(message === undefined ? {} : { message }),
    ...(agentTime === undefined ? {} : { agentTime }),
  };
}
