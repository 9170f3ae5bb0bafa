import type { PendingReasons, Quota, QuotaObstacle, Resources, RoleName, SomeResources } from '@orrery/contracts';
import { minus, NOTHING, plus, times, type Amounts } from '@orrery/scheduling';
import { partOf, pathsOf, RESOURCES, type RoleTree } from './role-tree.js';

/** How many pods a role may still have, and what keeps it from one more. */
export interface QuotaRoom {
  readonly pods: number;
  /** With no pod. */
  readonly obstacle?: QuotaObstacle;
}

/**
 * Limits and guarantees of a round: by the state, and by what the round has given since. Children count into their parents.
 * A limit is never passed; what is guaranteed and not yet used stays free for whom it was promised to.
 */
export class Quotas {
  readonly #tree: RoleTree;
  readonly #freeNow: () => Amounts;
  readonly #given = new Map<string, Amounts>();
  /** Free on all open agents; known once it was asked for. */
  #free: Amounts | undefined;
  /** By path at the top: what is guaranteed at or below it and not used. */
  readonly #unmet = new Map<string, Amounts>();

  constructor(tree: RoleTree, freeNow: () => Amounts) {
    this.#tree = tree;
    this.#freeNow = freeNow;
  }

  give(role: RoleName, amounts: Amounts): void {
    if (!this.#tree.hasQuotas) return;
    const paths = pathsOf(role);
    for (const path of paths) this.#given.set(path, plus(this.#given.get(path) ?? NOTHING, amounts));
    this.#unmet.delete(paths[0]!);
    if (this.#free !== undefined) this.#free = minus(this.#free, amounts);
  }

  /** Pods that the guarantees of the role and of those above it have room for. */
  owedPods(role: RoleName, needs: Amounts): number {
    if (!this.#tree.hasGuarantees) return 0;
    let most = 0;
    for (const path of pathsOf(role)) {
      const guarantee = this.#partOf(path, 'guarantee');
      const pods = guarantee === undefined ? 0 : this.#podsWithin(path, guarantee, needs);
      if (Number.isFinite(pods)) most = Math.max(most, pods);
    }
    return most;
  }

  /** Up to `most` pods that no limit forbids and that leave free what is guaranteed to others. */
  room(role: RoleName, needs: Amounts, most: number): QuotaRoom {
    if (!this.#tree.hasQuotas) return { pods: most };
    let pods = most;
    for (const path of pathsOf(role)) {
      const limit = this.#partOf(path, 'limit');
      if (limit === undefined) continue;
      const within = this.#podsWithin(path, limit, needs);
      if (within === 0) return { pods: 0, obstacle: this.#limitOf(path, limit, needs) };
      pods = Math.min(pods, within);
    }
    if (!this.#tree.hasGuarantees || this.#leavesEnough(role, needs, pods)) return { pods };
    if (!this.#leavesEnough(role, needs, 1)) return { pods: 0, obstacle: this.#keptOf(role, needs) };
    let [enough, tooMany] = [1, pods];
    while (tooMany - enough > 1) {
      const middle = enough + Math.floor((tooMany - enough) / 2);
      if (this.#leavesEnough(role, needs, middle)) enough = middle;
      else tooMany = middle;
    }
    return { pods: enough };
  }

  /** As `room`, of so many pods that come all at once or not at all, and need `all` together. */
  roomForAll(role: RoleName, all: Amounts, count: number): QuotaRoom {
    if (!this.#tree.hasQuotas) return { pods: count };
    for (const path of pathsOf(role)) {
      const limit = this.#partOf(path, 'limit');
      if (limit !== undefined && this.#podsWithin(path, limit, all) === 0)
        return { pods: 0, obstacle: { ...this.#limitOf(path, limit, all), gang: count } };
    }
    if (!this.#tree.hasGuarantees || this.#leavesEnough(role, all, 1)) return { pods: count };
    return { pods: 0, obstacle: { ...this.#keptOf(role, all), gang: count } };
  }

  #used(path: RoleName): Resources {
    const given = this.#given.get(path);
    const used = this.#tree.usedBelow(path);
    return given === undefined ? used : plus(used, given);
  }

  #partOf(path: RoleName, which: 'limit' | 'guarantee'): SomeResources | undefined {
    const quota = this.#tree.quotaOf(path);
    const whole = quota?.[which];
    return whole === undefined ? undefined : partOf(whole, quota as Quota);
  }

  /** Not bounded in anything that the pods need: without end. */
  #podsWithin(path: RoleName, bound: SomeResources, needs: Amounts): number {
    const used = this.#used(path);
    let pods = Number.POSITIVE_INFINITY;
    for (const resource of RESOURCES) {
      const most = bound[resource];
      if (most === undefined || needs[resource] === 0) continue;
      pods = Math.min(pods, Math.max(0, Math.floor((most - used[resource]) / needs[resource])));
    }
    return pods;
  }

  /**
   * Whether so many pods leave free what is guaranteed and not used. Where too little is free already, they must at least
   * not make it worse: all of them are guaranteed.
   */
  #leavesEnough(role: RoleName, needs: Amounts, pods: number): boolean {
    const paths = pathsOf(role);
    const given = times(needs, pods);
    const before = this.#unmetInAll();
    const own = this.#unmetAt(paths[0]!);
    const after = this.#lacking(paths[0]!, (path) => (paths.includes(path) ? given : NOTHING));
    return RESOURCES.every((resource) => {
      if (needs[resource] === 0) return true;
      const slack = this.#freeInAll[resource] - before[resource];
      return slack - given[resource] + own[resource] - after[resource] >= Math.min(0, slack);
    });
  }

  get #freeInAll(): Amounts {
    return (this.#free ??= this.#freeNow());
  }

  #unmetInAll(): Amounts {
    let sum = NOTHING;
    for (const path of this.#tree.guaranteedBelow('')) sum = plus(sum, this.#unmetAt(path));
    return sum;
  }

  #unmetAt(top: RoleName): Amounts {
    let unmet = this.#unmet.get(top);
    if (unmet === undefined) this.#unmet.set(top, (unmet = this.#lacking(top, () => NOTHING)));
    return unmet;
  }

  /** What a path lacks itself, or what those below it lack together, whichever is more, when it had so much more. */
  #lacking(path: RoleName, more: (path: RoleName) => Amounts): Amounts {
    let below = NOTHING;
    for (const child of this.#tree.guaranteedBelow(path)) below = plus(below, this.#lacking(child, more));
    const guarantee = this.#partOf(path, 'guarantee');
    if (guarantee === undefined) return below;
    const used = plus(this.#used(path), more(path));
    const lack = (resource: keyof Resources) =>
      Math.max(below[resource], (guarantee[resource] ?? 0) - used[resource], 0);
    return {
      cpusMilli: lack('cpusMilli'),
      memoryMib: lack('memoryMib'),
      diskMib: lack('diskMib'),
      gpus: lack('gpus'),
    };
  }

  #limitOf(role: RoleName, limit: SomeResources, needs: Amounts): QuotaObstacle {
    const used = this.#used(role);
    const short = RESOURCES.filter(
      (resource) => needs[resource] > 0 && (limit[resource] ?? Infinity) - used[resource] < needs[resource],
    );
    return { kind: 'limit', role, limit: only(limit, short), used: only(used, short), needs: only(needs, short) };
  }

  #keptOf(role: RoleName, needs: Amounts): QuotaObstacle {
    const [free, kept] = [this.#freeInAll, this.#unmetInAll()];
    const short = RESOURCES.filter(
      (resource) => needs[resource] > 0 && free[resource] - kept[resource] < needs[resource],
    );
    return { kind: 'guarantee', role, limit: only(free, short), used: only(kept, short), needs: only(needs, short) };
  }
}

/** Why a request waits whose role has its quota in the way, in the form of all reasons. */
export function quotaReasons(agents: number, quota: QuotaObstacle): PendingReasons {
  return {
    agents,
    funnel: [{ filter: 'quota', rejected: agents, left: 0 }],
    examples: [],
    remedy: quotaRemedy(quota),
    quota,
  };
}

function quotaRemedy({ kind, role, limit, used, needs, gang }: QuotaObstacle): string {
  const who = gang === undefined ? 'a pod needs' : `the ${gang} pods of the gang need`;
  const told = (resource: keyof Resources) => {
    const tell = (amount: number | undefined) => shownAmount(resource, amount ?? 0);
    return kind === 'limit'
      ? `${tell(used[resource])} of ${tell(limit[resource])} ${unitOf[resource]} used, ${who} ${tell(needs[resource])}`
      : `${tell(limit[resource])} ${unitOf[resource]} free, ${tell(used[resource])} of it kept, ${who} ${tell(needs[resource])}`;
  };
  const numbers = RESOURCES.filter((resource) => needs[resource] !== undefined).map(told);
  return kind === 'limit'
    ? `raise the quota of ${role} or free something in it: ${numbers.join('; ')}`
    : `what is free is kept for guarantees of other roles: ${numbers.join('; ')}; add agents, or lower the guarantees`;
}

const unitOf: Readonly<Record<keyof Resources, string>> = {
  cpusMilli: 'cpus',
  memoryMib: 'MiB of memory',
  diskMib: 'MiB of disk',
  gpus: 'gpus',
};

function shownAmount(resource: keyof Resources, amount: number): string {
  return resource === 'cpusMilli' ? String(amount / 1000) : String(amount);
}

export function shown(amounts: SomeResources): string {
  return RESOURCES.filter((resource) => amounts[resource] !== undefined)
    .map((resource) => `${shownAmount(resource, amounts[resource]!)} ${unitOf[resource]}`)
    .join(', ');
}

export function only(resources: SomeResources, names: readonly (keyof Resources)[]): SomeResources {
  const result: Partial<Record<keyof Resources, number>> = {};
  for (const name of names) if (resources[name] !== undefined) result[name] = resources[name];
  return result;
}
