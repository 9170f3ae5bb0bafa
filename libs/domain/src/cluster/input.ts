import type { AgentId, AgentReport, AllocationEvent, ClusterCommand, ServicesEvent } from '@orrery/contracts';
import type { Input } from '@orrery/kernel';

/** What the owner's lease tracker found out from heartbeats; the decider judges it by the state. */
export type ClusterInternal =
  /** Twelve markers were read without a heartbeat of this registration. */
  | { readonly type: 'lease-lapsed'; readonly agent: AgentId; readonly epoch: number }
  /** An agent that counts as lost, or whose lapse is held, is heard again. */
  | { readonly type: 'heartbeat-from-unreachable'; readonly agent: AgentId; readonly epoch: number }
  /** The agent did not obey what it was ordered, and made no progress for a while. */
  | {
      readonly type: 'obeyed-behind';
      readonly agent: AgentId;
      readonly epoch: number;
      /** Last order that it obeyed. */
      readonly obeyed: number;
    };

export type ClusterInput = Input<ClusterCommand, ServicesEvent | AllocationEvent, AgentReport, ClusterInternal>;
