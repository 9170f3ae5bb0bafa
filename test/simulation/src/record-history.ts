/**
 * Records a history for test/replay: `node test/simulation/dist/record-history.js --guest toy --seed 3 --steps 60 FILE` lives a
 * storm, `… --story FILE` the story of an installation. Both are lived in the simulation, so the same version records the same
 * file again.
 */
import { parseArgs } from 'node:util';
import { guestNamed } from './guests.js';
import { recordHistory } from './recording.js';
import { Storm } from './storm.js';
import { liveStory } from './story.js';
import type { World } from './world.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    story: { type: 'boolean', default: false },
    guest: { type: 'string', default: 'orrery' },
    cells: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '60' },
    note: { type: 'string', default: '' },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('name the file to write');
const world = values.story ? await liveStory() : await liveStorm();
console.log(await recordHistory(file, world, { guest: values.guest, note: values.note }));

async function liveStorm(): Promise<World> {
  const guest = guestNamed(values.guest, Number(values.cells));
  const storm = new Storm({ seed: Number(values.seed), steps: Number(values.steps), guest });
  const { violations } = await storm.run();
  if (violations.length > 0) throw new Error(`nothing worth keeping: ${violations[0]}`);
  return storm.world;
}
