import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import { layerConfig } from './scripts/lint/layer-config.ts';

/** Limits of STYLE.md. A file or function that needs more wants a second noun, not a higher limit. */
const limits = {
  'max-lines': ['error', { max: 600 }],
  'max-lines-per-function': ['error', { max: 70, skipComments: true, skipBlankLines: true }],
  complexity: ['error', 12],
  'max-depth': ['error', 4],
  'max-params': ['error', 5],
};

/** Where strictTypeChecked is loosened, and why. */
const adjustments = {
  // Numbers and booleans read well in messages; objects, arrays and undefined do not.
  '@typescript-eslint/restrict-template-expressions': [
    'error',
    { allowNumber: true, allowBoolean: true },
  ],
  // `() => this.stop()` is the usual form of a task.
  '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
  // `for (;;)` and `while (true)` with a bound inside are loops like others.
  '@typescript-eslint/no-unnecessary-condition': [
    'error',
    { allowConstantLoopConditions: 'only-allowed-literals' },
  ],
  // A callback may give a promise or nothing: `() => Promise<void> | void`.
  '@typescript-eslint/no-invalid-void-type': 'off',
  // Status codes are numbers of the error catalogue inside, and an enum in the generated types of the edge.
  '@typescript-eslint/no-unsafe-enum-assignment': 'off',
  '@typescript-eslint/no-unsafe-enum-comparison': 'off',
  // Implementations of an asynchronous port may have nothing to wait for.
  '@typescript-eslint/require-await': 'off',
  // A leading underscore marks a parameter that the signature demands.
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
};

const additions = {
  '@typescript-eslint/switch-exhaustiveness-check': [
    'error',
    { considerDefaultExhaustiveForUnions: true },
  ],
  '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
  '@typescript-eslint/explicit-module-boundary-types': 'error',
  eqeqeq: 'error',
  'no-console': 'error',
  'no-restricted-syntax': [
    'error',
    {
      selector: 'ExportAllDeclaration',
      message: 'no barrels: import the file that has the thing',
    },
  ],
};

/** Tests and benches plant mistakes, reach into results and tell long stories. */
const forTests = {
  'max-lines-per-function': 'off',
  complexity: ['error', 20],
  '@typescript-eslint/no-non-null-assertion': 'off',
  '@typescript-eslint/explicit-module-boundary-types': 'off',
  '@typescript-eslint/no-unsafe-assignment': 'off',
  '@typescript-eslint/no-unsafe-member-access': 'off',
  '@typescript-eslint/no-unsafe-argument': 'off',
  '@typescript-eslint/no-unsafe-call': 'off',
  '@typescript-eslint/no-unsafe-return': 'off',
  '@typescript-eslint/no-empty-function': 'off',
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'data/', 'coverage/', 'proto/generated/'] },
  {
    files: ['**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: { ...limits, ...adjustments, ...additions },
  },
  { files: ['**/*.js'], extends: [js.configs.recommended], rules: limits },
  { files: ['test/**/*.ts', 'bench/**/*.ts'], rules: forTests },
  {
    files: ['cli/**', 'bench/**', 'scripts/**', 'test/**', 'bin/**'],
    rules: { 'no-console': 'off' },
  },
  layerConfig,
);
