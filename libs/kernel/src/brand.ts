declare const brand: unique symbol;

/** A string or number that may not be mixed up with another of the same primitive type. */
export type Brand<Primitive, Name extends string> = Primitive & { readonly [brand]: Name };

/** Milliseconds since 1970-01-01 UTC, as the log tells them. */
export type EpochMs = number;
