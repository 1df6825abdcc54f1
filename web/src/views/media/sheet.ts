/** The number of columns with which the images of a contact sheet are as large as possible. */

/** Columns for `n` images of the same aspect ratio (width / height), each with a caption below, in `width` x `height` px; none narrower than `leastPx`. */
export function columnsOf(n: number, width: number, height: number, aspect: number, captionPx: number, gapPx: number, leastPx = 0): number {
  const mostColumns = Math.max(1, Math.min(n, Math.floor((width + gapPx) / (leastPx + gapPx))));
  let [best, most] = [1, -Infinity];
  for (let columns = 1; columns <= mostColumns; columns++) {
    const rows = Math.ceil(n / columns);
    const across = (width - gapPx * (columns - 1)) / columns;
    const down = (height - gapPx * (rows - 1)) / rows - captionPx;
    const size = Math.min(across, down * aspect);
    if (size > most) [best, most] = [columns, size];
  }
  return best;
}
