import { parseArgs } from 'node:util';
import { mutants, type Mutant } from './mutants.js';
import type { Guest } from './guest.js';
import { guestNamed } from './guests.js';
import { crowdedMutants } from './orrery/scene-mutants.js';
import { orreryGuestOf } from './orrery/orrery-guest.js';
import { Storm } from './storm.js';
import { toyGuest } from './toy-guest.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '200' },
    mutants: { type: 'boolean', default: false },
    /** As in guests.ts. */
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
if (values.mutants) {
  // The protocol alone shows it soonest.
  for (const mutant of mutants) await hunt(mutant.name, { guest: toyGuest, mutant });
  for (const { name, scene } of crowdedMutants) await hunt(name, { guest: orreryGuestOf(1, scene) });
}

async function hunt(name: string, storm: { readonly guest: Guest; readonly mutant?: Mutant }): Promise<void> {
  caught[name] = 'survived';
  for (let seed = first; seed < first + MUTANT_SEEDS_MAX; seed += 1) {
    const { violations } = await new Storm({ seed, steps, ...storm }).run();
    if (violations.length === 0) continue;
    caught[name] = `caught by seed ${seed}`;
    return console.error(`${name}: caught by seed ${seed}: ${violations[0]}`);
  }
}

const survived = Object.values(caught).some((fate) => fate === 'survived');
console.log(JSON.stringify({ seeds, steps, violations: failed.length, failed, mutants: caught }));
process.exitCode = failed.length > 0 || survived ? 1 : 0;
