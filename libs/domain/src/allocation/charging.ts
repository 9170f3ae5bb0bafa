import { NOTHING, plus, type Amounts } from '@orrery/scheduling';
import type { LotRow } from './lots.js';
import { idsOf, lookAgain } from './look-again.js';
import { pathsOf } from './role-tree.js';
import { NEW_ROLE, type AllocationState } from './state.js';

/** What may be taken back any time is nobody's quota. */
export function charge(
  state: AllocationState,
  { role, revocable }: Pick<LotRow, 'role' | 'revocable'>,
  amounts: Amounts,
): void {
  const row = state.roles.get(role) ?? NEW_ROLE;
  if (revocable === true) return state.roles.put(role, { ...row, revocable: plus(row.revocable ?? NOTHING, amounts) });
  state.roles.put(role, { ...row, used: plus(row.used, amounts) });
  if (!state.roles.tree.hasQuotas || !givesBack(amounts)) return;
  for (const path of pathsOf(role)) lookAgain(state, idsOf(state, 'quota', path));
}

function givesBack({ cpusMilli, memoryMib, diskMib, gpus }: Amounts): boolean {
  return Math.min(cpusMilli, memoryMib, diskMib, gpus) < 0;
}
