/** A chart as a file: PNG as on screen but larger, SVG with real lines and text for papers. */
import type { Ink } from './ink';
import { drawPlot, frameOf, GHOST_ALPHA, GHOST_DASH, PARTIAL_DASH, partsOf, rawLines, type Axes, type Curve, type Frame } from './plot';
import { lineName } from './readings';

const LEGEND_ROW = 16;
const TITLE = 26;
const MOST_LEGEND = 20;

interface Picture {
  title: string;
  curves: readonly Curve[];
  axes: Axes;
  ink: Ink;
  width: number;
  height: number;
  /** Says how many runs have values that were left beyond the axis, and of how many. */
  beyond: (n: number, nLines: number) => string;
}

/** What the picture leaves out, to be said in it; '' where it shows everything. */
function noteOf(frame: Pick<Frame, 'nBeyond'>, curves: readonly Curve[], beyond: Picture['beyond']): string {
  return frame.nBeyond ? beyond(frame.nBeyond, new Set(curves.map((curve) => curve.id)).size) : '';
}

/** One entry per line: a key of a run or group, in the order of the curves. */
function legend(curves: readonly Curve[]): Curve[] {
  const known = new Map(curves.filter((curve) => !curve.ghost).map((curve) => [lineName(curve.id, curve.key), curve]));
  return known.size > MOST_LEGEND ? [] : [...known.values()];
}

function context(width: number, height: number, scale: number): CanvasRenderingContext2D {
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const made = canvas.getContext('2d')!;
  made.setTransform(scale, 0, 0, scale, 0, 0);
  return made;
}

