import fc from 'fast-check';
import { NOTHING, plus, times, type Amounts } from './amounts.js';
import { ShareTree } from './fair-share-tree.js';
import { weightedShare, type Pool, type ResourceName } from './fair-share.js';

/** What roles have and want; sums over the tree are added up anew whenever they are asked for. */
interface Household {
  readonly role: string;
  readonly weight: number;
  readonly pod: Amounts;
  readonly podsMax: number;
}

const amounts = (cpusMilli: number, memoryMib: number, gpus = 0): Amounts => ({
  cpusMilli,
  memoryMib,
  diskMib: 0,
  gpus,
});
const RESOURCES = ['cpusMilli', 'memoryMib', 'diskMib', 'gpus'] as const;
const fitsIn = (part: Amounts, whole: Amounts) => RESOURCES.every((resource) => part[resource] <= whole[resource]);

function poolOf(
  total: Amounts,
  weights: ReadonlyMap<string, number>,
  scarce: readonly ResourceName[] = [],
  held: ReadonlyMap<string, Amounts> = new Map(),
): Pool {
  return {
    total,
    scarce,
    standingOf: (path) => {
      let used = NOTHING;
      for (const [role, own] of held) if (role === path || role.startsWith(`${path}/`)) used = plus(used, own);
      return { weight: weights.get(path) ?? 1, used, own: held.get(path) ?? NOTHING };
    },
  };
}

/** Progressive filling: whoever's turn it is gets its pods, until nobody's next pod fits. */
function fill(
  total: Amounts,
  households: readonly Household[],
  weights: ReadonlyMap<string, number>,
  told: (role: string, pods: number, rests: boolean) => void = () => undefined,
) {
  const shares = new ShareTree(poolOf(total, weights));
  const pods = new Map(households.map(({ role }) => [role, 0]));
  const of = new Map(households.map((household) => [household.role, household]));
  for (const { role, pod, podsMax } of households) if (podsMax > 0) shares.wait(role, pod);
  let used = NOTHING;
  for (let turn = shares.turn(); turn !== undefined; turn = shares.turn()) {
    const { role, pod, podsMax } = of.get(turn.role)!;
    let given = 0;
    while (given < turn.pods && pods.get(role)! < podsMax && fitsIn(plus(used, pod), total)) {
      used = plus(used, pod);
      pods.set(role, pods.get(role)! + 1);
      given += 1;
    }
    shares.give(role, times(pod, given));
    const rests = given < turn.pods || pods.get(role) === podsMax;
    if (rests) shares.rest(role);
    told(role, given, rests);
  }
  return { pods, used };
}

const flat = (households: readonly Household[]) => new Map(households.map(({ role, weight }) => [role, weight]));
const household = (role: string, pod: Amounts, weight = 1, podsMax = Infinity): Household => ({
  role,
  weight,
  pod,
  podsMax,
});

