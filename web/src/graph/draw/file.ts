/** The whole drawing as a file: SVG with real lines and text, PNG as sharp as a canvas allows. */
import type { Scene } from '../scene';
import type { Look, Pen } from './look';
import { paint } from './paint';
import { SvgPen } from './svg';

const MARGIN_PX = 20;
/** Limits of a canvas in browsers: per side, and in total. */
const MOST_SIDE_PX = 16_000;
const MOST_PX = 120e6;

const whole = (scene: Scene) => ({ x: -MARGIN_PX, y: -MARGIN_PX, w: scene.width + 2 * MARGIN_PX, h: scene.height + 2 * MARGIN_PX });

export function toSvg(scene: Scene, look: Look): string {
  const { x, y, w, h } = whole(scene);
  const pen = new SvgPen();
  pen.fillStyle = look.ink.ground;
  pen.fillRect(x, y, w, h);
  paint(pen as unknown as Pen, scene, look, { x, y, w, h }, 1);
  return pen.svg(x, y, w, h, look.ink.font);
}

/** Largest side of a page in PDF: 14,400 points. */
const MOST_PAGE_PX = 19_000;

/** The drawing on a single page of its size, for the browser's print, which saves it as PDF: lines and text stay such. */
export function toPrint(scene: Scene, look: Look): { svg: string; width: number; height: number } {
  const { w, h } = whole(scene);
  const scale = Math.min(1, MOST_PAGE_PX / Math.max(w, h));
  return { svg: toSvg(scene, look), width: w * scale, height: h * scale };
}

/** Rejects if the browser cannot make an image of that size. */
export function toPng(scene: Scene, look: Look): Promise<Blob> {
  const { x, y, w, h } = whole(scene);
  const scale = Math.min(2, MOST_SIDE_PX / Math.max(w, h), Math.sqrt(MOST_PX / (w * h)));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(w * scale));
  canvas.height = Math.max(1, Math.round(h * scale));
  const context = canvas.getContext('2d')!;
  context.scale(scale, scale);
  context.translate(-x, -y);
  context.fillStyle = look.ink.ground;
  context.fillRect(x, y, w, h);
  paint(context, scene, look, { x, y, w, h }, scale);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the browser made no picture'))), 'image/png'));
}
