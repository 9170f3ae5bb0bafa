import { join } from 'node:path';

// Of the checkout: package.json says where this file is, whose folder would be the root otherwise.
const rootDir = join(import.meta.dirname, '..');

// Jest keeps its own resolver: `./x.js` in a source file names `./x.ts` beside it, and a library is its index.
const everywhere = {
  rootDir,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: {
    '^@orrery/([a-z-]+)$': '<rootDir>/libs/$1/src/index.ts',
    '^@orrery/([a-z-]+)/(.+)$': '<rootDir>/apps/$1/src/$2.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  // Packages of the catalog have a package.json that is none of npm's.
  modulePathIgnorePatterns: ['<rootDir>/libs/catalog/packages/'],
};

const kind = (name, settings = {}) => ({
  ...everywhere,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.spec.ts`],
  ...settings,
});

export default {
  rootDir,
  // Of each test and hook that says nothing else. Processes on a busy machine start slowly; a hang is still found.
  testTimeout: 120_000,
  projects: [
    // Pure and fast, beside the code.
    { ...everywhere, displayName: 'unit', testMatch: ['<rootDir>/{libs,apps,deploy,test/bench}/**/*.spec.ts'] },
    // What no linter knows about the shape of the checkout.
    kind('architecture'),
    // The real deciders, control loop and agents on an in-memory log with a virtual clock.
    kind('simulation'),
    // Histories that older versions recorded.
    kind('replay'),
    // Our ports on a real Kafka and a real Cassandra, which are started once for all specs.
    kind('adapters', {
      globalSetup: '<rootDir>/test/adapters/start-infrastructure.mjs',
      globalTeardown: '<rootDir>/test/adapters/stop-infrastructure.mjs',
    }),
    // The agent and its runtimes with real processes.
    kind('agent'),
    // The launcher and its supervised processes.
    kind('local'),
    // The whole cluster, as `npm start` runs it.
    kind('e2e'),
    // Services of the catalog with their real programs: `npm test -- packages`, not part of `npm test`.
    kind('packages'),
    // What takes minutes by its nature: `npm test -- long`, not part of `npm test`.
    kind('long'),
  ],
};
