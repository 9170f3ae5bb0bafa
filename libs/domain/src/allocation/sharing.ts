import { accept, reject, unreachable, type Decision, type DecisionContext } from '@orrery/kernel';
import {
  resourcesOf,
  type AllocationEvent,
  type Quota,
  type RoleName,
  type SharingCommand,
  type SharingEvent,
  type SomeResources,
} from '@orrery/contracts';
import { NOTHING, plus, type Amounts } from '@orrery/scheduling';
import { only, shown } from './quotas.js';
import { adoptVolume, destroyVolume } from './volumes.js';
import { reserve, unreserve } from './reserve.js';
import { partOf, pathsOf, RESOURCES } from './role-tree.js';
import { ledgerOf, type AllocationState } from './state.js';

/** What an operator orders about roles. What changes nothing is accepted and changes nothing. */
export function decideSharing(
  command: SharingCommand,
  state: AllocationState,
  context: DecisionContext,
): Decision<AllocationEvent> {
  switch (command.type) {
    case 'SetRole': {
      const { role, weight } = command.body;
      return accept(...followed({ type: 'RoleSet', data: { role, weight } }, state));
    }
    case 'SetFairness': {
      const scarce = [...command.body.scarce].sort();
      return accept(...followed({ type: 'FairnessSet', data: { scarce } }, state));
    }
    case 'SetQuota':
      return setQuota(command.body, state);
    case 'RemoveQuota': {
      const { role } = command.body;
      if (state.roles.tree.quotaOf(role) === undefined)
        return reject('unknown-quota', `${role} has no quota`, { field: '/role', remedy: 'see the list of quotas' });
      return accept({ type: 'QuotaRemoved', data: { role } });
    }
    case 'Reserve':
      return reserve(command.body, state, context);
    case 'Unreserve':
      return unreserve(command.body, state);
    case 'DestroyVolume':
      return destroyVolume(command.body, state);
    case 'AdoptVolume':
      return adoptVolume(command.body, state);
    default:
      return unreachable(command);
  }
}

/** What cells other than 0 follow. */
export type RoleEvent = Extract<SharingEvent, { type: 'RoleSet' | 'FairnessSet' | 'QuotaSet' | 'QuotaRemoved' }>;

/** Facts about roles, by order here or by the truth of cell 0: as they are, unless they stand already. */
export function followed(event: RoleEvent, state: AllocationState): AllocationEvent[] {
  switch (event.type) {
    case 'RoleSet': {
      const { role, weight } = event.data;
      return state.roles.get(role)?.weight === weight ? [] : [event];
    }
    case 'FairnessSet':
      return (ledgerOf(state).scarce ?? []).join() === event.data.scarce.join() ? [] : [event];
    case 'QuotaSet': {
      const before = state.roles.tree.quotaOf(event.data.role);
      return before !== undefined && sameQuota(before, event.data) ? [] : [event];
    }
    case 'QuotaRemoved':
      return state.roles.tree.quotaOf(event.data.role) === undefined ? [] : [event];
    default:
      return unreachable(event);
  }
}

type SetQuota = Extract<SharingCommand, { type: 'SetQuota' }>['body'];

function setQuota({ role, force, ...given }: SetQuota, state: AllocationState): Decision<AllocationEvent> {
  const quota: Quota = {
    ...(given.limit === undefined ? {} : { limit: resourcesOf(given.limit) }),
    ...(given.guarantee === undefined ? {} : { guarantee: resourcesOf(given.guarantee) }),
    cells: given.cells ?? 1,
  };
  if (!state.roles.tree.isKnown(role))
    return reject('unknown-role', `there is no role ${role}`, {
      field: '/role',
      remedy: `make it first: role set ${role} --weight 1`,
    });
  if (quota.limit === undefined && quota.guarantee === undefined)
    return reject('invalid-field', 'a quota has a limit, a guarantee, or both', {
      field: '/limit',
      remedy: 'name at least one of them; to end a quota, remove it',
    });
  const plan = { state, role, quota };
  return (
    conflictOf(plan) ??
    promiseTooMuch(plan) ??
    (force === true ? undefined : exceeded(plan)) ??
    accept(...followed({ type: 'QuotaSet', data: { role, ...quota } }, state))
  );
}

