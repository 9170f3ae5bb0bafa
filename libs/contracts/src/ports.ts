import { Type, type Static } from 'typebox';

const port = { minimum: 0, maximum: 65_535 } as const;

/** What a port of a task may be, in the SDK's words and more. */
export const portFields = {
  port: Type.Optional(Type.Integer({ ...port, description: '0: any free port of the agent' })),
  ranges: Type.Optional(
    Type.Array(Type.Object({ begin: Type.Integer(port), end: Type.Integer(port) }, { additionalProperties: false }), {
      minItems: 1,
      maxItems: 64,
      description: 'a free port of these ranges, both ends included',
    }),
  ),
  count: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 64, description: 'so many ports: the others are named <port>-1, <port>-2 …' }),
  ),
  consecutive: Type.Optional(Type.Boolean({ description: 'with count: numbers that follow each other' })),
};

export const PortWish = Type.Object(portFields, { additionalProperties: false });
export type PortWish = Static<typeof PortWish>;

/** One number that a port of a task stands for. */
export interface PortNumber {
  readonly name: string;
  /** Added to the environment key of the port. */
  readonly suffix: string;
  readonly port: number;
  readonly ranges?: [number, number][];
  readonly next?: true;
}

/** The numbers that a port stands for, each by a name of its own: `http`, `http-1`, `http-2` … */
export function portNumbersOf(
  name: string,
  { port: fixed = 0, ranges, count = 1, consecutive }: PortWish,
): PortNumber[] {
  const within = ranges === undefined ? {} : { ranges: ranges.map(({ begin, end }): [number, number] => [begin, end]) };
  return Array.from({ length: count }, (_, at) => ({
    name: at === 0 ? name : `${name}-${at}`,
    suffix: at === 0 ? '' : `_${at}`,
    port: fixed,
    ...within,
    ...(at > 0 && consecutive === true ? { next: true as const } : {}),
  }));
}

/** What is wrong with a port as somebody wrote it. */
export function portProblem({
  port: fixed = 0,
  ranges,
  count = 1,
  consecutive,
}: PortWish): { readonly field: keyof PortWish; readonly message: string; readonly remedy: string } | undefined {
  if (fixed !== 0 && (ranges !== undefined || count > 1))
    return { field: 'port', message: `is ${fixed} and nothing else`, remedy: 'port 0 with ranges or count' };
  if (ranges === undefined) return undefined;
  const turned = ranges.find(({ begin, end }) => begin > end || begin === 0);
  if (turned !== undefined)
    return {
      field: 'ranges',
      message: `has ${turned.begin}-${turned.end}`,
      remedy: 'begin of at least 1, end of at least begin',
    };
  const sizes = ranges.map(({ begin, end }) => end - begin + 1);
  const room = consecutive === true ? Math.max(...longestRows(ranges)) : sizes.reduce((sum, size) => sum + size, 0);
  if (count <= room) return undefined;
  const how = consecutive === true ? ' in a row' : '';
  return {
    field: 'count',
    message: `is ${count}, and the ranges have ${room}${how}`,
    remedy: 'fewer, or wider ranges',
  };
}

/** Ranges that touch are one. */
function longestRows(ranges: NonNullable<PortWish['ranges']>): number[] {
  const rows: { begin: number; end: number }[] = [];
  for (const { begin, end } of [...ranges].sort((left, right) => left.begin - right.begin)) {
    const last = rows.at(-1);
    if (last === undefined || begin > last.end + 1) rows.push({ begin, end });
    else last.end = Math.max(last.end, end);
  }
  return rows.map(({ begin, end }) => end - begin + 1);
}
