import { assert } from '@orrery/kernel';
import type { Amounts } from './amounts.js';
import { Ranking, type Ranked } from './ranking.js';
import type { FairShare, Pool, ResourceName, Shares, ShareLevel, Turn } from './fair-share.js';

/** So much of the pool may a role take beyond the next one before it has to wait, … */
const STRIDE_OF_POOL = 0.005;
/** … and no more than this part of what it would have if all that wait were equal: bounds unfairness and the number of turns. */
const STRIDE_OF_PART = 0.1;

/**
 * Roles as a tree of their paths. Each level is shared by weighted dominant shares (Ghodsi et al., "Dominant Resource
 * Fairness", NSDI 2011; by level as in Mesos): a branch holds what it and all below it hold, and whoever has the smallest
 * dominant share for its weight comes next, down to a role. What `eng` wants for itself competes with the roles below it
 * as one of them, of weight 1.
 *
 * Siblings stand in a heap, so a turn and what is given in it cost O(depth × log siblings).
 */
export class ShareTree implements Shares {
  readonly #pool: Pool;
  readonly #measure: Measure;
  readonly #root: Branch;
  readonly #branches = new Map<string, Branch>();
  readonly #leaves = new Map<string, Branch>();

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#measure = measureOf(pool);
    this.#root = new Branch('', 1, undefined, [0, 0, 0, 0]);
  }

  wait(role: string, next: Amounts, owed = false): void {
    const leaf = this.#leafOf(role);
    leaf.next = next;
    if (leaf.waiting === 0) {
      leaf.owed = owed ? 1 : 0;
      for (let branch: Branch | undefined = leaf; branch !== undefined; branch = branch.parent) {
        branch.waiting += 1;
        if (branch !== leaf && owed) branch.owed += 1;
        if (branch.waiting === 1) this.#enter(branch);
        else this.#moved(branch);
      }
    } else if (owed !== leaf.owed > 0) {
      for (let branch: Branch | undefined = leaf; branch !== undefined; branch = branch.parent) {
        branch.owed += owed ? 1 : -1;
        this.#moved(branch);
      }
    }
  }

  rest(role: string): void {
    const leaf = this.#leaves.get(role);
    if (leaf === undefined || leaf.waiting === 0) return;
    const owed = leaf.owed;
    for (let branch: Branch | undefined = leaf; branch !== undefined; branch = branch.parent) {
      branch.waiting -= 1;
      branch.owed -= owed;
      if (branch.waiting === 0) this.#leave(branch);
      else this.#moved(branch);
    }
  }

  give(role: string, amounts: Amounts): void {
    const added = listOf(amounts);
    for (let branch: Branch | undefined = this.#leafOf(role); branch !== undefined; branch = branch.parent) {
      for (let at = 0; at < added.length; at += 1) branch.used[at]! += added[at]!;
      branch.share = this.#measure.dominant(branch.used) / branch.weight;
      if (branch.waiting > 0) this.#moved(branch);
    }
  }

  turn(): Turn | undefined {
    let branch = this.#root;
    let part = 1;
    let pods = Number.POSITIVE_INFINITY;
    while (branch.children.size > 0) {
      const { first, second } = branch.children as Ranking<Branch>;
      const chosen = first!;
      const next = leafBelow(chosen).next!;
      const fairShare = part / branch.children.weights;
      const stride = Math.min(STRIDE_OF_POOL / chosen.weight, fairShare * STRIDE_OF_PART);
      const aPod = this.#measure.dominant(listOf(next)) / chosen.weight;
      const ahead = second === undefined || (chosen.owed > 0 && second.owed === 0) ? Infinity : second.share;
      if (aPod > 0) pods = Math.min(pods, Math.floor((ahead - chosen.share + stride) / aPod));
      part = fairShare * chosen.weight;
      branch = chosen;
    }
    if (branch === this.#root) return undefined;
    return { role: branch.role!, pods: Math.max(1, pods), owed: branch.owed > 0 };
  }

  trace(role: string): ShareLevel[] {
    const levels: ShareLevel[] = [];
    for (let branch: Branch | undefined = this.#leaves.get(role) ?? this.#branchOf(role); branch !== undefined;) {
      const parent: Branch | undefined = branch.parent;
      const alone = branch.role !== undefined && parent!.children.size <= branch.waiting;
      if (parent !== undefined && !alone) levels.push(this.#levelOf(branch, parent));
      branch = parent;
    }
    return levels.reverse();
  }

  #levelOf(branch: Branch, parent: Branch): ShareLevel {
    const rivals = [...parent.children.items].filter((other) => other !== branch);
    const ahead = rivals.filter((other) => before(other, branch)).sort((left, right) => (before(left, right) ? -1 : 1));
    const nearest = ahead[0] ?? rivals.sort((left, right) => (before(left, right) ? -1 : 1))[0];
    const dominant = this.#measure.dominantResource(branch.used);
    return {
      path: branch.name,
      weight: branch.weight,
      used: amountsOfList(branch.used),
      ...(dominant === undefined ? {} : { dominant }),
      share: branch.share * branch.weight,
      weightedShare: branch.share,
      waits: branch.waiting > 0,
      ahead: ahead.length,
      rivals: rivals.length,
      ...(nearest === undefined ? {} : { nearest: { path: nearest.name, weightedShare: nearest.share } }),
    };
  }

  #enter(branch: Branch): void {
    branch.parent?.children.add(branch, branch.weight);
  }

  #leave(branch: Branch): void {
    branch.parent?.children.remove(branch, branch.weight);
  }

  #moved(branch: Branch): void {
    branch.parent?.children.moved(branch);
  }

  /** Where the wishes of the role itself compete with those of the roles below it. */
  #leafOf(role: string): Branch {
    let leaf = this.#leaves.get(role);
    if (leaf !== undefined) return leaf;
    const parent = this.#branchOf(role);
    leaf = new Branch(`${role}/.`, 1, parent, listOf(this.#pool.standingOf(role).own));
    leaf.role = role;
    leaf.share = this.#measure.dominant(leaf.used);
    this.#leaves.set(role, leaf);
    return leaf;
  }

  #branchOf(path: string): Branch {
    let branch = this.#branches.get(path);
    if (branch !== undefined) return branch;
    const cut = path.lastIndexOf('/');
    const parent = cut === -1 ? this.#root : this.#branchOf(path.slice(0, cut));
    const { weight, used } = this.#pool.standingOf(path);
    assert(weight > 0, 'a weight above 0', { path, weight });
    branch = new Branch(path, weight, parent, listOf(used));
    branch.share = this.#measure.dominant(branch.used) / weight;
    this.#branches.set(path, branch);
    return branch;
  }
}

