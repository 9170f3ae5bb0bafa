const SHORT_LENGTH_MAX = 100;

/** A value in one line, as YAML would write it: `[a, b]`, `{cpus: 0.1}`; what is longer ends with three dots. */
export function brief(value: unknown, lengthMax = SHORT_LENGTH_MAX): string {
  const text = inline(value);
  return text.length > lengthMax ? `${text.slice(0, lengthMax - 1)}…` : text;
}

function inline(value: unknown): string {
  if (value === undefined || value === null) return '-';
  if (typeof value === 'string') return value === '' ? '""' : value;
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  const fields = Object.entries(value).map(([name, field]) => `${name}: ${inline(field)}`);
  return `{${fields.join(', ')}}`;
}

/** Such as `team=x, tier=1`. */
export function pairsText(values: Readonly<Record<string, string>>, between = ', '): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(between);
}

/** Ranges of indexes as people write them: `web-0..2`, `web-5`. */
export function podRanges(pod: string, ranges: readonly (readonly [number, number])[]): string {
  return ranges.map(([first, last]) => (first === last ? `${pod}-${first}` : `${pod}-${first}..${last}`)).join(', ');
}

/** `[0, 1, 2, 5]` → `[[0, 2], [5, 5]]`. */
export function rangesOf(indexes: readonly number[]): (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const index of [...indexes].sort((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges;
}
