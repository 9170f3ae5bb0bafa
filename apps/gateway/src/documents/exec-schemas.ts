import { Type, type Static } from 'typebox';

const strict = { additionalProperties: false } as const;
const lines = Type.Integer({ minimum: 1, maximum: 9_999 });
const terminal = Type.Object({ rows: lines, columns: lines }, strict);

/** A command in a task. */
export const execBody = Type.Object(
  {
    cmd: Type.Union([Type.String(), Type.Array(Type.String())], {
      description: 'a line for the shell, or a program and its arguments such as ["ls", "-l"]',
    }),
    stdin: Type.Optional(Type.String({ maxLength: 65_536, description: 'all of its input' })),
    interactive: Type.Optional(
      Type.Boolean({
        description: 'its input comes in pieces, to the address that the first line of the answer tells',
      }),
    ),
    terminal: Type.Optional({ ...terminal, description: 'it runs on a terminal of this size, and is interactive' }),
    'ttl-secs': Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: 3600,
        description: 'ends it after so long; default 60, an interactive one lives as long as its answer is read',
      }),
    ),
  },
  strict,
);
export type ExecBody = Static<typeof execBody>;

/** A piece of the input of a command, its end, or the new size of its terminal. */
export const execInput = Type.Object(
  {
    offset: Type.Optional(
      Type.Integer({ minimum: 0, description: 'bytes given before: a piece that is sent again counts once' }),
    ),
    data: Type.Optional(
      Type.String({ maxLength: 87_384, pattern: '^[A-Za-z0-9+/]*={0,2}$', description: 'base64, at most 64 KiB' }),
    ),
    end: Type.Optional(Type.Boolean({ description: 'nothing follows' })),
    terminal: Type.Optional(terminal),
  },
  strict,
);

export const execLine = Type.Union([
  Type.Object({ input: Type.String({ description: 'first of an interactive one: where its input is sent' }) }),
  Type.Object({ stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]), data: Type.String() }),
  Type.Object({ taken: Type.Integer({ description: 'bytes of its input; send no more than 1 MiB beyond them' }) }),
  Type.Object({ exit: Type.Integer() }),
  Type.Object({ error: Type.String(), code: Type.String() }),
]);
