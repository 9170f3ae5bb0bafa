import { Type, type Static, type TSchema } from 'typebox';

/**
 * Rules for where pods may be, in the form in which requests carry them, and in the one that users write. Rules stand beside
 * each other when all must hold.
 */
export type Constraint =
  | FieldConstraint
  | { readonly and: readonly Constraint[] }
  | { readonly or: readonly Constraint[] }
  | { readonly not: Constraint }
  /** Not where these pods are. */
  | { readonly avoid: Neighbour }
  /** Only where these pods are. */
  | { readonly colocate: Neighbour };

/** Marathon's constraint: field, operator, value. */
export interface FieldConstraint {
  readonly field: string;
  readonly operator: 'UNIQUE' | 'CLUSTER' | 'GROUP_BY' | 'LIKE' | 'UNLIKE' | 'MAX_PER' | 'IS';
  readonly value?: string;
}

/** Other pods: of a service, of a pod type, or both. */
export interface Neighbour {
  /** Absent: the service that has the rule. */
  readonly service?: string;
  /** Absent: all pod types, but for the one that has the rule. */
  readonly pod?: string;
  /** They are near on agents of the same value; absent: on the same agent. */
  readonly field?: string;
}

const below = Type.Unsafe<Constraint>(Type.Object({}, { description: 'a rule like this one' }));
const neighbour = Type.Object(
  { service: Type.Optional(Type.String()), pod: Type.Optional(Type.String()), field: Type.Optional(Type.String()) },
  { additionalProperties: false },
);

/** As commands carry it; what can't be said here, such as how deep it may go, is checked when it is decided on. */
export const Constraint = Type.Unsafe<Constraint>(
  Type.Object(
    {
      field: Type.Optional(Type.String()),
      operator: Type.Optional(
        Type.Union(
          (['UNIQUE', 'CLUSTER', 'GROUP_BY', 'LIKE', 'UNLIKE', 'MAX_PER', 'IS'] as const).map((operator) =>
            Type.Literal(operator),
          ),
        ),
      ),
      value: Type.Optional(Type.String()),
      and: Type.Optional(Type.Array(below)),
      or: Type.Optional(Type.Array(below)),
      not: Type.Optional(below),
      avoid: Type.Optional(neighbour),
      colocate: Type.Optional(neighbour),
    },
    {
      additionalProperties: false,
      description: 'a field with an operator, or exactly one of and, or, not, avoid, colocate',
    },
  ),
);

// --- What pods would rather have ----------------------------------------------------------------------------------------

const weighed = { additionalProperties: false } as const;

/** Agents that are liked, or with a weight below zero disliked. */
export const Affinity = Type.Object(
  {
    field: Type.String({ minLength: 1, maxLength: 255 }),
    operator: Type.Optional(Type.Union([Type.Literal('IS'), Type.Literal('LIKE'), Type.Literal('UNLIKE')])),
    value: Type.String({ minLength: 1, maxLength: 256 }),
    weight: Type.Integer({ minimum: -100, maximum: 100, description: '100 outweighs any difference in load' }),
  },
  { ...weighed, description: 'agents that the pods would rather be on; a weight below 0: rather not' },
);
export type Affinity = Static<typeof Affinity>;

/** Values of a field that pods would rather be spread over. */
export const Spread = Type.Object(
  {
    field: Type.String({ minLength: 1, maxLength: 255 }),
    weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'absent: 50' })),
    targets: Type.Optional(
      Type.Record(Type.String(), Type.Number({ minimum: 0, maximum: 100 }), {
        description: 'value → percent of the pods; other values share the rest; absent: evenly',
      }),
    ),
  },
  { ...weighed, description: 'values of a field that the pods would rather be spread over' },
);
export type Spread = Static<typeof Spread>;

/** With all defaults written out, as requests carry it. */
export interface Preferences {
  readonly affinities: readonly Required<Affinity>[];
  readonly spreads: readonly {
    readonly field: string;
    readonly weight: number;
    readonly targets?: Readonly<Record<string, number>>;
  }[];
}

/** Nothing where nothing is preferred. */
export function preferencesOf(
  affinities: readonly Affinity[] = [],
  spreads: readonly Spread[] = [],
): Preferences | undefined {
  if (affinities.length + spreads.length === 0) return undefined;
  return {
    affinities: affinities.map((affinity) => ({ operator: 'IS' as const, ...affinity })),
    spreads: spreads.map(({ weight = 50, ...spread }) => ({ ...spread, weight })),
  };
}

// --- As users write it ------------------------------------------------------------------------------------------------

export type PlacementRule =
  | PlacementRow
  | { readonly and: readonly PlacementRule[] }
  | { readonly or: readonly PlacementRule[] }
  | { readonly not: PlacementRule }
  | { readonly avoid: NeighbourSpec }
  | { readonly colocate: NeighbourSpec }
  | { readonly 'round-robin': string; readonly groups?: number };

/** Marathon's: field, operator, value. */
export type PlacementRow = readonly (string | number)[];

/** A pod type of the same service, or what else. */
export type NeighbourSpec = string | Neighbour;

/** All of a list, or a single rule. */
export type PlacementSpec = readonly PlacementRule[] | Exclude<PlacementRule, PlacementRow>;

const neighbourSpec = (description: string): TSchema => ({
  ...{ type: ['string', 'object'], minLength: 1, maxLength: 63, description },
  properties: {
    service: { type: 'string', description: 'absent: this one' },
    pod: { type: 'string', description: 'absent: all pod types of the service' },
    field: { type: 'string', description: 'hostname, zone, or an attribute of agents; absent: on the same agent' },
  },
  additionalProperties: false,
});

const combinations = (items: object): Readonly<Record<string, TSchema>> => ({
  and: { type: 'array', minItems: 1, items, description: 'all of these rules' },
  or: { type: 'array', minItems: 1, items, description: 'any of these rules' },
  not: { ...items, description: 'the opposite of a rule' },
  avoid: neighbourSpec('not where pods of this type are, and those go not where these are'),
  colocate: neighbourSpec('only where pods of this type are'),
  'round-robin': { type: 'string', minLength: 1, description: 'an even spread over the values of a field: GROUP_BY' },
  groups: { type: 'integer', minimum: 1, description: 'how many values there are to be at least' },
});

/** An array is a row, an object one of the other rules; what lies deeper is checked when the service is applied. */
const rule = {
  type: ['array', 'object'],
  ...{ minItems: 2, maxItems: 3, items: { type: ['string', 'number'] } },
  ...{ minProperties: 1, properties: combinations({ type: ['array', 'object'] }), additionalProperties: false },
};

export const PlacementSpec = Type.Unsafe<PlacementSpec>({
  type: ['array', 'object'],
  ...{ maxItems: 64, items: rule },
  ...{ minProperties: 1, properties: combinations({ type: ['array', 'object'] }), additionalProperties: false },
  description:
    'rules for where pods may be, all of which must hold: rows of Marathon such as [field, operator, value], or and, or, not, avoid, colocate, round-robin; 64 rules, 4 levels at most',
});