/** A PNG at three times the resolution of CSS pixels, with title and legend. */
export async function toPng({ title, curves, axes, ink, width, height, beyond }: Picture): Promise<Blob> {
  const scale = 3;
  const entries = legend(curves);
  const chart = context(width, height, scale);
  chart.font = ink.font;
  const frame = frameOf(curves, axes, width, height, (text) => chart.measureText(text).width);
  drawPlot(chart, curves, frame, ink, null, null, scale);
  const whole = context(width + 16, TITLE + height + entries.length * LEGEND_ROW + 8, scale);
  whole.fillStyle = `rgb(${ink.surface.join(' ')})`;
  whole.fillRect(0, 0, 1e5, 1e5);
  whole.font = ink.font.replace(/^\d+px/, '600 13px');
  whole.fillStyle = ink.text;
  whole.fillText(title, 12, 18);
  whole.drawImage(chart.canvas, 8, TITLE, width, height);
  whole.font = ink.font;
  whole.fillStyle = ink.text2;
  whole.textAlign = 'right';
  whole.fillText(noteOf(frame, curves, beyond), width, 18);
  whole.textAlign = 'left';
  entries.forEach((curve, i) => {
    const y = TITLE + height + i * LEGEND_ROW + 10;
    whole.strokeStyle = curve.color;
    whole.lineWidth = 2;
    whole.setLineDash(curve.dash ?? []);
    whole.beginPath();
    whole.moveTo(16, y - 3.5);
    whole.lineTo(40, y - 3.5);
    whole.stroke();
    whole.fillStyle = ink.text2;
    whole.fillText(curve.name, 48, y);
  });
  return new Promise((resolve, reject) => {
    whole.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the browser made no picture'))), 'image/png');
  });
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const dashed = (dash: readonly number[] | null) => (dash ? ` stroke-dasharray="${dash.join(' ')}"` : '');
const at = (value: number) => String(Math.round(value * 100) / 100);

/** The path of a line; gaps begin a new piece. */
export function pathOf(x: ArrayLike<number>, y: ArrayLike<number>, frame: Pick<Frame, 'x' | 'y'>): string {
  const parts: string[] = [];
  let broken = true;
  for (let i = 0; i < x.length; i++) {
    const px = frame.x.at(x[i]!);
    const py = frame.y.at(y[i]!);
    if (px - px !== 0 || py - py !== 0) {
      broken = true;
      continue;
    }
    parts.push(`${broken ? 'M' : 'L'}${at(px)} ${at(py)}`);
    broken = false;
  }
  return parts.join('');
}

function bandOf(curve: Curve, frame: Frame): string {
  const upper = pathOf(curve.x, curve.high!, frame);
  const lower = pathOf([...curve.x].reverse(), [...curve.low!].reverse(), frame);
  return upper && lower ? `${upper}L${lower.slice(1)}Z` : '';
}

/** The chart as SVG text. */
export function toSvg({ title, curves, axes, ink, width, height, beyond }: Picture): string {
  const measure = context(1, 1, 1);
  measure.font = ink.font;
  const frame = frameOf(curves, axes, width, height, (text) => measure.measureText(text).width);
  const entries = legend(curves);
  const [w, h] = [width + 16, TITLE + height + entries.length * LEGEND_ROW + 8];
  const bottom = frame.top + frame.height;
  const right = frame.left + frame.width;
  const raw = new Set(rawLines(curves));
  const color = (rgb: readonly number[]) => `rgb(${rgb.join(',')})`;
  const text = (x: number, y: number, anchor: string, said: string) =>
    `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}">${escaped(said)}</text>`;
  const lines = curves.flatMap((curve) => {
    const made: string[] = [];
    if (curve.low && curve.high) made.push(`<path d="${bandOf(curve, frame)}" fill="${curve.color}" fill-opacity="0.16"/>`);
    if (raw.has(curve)) made.push(`<path d="${pathOf(curve.x, curve.y, frame)}" stroke="${curve.color}" stroke-opacity="0.26"/>`);
    const { whole, partial } = partsOf(curve);
    const stroke = `stroke="${curve.color}" stroke-width="1.5"${curve.ghost ? ` stroke-opacity="${GHOST_ALPHA}"` : ''}`;
    const named = `<title>${escaped(curve.name)}</title>`;
    if (whole.length) made.push(`<path d="${pathOf(curve.x, whole, frame)}" ${stroke}${dashed(curve.dash)}>${named}</path>`);
    if (partial) made.push(`<path d="${pathOf(curve.x, partial, frame)}" ${stroke}${dashed(curve.ghost ? GHOST_DASH : PARTIAL_DASH)}>${named}</path>`);
    return made;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="Helvetica,Arial,sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="${color(ink.surface)}"/>`,
    `<text x="12" y="18" font-size="13" font-weight="600" fill="${ink.text}">${escaped(title)}</text>`,
    ...[noteOf(frame, curves, beyond)].filter(Boolean).map((note) => `<text x="${width}" y="18" text-anchor="end" fill="${ink.text2}">${escaped(note)}</text>`),
    `<g transform="translate(8 ${TITLE})">`,
    `<clipPath id="plot"><rect x="${frame.left}" y="${frame.top}" width="${frame.width}" height="${frame.height}"/></clipPath>`,
    `<g stroke="${color(ink.grid)}">${frame.yTicks.map((tick) => `<path d="M${frame.left} ${at(frame.y.at(tick.value))}H${right}"/>`).join('')}</g>`,
    `<path d="M${frame.left} ${bottom}H${right}" stroke="${ink.line2}"/>`,
    `<g fill="${ink.text3}">`,
    ...frame.yTicks.map((tick) => text(frame.left - 6, frame.y.at(tick.value) + 4, 'end', tick.text)),
    ...frame.xTicks.map((tick) => text(frame.x.at(tick.value), bottom + 15, 'middle', tick.text)),
    `</g><g clip-path="url(#plot)" fill="none" stroke-linejoin="round">${lines.join('')}</g></g>`,
    ...entries.map((curve, i) => {
      const y = TITLE + height + i * LEGEND_ROW + 10;
      return `<path d="M16 ${y - 3.5}H40" stroke="${curve.color}" stroke-width="2"${dashed(curve.dash)}/><text x="48" y="${y}" fill="${ink.text2}">${escaped(curve.name)}</text>`;
    }),
    '</svg>',
  ].join('\n');
}

/** A file name for a key: letters, digits, dots and dashes. */
export function fileName(key: string, suffix: string): string {
  return `${key.replace(/[^\p{L}\p{N}.-]+/gu, '-').replace(/^[-.]+|-+$/g, '').slice(0, 80) || 'chart'}.${suffix}`;
}
