import type { AllocationCommand, AllocationEvent, ClusterEvent, ServicesEvent } from '@orrery/contracts';
import type { Input } from '@orrery/kernel';

/**
 * What the allocator decides on: orders about roles, facts of agents, wishes of services. Cells other than 0 follow the
 * allocation journal of cell 0 for the roles.
 */
export type AllocationInput = Input<AllocationCommand, ClusterEvent | ServicesEvent | AllocationEvent, never, never>;
