import type { Constraint, PlacementRequest } from '@orrery/contracts';
import { fieldsOf, GPUS_FIELD, type Neighbour, type Rule } from '@orrery/scheduling';
import type { AllocationState } from './state.js';

const WITHOUT_GPUS: Constraint = { field: GPUS_FIELD, operator: 'IS', value: '0' };

/**
 * The constraints of a request, those of others that avoid its pods, and that of the cluster: agents with gpus are kept for
 * pods that ask for some, as long as there are others, unless a constraint of the request speaks of `@gpus`.
 */
export function rulesOf(
  state: AllocationState,
  { needs, constraints, resizes }: Pick<PlacementRequest, 'needs' | 'constraints' | 'resizes'>,
  avoiders: readonly Neighbour[] = [],
): readonly Rule[] {
  // It is there already, and stays.
  if (resizes !== undefined) return [];
  const rules = avoiders.length === 0 ? constraints : [...constraints, ...avoiders.map((avoid) => ({ avoid }))];
  if (needs.gpus > 0 || fieldsOf(constraints).includes(GPUS_FIELD)) return rules;
  return state.agents.fleet.isMixed ? [...rules, WITHOUT_GPUS] : rules;
}
