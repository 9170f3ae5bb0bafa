// Jest keeps its own resolver: `./x.js` in a source file names `./x.ts` beside it, and a library is its index.
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: {
    '^@orrery/([a-z-]+)$': '<rootDir>/libs/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};

export default {
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/{libs,apps,deploy}/**/*.spec.ts'], testPathIgnorePatterns: ['/dist/'] },
  ],
};