/** Quotas as they would be, in the parts of this cell. */
interface Plan {
  readonly state: AllocationState;
  readonly role: RoleName;
  readonly quota: Quota;
}

function partAt(path: RoleName, which: 'limit' | 'guarantee', { state, role, quota }: Plan): SomeResources | undefined {
  const planned = path === role ? quota : state.roles.tree.quotaOf(path);
  return planned?.[which] === undefined ? undefined : partOf(planned[which], planned);
}

/** Along a path, what is guaranteed below may not be more than what is allowed above. */
function conflictOf(plan: Plan): Decision<never> | undefined {
  for (const path of pathsOf(plan.role)) {
    const limit = partAt(path, 'limit', plan);
    if (limit === undefined) continue;
    const promised = promisedAt(path, plan);
    const short = RESOURCES.filter((resource) => promised[resource] > (limit[resource] ?? Infinity));
    if (short.length === 0) continue;
    const [more, most] = [shown(only(promised, short)), shown(only(limit, short))];
    return reject('quota-conflict', `${more} would be guaranteed in ${path}, whose limit is ${most}`, {
      field: '/guarantee',
      remedy: `guarantee less, or raise the limit of ${path}`,
    });
  }
  return undefined;
}

/** What is guaranteed in all must be there. */
function promiseTooMuch(plan: Plan): Decision<never> | undefined {
  const { guarantee } = plan.quota;
  if (guarantee === undefined) return undefined;
  const { tree } = plan.state.roles;
  let promised = NOTHING;
  for (const path of new Set([...tree.guaranteedBelow(''), pathsOf(plan.role)[0]!]))
    promised = plus(promised, promisedAt(path, plan));
  const { capacity } = ledgerOf(plan.state);
  const short = RESOURCES.filter(
    (resource) => guarantee[resource] !== undefined && promised[resource] > capacity[resource],
  );
  if (short.length === 0) return undefined;
  const [more, most] = [shown(only(promised, short)), shown(only(capacity, short))];
  return reject('guarantee-too-large', `${more} would be guaranteed in all, open agents have ${most}`, {
    field: '/guarantee',
    remedy: 'guarantee less, or add agents',
  });
}

function exceeded(plan: Plan): Decision<never> | undefined {
  const { role, state } = plan;
  const limit = partAt(role, 'limit', plan);
  if (limit === undefined) return undefined;
  const used = state.roles.tree.usedBelow(role);
  const short = RESOURCES.filter((resource) => used[resource] > (limit[resource] ?? Infinity));
  if (short.length === 0) return undefined;
  const [more, most] = [shown(only(used, short)), shown(only(limit, short))];
  return reject('quota-exceeded', `${role} uses ${more}, the limit would be ${most}`, {
    field: '/limit',
    remedy: 'free something first, set a higher limit, or force it: nothing is taken away, nothing is added',
  });
}

/** What is guaranteed at a path: to itself, or to those below it together, whichever is more. */
function promisedAt(path: RoleName, plan: Plan): Amounts {
  const children = new Set(plan.state.roles.tree.guaranteedBelow(path));
  const paths = pathsOf(plan.role);
  const next = paths[paths.indexOf(path) + 1];
  if (next !== undefined && paths.includes(path)) children.add(next);
  let below = NOTHING;
  for (const child of children) below = plus(below, promisedAt(child, plan));
  const own = partAt(path, 'guarantee', plan) ?? {};
  const most = (resource: keyof Amounts) => Math.max(below[resource], own[resource] ?? 0);
  return {
    cpusMilli: most('cpusMilli'),
    memoryMib: most('memoryMib'),
    diskMib: most('diskMib'),
    gpus: most('gpus'),
  };
}

function sameQuota(left: Quota, right: Quota): boolean {
  const same = (which: 'limit' | 'guarantee') =>
    (left[which] === undefined) === (right[which] === undefined) &&
    RESOURCES.every((resource) => left[which]?.[resource] === right[which]?.[resource]);
  return left.cells === right.cells && same('limit') && same('guarantee');
}
