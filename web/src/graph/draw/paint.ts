/** Draws everything, or what the camera sees. */
import type { Scene } from '../scene';
import { drawBoxes, drawGrounds, inSight } from './boxes';
import type { Area } from './camera';
import { drawLines } from './lines';
import type { Camera, Look, Pen } from './look';

/** With a pen in the coordinates of the drawing. */
export function paint(pen: Pen, scene: Scene, look: Look, sight: Area, scale: number): void {
  const boxes = inSight(scene, sight);
  drawGrounds(pen, scene, look, boxes, scale);
  drawLines(pen, scene, look, sight, scale);
  drawBoxes(pen, scene, look, boxes, scale);
}

export function sightOf(camera: Camera, width: number, height: number): Area {
  return { x: camera.x, y: camera.y, w: width / camera.scale, h: height / camera.scale };
}

/** The overview: boxes as spots, and a frame around the visible part. */
export function paintMap(pen: CanvasRenderingContext2D, scene: Scene, look: Look, width: number, height: number): number {
  const scale = Math.min(width / scene.width, height / scene.height);
  const [left, top] = [(width - scene.width * scale) / 2, (height - scene.height * scale) / 2];
  for (let b = 0; b < scene.id.length; b++) {
    const colour = look.colours[look.colourOf(b)]!;
    const isOpen = scene.kind[b] === 1;
    pen.fillStyle = isOpen ? look.ink.groups[(scene.depth[b]! - 1) % look.ink.groups.length]! : colour.line;
    pen.fillRect(left + scene.x[b]! * scale, top + scene.y[b]! * scale, Math.max(1, scene.w[b]! * scale), Math.max(0.6, scene.h[b]! * scale));
  }
  return scale;
}

/** The box at a point of the drawing, the innermost; -1 for none. */
export function boxAt(scene: Scene, x: number, y: number): number {
  for (let b = scene.id.length - 1; b >= 0; b--) if (x >= scene.x[b]! && x <= scene.x[b]! + scene.w[b]! && y >= scene.y[b]! && y <= scene.y[b]! + scene.h[b]!) return b;
  return -1;
}

/** The line within `reach` of a point; -1 for none. */
export function lineAt(scene: Scene, x: number, y: number, reach: number): number {
  const { corners, low, high, cornerEnds } = scene;
  const isDown = scene.direction === 'down';
  let best = reach;
  let found = -1;
  for (let l = 0; l < cornerEnds.length; l++) {
    if (x < low[2 * l]! - reach || x > high[2 * l]! + reach || y < low[2 * l + 1]! - reach || y > high[2 * l + 1]! + reach) continue;
    const first = l ? cornerEnds[l - 1]! : 0;
    for (let k = first + scene.ownFrom[l]! + 1; k < cornerEnds[l]!; k++) {
      const [x0, y0, x1, y1] = [corners[2 * k - 2]!, corners[2 * k - 1]!, corners[2 * k]!, corners[2 * k + 1]!];
      // A curve is an S along its direction; this is accurate enough for a finger.
      const share = Math.max(0, Math.min(1, isDown ? (y - y0) / (y1 - y0 || 1) : (x - x0) / (x1 - x0 || 1)));
      const eased = (k - first) % 2 ? share : share * share * (3 - 2 * share);
      const distance = isDown ? Math.hypot(x0 + (x1 - x0) * eased - x, y0 + (y1 - y0) * share - y) : Math.hypot(x0 + (x1 - x0) * share - x, y0 + (y1 - y0) * eased - y);
      if (distance < best) [best, found] = [distance, l];
    }
  }
  return found;
}
