import type { DomainName, JournalRecord } from '@orrery/contracts';
import type { SeededRandom } from '@orrery/testing';
import type { AnyHosting } from '../guest.js';

/** An order of an operator, and the domain that it is for. */
export type Order = { readonly domain: DomainName; readonly type: string; readonly key: string } & Record<
  string,
  unknown
>;

/** What an installation is like: its machines, what is asked of it, and what is held against it beside the domains' own rules. */
export interface Scene {
  /** Of each of its machines. */
  readonly cpusMilli: number;
  /** Whether there is room for all that can be asked for. */
  readonly hasRoomForAll: boolean;
  order(random: SeededRandom): Order;
  /** What is wrong with a commit; a fresh one for each run. */
  judge?(): SceneJudge;
  /** The domain as it is hosted in this scene: a mutant changes it. */
  hosted?(hosting: AnyHosting): AnyHosting;
}

export interface SceneJudge {
  /** `state`: of the domain, after it. */
  onAccepted(domain: DomainName, record: JournalRecord, state: unknown): string[];
}