describe('weighted dominant shares by level', () => {
  it('shares as in the paper: 9 cpus and 18 GB, pods of 1 cpu and 4 GB against 3 cpus and 1 GB', () => {
    const households = [household('a', amounts(1000, 4000)), household('b', amounts(3000, 1000))];
    const { pods } = fill(amounts(9000, 18_000), households, flat(households));
    expect(Object.fromEntries(pods)).toEqual({ a: 3, b: 2 });
  });

  it('serves whoever has least for its weight, and of equals the one whose name comes first', () => {
    const turnOf = (held: Record<string, Amounts>, weights: Record<string, number>) => {
      const pool = poolOf(amounts(9000, 9000), new Map(Object.entries(weights)), [], new Map(Object.entries(held)));
      const shares = new ShareTree(pool);
      for (const role of Object.keys(held)) shares.wait(role, amounts(1, 1));
      return shares.turn()?.role;
    };
    expect(turnOf({ a: amounts(1000, 0), b: amounts(500, 0) }, {})).toBe('b');
    expect(turnOf({ a: amounts(1000, 0), b: amounts(500, 0) }, { a: 4 })).toBe('a');
    expect(turnOf({ b: NOTHING, a: NOTHING }, {})).toBe('a');
  });

  it('splits the pool between branches first: one team alone in eng has as much as two in ads together', () => {
    const households = ['eng/search', 'ads/web', 'ads/mail'].map((role) => household(role, amounts(10, 1)));
    const { pods } = fill(amounts(4000, 4000), households, new Map());
    expect(pods.get('eng/search')).toBe(200);
    expect(pods.get('ads/web')).toBe(100);
    expect(pods.get('ads/mail')).toBe(100);
  });

  it('weighs each level by itself', () => {
    const households = ['eng/a', 'eng/b', 'ops'].map((role) => household(role, amounts(1, 1)));
    const weights = new Map([
      ['eng', 3],
      ['eng/a', 2],
    ]);
    const { pods } = fill(amounts(1200, 1200), households, weights);
    for (const [role, fair] of [
      ['eng/a', 600],
      ['eng/b', 300],
      ['ops', 300],
    ] as const)
      expect(Math.abs(pods.get(role)! - fair)).toBeLessThanOrEqual(1200 * 0.01);
  });

  it('lets what eng wants for itself compete with its teams', () => {
    const households = ['eng', 'eng/search', 'ops'].map((role) => household(role, amounts(1, 1)));
    const { pods } = fill(amounts(1200, 1200), households, new Map());
    expect(Math.abs(pods.get('ops')! - 600)).toBeLessThanOrEqual(12);
    expect(Math.abs(pods.get('eng')! - 300)).toBeLessThanOrEqual(12);
  });

  it('holds nothing scarce against a role', () => {
    const held = new Map([['gpu', amounts(0, 0, 4)]]);
    const turnWith = (scarce: readonly ResourceName[]) => {
      const shares = new ShareTree(poolOf(amounts(100, 100, 4), new Map(), scarce, held));
      shares.wait('gpu', amounts(1, 1));
      shares.wait('web', amounts(1, 1));
      return shares.turn()?.role;
    };
    expect(turnWith([])).toBe('web');
    expect(turnWith(['gpus'])).toBe('gpu');
  });

  it('serves what is guaranteed before shares are compared', () => {
    const held = new Map([['rich', amounts(90, 0)]]);
    const shares = new ShareTree(poolOf(amounts(100, 100), new Map(), [], held));
    shares.wait('poor', amounts(1, 1));
    shares.wait('rich', amounts(1, 1), true);
    expect(shares.turn()).toMatchObject({ role: 'rich', owed: true });
    shares.wait('rich', amounts(1, 1), false);
    expect(shares.turn()).toMatchObject({ role: 'poor', owed: false });
  });

  it('gives a lone role as much as it wants, anybody at least one pod, and nobody nothing', () => {
    const shares = new ShareTree(poolOf(amounts(100, 100), new Map()));
    expect(shares.turn()).toBeUndefined();
    shares.wait('a', amounts(100, 1));
    expect(shares.turn()).toEqual({ role: 'a', pods: Infinity, owed: false });
    shares.wait('b', amounts(1, 1));
    expect(shares.turn()).toEqual({ role: 'a', pods: 1, owed: false });
    shares.rest('a');
    shares.rest('b');
    expect(shares.turn()).toBeUndefined();
  });

  it('tells where a role stands on each level and who is nearest to it', () => {
    const held = new Map([
      ['eng/a', amounts(30, 0)],
      ['eng/b', amounts(10, 20)],
      ['ops', amounts(0, 10)],
    ]);
    const shares = new ShareTree(poolOf(amounts(100, 100), new Map([['eng', 2]]), [], held));
    for (const role of held.keys()) shares.wait(role, amounts(1, 1));
    expect(shares.trace('eng/a')).toEqual([
      {
        path: 'eng',
        weight: 2,
        used: amounts(40, 20),
        dominant: 'cpus',
        share: 0.4,
        weightedShare: 0.2,
        waits: true,
        ahead: 1,
        rivals: 1,
        nearest: { path: 'ops', weightedShare: 0.1 },
      },
      {
        path: 'eng/a',
        weight: 1,
        used: amounts(30, 0),
        dominant: 'cpus',
        share: 0.3,
        weightedShare: 0.3,
        waits: true,
        ahead: 1,
        rivals: 1,
        nearest: { path: 'eng/b', weightedShare: 0.2 },
      },
    ]);
  });
});

