import { templateDigestOf, type TaskTemplate } from '@orrery/contracts';
import type { TaskRecipe } from './recipe.js';
import type { PodRow } from './state.js';

/** Longer than anybody looks. */
const SLEEP = 'exec sleep 1000000000';

/** The task as a sleep that nothing checks; its command stands in ORRERY_PAUSED_CMD, for whoever wants to try it. */
export function asleep(task: TaskRecipe): TaskRecipe {
  const { readinessCheck: _, healthCheck: __, ...rest } = task.template;
  const template: TaskTemplate = { ...rest, cmd: SLEEP, env: { ...rest.env, ORRERY_PAUSED_CMD: rest.cmd } };
  return { ...task, template, templateDigest: templateDigestOf(template) };
}

export function isPaused({ paused }: PodRow, task: string): boolean {
  return paused?.includes(task) === true;
}
