import type { Guest } from './guest.js';
import { crowdedScene } from './orrery/crowded-scene.js';
import { orreryGuestOf } from './orrery/orrery-guest.js';
import { toyGuest } from './toy-guest.js';

/** `orrery`: the three domains and agents; `crowded`: the same with room for a part of what is wanted; `toy`: the protocol alone, faster. */
export function guestNamed(name: string, cells: number): Guest {
  if (name === 'orrery') return orreryGuestOf(cells);
  if (name === 'crowded') return orreryGuestOf(cells, crowdedScene);
  if (name === 'toy' && cells === 1) return toyGuest;
  throw new Error(`there is no guest ${name} of ${cells} cells: take toy (1 cell), orrery or crowded`);
}
