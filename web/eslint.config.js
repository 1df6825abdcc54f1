/** What `tsc` does not say: folders import downwards only, nothing floats, nothing is unused. */
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

// api < chart, graph, gl, ui < state < views. A folder may import itself and what stands on a lower floor;
// i18n holds words only and is at the bottom beside api.
const floors = [['api', 'i18n'], ['chart', 'graph', 'gl', 'ui'], ['state'], ['views']];
const direction = floors.flatMap((floor, level) =>
  floor.map((folder) => ({
    files: [`src/${folder}/**/*.{ts,svelte}`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: floors
            .flatMap((other, height) => (height < level ? [] : other))
            .filter((other) => other !== folder)
            .map((other) => ({
              regex: `^(\\.\\./)+${other}(/|$)`,
              message: `${folder} must not import ${other}: imports point down (api < chart, graph, gl, ui < state < views).`,
            })),
        },
      ],
    },
  })),
);

export default ts.config(
  { ignores: ['node_modules/', 'dist/', 'src/api/schema.gen.ts'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-undef': 'off',
      'no-console': 'error',
      'svelte/no-navigation-without-resolve': 'off',
      'svelte/no-at-html-tags': 'error',
      'svelte/prefer-svelte-reactivity': 'off',
      'svelte/require-each-key': 'error',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig } },
  },
  { files: ['*.config.{js,ts}'], languageOptions: { globals: { ...globals.node } } },
  ...direction,
);
