/** The visible part of the drawing. */
import type { Camera } from './look';
import type { Scene } from '../scene';

export interface Area {
  x: number;
  y: number;
  w: number;
  h: number;
}

const MOST_SCALE = 4;
const MARGIN_PX = 28;
/** At a smaller scale, titles are smaller than six px. */
export const LEGIBLE_SCALE = 0.52;

/** The camera that shows a whole area, centred, at a scale of at most `most`. */
export function fitArea(area: Area, width: number, height: number, most = 1, margin = MARGIN_PX): Camera {
  const scale = Math.max(1e-5, Math.min(most, (width - 2 * margin) / Math.max(1, area.w), (height - 2 * margin) / Math.max(1, area.h)));
  return { scale, x: area.x + area.w / 2 - width / 2 / scale, y: area.y + area.h / 2 - height / 2 / scale };
}

/** The initial view of a drawing: all of it if that is legible, otherwise its beginning. */
export function firstView(scene: Scene, width: number, height: number): Camera {
  const whole = { x: 0, y: 0, w: scene.width, h: scene.height };
  const fitted = fitArea(whole, width, height, 1.25);
  if (fitted.scale >= LEGIBLE_SCALE) return fitted;
  const isDown = scene.direction === 'down';
  const scale = Math.max(LEGIBLE_SCALE + 0.13, Math.min(1, isDown ? (width - 2 * MARGIN_PX) / scene.width : (height - 2 * MARGIN_PX) / scene.height));
  // At the first box, which is an input if there is one.
  const first = scene.id.length ? { x: scene.x[0]! + scene.w[0]! / 2, y: scene.y[0]! + scene.h[0]! / 2 } : { x: 0, y: 0 };
  const across = (from: number, size: number, room: number) => (size * scale <= room ? size / 2 - room / 2 / scale : Math.max(-MARGIN_PX / scale, Math.min(size - (room - MARGIN_PX) / scale, from - room / 2 / scale)));
  return isDown ? { scale, x: across(first.x, scene.width, width), y: -MARGIN_PX / scale } : { scale, x: -MARGIN_PX / scale, y: across(first.y, scene.height, height) };
}

/** Zoom, keeping the point under the pointer in place. */
export function zoomAt(camera: Camera, factor: number, x: number, y: number, least: number): Camera {
  const scale = Math.min(MOST_SCALE, Math.max(least, camera.scale * factor));
  return { scale, x: camera.x + x / camera.scale - x / scale, y: camera.y + y / camera.scale - y / scale };
}

/** Move the camera so that some of the drawing is always visible. */
export function kept(camera: Camera, scene: Pick<Scene, 'width' | 'height'>, width: number, height: number): Camera {
  const hold = (from: number, size: number, room: number) => Math.max(-0.7 * room, Math.min(size - 0.3 * room, from));
  return { ...camera, x: hold(camera.x, scene.width, width / camera.scale), y: hold(camera.y, scene.height, height / camera.scale) };
}

/** Move as little as needed to show an area, which is centred if it was out of sight. */
export function revealed(camera: Camera, area: Area, width: number, height: number): Camera {
  const [w, h] = [width / camera.scale, height / camera.scale];
  const margin = 24 / camera.scale;
  const isInside = area.x >= camera.x + margin && area.x + area.w <= camera.x + w - margin && area.y >= camera.y + margin && area.y + area.h <= camera.y + h - margin;
  if (isInside) return camera;
  if (area.w > w || area.h > h) return { ...camera, x: area.w > w ? area.x - margin : area.x + area.w / 2 - w / 2, y: area.h > h ? area.y - margin : area.y + area.h / 2 - h / 2 };
  return { ...camera, x: area.x + area.w / 2 - w / 2, y: area.y + area.h / 2 - h / 2 };
}

export function blend(a: Camera, b: Camera, share: number): Camera {
  const scale = Math.exp(Math.log(a.scale) + (Math.log(b.scale) - Math.log(a.scale)) * share);
  return { scale, x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share };
}