// --- Against the slow and obvious way -----------------------------------------------------------------------------------

const paths = ['a', 'a/x', 'a/y', 'a/y/deep', 'b', 'b/x', 'c', '*'];
const stepOf = fc.record({
  role: fc.constantFrom(...paths),
  what: fc.constantFrom('wait' as const, 'owe' as const, 'rest' as const, 'give' as const),
  given: fc.tuple(fc.nat(30), fc.nat(30)),
});

/** Whose turn it is when everything is added up anew: level by level, the smallest share for its weight. */
function slowTurn(
  waiting: ReadonlyMap<string, boolean>,
  held: ReadonlyMap<string, Amounts>,
  weights: ReadonlyMap<string, number>,
  total: Amounts,
): string | undefined {
  const { standingOf } = poolOf(total, weights, [], held);
  let roles = [...waiting.keys()];
  let above = '';
  while (roles.length > 0) {
    const groups = new Map<string, string[]>();
    for (const role of roles) {
      const rest = role.slice(above.length);
      const name = rest === '' ? `${role}/.` : above + (/^\/?[^/]+/.exec(rest)?.[0] ?? '');
      groups.set(name, [...(groups.get(name) ?? []), role]);
    }
    const shareOf = (name: string) => {
      if (name.endsWith('/.')) return weightedShare(standingOf(name.slice(0, -2)).own, 1, total);
      const { used, weight } = standingOf(name);
      return weightedShare(used, weight, total);
    };
    const isOwed = (name: string) => groups.get(name)!.some((role) => waiting.get(role) === true);
    const [first] = [...groups.keys()].sort(
      (left, right) =>
        Number(isOwed(right)) - Number(isOwed(left)) || shareOf(left) - shareOf(right) || (left < right ? -1 : 1),
    );
    if (first!.endsWith('/.')) return first!.slice(0, -2);
    roles = groups.get(first!)!;
    above = first!;
  }
  return undefined;
}

describe('a tree kept up step by step', () => {
  it('gives the same turns as one that is added up anew each time', () => {
    const weights = fc.dictionary(fc.constantFrom(...paths), fc.constantFrom(0.5, 1, 2, 3));
    fc.assert(
      fc.property(fc.array(stepOf, { maxLength: 60 }), weights, (steps, weightOf) => {
        const total = amounts(100, 200);
        const byRole = new Map(Object.entries(weightOf));
        const held = new Map<string, Amounts>();
        const waiting = new Map<string, boolean>();
        const shares = new ShareTree(poolOf(total, byRole));
        for (const { role, what, given } of steps) {
          if (what === 'rest') {
            shares.rest(role);
            waiting.delete(role);
          } else if (what === 'give') {
            shares.give(role, amounts(...given));
            held.set(role, plus(held.get(role) ?? NOTHING, amounts(...given)));
          } else {
            shares.wait(role, amounts(1, 1), what === 'owe');
            waiting.set(role, what === 'owe');
          }
          expect(shares.turn()?.role).toBe(slowTurn(waiting, held, byRole, total));
        }
      }),
    );
  });
});

// --- What is fair about it (Ghodsi et al., section 3) ------------------------------------------------------------------

/** A pool of which a pod takes less than a thousandth: as good as divisible. */
const TOTAL = amounts(20_000_000, 20_000_000);
/** A stride is a tenth of an equal part. */
const SLACK = 0.11;
const demand = fc.tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }));
const divisible = fc
  .array(fc.tuple(demand, fc.constantFrom(1, 1, 2, 3)), { minLength: 2, maxLength: 6 })
  .map((all) =>
    all.map(([[cpus, memory], weight], at) => household(`r${at}`, amounts(cpus * 100, memory * 100), weight)),
  );

