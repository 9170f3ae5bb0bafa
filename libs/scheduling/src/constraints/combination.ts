import type { Balancing, Constraint, Effect } from './constraint.js';
import { reversed, strongest } from './rules.js';
import type { Node } from '../node.js';

/** All of them, where they stand below others; on top each stands by itself. */
export function allOf(parts: readonly Constraint[]): Constraint {
  const failing = (node: Node) => parts.find((part) => !part.passes(node));
  return combined(parts, strongest(parts.map(({ effect }) => effect)), {
    name: `all of (${namesOf(parts)})`,
    passes: (node) => failing(node) === undefined,
    explain: (node) => failing(node)!.explain(node),
    remedy: (rejected) => parts.find((part) => rejected.some((node) => !part.passes(node)))!.remedy(rejected),
  });
}

/** Any of them. */
export function anyOf(parts: readonly Constraint[]): Constraint {
  return combined(parts, strongest(parts.map(({ effect }) => effect)), {
    name: `any of (${namesOf(parts)})`,
    passes: (node) => parts.some((part) => part.passes(node)),
    explain: (node) => parts.map((part) => part.explain(node)).join('; and '),
    remedy: (rejected) => parts.map((part) => part.remedy(rejected)).join('; or '),
  });
}

/** The opposite. */
export function noneOf(part: Constraint): Constraint {
  return combined([part], reversed(part.effect), {
    name: `not (${part.name})`,
    passes: (node) => !part.passes(node),
    explain: () => `${part.name} holds there, and must not`,
    remedy: () => `add an agent for which this does not hold: ${part.name}`,
  });
}

type Answers = Pick<Constraint, 'name' | 'passes' | 'explain' | 'remedy'>;

function combined(parts: readonly Constraint[], effect: Effect, answers: Answers): Constraint | Balancing {
  let openings = 0;
  return {
    ...answers,
    effect,
    get openings() {
      return openings;
    },
    placed(node) {
      for (const part of parts) part.placed(node);
      // Which groups that opened is not followed: all are looked at again.
      openings += 1;
    },
  };
}

function namesOf(parts: readonly Constraint[]): string {
  return parts.map(({ name }) => name).join(', ');
}
