import fc from 'fast-check';
import { plus, times } from './amounts.js';
import { dominantResourceFairness, weightedShare, type Claim } from './fair-share.js';

const amounts = (cpusMilli: number, memoryMib: number) => ({ cpusMilli, memoryMib, diskMib: 0, gpus: 0 });
const claim = (role: string, used: [number, number], next: [number, number], weight = 1): Claim => ({
  role,
  weight,
  used: amounts(...used),
  next: amounts(...next),
});
const total = amounts(9000, 18_000);

/** Serves everybody in turns until nobody's next pod fits. */
function share(claims: readonly Claim[]): ReadonlyMap<string, number> {
  const pods = new Map(claims.map(({ role }) => [role, 0]));
  let waiting = [...claims];
  let used = amounts(0, 0);
  while (waiting.length > 0) {
    const turn = dominantResourceFairness.turn(waiting, total);
    for (let pod = 0; pod < turn.pods; pod += 1) {
      const { next, used: own } = waiting.find(({ role }) => role === turn.role)!;
      used = plus(used, next);
      if (used.cpusMilli > total.cpusMilli || used.memoryMib > total.memoryMib) {
        waiting = [];
        break;
      }
      pods.set(turn.role, pods.get(turn.role)! + 1);
      waiting = waiting.map((other) => (other.role === turn.role ? { ...other, used: plus(own, next) } : other));
    }
  }
  return pods;
}

describe('dominant resource fairness', () => {
  it('shares as in the paper: 9 cpus and 18 GB, pods of 1 cpu and 4 GB against 3 cpus and 1 GB', () => {
    const shared = share([claim('a', [0, 0], [1000, 4000]), claim('b', [0, 0], [3000, 1000])]);
    expect(Object.fromEntries(shared)).toEqual({ a: 3, b: 2 });
  });

  it('serves whoever has least for its weight, and of equals the one whose name comes first', () => {
    const turn = (claims: Claim[]) => dominantResourceFairness.turn(claims, total).role;
    expect(turn([claim('a', [1000, 0], [1, 1]), claim('b', [500, 0], [1, 1])])).toBe('b');
    expect(turn([claim('a', [1000, 0], [1, 1], 4), claim('b', [500, 0], [1, 1])])).toBe('a');
    expect(turn([claim('b', [0, 0], [1, 1]), claim('a', [0, 0], [1, 1])])).toBe('a');
  });

  it('gives a lone role as much as it wants, and anybody at least one pod', () => {
    expect(dominantResourceFairness.turn([claim('a', [0, 0], [1, 1])], total).pods).toBe(Number.POSITIVE_INFINITY);
    const both = [claim('a', [0, 0], [9000, 1]), claim('b', [0, 0], [1, 1])];
    expect(dominantResourceFairness.turn(both, total).pods).toBe(1);
    expect(dominantResourceFairness.turn(both, amounts(0, 0)).pods).toBeGreaterThanOrEqual(1);
  });

  it('never brings a role more than a stride and one pod beyond the next', () => {
    const amount = fc.tuple(fc.nat(3000), fc.nat(6000));
    const claims = fc.array(
      fc.tuple(amount, fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }))),
      {
        minLength: 2,
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(claims, (given) => {
        const all = given.map(([used, next], at) => claim(`r${at}`, used, next));
        const { role, pods } = dominantResourceFairness.turn(all, total);
        const served = all.find((other) => other.role === role)!;
        const others = all.filter((other) => other !== served).map(({ used }) => weightedShare(used, 1, total));
        const after = weightedShare(plus(served.used, times(served.next, pods)), 1, total);
        expect(after).toBeLessThanOrEqual(Math.min(...others) + 0.005 + weightedShare(served.next, 1, total) + 1e-9);
      }),
    );
  });
});
