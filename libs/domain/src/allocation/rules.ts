import type { Constraint, PlacementRequest } from '@orrery/contracts';
import { GPUS_FIELD } from '@orrery/scheduling';
import type { AllocationState } from './state.js';

const WITHOUT_GPUS: Constraint = { field: GPUS_FIELD, operator: 'IS', value: '0' };

/**
 * The constraints of a request, and that of the cluster: agents with gpus are kept for pods that ask for some, as long as
 * there are others, unless a constraint of the request speaks of `@gpus`.
 */
export function rulesOf(
  state: AllocationState,
  { needs, constraints }: Pick<PlacementRequest, 'needs' | 'constraints'>,
): readonly Constraint[] {
  if (needs.gpus > 0 || constraints.some(({ field }) => field === GPUS_FIELD)) return constraints;
  return state.agents.fleet.isMixed ? [...constraints, WITHOUT_GPUS] : constraints;
}
