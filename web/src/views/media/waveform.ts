/** The outline of a sound over time. */

/** Lowest and highest sample of each of `n` equal parts over all channels, alternately. */
export function outline(channels: readonly Float32Array[], n: number): Float32Array {
  const length = Math.max(0, ...channels.map((channel) => channel.length));
  const parts = Math.max(1, Math.min(n, length));
  const found = new Float32Array(2 * parts);
  for (const channel of channels) {
    for (let i = 0; i < parts; i++) {
      const end = Math.floor(((i + 1) * length) / parts);
      for (let at = Math.floor((i * length) / parts); at < end; at++) {
        const value = channel[at]!;
        if (value < found[2 * i]!) found[2 * i] = value;
        if (value > found[2 * i + 1]!) found[2 * i + 1] = value;
      }
    }
  }
  return found;
}

/** The outline as an SVG path that fills a box `n` wide and 2 high; quiet sounds are drawn as they are. */
export function pathOf(outline: Float32Array): string {
  const n = outline.length / 2;
  const y = (value: number) => (1 - Math.max(-1, Math.min(1, value))).toFixed(3);
  const upper = Array.from({ length: n }, (_, i) => `${i},${y(Math.max(outline[2 * i + 1]!, 0.01))} ${i + 1},${y(Math.max(outline[2 * i + 1]!, 0.01))}`);
  const lower = Array.from({ length: n }, (_, i) => `${i + 1},${y(Math.min(outline[2 * i]!, -0.01))} ${i},${y(Math.min(outline[2 * i]!, -0.01))}`);
  return `M${upper.join(' ')} ${lower.reverse().join(' ')}z`;
}

/** Seconds in the format of a player: 1:04.5. */
export function playerTime(seconds: number): string {
  const tenths = Math.floor(Math.max(0, Number.isFinite(seconds) ? seconds : 0) * 10 + 1e-6);
  return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, '0')}`;
}
