/** How many columns let the pictures of a sheet be as large as its room allows. */

/** Columns for `n` pictures of one aspect (width over height), each with a caption below, in a room of `width` by `height`. */
export function columnsOf(n: number, width: number, height: number, aspect: number, captionPx: number, gapPx: number): number {
  let [best, most] = [1, -Infinity];
  for (let columns = 1; columns <= n; columns++) {
    const rows = Math.ceil(n / columns);
    const across = (width - gapPx * (columns - 1)) / columns;
    const down = (height - gapPx * (rows - 1)) / rows - captionPx;
    const size = Math.min(across, down * aspect);
    if (size > most) [best, most] = [columns, size];
  }
  return best;
}
