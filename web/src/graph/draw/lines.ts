/** Draws the edges in sight in few strokes. */
import type { Scene } from '../scene';
import { textWidth } from '../measure';
import type { Area } from './camera';
import type { Look, Pen } from './look';

/** At this scale and above, arrows, curves and shapes are visible. */
const ARROW_SCALE = 0.3;
const CURVE_SCALE = 0.12;
const SHAPE_SCALE = 0.6;
const ARROW_PX = 6;
const SHAPE_PX = 10;

export function drawLines(pen: Pen, scene: Scene, look: Look, sight: Area, scale: number): void {
  const { ink, bright, brightLines } = look;
  const shown: number[] = [];
  const { low, high, cornerEnds } = scene;
  const [right, bottom] = [sight.x + sight.w, sight.y + sight.h];
  for (let l = 0; l < cornerEnds.length; l++) {
    if (low[2 * l]! <= right && high[2 * l]! >= sight.x && low[2 * l + 1]! <= bottom && high[2 * l + 1]! >= sight.y) shown.push(l);
  }
  const byWidth = new Map<number, number[]>();
  for (const l of shown) {
    if (brightLines.has(l)) continue;
    const width = scale < CURVE_SCALE ? 1 : Math.round(look.widthOf(l) * 2) / 2;
    const list = byWidth.get(width);
    if (list) list.push(l);
    else byWidth.set(width, [l]);
  }
  const isFaint = bright !== null || brightLines.size > 0;
  pen.globalAlpha = isFaint ? 0.38 : 1;
  pen.strokeStyle = pen.fillStyle = ink.edge;
  pen.lineJoin = 'round';
  for (const [width, lines] of byWidth) {
    pen.lineWidth = Math.max(width, 0.6 / scale);
    for (const isBack of [0, 1]) {
      const some = lines.filter((l) => scene.isBack[l] === isBack);
      if (!some.length) continue;
      pen.setLineDash(isBack ? [5, 4] : []);
      pen.beginPath();
      for (const l of some) trace(pen, scene, l, scene.ownFrom[l]!, scale, sight);
      pen.stroke();
    }
  }
  pen.setLineDash([]);
  if (scale >= ARROW_SCALE) arrows(pen, scene, shown.filter((l) => !brightLines.has(l)));
  pen.globalAlpha = 1;
  if (brightLines.size) {
    const some = shown.filter((l) => brightLines.has(l));
    pen.strokeStyle = pen.fillStyle = ink.accent;
    for (const l of some) {
      pen.lineWidth = Math.max(look.widthOf(l) + 0.6, 1.4 / scale);
      pen.beginPath();
      trace(pen, scene, l, 0, scale, sight);
      pen.stroke();
    }
    if (scale >= ARROW_SCALE) arrows(pen, scene, some);
  }
  if (scale >= SHAPE_SCALE) shapes(pen, scene, look, shown);
}

/** Corners of a line in `scene.corners`: from, to. */
export function spanOf(scene: Scene, line: number): [number, number] {
  return [line ? scene.cornerEnds[line - 1]! : 0, scene.cornerEnds[line]!];
}

/** Long lines are traced only where they are in sight. */
function trace(pen: Pen, scene: Scene, line: number, from: number, scale: number, sight: Area): void {
  const { corners } = scene;
  const isDown = scene.direction === 'down';
  const [first, end] = spanOf(scene, line);
  const isCurved = scale >= CURVE_SCALE;
  const [low, high] = isDown ? [sight.y, sight.y + sight.h] : [sight.x, sight.x + sight.w];
  let k = first + from;
  let last = end;
  const along = (corner: number) => corners[2 * corner + (isDown ? 1 : 0)]!;
  const isBack = along(end - 1) < along(first);
  if (!isBack) {
    while (k + 2 < end && along(k + 1) < low) k++;
    while (last - 2 > k && along(last - 2) > high) last--;
  }
  pen.moveTo(corners[2 * k]!, corners[2 * k + 1]!);
  for (let at = k + 1; at < last; at++) {
    const [x, y] = [corners[2 * at]!, corners[2 * at + 1]!];
    const [x0, y0] = [corners[2 * at - 2]!, corners[2 * at - 1]!];
    const isStraight = !isCurved || (at - first) % 2 === 1 || (isDown ? x === x0 : y === y0);
    if (isStraight) pen.lineTo(x, y);
    else if (isDown) pen.bezierCurveTo(x0, (y0 + y) / 2, x, (y0 + y) / 2, x, y);
    else pen.bezierCurveTo((x0 + x) / 2, y0, (x0 + x) / 2, y, x, y);
  }
}

