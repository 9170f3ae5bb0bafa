import type { Task } from './answers.js';

const living = ['STAGING', 'STARTING', 'RUNNING', 'KILLING', 'UNREACHABLE'];
const ended = ['FINISHED', 'FAILED', 'KILLED', 'ERROR', 'LOST'];
export const taskStates: readonly string[] = ['PENDING', ...living, ...ended];

export function isLiving({ state }: Task): boolean {
  return living.includes(state);
}
