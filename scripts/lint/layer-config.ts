import type { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { ambientRule } from './ambient-rule.ts';
import { importRule } from './import-rule.ts';
import { AMBIENT_FILES } from './layers.ts';
import { synchronousRule } from './synchronous-rule.ts';

const plugin = {
  rules: { imports: importRule, ambient: ambientRule, synchronous: synchronousRule },
};

/** The rules of this project, without types: fast enough for the tests that show that each one bites. */
export const layerConfig: Linter.Config[] = [
  {
    name: 'orbitmq/layers',
    files: ['**/*.ts', '**/*.js'],
    languageOptions: { parser: tseslint.parser },
    plugins: { orbitmq: plugin },
    rules: { 'orbitmq/imports': 'error' },
  },
  {
    name: 'orbitmq/world',
    files: ['**/*.ts'],
    ignores: AMBIENT_FILES,
    rules: { 'orbitmq/ambient': 'error' },
  },
  {
    name: 'orbitmq/core',
    files: ['**/core/**/*.ts'],
    ignores: ['test/**'],
    rules: { 'orbitmq/ambient': 'error', 'orbitmq/synchronous': 'error' },
  },
];
