/** Prints a picture on a single page of its size; the browser's dialog saves it as PDF. */

interface Page {
  svg: string;
  /** In CSS px. */
  width: number;
  height: number;
}

/** How long the frame is kept: some browsers print after `print` has returned. */
const KEPT_MS = 60_000;

export function printPage({ svg, width, height }: Page, title: string): void {
  const frame = document.createElement('iframe');
  frame.style.cssText = 'position:fixed;width:0;height:0;border:0;visibility:hidden';
  frame.title = title;
  document.body.append(frame);
  const inside = frame.contentDocument!;
  const picture = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  inside.body.append(inside.importNode(picture, true));
  inside.title = title;
  const style = inside.head.appendChild(inside.createElement('style'));
  // A little more than the picture, or rounding would begin a second page.
  style.textContent = `@page { size: ${Math.ceil(width) + 1}px ${Math.ceil(height) + 1}px; margin: 0 }
    body { margin: 0 }
    svg { display: block; width: ${width}px; height: ${height}px; print-color-adjust: exact; -webkit-print-color-adjust: exact }`;
  // The name of a PDF is the title of the page that prints.
  const before = document.title;
  document.title = title || before;
  frame.contentWindow!.focus();
  frame.contentWindow!.print();
  document.title = before;
  setTimeout(() => frame.remove(), KEPT_MS);
}
