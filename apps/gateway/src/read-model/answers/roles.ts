import { givenOf, type Resources, type RoleName } from '@orrery/contracts';
import { fairnessView, preemptionView, rolesKnown, roleView, shareOfRole, type RoleView } from '@orrery/domain';
import { Problem } from '../../problem.js';
import { merged, pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Answer, Page } from '../query.js';
import type { World } from '../world.js';

/** Of each cell; all are counted. */
const ORDERS_SHOWN = 100;

export function listRoles(world: World, page: Page): ListAnswer {
  return pageOfEntries(rolesOf(world, page.after), page, (views) => roleJson(views));
}

/** With where the role stands in each cell, level by level: why it is, or is not, its turn. */
export function showRole(world: World, name: string): Answer {
  const role = name as RoleName;
  const views = viewsOf(world, role);
  if (views.length === 0)
    throw Problem.of('unknown-role', `there is no role ${role}`, { remedy: `make it: role set ${role} --weight 1` });
  const shares = world.cells
    .filter(({ allocation }) => roleView(allocation, role) !== undefined)
    .map(({ cell, allocation }) => ({
      cell,
      levels: shareOfRole(allocation, role).map((level) => ({ ...level, used: givenOf(level.used) })),
    }));
  return { value: { ...roleJson(views), shares } };
}

/** What is left out of shares, by the word of cell 0, and what they are made of in each cell. */
export function showFairness({ cells }: World): Answer {
  const views = cells.map(({ cell, allocation }) => ({ cell, ...fairnessView(allocation) }));
  const capacities = views.map(({ cell, capacity }) => ({ cell, capacity: givenOf(capacity) }));
  return { value: { scarce: views[0]?.scarce ?? [], cells: capacities } };
}

/** How much may be preempted, by the word of cell 0, and what each cell spends of it. */
export function showPreemption({ cells, atMs }: World): Answer {
  const views = cells.map(({ cell, allocation }) => ({ cell, ...preemptionView(allocation, atMs) }));
  const perMinute = views[0]?.perMinute;
  const shown = views.map(({ cell, budget, spent, orders }) => ({
    ...{ cell, budget, spent, open: orders.length },
    orders: orders.slice(0, ORDERS_SHOWN).map((order) => ({ ...order, until: new Date(order.until).toISOString() })),
  }));
  const at = new Date(atMs).toISOString();
  return { value: { ...(perMinute === undefined ? {} : { perMinute }), at, cells: shown } };
}

/** Of cell 0, whose journal is the truth about quotas. */
export function listQuotas(world: World, page: Page): ListAnswer {
  return pageOfEntries(withQuota(rolesOf(world, page.after)), page, (views) => {
    const { role, quota, usedBelow } = roleJson(views);
    return { role, ...quota, used: usedBelow };
  });
}

function* withQuota(entries: Iterable<Keyed<RoleView[]>>): Generator<Keyed<RoleView[]>> {
  for (const entry of entries) if (entry[1][0]?.quota !== undefined) yield entry;
}

function* rolesOf(world: World, from: string | undefined): Generator<Keyed<RoleView[]>> {
  let last: RoleName | undefined;
  const cells = world.cells.map(function* ({ allocation }): Generator<Keyed<RoleName>> {
    for (const role of rolesKnown(allocation, from)) yield [role, role];
  }, undefined);
  for (const [key, role] of merged(cells)) {
    if (role !== last) yield [key, viewsOf(world, role)];
    last = role;
  }
}

/** In the order of the cells that know it. */
function viewsOf({ cells }: World, role: RoleName): RoleView[] {
  return cells.flatMap(({ allocation }) => roleView(allocation, role) ?? []);
}

function roleJson(views: readonly RoleView[]) {
  const { role, weight, quota } = views[0]!;
  const sum = (which: 'used' | 'usedBelow' | 'revocableBelow') => {
    const total = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0 };
    for (const view of views)
      for (const resource of Object.keys(total) as (keyof Resources)[]) total[resource] += view[which][resource];
    return givenOf(total);
  };
  return {
    role,
    weight,
    used: sum('used'),
    usedBelow: sum('usedBelow'),
    revocableBelow: sum('revocableBelow'),
    waiting: views.reduce((pods, { waiting }) => pods + waiting, 0),
    ...(quota === undefined
      ? {}
      : {
          quota: {
            ...(quota.limit === undefined ? {} : { limit: givenOf(quota.limit) }),
            ...(quota.guarantee === undefined ? {} : { guarantee: givenOf(quota.guarantee) }),
            cells: quota.cells,
          },
        }),
  };
}
