import type { Resources, RoleName } from '@orrery/contracts';
import { rolesInUse, waitingRequests } from '@orrery/domain';
import { Problem } from '../../problem.js';
import { pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Answer, Page } from '../query.js';
import type { World } from '../world.js';

interface Role {
  readonly weight: number;
  readonly used: Resources;
  /** Pods that have no place yet. */
  readonly waiting: number;
}

export function listRoles(world: World, page: Page): ListAnswer {
  const roles = [...rolesOf(world)].sort(([left], [right]) => (left < right ? -1 : 1));
  return pageOfEntries(
    roles.map(([name, role]): Keyed<[string, Role]> => [name, [name, role]]),
    page,
    ([name, role]) => roleJson(name, role),
  );
}

export function showRole(world: World, name: string): Answer {
  const role = rolesOf(world).get(name);
  if (role !== undefined) return { value: roleJson(name, role) };
  throw Problem.of('unknown-role', `there is no role ${name}`, { remedy: `make it: role set ${name} --weight 1` });
}

/** Weights are those of cell 0, whose journal is the truth about them; what is held and what waits adds up. */
function rolesOf({ cells }: World): Map<string, Role> {
  const roles = new Map<string, Role>();
  for (const { allocation } of cells) {
    const waiting = waitingOf(allocation);
    for (const { role, weight, used } of rolesInUse(allocation)) {
      const known = roles.get(role);
      roles.set(role, {
        weight: known?.weight ?? weight,
        used: known === undefined ? used : sum(known.used, used),
        waiting: (known?.waiting ?? 0) + (waiting.get(role) ?? 0),
      });
    }
  }
  return roles;
}

function waitingOf(allocation: World['cells'][number]['allocation']): Map<RoleName, number> {
  const waiting = new Map<RoleName, number>();
  for (const { role, indexes } of waitingRequests(allocation)) {
    const pods = indexes.reduce((count, [first, last]) => count + last - first + 1, 0);
    waiting.set(role, (waiting.get(role) ?? 0) + pods);
  }
  return waiting;
}

function roleJson(role: string, { weight, used, waiting }: Role): object {
  const { cpusMilli, memoryMib, diskMib, gpus } = used;
  return { role, weight, used: { cpus: cpusMilli / 1000, memory: memoryMib, disk: diskMib, gpus }, waiting };
}

function sum(left: Resources, right: Resources): Resources {
  return {
    cpusMilli: left.cpusMilli + right.cpusMilli,
    memoryMib: left.memoryMib + right.memoryMib,
    diskMib: left.diskMib + right.diskMib,
    gpus: left.gpus + right.gpus,
  };
}
