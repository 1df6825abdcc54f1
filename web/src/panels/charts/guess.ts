/** Guesses the size of the charts before they exist, so that their points can be requested early; a wrong guess costs one request. */
import { recall } from '../../state/stored';
import { viewport } from '../../state/viewport.svelte';

/** Height of the bars above and below the charts, and width of the navigation at their left. */
const BARS_PX = 126;
const RAIL_PX = 64;

/** Width and height that the charts will probably have. */
export function guessSize(): [number, number] {
  const { isNarrow } = viewport;
  const side = isNarrow || !recall('side', true) ? 0 : recall('sideWidth', 232);
  return [innerWidth - (isNarrow ? 0 : RAIL_PX) - side, innerHeight - BARS_PX];
}
