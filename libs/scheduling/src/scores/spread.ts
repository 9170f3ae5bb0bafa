import type { Score } from './score.js';

/** Keeps the load of nodes even, so that the loss of one takes little. */
export const spread: Score = { name: 'spread', fillsUp: false, of: (use) => -use };
