import type { AgentId, LaunchId } from '@orrery/contracts';

/** What can be asked of the folded state: the whole seam between the HTTP side and the side that folds. */
export type Query =
  | { readonly ask: 'services'; readonly page: Page }
  | { readonly ask: 'service' | 'owned'; readonly name: string }
  | { readonly ask: 'service-versions'; readonly name: string; readonly page: Page }
  | { readonly ask: 'service-diff'; readonly name: string; readonly from: number; readonly to: number }
  | { readonly ask: 'endpoints'; readonly name: string; readonly page: Page }
  | { readonly ask: 'metrics-targets' }
  | { readonly ask: 'plans'; readonly name: string; readonly page: Page }
  | { readonly ask: 'plan'; readonly name: string; readonly plan: string; readonly steps: number }
  | { readonly ask: 'pods'; readonly name: string; readonly page: Page }
  | { readonly ask: 'pod'; readonly name: string; readonly pod: string }
  | {
      readonly ask: 'tasks';
      readonly service?: string;
      readonly agent?: string;
      readonly state?: string;
      readonly unlaunched?: boolean;
      readonly page: Page;
    }
  | { readonly ask: 'task'; readonly id: string }
  | {
      readonly ask: 'measured-tasks';
      readonly launches?: readonly MeasuredLaunch[];
      readonly id?: string;
      readonly filter?: { readonly service?: string; readonly agent?: string };
    }
  | { readonly ask: 'why'; readonly id: string }
  | { readonly ask: 'agents'; readonly page: Page }
  | { readonly ask: 'agent'; readonly id: string }
  | { readonly ask: 'roles' | 'quotas' | 'reservations' | 'volumes'; readonly page: Page }
  /** On which agent a reservation or volume is: orders about it go to the cell of the agent. */
  | { readonly ask: 'agent-of'; readonly kind: 'reservation' | 'volume'; readonly id: string }
  | { readonly ask: 'role'; readonly role: string }
  | { readonly ask: 'fairness' | 'preemption' }
  | { readonly ask: 'state'; readonly page: Page }
  | { readonly ask: 'dry-run'; readonly name: string; readonly body: unknown }
  | { readonly ask: 'roles-of'; readonly services: readonly string[] }
  /** Where a service lives, and its creation: for commands, logs and the history. */
  | { readonly ask: 'whereabouts'; readonly service: string };

/** A launch that figures were told of. */
export interface MeasuredLaunch {
  readonly agent: AgentId;
  readonly launch: LaunchId;
}

export interface Page {
  readonly limit: number;
  /** The key after which the page begins. */
  readonly after?: string;
}

export interface Whereabouts {
  readonly cell: number;
  readonly generation: number;
}

/** A value that becomes JSON, made where the state is. */
export interface Answer {
  readonly value: unknown;
  readonly etag?: string;
}

/** A moment of the past: the commits with a time up to it, or exactly the commits of a position. */
export type Moment =
  | { readonly kind: 'time'; readonly atMs: number }
  | { readonly kind: 'commit'; readonly journal: string; readonly seq: number }
  | { readonly kind: 'position'; readonly journals: Readonly<Record<string, number>> };
