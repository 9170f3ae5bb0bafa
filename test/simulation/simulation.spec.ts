import { mutants } from './src/mutants.js';
import { Storm } from './src/storm.js';
import { toyGuest } from './src/toy-guest.js';

const SEEDS = 200;
const STEPS = 120;
const MUTANT_SEEDS = 150;

describe('the journal protocol, in a storm of faults', () => {
  it(`keeps its promises over ${SEEDS} seeds`, async () => {
    const violations: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const result = await new Storm({ seed, steps: STEPS, guest: toyGuest }).run();
      violations.push(
        ...result.violations.map((what) => `${what}; reproduce: npm run sim -- --seed ${seed} --steps ${STEPS}`),
      );
    }
    expect(violations).toEqual([]);
  });

  it.each(mutants)('is not kept when a rule is left out: $name', async (mutant) => {
    let caughtBy: number | undefined;
    for (let seed = 1; seed <= MUTANT_SEEDS && caughtBy === undefined; seed += 1) {
      const { violations } = await new Storm({ seed, steps: 200, guest: toyGuest, mutant }).run();
      if (violations.length > 0) caughtBy = seed;
    }
    expect(caughtBy).toBeDefined();
  });

  it('plays the same story again from the same seed', async () => {
    const play = () => new Storm({ seed: 7, steps: STEPS, guest: toyGuest }).run();
    expect((await play()).fingerprint).toBe((await play()).fingerprint);
  });
});
