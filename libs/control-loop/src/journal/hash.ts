import { hash } from 'node:crypto';

/** sha256, hex: of a journal record, a slice, a digest of digests. */
export function sha256(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'hex');
}
