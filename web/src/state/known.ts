/** The keys of the runs, and which of them a name in a filter stands for. The twin of store/query/known_keys.py. */

/** In the order of `Summary`. */
export const PARTS = ['last', 'min', 'max', 'value'];

export interface Known {
  config: ReadonlySet<string>;
  series: ReadonlySet<string>;
}

/** The series and the part of it that a name with a part stands for: "loss.min" is ["loss", 1]. */
export function partOf(name: string): [string, number] | null {
  const dot = name.lastIndexOf('.');
  const part = PARTS.indexOf(name.slice(dot + 1));
  return dot > 0 && part >= 0 ? [name.slice(0, dot), part] : null;
}

/**
 * The keys that a name may stand for: the key with that name, otherwise those that end with it.
 *
 * `lr` is the key `lr`, otherwise `optimizer.lr` and `train/lr`. `loss.min` is the key with that name, otherwise the smallest value of what
 * `loss` stands for.
 */
export function findKeys({ config, series }: Known, name: string): string[] {
  if (config.has(name) || series.has(name)) return [name];
  const found = [...new Set([...config, ...series])].filter((key) => key.endsWith(`/${name}`) || key.endsWith(`.${name}`));
  if (found.length) return found.sort();
  const part = partOf(name);
  if (!part) return [];
  return findKeys({ config: new Set(), series }, part[0]).map((key) => `${key}.${PARTS[part[1]]}`);
}
