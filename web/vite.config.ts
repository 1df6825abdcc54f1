/** How the page is built: into the Python package, with hashed names, and for `npm run dev` in front of a server. */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const server = `http://127.0.0.1:${process.env['NETSCOPE_PORT'] ?? '6060'}`;

/** What is loaded when it is first asked for. */
const LATER = /\/src\/(views|shell|graph|panels\/histograms|i18n\/languages|panels\/charts\/(?:ChartEditor|Enlarged)\.svelte)|\/src\/ui\/markdown\.ts|\/node_modules\/(markdown-it|linkify-it|mdurl|uc\.micro|punycode\.js|entities|argparse)\//;

/**
 * Chromium then compiles the first script whole, on another thread, while it arrives. Otherwise it compiles each function when it is
 * first called, which was a quarter of the page's work until its charts were drawn. The comment must be the beginning of the file.
 */
const compiledWhole: Plugin = {
  name: 'compiled-whole',
  enforce: 'post',
  generateBundle: {
    order: 'post',
    handler(_, bundle) {
      for (const file of Object.values(bundle)) if (file.type === 'chunk' && file.isEntry) file.code = `//# allFunctionsCalledOnLoad\n${file.code}`;
    },
  },
};

export default defineConfig(({ mode }) => ({
  // Relative, so that the page also works below a path (Jupyter's proxy, a reverse proxy).
  base: './',
  plugins: [svelte(), compiledWhole],
  build: {
    outDir: '../src/netscope/show/page',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One sheet: with one a view, a view waits for several small files, each of which costs more than its bytes.
    cssCodeSplit: false,
    // One script for what every visit begins with, one for each view that comes later, and one for what several of those share.
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: 'page', tags: ['$initial'] }, { name: 'shared', test: (id) => !LATER.test(id) }] } },
    },
  },
  server: { host: '127.0.0.1', proxy: { '/api': { target: server, ws: true } } },
  // Svelte has a build for servers; tests want the one for browsers.
  resolve: mode === 'test' ? { conditions: ['browser'] } : {},
  test: { environment: 'jsdom', include: ['src/**/*.test.ts'], testTimeout: 20_000 },
}));
