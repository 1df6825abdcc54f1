/** Where the page begins. */
import { mount } from 'svelte';
import App from './App.svelte';
import { afterCharts, begin } from './chart/busy';
import './ui/tokens.css';
import './ui/base.css';
import mark from './ui/mark.svg';
import { shownView } from './views/registry';
import { connection } from './state/connection.svelte';

/** What is there by now is built at once; what takes longer finds the page around it. */
const PATIENCE_MS = 100;

/** The table of runs was asked for by index.html, and has mostly come before this script. */
async function first(): Promise<void> {
  await connection.start();
  await shownView().prepare?.();
}

const patience = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS));
const begun = first().finally(begin());
void Promise.race([begun, patience]).then(() => {
  mount(App, { target: document.getElementById('page')! });
  // A notebook shows its picture of the runs until the page in its frame answers.
  if (window.parent !== window) window.parent.postMessage('netscope: here', '*');
  afterCharts(() => (document.querySelector<HTMLLinkElement>('link[rel=icon]')!.href = mark));
});
