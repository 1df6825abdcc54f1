/** Writes zoomed windows into a link and reads them back. */
import type { Window } from '../../chart/zoom';

/** Windows of single cards by key. */
export type Zooms = Readonly<Record<string, { x?: Window; y?: Window }>>;

/** "low..high", with enough digits to place the edges to a thousandth of the window, even around a time of 1.7e9 s. */
export function windowText(window: Window): string | null {
  if (!window) return null;
  const [low, high] = window;
  const size = Math.max(Math.abs(low), Math.abs(high));
  const digits = Math.min(17, Math.max(5, Math.ceil(Math.log10(size / (high - low))) + 4));
  return `${Number(low.toPrecision(digits))}..${Number(high.toPrecision(digits))}`;
}

/** Text that cannot be parsed gives no window. */
export function windowOf(text: string | undefined): Window {
  const parts = (text ?? '').split('..').map((part) => (part.trim() ? Number(part) : NaN));
  const [low, high] = parts;
  return parts.length === 2 && Number.isFinite(low) && Number.isFinite(high) && low! < high! ? [low!, high!] : null;
}

/** Cards without a window are left out; null if none has one. */
export function zoomsText(zooms: Zooms): string | null {
  const said = Object.entries(zooms).flatMap(([key, { x, y }]) => {
    const [ofX, ofY] = [windowText(x ?? null), windowText(y ?? null)];
    return ofX || ofY ? [[key, ofX ?? '', ofY ?? '']] : [];
  });
  return said.length ? JSON.stringify(said) : null;
}

export function zoomsOf(text: string | undefined): Zooms {
  if (!text) return {};
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return {};
  }
  if (!Array.isArray(said)) return {};
  const zooms: Record<string, { x: Window; y: Window }> = Object.create(null) as Record<string, { x: Window; y: Window }>;
  for (const one of said as unknown[]) {
    if (!Array.isArray(one) || one.length !== 3 || !one.every((part) => typeof part === 'string')) continue;
    const [key, x, y] = one as [string, string, string];
    zooms[key] = { x: windowOf(x), y: windowOf(y) };
  }
  return zooms;
}
