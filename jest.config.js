/** One configuration for every level; `--selectProjects` (see package.json) picks one. */
const level = (name, extra = {}) => ({
  displayName: name,
  rootDir: '.',
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
    ],
  },
  setupFiles: ['<rootDir>/test/support/property-seed.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  ...extra,
});

/** One Kubernetes for all suites of a run. */
const E2E = {
  globalSetup: '<rootDir>/test/e2e/support/setup-run.ts',
  globalTeardown: '<rootDir>/test/e2e/support/end-run.ts',
};

export default {
  projects: ['tidy', 'unit', 'simulation', 'integration', 'conformance', 'e2e', 'fuzz'].map(
    (name) => level(name, name === 'e2e' ? E2E : {}),
  ),
  testTimeout: 30_000,
};
