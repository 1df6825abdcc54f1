/** The colour of the lines of a card. */
import { readInk } from '../../chart/ink';
import { colours } from '../../state/colours.svelte';
import { theme } from '../../state/theme.svelte';
import { NO_COLOUR } from '../../ui/colours';

/** The run's own colour, as in charts; the accent of the page if it is not shown there. */
export function cardColour(run: string): string {
  const own = colours.of(run);
  return own === NO_COLOUR ? readInk(theme.shown).accent : own;
}
