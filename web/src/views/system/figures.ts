/** Title and unit of a system metric, from its key: "disk/read_mb_s" is "disk · read" in MB/s. */

/** Suffixes of the keys that netscope.record writes. */
const UNITS: readonly (readonly [RegExp, string])[] = [
  [/(^|_)mb_s$/, 'MB/s'],
  [/(^|_)mb$/, 'MB'],
  [/(^|_)percent$/, '%'],
  [/_c$/, '°C'],
  [/_w$/, 'W'],
];

export interface Figure {
  title: string;
  /** '' for plain counts. */
  unit: string;
}

export function figureOf(key: string): Figure {
  const parts = key.split('/');
  const last = parts.pop() ?? '';
  const [ending, unit] = UNITS.find(([one]) => one.test(last)) ?? [/$/, ''];
  return { title: [...parts, last.replace(ending, '').replaceAll('_', ' ')].filter(Boolean).join(' · '), unit };
}
