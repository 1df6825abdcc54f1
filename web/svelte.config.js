import { readFileSync } from 'node:fs';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

const breakpoints = Object.entries(JSON.parse(readFileSync(new URL('./src/ui/breakpoints.json', import.meta.url), 'utf8')));

/** `@media (--narrow)` in a style is what `src/ui/breakpoints.json` says; `state/viewport.svelte.ts` tells it to scripts. */
const media = {
  name: 'breakpoints',
  style: ({ content }) => ({ code: breakpoints.reduce((code, [name, query]) => code.replaceAll(`(${name})`, query), content) }),
};

export default {
  preprocess: [vitePreprocess(), media],
  compilerOptions: { runes: true },
};
