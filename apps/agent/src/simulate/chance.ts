/** How a length of time is spread. */
export type Distribution =
  { readonly fixed: number } | { readonly uniform: readonly [number, number] } | { readonly exponential: number };

/**
 * A number in [0, 1) that depends on nothing but a seed and what it is drawn for: the same launch fares the same whenever its
 * order arrives. (The finaliser of MurmurHash3, Austin Appleby.)
 */
export function draw(seed: number, about: number, which: number, purpose: number): number {
  let mixed = mix(seed ^ Math.imul(about, 0x9e3779b1));
  mixed = mix(mixed ^ Math.imul(which, 0x85ebca6b));
  return mix(mixed ^ Math.imul(purpose, 0xc2b2ae35)) / 2 ** 32;
}

function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Milliseconds, not rounded. */
export function lengthMs(distribution: Distribution, fraction: number): number {
  if ('fixed' in distribution) return distribution.fixed;
  if ('exponential' in distribution) return -Math.log(1 - fraction) * distribution.exponential;
  const [least, most] = distribution.uniform;
  return least + fraction * (most - least);
}

/** One of the choices, each as often as its weight says. */
export function choose<Choice>(choices: readonly (readonly [Choice, number])[], fraction: number): Choice {
  const total = choices.reduce((sum, [, weight]) => sum + weight, 0);
  let left = fraction * total;
  for (const [choice, weight] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  return choices.at(-1)![0];
}
