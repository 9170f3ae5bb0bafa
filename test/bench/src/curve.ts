/** How a count grew: ascending moments, each with what was added then. */
export class Curve {
  readonly #points: { readonly ms: number; readonly count: number }[] = [];
  total = 0;

  add(ms: number, count: number): void {
    if (count === 0) return;
    this.total += count;
    const last = this.#points.at(-1);
    if (last?.ms === ms) this.#points[this.#points.length - 1] = { ms, count: last.count + count };
    else this.#points.push({ ms, count });
  }

  /** When so many, in order of time, were there. */
  at(count: number): number {
    let sum = 0;
    for (const point of this.#points) {
      sum += point.count;
      if (sum >= count) return point.ms;
    }
    throw new Error(`only ${this.total} of ${count} were seen`);
  }

  /** When this share of all was there. */
  quantile(share: number): number {
    return this.at(Math.max(1, Math.ceil(share * this.total)));
  }

  /** The rate of the last tenth over that of the first: below 1, it got slower. */
  get lastDecileRateRatio(): number {
    const first = this.quantile(0.1) - this.at(1);
    const last = this.quantile(1) - this.quantile(0.9);
    return last === 0 ? 1 : first / last;
  }

  /** Share of the total over time, in so few points that a picture needs. */
  outline(fromMs: number, points = 400): readonly (readonly [ms: number, count: number])[] {
    const line: [number, number][] = [[0, 0]];
    const step = Math.max(1, this.total / points);
    let sum = 0;
    for (const { ms, count } of this.#points) {
      const before = sum;
      sum += count;
      if (Math.floor(sum / step) > Math.floor(before / step) || sum === this.total) line.push([ms - fromMs, sum]);
    }
    return line;
  }
}
