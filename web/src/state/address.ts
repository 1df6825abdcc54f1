/** Writes the selection into an address and reads it back, so that a link restores exactly what was shown. */

/** Which runs are shown in charts: the newest few until the user chooses, a list, or all that match the filter, except those hidden by hand. */
export interface Shown {
  of: 'newest' | 'all' | readonly string[];
  except: readonly string[];
}

const NEWEST: Shown = { of: 'newest', except: [] };

/** How the selected thing of a kind is written into the query of an address, under the name of the kind. */
interface Codec<T> {
  write: (value: T) => string;
  /** Null if the text cannot be parsed: then nothing of the kind is selected. */
  read: (text: string) => T | null;
}

const name: Codec<string> = { write: (value) => value, read: (text) => text };
const whole: Codec<number> = {
  write: String,
  read: (text) => (/^-?\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : null),
};

/** What can be selected, one row per kind. Null always means that nothing was chosen. */
const KINDS = {
  /** The current run, which Overview, Console and Layers are about; null: the first shown one. */
  run: name,
  /** Step that all views show; null: the latest. */
  step: whole,
  /** Dotted path of a layer. */
  layer: name,
};

type Kind = keyof typeof KINDS;
type Chosen = { [kind in Kind]: NonNullable<ReturnType<(typeof KINDS)[kind]['read']>> | null };

export interface Selection extends Chosen {
  /** Id of the view in `views/registry.ts`; '' until one is chosen, which `home.ts` does once the runs are known. */
  view: string;
  shown: Shown;
  /** Everything else in the address, by name: the filter of the runs and the settings of single views. */
  more: Readonly<Record<string, string>>;
}

const rows = Object.entries(KINDS) as [Kind, Codec<string | number>][];
const chosen = (of: (kind: Kind, codec: Codec<string | number>) => unknown) => Object.fromEntries(rows.map(([kind, codec]) => [kind, of(kind, codec)])) as unknown as Chosen;

export const NOTHING: Selection = { view: 'runs', shown: NEWEST, ...chosen(() => null), more: {} };

/** Path below the base, with query and fragment: "curves?run=a&step=40#show=a,b". */
export function encode(s: Selection): string {
  const query = new URLSearchParams();
  for (const [kind, codec] of rows) if (s[kind] !== null) query.set(kind, codec.write(s[kind]));
  for (const name of Object.keys(s.more).sort()) if (!Object.hasOwn(KINDS, name)) query.set(name, s.more[name]!);
  const text = query.toString();
  return s.view + (text && `?${text}`) + fragment(s.shown);
}

// In the fragment, because servers and proxies refuse a line with a thousand ids; the fragment never leaves the page.
function fragment({ of, except }: Shown): string {
  const parts: string[] = [];
  if (of !== 'newest') parts.push(`show=${of === 'all' ? '*' : of.map(escaped).join(',')}`);
  if (except.length) parts.push(`hide=${except.map(escaped).join(',')}`);
  return parts.length ? `#${parts.join('&')}` : '';
}

/** Escape an id for the list: no comma, and not the star that stands for all. */
function escaped(id: string): string {
  return encodeURIComponent(id).replaceAll('*', '%2A');
}

/** Read an address; parts that cannot be parsed are ignored. */
export function decode(url: URL, base: string): Selection {
  const path = url.pathname.startsWith(base) ? url.pathname.slice(base.length) : '';
  const isBare = !path && !url.hash && !url.searchParams.size;
  const more: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of url.searchParams) if (!Object.hasOwn(KINDS, name)) more[name] = value;
  return {
    view: isBare ? '' : /^[a-z-]+$/.test(path) ? path : NOTHING.view,
    shown: shownOf(url.hash),
    ...chosen((kind, codec) => {
      const text = url.searchParams.get(kind);
      return text === null ? null : codec.read(text);
    }),
    more,
  };
}

function shownOf(hash: string): Shown {
  const shown: { -readonly [part in keyof Shown]: Shown[part] } = { ...NEWEST };
  for (const part of hash.slice(1).split('&')) {
    const [, name, list = ''] = /^(\w+)=(.*)$/.exec(part) ?? [];
    const ids = list.split(',').filter(Boolean);
    if (name === 'show') shown.of = list === '*' ? 'all' : ids.map(plain);
    else if (name === 'hide') shown.except = ids.map(plain);
    // In links from older versions "#compare=*,a" means all but a.
    else if (name === 'compare' && ids[0] === '*') return { of: 'all', except: ids.slice(1).map(plain) };
    else if (name === 'compare') shown.of = ids.map(plain);
  }
  return shown;
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
