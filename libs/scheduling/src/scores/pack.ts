import type { Score } from './score.js';

/** Fills nodes up, so that others stay empty for what is large. */
export const pack: Score = { name: 'pack', fillsUp: true, of: (use) => use };
