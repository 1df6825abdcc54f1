/** Scales of an enlarged image. */

export interface Size {
  width: number;
  height: number;
}

const LEAST = 0.05;
const MOST = 256;

/** The scale at which an image fits a box; with hard edges, an enlarged image gets a whole number of screen px per pixel. */
export function fitScale(picture: Size, box: Size, isSharp: boolean): number {
  if (!picture.width || !picture.height || !box.width || !box.height) return 1;
  const scale = Math.min(box.width / picture.width, box.height / picture.height, MOST);
  return isSharp && scale > 1 ? Math.floor(scale) : scale;
}

/** The scale after `steps` of the wheel or a key from `scale`; with hard edges it stops at whole numbers. */
export function zoomed(scale: number, steps: number, isSharp: boolean): number {
  const next = Math.min(MOST, Math.max(LEAST, scale * 1.25 ** steps));
  if (!isSharp || Math.max(scale, next) <= 1) return next;
  return steps > 0 ? Math.min(MOST, Math.max(Math.floor(scale) + 1, Math.round(next))) : Math.max(1, Math.min(Math.ceil(scale) - 1, Math.round(next)));
}

/** The scroll position that keeps the point `at` px from the edge of the box in place at another scale. */
export function scrollAt(scroll: number, at: number, from: number, to: number): number {
  return ((scroll + at) * to) / from - at;
}
