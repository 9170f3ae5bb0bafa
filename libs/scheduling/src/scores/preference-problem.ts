import { ruleProblem, type RuleProblem } from '../constraints/rule-problem.js';
import type { Preferences } from './preference.js';

const EACH_MAX = 16;
const TARGETS_MAX = 256;

/** The first thing that is wrong with preferences whose parts have the right types. */
export function preferenceProblem({ affinities, spreads }: Preferences): RuleProblem | undefined {
  const tooMany = affinities.length > EACH_MAX ? 'affinities' : spreads.length > EACH_MAX ? 'spreads' : undefined;
  if (tooMany !== undefined)
    return { path: `/${tooMany}`, message: `are more than ${EACH_MAX}`, remedy: 'keep those with the largest weights' };
  const rules = affinities.map(({ weight: _weight, ...rule }) => rule);
  const problem = ruleProblem(rules);
  if (problem !== undefined) return { ...problem, path: `/affinities${problem.path}` };
  const idle = affinities.findIndex(({ weight }) => weight === 0);
  if (idle !== -1)
    return {
      path: `/affinities/${idle}/weight`,
      message: 'is 0 and changes nothing',
      remedy: 'another weight, or leave it out',
    };
  for (const [at, { targets = {} }] of spreads.entries()) {
    const path = `/spreads/${at}/targets`;
    const sum = Object.values(targets).reduce((total, percent) => total + percent, 0);
    if (sum > 100) return { path, message: `come to ${sum} percent`, remedy: 'percents of 100 in all' };
    if (Object.keys(targets).length > TARGETS_MAX)
      return { path, message: `are more than ${TARGETS_MAX}`, remedy: 'leave out those with an equal share' };
  }
  return undefined;
}
