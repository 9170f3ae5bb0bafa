import type { AgentReport, LaunchId, StreamOrder, TaskTemplate, VolumeId } from '@orrery/contracts';
import { evolve, type AgentFact } from './agent-fact.js';
import type { AgentState, LaunchRow } from './agent-state.js';

/** What is to be done in the world, once the facts of the turn are on disk. Each may be done again after a crash. */
export type Effect =
  | { readonly type: 'start'; readonly row: LaunchRow; readonly template: TaskTemplate }
  | { readonly type: 'stop'; readonly launch: LaunchId; readonly graceMs: number }
  /** A running task was found again or has begun: its end is to be told, its checks are to be run. */
  | { readonly type: 'watch'; readonly row: LaunchRow; readonly template: TaskTemplate | undefined }
  | { readonly type: 'release'; readonly launches: readonly LaunchId[] }
  | { readonly type: 'destroy-volumes'; readonly volumes: readonly VolumeId[] }
  | { readonly type: 'publish'; readonly report: AgentReport }
  | { readonly type: 'open-stream'; readonly stream: StreamOrder }
  /** All tasks have ended: the process may stop, and should once everything is told. */
  | { readonly type: 'leave'; readonly told: boolean }
  /** The old id is gone for ever and nothing of it runs: join under a new one. */
  | { readonly type: 'rejoin' }
  | { readonly type: 'say'; readonly level: 'info' | 'warn'; readonly message: string };

/** One input's worth of work: facts are applied as they are found, effects wait until the facts are safe. */
export class Turn {
  readonly facts: AgentFact[] = [];
  readonly effects: Effect[] = [];

  constructor(readonly state: AgentState) {}

  record(fact: AgentFact): void {
    evolve(this.state, fact);
    this.facts.push(fact);
  }

  then(effect: Effect): void {
    this.effects.push(effect);
  }

  say(level: 'info' | 'warn', message: string): void {
    this.then({ type: 'say', level, message });
  }
}
