/** Draws the boxes, each with as much detail as is legible at its size on screen. */
import { CHIP_PX, CLOSED, HEADER_PX, INPUT, LEAF, MOST_CHIPS, OPEN, OUTPUT, type Scene } from '../scene';
import { fitText, textWidth } from '../measure';
import { LEGIBLE_SCALE, type Area } from './camera';
import type { BoxColour, Ink, Look, Pen } from './look';

/** Smaller boxes are spots of their colour. */
const SPOT_SCALE = 0.1;
/** Smallest text on screen. */
const LEAST_TEXT_PX = 9.5;
const PADDING_PX = 11;

export function inSight(scene: Scene, sight: Area): number[] {
  const { x, y, w, h } = scene;
  const [right, bottom] = [sight.x + sight.w, sight.y + sight.h];
  const shown: number[] = [];
  for (let b = 0; b < x.length; b++) if (x[b]! <= right && x[b]! + w[b]! >= sight.x && y[b]! <= bottom + 24 && y[b]! + h[b]! >= sight.y - 60) shown.push(b);
  return shown;
}

/** Backgrounds of the open groups, under everything. */
export function drawGrounds(pen: Pen, scene: Scene, look: Look, boxes: readonly number[], scale: number): void {
  const { ink } = look;
  for (const b of boxes) {
    if (scene.kind[b] !== OPEN) continue;
    pen.globalAlpha = look.bright && !look.bright.has(scene.id[b]!) ? 0.6 : 1;
    pen.fillStyle = ink.groups[(scene.depth[b]! - 1) % ink.groups.length]!;
    pen.strokeStyle = ink.line;
    pen.lineWidth = 1 / Math.min(1, Math.max(scale, 0.2));
    pen.beginPath();
    if (scale < SPOT_SCALE) pen.rect(scene.x[b]!, scene.y[b]!, scene.w[b]!, scene.h[b]!);
    else pen.roundRect(scene.x[b]!, scene.y[b]!, scene.w[b]!, scene.h[b]!, 9);
    pen.fill();
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

export function drawBoxes(pen: Pen, scene: Scene, look: Look, boxes: readonly number[], scale: number): void {
  const closed = boxes.filter((b) => scene.kind[b] !== OPEN);
  if (scale < SPOT_SCALE) spots(pen, scene, look, closed, scale);
  else for (const b of closed) drawBox(pen, scene, look, b, scale);
  for (const b of boxes) if (scale >= 0.33 && scene.kind[b] === OPEN) drawHeader(pen, scene, look, b, scale);
  marks(pen, scene, look, boxes, scale);
  if (scale >= LEGIBLE_SCALE) for (const b of boxes) drawChips(pen, scene, look, b);
  if (scale < LEGIBLE_SCALE) drawNames(pen, scene, look, boxes, scale);
}

/** Small boxes: all of one colour in one path. */
function spots(pen: Pen, scene: Scene, look: Look, boxes: readonly number[], scale: number): void {
  const byColour = new Map<number, number[]>();
  for (const b of boxes) {
    const colour = look.colourOf(b);
    const list = byColour.get(colour);
    if (list) list.push(b);
    else byColour.set(colour, [b]);
  }
  const least = 1 / scale;
  for (const [colour, list] of byColour) {
    pen.fillStyle = look.colours[colour]!.line;
    for (const b of list) pen.fillRect(scene.x[b]!, scene.y[b]!, Math.max(least, scene.w[b]!), Math.max(least, scene.h[b]!));
  }
}

function drawBox(pen: Pen, scene: Scene, look: Look, b: number, scale: number): void {
  const { ink } = look;
  const [x, y, w, h] = [scene.x[b]!, scene.y[b]!, scene.w[b]!, scene.h[b]!];
  const id = scene.id[b]!;
  const kind = scene.kind[b]!;
  const colour = look.colours[look.colourOf(b)]!;
  pen.globalAlpha = look.bright && !look.bright.has(id) ? 0.4 : 1;
  const badge = look.badgeOf(id);
  const isPill = kind === INPUT || kind === OUTPUT;
  const radius = isPill ? Math.min(h, 38) / 2 : kind === CLOSED ? 7 : 5;
  pen.lineWidth = Math.max(kind === CLOSED ? 1.2 : 1, 0.7 / scale);
  if (badge && scale > 0.2)
    for (const off of [6, 3]) {
      pen.fillStyle = ink.surface;
      pen.strokeStyle = ink.line;
      pen.beginPath();
      pen.roundRect(x + off, y + off, w, h, radius);
      pen.fill();
      pen.stroke();
    }
  pen.fillStyle = colour.fill;
  pen.strokeStyle = look.hovered === id ? ink.accent : colour.line;
  pen.beginPath();
  pen.roundRect(x, y, w, h, radius);
  pen.fill();
  pen.stroke();
  if (kind === CLOSED && scale > 0.25) drawMix(pen, look, b, x, y, w, h);
  if (scale >= LEGIBLE_SCALE) drawTexts(pen, look, id, kind, badge, colour, x, y, w, h);
  else drawSmallText(pen, look, id, colour, x, y, w, h, scale);
  const sign = look.signOf?.(id);
  if (sign) drawSign(pen, ink, sign, colour, x, y, scale);
  pen.globalAlpha = 1;
}

/** A character in a circle on the upper left corner, larger when zoomed out. */
function drawSign(pen: Pen, ink: Ink, sign: string, colour: BoxColour, x: number, y: number, scale: number): void {
  const radius = Math.min(12, Math.max(7.5, 5.5 / scale));
  pen.fillStyle = colour.line;
  pen.beginPath();
  pen.roundRect(x - radius + 2, y - radius + 2, 2 * radius, 2 * radius, radius);
  pen.fill();
  pen.font = `700 ${radius * 1.6}px ${ink.font}`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillStyle = ink.surface;
  pen.fillText(sign, x + 2, y + 2.5);
}

/** Content of a closed group: a bar in the colours of its operations. */
function drawMix(pen: Pen, look: Look, b: number, x: number, y: number, w: number, h: number): void {
  let at = x + 7;
  const length = w - 14;
  for (const [colour, share] of look.mixOf(b)) {
    pen.fillStyle = look.colours[colour]!.line;
    pen.fillRect(at, y + h - 4.5, Math.max(0.5, share * length - 0.75), 2.5);
    at += share * length;
  }
}

function drawTexts(pen: Pen, look: Look, id: number, kind: number, badge: string, colour: BoxColour, x: number, y: number, w: number, h: number): void {
  const { ink } = look;
  const { title, subtitle } = look.labelOf(id);
  const isGroup = kind === CLOSED;
  pen.textBaseline = 'middle';
  const middle = y + h / 2 - (isGroup ? 1 : 0);
  const titleY = subtitle ? middle - 7.5 : middle;
  const plus = isGroup ? 18 : 0;
  const room = w - 2 * PADDING_PX + 4;
  if (isGroup) {
    pen.textAlign = 'left';
    let right = x + w - PADDING_PX + 2;
    pen.font = `400 14px ${ink.font}`;
    pen.fillStyle = ink.text3;
    pen.textAlign = 'right';
    pen.fillText('+', right, titleY);
    right -= plus - 3;
    if (badge) {
      const wide = textWidth(badge, 10.5, true) + 9;
      pen.fillStyle = ink.accentSoft;
      pen.beginPath();
      pen.roundRect(right - wide, titleY - 7.5, wide, 15, 7.5);
      pen.fill();
      pen.fillStyle = ink.accent;
      pen.font = `600 10.5px ${ink.font}`;
      pen.textAlign = 'center';
      pen.fillText(badge, right - wide / 2, titleY + 0.5);
    }
    pen.textAlign = 'left';
    pen.fillStyle = colour.text;
    pen.font = `600 12px ${ink.font}`;
    pen.fillText(fitText(title, room - plus - (badge ? textWidth(badge, 10.5, true) + 14 : 0), 12, true), x + PADDING_PX, titleY);
    pen.font = `10.5px ${ink.font}`;
    pen.fillStyle = ink.text2;
    if (subtitle) pen.fillText(fitText(subtitle, room, 10.5), x + PADDING_PX, middle + 7.5);
    return;
  }
  pen.textAlign = 'center';
  pen.fillStyle = colour.text;
  pen.font = `600 12px ${ink.font}`;
  pen.fillText(fitText(title, room + 6, 12, true), x + w / 2, titleY);
  if (!subtitle) return;
  pen.font = `10.5px ${ink.font}`;
  pen.fillStyle = ink.text2;
  pen.fillText(fitText(subtitle, room + 6, 10.5), x + w / 2, middle + 7.5);
}

/** Zoomed out: only the title, at a legible size, if it fits. */
function drawSmallText(pen: Pen, look: Look, id: number, colour: BoxColour, x: number, y: number, w: number, h: number, scale: number): void {
  const size = LEAST_TEXT_PX / scale;
  if (h < size * 1.05 || w * scale < 26) return;
  const text = fitText(look.labelOf(id).title, w - 6, size, true);
  if (text.length < 2) return;
  pen.font = `600 ${size}px ${look.ink.font}`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillStyle = colour.text;
  pen.fillText(text, x + w / 2, y + h / 2);
}

function drawHeader(pen: Pen, scene: Scene, look: Look, b: number, scale: number): void {
  const { ink } = look;
  const id = scene.id[b]!;
  const { title, subtitle } = look.labelOf(id);
  const [x, y, w] = [scene.x[b]!, scene.y[b]!, scene.w[b]!];
  const size = Math.max(12, LEAST_TEXT_PX / scale);
  const middle = y + HEADER_PX / 2 + 0.5;
  pen.globalAlpha = look.bright && !look.bright.has(id) ? 0.5 : 1;
  pen.textBaseline = 'middle';
  pen.textAlign = 'left';
  pen.fillStyle = look.hovered === id ? ink.accent : ink.text3;
  pen.font = `400 ${size + 2}px ${ink.font}`;
  pen.fillText('−', x + 11, middle);
  const begin = x + 15 + size;
  const badge = look.badgeOf(id);
  pen.font = `600 ${size}px ${ink.font}`;
  pen.fillStyle = look.hovered === id ? ink.accent : ink.text;
  const shown = fitText(title, w - 20 - size, size, true);
  pen.fillText(shown, begin, middle);
  if (scale >= LEGIBLE_SCALE && shown === title) {
    const from = begin + widthOf(pen, title, size) + 8;
    pen.font = `10.5px ${ink.font}`;
    pen.fillStyle = ink.text3;
    pen.fillText(fitText([badge, subtitle].filter(Boolean).join('  ·  '), x + w - from - 8, 10.5), from, middle + 0.5);
  }
  pen.globalAlpha = 1;
}

/** Width of a title in the current font, exact if the pen can measure it. */
function widthOf(pen: Pen, title: string, size: number): number {
  return 'measureText' in pen ? (pen as CanvasRenderingContext2D).measureText(title).width : textWidth(title, size, true);
}

/** Selected and found boxes, framed at any zoom. */
function marks(pen: Pen, scene: Scene, look: Look, boxes: readonly number[], scale: number): void {
  const { ink, found, selected } = look;
  if (!found.size && selected < 0) return;
  for (const b of boxes) {
    const id = scene.id[b]!;
    const isSelected = id === selected;
    if (!isSelected && !found.has(id)) continue;
    const off = 2.5 / Math.max(scale, 0.4);
    pen.strokeStyle = isSelected ? ink.accent : ink.mark;
    pen.lineWidth = (isSelected ? 2.2 : 1.8) / Math.max(0.4, Math.min(1, scale));
    pen.beginPath();
    const kind = scene.kind[b]!;
    pen.roundRect(scene.x[b]! - off, scene.y[b]! - off, scene.w[b]! + 2 * off, scene.h[b]! + 2 * off, kind === INPUT || kind === OUTPUT ? scene.h[b]! / 2 + off : kind === LEAF ? 5 + off : 8 + off);
    pen.stroke();
  }
}

/** Labels of values from far away above a box, and the number of their targets below it. */
function drawChips(pen: Pen, scene: Scene, look: Look, b: number): void {
  const { ink } = look;
  const [from, to] = [b ? scene.toldInEnds[b - 1]! : 0, scene.toldInEnds[b]!];
  const n = to - from;
  if (!n && !scene.toldOut[b]) return;
  pen.textBaseline = 'middle';
  const chip = (text: string, middle: number, top: number, isBright: boolean) => {
    const width = Math.min(110, textWidth(text, 10) + 14);
    pen.fillStyle = isBright ? ink.accentSoft : ink.surface;
    pen.strokeStyle = isBright ? ink.accent : ink.line;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.roundRect(middle - width / 2, top, width, CHIP_PX - 4, 6.5);
    pen.fill();
    pen.stroke();
    pen.fillStyle = isBright ? ink.accent : ink.text2;
    pen.font = `10px ${ink.font}`;
    pen.textAlign = 'center';
    pen.fillText(fitText(text, width - 6, 10), middle, top + (CHIP_PX - 4) / 2 + 0.5);
  };
  const middle = scene.x[b]! + scene.w[b]! / 2;
  const rows = Math.min(MOST_CHIPS, n);
  pen.globalAlpha = look.bright && !look.bright.has(scene.id[b]!) ? 0.5 : 1;
  for (let i = 0; i < rows; i++) {
    const isRest = i === MOST_CHIPS - 1 && n > MOST_CHIPS;
    const source = scene.toldIn[from + i]!;
    const text = isRest ? `+ ${n - i}` : `${look.labelOf(source).title} ↓`;
    chip(text, middle, scene.y[b]! - (rows - i) * CHIP_PX + 1, source === look.selected);
  }
  if (scene.toldOut[b]) chip(`↓ ${scene.toldOut[b]}`, middle, scene.y[b]! + scene.h[b]! + 3, scene.id[b] === look.selected);
  pen.globalAlpha = 1;
}

/** Names of open groups across their content, as on a map: of the innermost ones that have room. */
function drawNames(pen: Pen, scene: Scene, look: Look, boxes: readonly number[], scale: number): void {
  const { ink } = look;
  const isNamed = new Set<number>();
  for (let i = boxes.length - 1; i >= 0; i--) {
    const b = boxes[i]!;
    const above = scene.parent[b]!;
    if (scene.kind[b] !== OPEN) continue;
    const [w, h] = [scene.w[b]! * scale, scene.h[b]! * scale];
    if (isNamed.has(b)) {
      if (above >= 0) isNamed.add(above);
      continue;
    }
    // A group with a legible header needs no other name.
    if (scale >= 0.33 || w < 36 || h < 15) {
      if (scale >= 0.33 && above >= 0) isNamed.add(above);
      continue;
    }
    const size = 11 / scale;
    const text = fitText(look.labelOf(scene.id[b]!).title, scene.w[b]! - 8 / scale, size, true);
    if (text.length < 2) continue;
    if (above >= 0) isNamed.add(above);
    pen.font = `600 ${size}px ${ink.font}`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.lineWidth = 3.5 / scale;
    pen.lineJoin = 'round';
    pen.strokeStyle = ink.groups[(scene.depth[b]! - 1) % ink.groups.length]!;
    const at: [number, number] = [scene.x[b]! + scene.w[b]! / 2, scene.y[b]! + Math.min(scene.h[b]! / 2, 60 / scale)];
    pen.strokeText(text, ...at);
    pen.fillStyle = ink.text;
    pen.fillText(text, ...at);
  }
}
