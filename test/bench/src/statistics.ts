/** The value below which a share of the samples lies (nearest rank). */
export function percentile(samples: readonly number[], share: number): number {
  if (samples.length === 0) throw new Error('no samples');
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** Median with the smallest and largest: what a noisy machine can honestly say. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** As precise as the samples are: whoever measures rounds them. */
export function spreadOf(samples: readonly number[]): Spread {
  return { median: median(samples), min: Math.min(...samples), max: Math.max(...samples) };
}

/** Figures of several runs by name, as results tell them: their medians, and what each lies between. */
export function figuresOf(runs: Readonly<Record<string, readonly number[]>>): {
  readonly metrics: Readonly<Record<string, number>>;
  readonly spread: Readonly<Record<string, Pick<Spread, 'min' | 'max'>>>;
} {
  const spreads = Object.entries(runs).map(([name, samples]) => [name, spreadOf(samples)] as const);
  return {
    metrics: Object.fromEntries(spreads.map(([name, { median: middle }]) => [name, middle])),
    spread: Object.fromEntries(spreads.map(([name, { min, max }]) => [name, { min, max }])),
  };
}

export function round(value: number): number {
  return value >= 100 ? Math.round(value) : Math.round(value * 100) / 100;
}
