import {
  PRIORITY_CRITICAL,
  PRIORITY_DELTA,
  priorityOf,
  type PlacementRequest,
  type Ranked,
  type RoleName,
} from '@orrery/contracts';

type Claim = Ranked & { readonly role: RoleName };

/**
 * Whether a pod may ask another one to make way. Anybody within its quota may take back what is on call; else one has to be
 * of the same role or of one below, and `PRIORITY_DELTA` less important. Pods on call compete with each other alone.
 */
export function mayPreempt(by: Claim, victim: Claim): boolean {
  if (priorityOf(victim) >= PRIORITY_CRITICAL) return false;
  if (victim.revocable === true && by.revocable !== true) return true;
  if (victim.revocable !== true && by.revocable === true) return false;
  return priorityOf(by) - priorityOf(victim) >= PRIORITY_DELTA && isAtOrBelow(victim.role, by.role);
}

export function isAtOrBelow(role: string, path: string): boolean {
  return role === path || role.startsWith(`${path}/`);
}

/** In words, for people and the journal. */
export function rightOf({ role, ...by }: PlacementRequest): string {
  return by.revocable === true
    ? `revocable pods of ${role} and below that are ${PRIORITY_DELTA} less important than ${priorityOf(by)}`
    : `revocable pods, and pods of ${role} and below that are ${PRIORITY_DELTA} less important than ${priorityOf(by)}`;
}
