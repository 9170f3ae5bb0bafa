import { parseArgs } from 'node:util';
import { mutants } from './mutants.js';
import { guestNamed } from './guests.js';
import { Storm } from './storm.js';
import { toyGuest } from './toy-guest.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '200' },
    mutants: { type: 'boolean', default: false },
    /** `orrery`: the three domains and agents; `toy`: the protocol alone, faster. */
    guest: { type: 'string', default: 'orrery' },
    cells: { type: 'string', default: '1' },
  },
});
const guest = guestNamed(values.guest, Number(values.cells));
const first = Number(values.seed);
const seeds = Number(values.seeds);
const steps = Number(values.steps);
const MUTANT_SEEDS_MAX = 200;
const VIOLATIONS_SHOWN_MAX = 3;

const failed: { seed: number; violations: readonly string[] }[] = [];
for (let seed = first; seed < first + seeds; seed += 1) {
  const { violations } = await new Storm({ seed, steps, guest }).run();
  if (violations.length === 0) continue;
  failed.push({ seed, violations: violations.slice(0, VIOLATIONS_SHOWN_MAX) });
  for (const violation of violations.slice(0, VIOLATIONS_SHOWN_MAX)) console.error(`seed ${seed}: ${violation}`);
  console.error(
    `reproduce: npm run sim -- --guest ${values.guest} --cells ${values.cells} --seed ${seed} --steps ${steps}`,
  );
}

const caught: Record<string, string> = {};
for (const mutant of values.mutants ? mutants : []) {
  caught[mutant.name] = 'survived';
  for (let seed = first; seed < first + MUTANT_SEEDS_MAX; seed += 1) {
    // The protocol alone shows it soonest.
    const { violations } = await new Storm({ seed, steps, guest: toyGuest, mutant }).run();
    if (violations.length === 0) continue;
    caught[mutant.name] = `caught by seed ${seed}`;
    console.error(`${mutant.name}: caught by seed ${seed}: ${violations[0]}`);
    break;
  }
}

const survived = Object.values(caught).some((fate) => fate === 'survived');
console.log(JSON.stringify({ seeds, steps, violations: failed.length, failed, mutants: caught }));
process.exitCode = failed.length > 0 || survived ? 1 : 0;
