/** The dialogs of charts, which are loaded later than the charts. */
import { Later } from '../../state/later.svelte';

export const ChartEditor = new Later(() => import('./ChartEditor.svelte'));
export const Enlarged = new Later(() => import('./Enlarged.svelte'));
