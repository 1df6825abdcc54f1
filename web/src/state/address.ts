/** The selection as an address and back: pure functions, so that a link restores exactly what was shown. */

/** Which runs are compared: the newest few until someone ticks, then a list, or all that pass the filter but a few. */
export type Compared = 'auto' | { ids: readonly string[] } | { except: readonly string[] };

export interface Selection {
  /** Id of the view, as `views/registry.ts` has it. */
  view: string;
  /** The run that Overview, Console, Layers… tell of; null: the first compared one. */
  run: string | null;
  compared: Compared;
  /** Step that all views show; null: the latest there is. */
  step: number | null;
  /** Dotted path of a layer. */
  layer: string | null;
  /** What else is in the address, by name: the filter of the runs, and what one view alone wants. */
  more: Readonly<Record<string, string>>;
}

export const NOTHING: Selection = { view: 'runs', run: null, compared: 'auto', step: null, layer: null, more: {} };

const OWN = new Set(['run', 'step', 'layer']);

/** Path below the base, with query and fragment: "curves?run=a&step=40#compare=a,b". */
export function encode(s: Selection): string {
  const query = new URLSearchParams();
  if (s.run !== null) query.set('run', s.run);
  if (s.step !== null) query.set('step', String(s.step));
  if (s.layer !== null) query.set('layer', s.layer);
  for (const name of Object.keys(s.more).sort()) if (!OWN.has(name)) query.set(name, s.more[name]!);
  const text = query.toString();
  return s.view + (text && `?${text}`) + fragment(s.compared);
}

// In the fragment, because a thousand ids make a line that servers and proxies refuse; the fragment never leaves the page.
function fragment(compared: Compared): string {
  if (compared === 'auto') return '';
  if ('ids' in compared) return `#compare=${compared.ids.map(escaped).join(',')}`;
  return `#compare=*${compared.except.map((id) => `,${escaped(id)}`).join('')}`;
}

/** An id as part of the list: no comma, and not the star that stands for all. */
function escaped(id: string): string {
  return encodeURIComponent(id).replaceAll('*', '%2A');
}

/** Read an address; what cannot be understood is left out. */
export function decode(url: URL, base: string): Selection {
  const path = url.pathname.startsWith(base) ? url.pathname.slice(base.length) : '';
  const step = url.searchParams.get('step');
  const more: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of url.searchParams) if (!OWN.has(name)) more[name] = value;
  return {
    view: /^[a-z-]+$/.test(path) ? path : NOTHING.view,
    run: url.searchParams.get('run'),
    compared: comparedOf(url.hash),
    step: step !== null && /^-?\d+$/.test(step) && Number.isSafeInteger(Number(step)) ? Number(step) : null,
    layer: url.searchParams.get('layer'),
    more,
  };
}

function comparedOf(hash: string): Compared {
  const list = /^#compare=(.*)$/.exec(hash)?.[1];
  if (list === undefined) return 'auto';
  const [first, ...rest] = list.split(',').filter(Boolean);
  if (first === '*') return { except: rest.map(plain) };
  return { ids: first === undefined ? [] : [first, ...rest].map(plain) };
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
