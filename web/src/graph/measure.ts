/** How wide a text is, about: the same in the page, in a worker and in a test, where no font can be asked. */

// Widths of Helvetica in thousandths of the size, from space to tilde.
const WIDTHS = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722,
  778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334,
  584,
];
/** System fonts are a little wider. */
const MARGIN = 1.1;
const BOLD = 1.1;

export function textWidth(text: string, sizePx: number, isBold = false): number {
  let sum = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    sum += code < 0x20 ? 0 : (WIDTHS[code - 0x20] ?? (code >= 0x2e80 ? 1000 : 584));
  }
  return (sum / 1000) * sizePx * MARGIN * (isBold ? BOLD : 1);
}

/** The text, cut in its middle so that both ends can be read: "encoder.lay…mlp.fc1". */
export function fitText(text: string, widthPx: number, sizePx: number, isBold = false): string {
  if (textWidth(text, sizePx, isBold) <= widthPx) return text;
  let [low, high] = [0, text.length - 1];
  const cut = (kept: number) => `${text.slice(0, Math.ceil(kept / 2))}…${kept > 1 ? text.slice(text.length - Math.floor(kept / 2)) : ''}`;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (textWidth(cut(middle), sizePx, isBold) <= widthPx) low = middle;
    else high = middle - 1;
  }
  return low > 0 ? cut(low) : '';
}