export const hierarchicalDominantShares: FairShare = {
  name: 'hierarchical-dominant-resource-fairness',
  open: (pool) => new ShareTree(pool),
};

/** A role, all below a role, or what a role wants for itself (`eng/.`). */
class Branch implements Ranked {
  readonly name: string;
  readonly weight: number;
  readonly parent: Branch | undefined;
  /** In the order of `RESOURCES`. */
  readonly used: number[];
  readonly children = new Ranking<Branch>(before);
  rank = -1;
  /** Weighted dominant share. */
  share = 0;
  /** Roles at or below that wait, and those of them that something is guaranteed to. */
  waiting = 0;
  owed = 0;
  /** Of a leaf. */
  role: string | undefined;
  next: Amounts | undefined;

  constructor(name: string, weight: number, parent: Branch | undefined, used: number[]) {
    this.name = name;
    this.weight = weight;
    this.parent = parent;
    this.used = used;
  }
}

/** Guarantees first, then the smaller share, then the name: never the order in which they came. */
function before(left: Branch, right: Branch): boolean {
  const leftOwed = left.owed > 0;
  if (leftOwed !== right.owed > 0) return leftOwed;
  return left.share < right.share || (left.share === right.share && left.name < right.name);
}

function leafBelow(branch: Branch): Branch {
  let leaf = branch;
  while (leaf.children.first !== undefined) leaf = leaf.children.first;
  return leaf;
}

const RESOURCES: readonly ResourceName[] = ['cpus', 'memory', 'disk', 'gpus'];

interface Measure {
  dominant(used: readonly number[]): number;
  dominantResource(used: readonly number[]): ResourceName | undefined;
}

/** Fractions of the pool; what is scarce, or not there at all, does not count. */
function measureOf({ total, scarce }: Pool): Measure {
  const whole = listOf(total);
  const counted = [0, 1, 2, 3].filter((at) => whole[at]! > 0 && !scarce.includes(RESOURCES[at]!));
  const dominant = (used: readonly number[]): number => {
    let most = 0;
    for (const at of counted) {
      const part = used[at]! / whole[at]!;
      if (part > most) most = part;
    }
    return most;
  };
  return {
    dominant,
    dominantResource(used) {
      const most = dominant(used);
      const at = counted.find((resource) => most > 0 && used[resource]! / whole[resource]! === most);
      return at === undefined ? undefined : RESOURCES[at];
    },
  };
}

function listOf({ cpusMilli, memoryMib, diskMib, gpus }: Amounts): number[] {
  return [cpusMilli, memoryMib, diskMib, gpus];
}

function amountsOfList([cpusMilli, memoryMib, diskMib, gpus]: readonly number[]): Amounts {
  return { cpusMilli: cpusMilli!, memoryMib: memoryMib!, diskMib: diskMib!, gpus: gpus! };
}
