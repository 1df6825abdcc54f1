/** Starts the page: asks for the runs, then mounts the app. */
import { mount } from 'svelte';
import App from './App.svelte';
import { afterCharts, begin } from './chart/busy';
import './ui/tokens.css';
import './ui/base.css';
import mark from './ui/mark.svg';
import { shownView } from './views/registry';
import { connection } from './state/connection.svelte';
import { i18n } from './state/i18n.svelte';

/** Mount after this long even if the first replies have not arrived; the page then fills as they arrive. */
const PATIENCE_MS = 100;

/** index.html has already requested the table of runs, which has usually arrived before this script runs. */
async function first(): Promise<void> {
  await connection.start();
  await shownView().prepare?.();
}

const patience = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS));
const begun = first().finally(begin());
void Promise.all([i18n.begin(), Promise.race([begun, patience])]).then(() => {
  mount(App, { target: document.getElementById('page')! });
  // A notebook shows a picture of the runs until the page in its frame reports that it is loaded.
  if (window.parent !== window) window.parent.postMessage('netscope: here', '*');
  afterCharts(() => (document.querySelector<HTMLLinkElement>('link[rel=icon]')!.href = mark));
});
