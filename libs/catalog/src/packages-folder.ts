import { fileURLToPath } from 'node:url';

/** Where the packages that come with this checkout lie: one folder each. */
export const packagesFolder = fileURLToPath(new URL('../packages', import.meta.url));
