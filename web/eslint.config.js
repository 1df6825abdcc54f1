/** What `tsc` does not say: folders import downwards only, nothing floats, nothing is unused. */
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

// A folder may import itself and what stands on a lower floor; i18n holds words only and is at the bottom beside api.
const ORDER = 'api < chart, graph, ui < state < panels < views < shell';
const floors = [['api', 'i18n'], ['chart', 'graph', 'ui'], ['state'], ['panels'], ['views'], ['shell']];

function forbidden(folder, level) {
  return floors
    .flatMap((other, height) => (height < level ? [] : other))
    .filter((other) => other !== folder)
    .map((other) => ({ regex: `^(\\.\\./)+${other}(/|$)`, message: `${folder} must not import ${other}: imports point down (${ORDER}).` }));
}

const imports = (files, patterns) => ({ files, rules: { 'no-restricted-imports': ['error', { patterns }] } });
const direction = floors.flatMap((floor, level) => floor.map((folder) => imports([`src/${folder}/**/*.{ts,svelte}`], forbidden(folder, level))));
// Beyond its own folder a view goes up two steps at least: one step up are the registry and the other views.
const beside = { regex: '^\\.\\./[^.]', message: 'A view must not import another view or the registry: what views share is in panels.' };
direction.push(imports(['src/views/*/**/*.{ts,svelte}'], [...forbidden('views', floors.findIndex((floor) => floor.includes('views'))), beside]));
// Lazy imports stay in their folder, where they cannot point up.
direction.push({
  files: ['src/**/*.{ts,svelte}'],
  rules: { 'no-restricted-syntax': ['error', { selector: 'ImportExpression[source.value=/^\\.\\.\\//]', message: 'A lazy import stays in its folder; views are loaded by the registry.' }] },
});

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
