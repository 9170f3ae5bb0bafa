import { Type } from 'typebox';

/** What render, install and update take. */
export const packageBody = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, description: 'of the service; default: what its options say' })),
    version: Type.Optional(Type.String({ minLength: 1, description: 'of the package' })),
    options: Type.Record(Type.String(), Type.Unknown(), { description: 'as the config.json of the package describes' }),
    replace: Type.Optional(Type.Boolean({ description: 'update: leave out the options that were given before' })),
  },
  { additionalProperties: false },
);
