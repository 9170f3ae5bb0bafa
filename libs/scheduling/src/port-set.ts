import { assert } from '@orrery/kernel';
import { areSpecial, rowsOf, type PortNeed, type PortRanges, type PortRow } from './ports.js';

/**
 * The free ports of a machine, changed in place: a thousand pods take a thousand ports, and copying what is left for each
 * would be most of the work. Ranges stand highest first, so the lowest ports, which are taken first, come off the end.
 */
export class PortSet {
  /** First and last of each range: 90, 99, 80, 85. */
  readonly #ends: number[] = [];
  #count = 0;

  constructor(ranges: PortRanges = []) {
    for (let at = ranges.length - 1; at >= 0; at -= 1) {
      const [from, to] = ranges[at]!;
      this.#ends.push(from, to);
      this.#count += to - from + 1;
    }
  }

  get count(): number {
    return this.#count;
  }

  /** Ascending, none touching the next. */
  get ranges(): PortRanges {
    const ranges: (readonly [number, number])[] = [];
    for (let at = this.#ends.length - 2; at >= 0; at -= 2) ranges.push([this.#ends[at]!, this.#ends[at + 1]!]);
    return ranges;
  }

  has(port: number): boolean {
    const at = this.#rangeOf(port);
    return at >= 0 && port <= this.#ends[at + 1]!;
  }

  /** Whether the ports of one pod could be had all at once. */
  fits(needs: readonly PortNeed[]): boolean {
    if (needs.length > this.#count) return false;
    return !areSpecial(needs) || this.choose(needs) !== undefined;
  }

  /** Numbers for one pod, in the order of its needs: the fixed ones, then the lowest that will do. Takes none. */
  choose(needs: readonly PortNeed[]): number[] | undefined {
    const chosen = new Set<number>();
    const numbers = needs.map(({ port }) => port);
    for (const port of numbers) {
      if (port === 0) continue;
      if (chosen.has(port) || !this.has(port)) return undefined;
      chosen.add(port);
    }
    for (const row of rowsOf(needs)) {
      const first = this.#lowestFor(row, chosen);
      if (first === undefined) return undefined;
      for (let step = 0; step < row.length; step += 1) {
        numbers[row.at + step] = first + step;
        chosen.add(first + step);
      }
    }
    return numbers;
  }

  #lowestFor({ length, ranges }: PortRow, chosen: ReadonlySet<number>): number | undefined {
    const ends = this.#ends;
    for (let at = ends.length - 2; at >= 0; at -= 2)
      for (const [from, to] of ranges ?? ALL_PORTS) {
        const last = Math.min(ends[at + 1]!, to);
        let first = Math.max(ends[at]!, from);
        for (let number = first; number <= last && number - first < length; number += 1)
          if (chosen.has(number)) first = number + 1;
        if (first + length - 1 <= last) return first;
      }
    return undefined;
  }

  /**
   * Numbers for one pod, in the order of its needs, added to `into`: the fixed ones, and the lowest free ones beside them, so
   * that what is in use stays a few ranges. They must fit.
   */
  takeFor(needs: readonly PortNeed[], into: number[]): void {
    if (!areSpecial(needs)) {
      for (let at = 0; at < needs.length; at += 1) into.push(this.takeLowest());
      return;
    }
    for (const port of this.choose(needs)!) {
      this.take(port);
      into.push(port);
    }
  }

  takeLowest(): number {
    const ends = this.#ends;
    const last = ends.length - 2;
    assert(last >= 0, 'no port is left');
    const port = ends[last]!;
    if (port === ends[last + 1]) {
      ends.pop();
      ends.pop();
    } else ends[last] = port + 1;
    this.#count -= 1;
    return port;
  }

  /** Ports that are not in it are passed over. */
  take(port: number): void {
    const ends = this.#ends;
    const at = this.#rangeOf(port);
    if (at < 0 || port > ends[at + 1]!) return;
    this.#count -= 1;
    const from = ends[at]!;
    const to = ends[at + 1]!;
    if (from === to) ends.splice(at, 2);
    else if (port === from) ends[at] = port + 1;
    else if (port === to) ends[at + 1] = port - 1;
    else {
      ends[at + 1] = port - 1;
      ends.splice(at, 0, port + 1, to);
    }
  }

  /** Ports that are in it are passed over. */
  add(port: number): void {
    const ends = this.#ends;
    const lower = this.#rangeOf(port);
    if (lower >= 0 && port <= ends[lower + 1]!) return;
    this.#count += 1;
    // Ranges above stand before: `higher` is the nearest of them.
    const higher = (lower < 0 ? ends.length : lower) - 2;
    const touchesLower = lower >= 0 && ends[lower + 1] === port - 1;
    const touchesHigher = higher >= 0 && ends[higher] === port + 1;
    if (touchesLower && touchesHigher) {
      ends[higher] = ends[lower]!;
      ends.splice(lower, 2);
    } else if (touchesLower) ends[lower + 1] = port;
    else if (touchesHigher) ends[higher] = port;
    else ends.splice(higher + 2, 0, port, port);
  }

  /** Where the range stands that begins last at or below the port; -1: all begin above it. */
  #rangeOf(port: number): number {
    const ends = this.#ends;
    let low = 0;
    let high = ends.length >> 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[2 * middle]! <= port) high = middle;
      else low = middle + 1;
    }
    return low * 2 < ends.length ? low * 2 : -1;
  }
}

const ALL_PORTS: PortRanges = [[0, 65_535]];
