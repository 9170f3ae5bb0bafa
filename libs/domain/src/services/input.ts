import type { AllocationEvent, ClusterEvent, ServicesCommand } from '@orrery/contracts';
import type { Input } from '@orrery/kernel';

export type ServicesInput = Input<ServicesCommand, AllocationEvent | ClusterEvent, never, never>;