/** Pods that a role could run with a bundle. */
const podsWith = (bundle: Amounts, pod: Amounts) =>
  Math.min(...RESOURCES.filter((resource) => pod[resource] > 0).map((resource) => bundle[resource] / pod[resource]));

describe('on divisible resources', () => {
  it('sharing is worth it: nobody runs less than with its part of everything for itself', () => {
    fc.assert(
      fc.property(divisible, (households) => {
        const { pods } = fill(TOTAL, households, flat(households));
        const weights = households.reduce((sum, { weight }) => sum + weight, 0);
        for (const { role, weight, pod } of households) {
          const alone = podsWith(TOTAL, pod) * (weight / weights);
          expect(pods.get(role)!).toBeGreaterThanOrEqual(alone * (1 - SLACK) - 1);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('nobody envies another what it has, scaled to their weights', () => {
    fc.assert(
      fc.property(divisible, (households) => {
        const { pods } = fill(TOTAL, households, flat(households));
        for (const own of households)
          for (const other of households) {
            const bundle = times(other.pod, pods.get(other.role)!);
            const instead = podsWith(bundle, own.pod) * (own.weight / other.weight);
            expect(pods.get(own.role)!).toBeGreaterThanOrEqual(instead * (1 - SLACK) - 1);
          }
      }),
      { numRuns: 40 },
    );
  });

  it('nothing is left that anybody could use', () => {
    fc.assert(
      fc.property(divisible, (households) => {
        const { used } = fill(TOTAL, households, flat(households));
        for (const { pod } of households) expect(fitsIn(plus(used, pod), TOTAL)).toBe(false);
      }),
      { numRuns: 40 },
    );
  });

  it('nobody gains by asking for more of something than a pod needs', () => {
    const lie = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }));
    fc.assert(
      fc.property(divisible, lie, (households, [moreCpus, moreMemory]) => {
        const [liar, ...others] = households as [Household, ...Household[]];
        const told = { ...liar, pod: amounts(liar.pod.cpusMilli * moreCpus, liar.pod.memoryMib * moreMemory) };
        const honest = fill(TOTAL, households, flat(households)).pods.get(liar.role)!;
        const lying = fill(TOTAL, [told, ...others], flat(households)).pods.get(liar.role)!;
        const usable = podsWith(times(told.pod, lying), liar.pod);
        expect(usable).toBeLessThanOrEqual(honest * (1 + SLACK) + 1);
      }),
      { numRuns: 40 },
    );
  });
});

describe('on whole pods', () => {
  const coarse = fc
    .array(
      fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 60 })),
      {
        minLength: 2,
        maxLength: 8,
      },
    )
    .map((all) => all.map(([cpus, memory, most], at) => household(`r${at}`, amounts(cpus, memory), 1, most)));

  it('a turn brings nobody further beyond those that wait than one pod or a stride', () => {
    fc.assert(
      fc.property(coarse, (households) => {
        const total = amounts(100, 100);
        const waiting = new Map<string, number>();
        fill(total, households, flat(households), (role, pods, rests) => {
          const shareOf = (name: string) => {
            const { pod } = households.find((other) => other.role === name)!;
            return weightedShare(times(pod, waiting.get(name) ?? 0), 1, total);
          };
          const others = households.filter((other) => other.role !== role && waiting.get(other.role) !== -1);
          const next = Math.min(...others.map((other) => shareOf(other.role)));
          const own = households.find((other) => other.role === role)!;
          waiting.set(role, (waiting.get(role) ?? 0) + pods);
          const aPod = weightedShare(own.pod, 1, total);
          expect(shareOf(role)).toBeLessThanOrEqual(next + Math.max(0.005, aPod) + 1e-9);
          if (rests) waiting.set(role, -1);
        });
        expect(waiting.size).toBe(households.length);
      }),
    );
  });
});
