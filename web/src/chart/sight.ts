/** What is in sight: one observer for all charts, and the size of each. */

type Seen = (inSight: boolean) => void;
type Sized = (width: number, height: number) => void;

const seen = new Map<Element, Seen>();
const sized = new Map<Element, Sized>();
let eyes: IntersectionObserver | undefined;
let rulers: ResizeObserver | undefined;

/** Report whether an element is in sight or nearly so: at once, not a frame later, and whenever it changes. */
export function watchSight(element: Element, tell: Seen): () => void {
  eyes ??= new IntersectionObserver(
    (entries) => {
      for (const entry of entries) seen.get(entry.target)?.(entry.isIntersecting);
    },
    { rootMargin: '80px' },
  );
  seen.set(element, tell);
  eyes.observe(element);
  const box = element.getBoundingClientRect();
  tell(box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth);
  return () => {
    seen.delete(element);
    eyes?.unobserve(element);
  };
}

/** Call whenever an element comes into sight; the return value stops it. */
export function whenSeen(element: Element, act: () => void): () => void {
  const observer = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) act();
  });
  observer.observe(element);
  return () => observer.disconnect();
}

/** Report the inner size, in CSS pixels, of an element without padding: at once, not a frame later, and whenever it changes. */
export function watchSize(element: Element, tell: Sized): () => void {
  rulers ??= new ResizeObserver((entries) => {
    for (const entry of entries) sized.get(entry.target)?.(entry.contentRect.width, entry.contentRect.height);
  });
  sized.set(element, tell);
  rulers.observe(element);
  // clientWidth excludes scrollbars, getBoundingClientRect is not rounded up.
  const box = element.getBoundingClientRect();
  tell(Math.min(element.clientWidth, box.width), Math.min(element.clientHeight, box.height));
  return () => {
    sized.delete(element);
    rulers?.unobserve(element);
  };
}

/** Size a canvas to `width` x `height` CSS pixels at the screen's resolution; returns its context, scaled to CSS pixels. */
export function fit(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = pixelRatio();
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const [wide, high] = [`${width}px`, `${height}px`];
  if (canvas.style.width !== wide) canvas.style.width = wide;
  if (canvas.style.height !== high) canvas.style.height = high;
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

export function pixelRatio(): number {
  return Math.min(3, globalThis.devicePixelRatio || 1);
}