function arrows(pen: Pen, scene: Scene, lines: readonly number[]): void {
  const { corners, hasArrow } = scene;
  const isDown = scene.direction === 'down';
  pen.beginPath();
  for (const l of lines) {
    if (!hasArrow[l]) continue;
    const end = spanOf(scene, l)[1] - 1;
    const [x, y] = [corners[2 * end]!, corners[2 * end + 1]!];
    const from = isDown ? corners[2 * end - 1]! - y : corners[2 * end - 2]! - x;
    const back = (from > 0.5 ? 1 : -1) * ARROW_PX;
    pen.moveTo(x, y);
    if (isDown) {
      pen.lineTo(x - 3.4, y + back);
      pen.lineTo(x + 3.4, y + back);
    } else {
      pen.lineTo(x + back, y - 3.4);
      pen.lineTo(x + back, y + 3.4);
    }
    pen.closePath();
  }
  pen.fill();
}

/** Shapes beside their lines, if there is room. */
function shapes(pen: Pen, scene: Scene, look: Look, lines: readonly number[]): void {
  const { corners, room } = scene;
  const isDown = scene.direction === 'down';
  pen.font = `${SHAPE_PX}px ${look.ink.font}`;
  pen.textAlign = isDown ? 'left' : 'center';
  pen.textBaseline = 'middle';
  pen.lineWidth = 3;
  for (const l of lines) {
    // Where lines split there is no room beside them, so the shape is before the arrow.
    const isSplit = room[l]! < 0;
    const free = Math.abs(room[l]!);
    if (free < 30) continue;
    const text = look.valueOf(l);
    if (!text) continue;
    const width = textWidth(text, SHAPE_PX);
    if (isSplit) {
      if (!isDown) continue;
      const [begin, end] = spanOf(scene, l);
      if (end - 1 - begin > 3 || width + 14 > free) continue;
      // On the side that the line does not come from.
      const [x, y] = [corners[2 * end - 2]!, corners[2 * end - 1]!];
      const isFromRight = corners[2 * begin]! > x + 2;
      write(text, isFromRight ? x - width - 13 : x + 6, y - 8);
      continue;
    }
    const first = spanOf(scene, l)[0] + 1;
    const [x, y] = [corners[2 * first]!, corners[2 * first + 1]!];
    const next = isDown ? corners[2 * first + 3]! : corners[2 * first + 2]!;
    // Downwards beside the line; to the right above it, where the gap is as long as the text.
    if (isDown ? width + 10 > free : width + 6 > next - x) continue;
    const leans = isDown && corners[2 * first + 2]! > x + 2;
    const at = isDown ? { x: leans ? x - width - 10 : x + 5, y: Math.min(y + 11, (y + next) / 2) } : { x: (x + next) / 2, y: y - 7 };
    if (leans && free < width + 24) continue;
    write(text, at.x, at.y);
  }
  pen.globalAlpha = 1;

  function write(text: string, x: number, y: number): void {
    pen.strokeStyle = look.ink.ground;
    pen.globalAlpha = 0.8;
    pen.strokeText(text, x, y);
    pen.globalAlpha = look.bright ? 0.5 : 1;
    pen.fillStyle = look.ink.text3;
    pen.fillText(text, x, y);
  }
}
