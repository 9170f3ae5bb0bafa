import type { ServiceSpec } from '@orrery/contracts';

/** The wait before start number `failures` + 1 in a row: none after the first failure, then longer and longer. */
export function backoffMs(spec: ServiceSpec, failures: number): number {
  if (failures <= 1) return 0;
  const { 'initial-secs': initial = 1, factor = 2, 'max-secs': longest = 300 } = spec.backoff ?? {};
  return Math.round(Math.min(longest, initial * factor ** (failures - 2)) * 1000);
}
