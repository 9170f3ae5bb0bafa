/** Whole numbers as text that sorts as they do: the count of digits, as a letter, comes first. */
export function sortable(number: number): string {
  const digits = String(number);
  return String.fromCharCode(96 + digits.length) + digits;
}

/** An id of a journal as a key that sorts by seq, then by ordinal. */
export function idKey(seq: number, ordinal: number): string {
  return `${sortable(seq)}.${sortable(ordinal)}`;
}

/** Pod indexes end at 1,000,000. */
export function indexKey(index: number): string {
  return String(index).padStart(7, '0');
}
