/** Writes canvas drawing calls as SVG: paths, rectangles and texts in order. */

const at = (value: number) => String(Math.round(value * 100) / 100);
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const ANCHORS: Record<string, string> = { left: 'start', start: 'start', center: 'middle', right: 'end', end: 'end' };

export class SvgPen {
  fillStyle = '#000';
  strokeStyle = '#000';
  lineWidth = 1;
  lineJoin = 'round';
  font = '12px sans-serif';
  textAlign = 'left';
  textBaseline = 'middle';
  globalAlpha = 1;
  #dash: readonly number[] = [];
  #path: string[] = [];
  readonly #parts: string[] = [];

  setLineDash(dash: readonly number[]): void {
    this.#dash = dash;
  }
  beginPath(): void {
    this.#path = [];
  }
  moveTo(x: number, y: number): void {
    this.#path.push(`M${at(x)} ${at(y)}`);
  }
  lineTo(x: number, y: number): void {
    this.#path.push(`L${at(x)} ${at(y)}`);
  }
  bezierCurveTo(a: number, b: number, c: number, d: number, x: number, y: number): void {
    this.#path.push(`C${at(a)} ${at(b)} ${at(c)} ${at(d)} ${at(x)} ${at(y)}`);
  }
  closePath(): void {
    this.#path.push('Z');
  }
  rect(x: number, y: number, w: number, h: number): void {
    this.#path.push(`M${at(x)} ${at(y)}h${at(w)}v${at(h)}h${at(-w)}Z`);
  }
  roundRect(x: number, y: number, w: number, h: number, radius: number): void {
    const r = Math.min(radius, w / 2, h / 2);
    const arc = (dx: number, dy: number) => `a${at(r)} ${at(r)} 0 0 1 ${at(dx)} ${at(dy)}`;
    this.#path.push(`M${at(x + r)} ${at(y)}h${at(w - 2 * r)}${arc(r, r)}v${at(h - 2 * r)}${arc(-r, r)}h${at(2 * r - w)}${arc(-r, -r)}v${at(2 * r - h)}${arc(r, -r)}Z`);
  }
  fill(): void {
    if (this.#path.length) this.#parts.push(`<path d="${this.#path.join('')}" fill="${this.fillStyle}"${this.#alpha()}/>`);
  }
  stroke(): void {
    const dash = this.#dash.length ? ` stroke-dasharray="${this.#dash.join(' ')}"` : '';
    if (this.#path.length) this.#parts.push(`<path d="${this.#path.join('')}" fill="none" stroke="${this.strokeStyle}" stroke-width="${at(this.lineWidth)}" stroke-linejoin="round"${dash}${this.#alpha()}/>`);
  }
  fillRect(x: number, y: number, w: number, h: number): void {
    this.#parts.push(`<rect x="${at(x)}" y="${at(y)}" width="${at(w)}" height="${at(h)}" fill="${this.fillStyle}"${this.#alpha()}/>`);
  }
  fillText(text: string, x: number, y: number): void {
    this.#parts.push(this.#text(text, x, y, `fill="${this.fillStyle}"`));
  }
  strokeText(text: string, x: number, y: number): void {
    this.#parts.push(this.#text(text, x, y, `fill="none" stroke="${this.strokeStyle}" stroke-width="${at(this.lineWidth)}" stroke-linejoin="round"`));
  }

  svg(x: number, y: number, w: number, h: number, font: string): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${at(w)}" height="${at(h)}" viewBox="${at(x)} ${at(y)} ${at(w)} ${at(h)}" font-family="${escaped(font)}">\n${this.#parts.join('\n')}\n</svg>\n`;
  }

  #text(text: string, x: number, y: number, look: string): string {
    const [, weight, size] = /^(?:(\d+) )?([\d.]+)px/.exec(this.font) ?? [];
    const baseline = this.textBaseline === 'middle' ? ' dominant-baseline="central"' : '';
    return `<text x="${at(x)}" y="${at(y)}" font-size="${size ?? 12}"${weight ? ` font-weight="${weight}"` : ''} text-anchor="${ANCHORS[this.textAlign] ?? 'start'}"${baseline} ${look}${this.#alpha()}>${escaped(text)}</text>`;
  }

  #alpha(): string {
    return this.globalAlpha < 1 ? ` opacity="${at(this.globalAlpha)}"` : '';
  }
}
