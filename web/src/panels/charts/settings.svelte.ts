/** Settings of a page of charts: what affects the content is part of the link, mere preferences stay in the browser. */
import { own as ownValue } from '../../api/own';
import type { TooltipSort } from '../../chart/readings';
import type { Window } from '../../chart/zoom';
import { selection } from '../../state/selection.svelte';
import { keep, recall } from '../../state/stored';
import { ownOf, ownText } from './charts';
import { isSetting, looksOf, looksText, type Look } from './looks';
import type { Arrangement } from './chartGroups';
import { windowOf, windowText, zoomsOf, zoomsText, type Zooms } from './zoomlink';

export type Band = 'minmax' | 'std' | 'stderr';
export const BANDS: readonly Band[] = ['minmax', 'std', 'stderr'];

/** Settings in a link, by their names there. */
interface Linked {
  smooth: number;
  x: string;
  logX: boolean;
  logY: boolean;
  outliers: boolean;
  keys: string;
  band: Band;
  together: boolean;
  /** Handmade charts, as written by `ownText`. */
  charts: string;
  /** Settings of single charts, as written by `looksText`. */
  looks: string;
}

const NAMES: Record<keyof Linked, string> = {
  smooth: 'smooth',
  x: 'x',
  logX: 'logx',
  logY: 'logy',
  outliers: 'cut',
  keys: 'keys',
  band: 'band',
  together: 'overlay',
  charts: 'charts',
  looks: 'looks',
};

export class ChartSettings {
  /** Prefix of stored settings, and of this page of charts in the link. */
  readonly page: string;
  readonly #defaults: Linked;
  #stored = $state.raw<Partial<Linked>>({});

  tooltip = $state<TooltipSort>('descending');
  sharedZoom = $state(true);
  /** Columns of cards; null: as many as their number and the page's width allow. */
  columns = $state<number | null>(null);
  pinned = $state.raw<readonly string[]>([]);
  hidden = $state.raw<readonly string[]>([]);
  /** Metrics whose training and validation are drawn in separate charts. */
  apart = $state.raw<readonly string[]>([]);
  /** Groups of charts that were closed, or opened although they start closed. */
  folded = $state.raw<Readonly<Record<string, boolean>>>({});
  /** Keys in the order chosen by the user, per group of charts. */
  order = $state.raw<Readonly<Record<string, readonly string[]>>>({});
  /** Crosshair, shared by all charts of one x axis; `id`: the chart that has it. */
  cursor = $state.raw<{ x: number; id: string; axis: string } | null>(null);

  constructor(page: string, defaults: Partial<Linked> = {}) {
    this.page = page;
    this.#defaults = {
      smooth: 0.6,
      x: 'step',
      logX: false,
      logY: false,
      outliers: true,
      keys: '',
      band: 'minmax',
      together: true,
      charts: '',
      looks: '',
      ...defaults,
    };
    const { keys: _keys, ...taste } = recall<Partial<Linked>>(`${page}.finding`, {});
    this.#stored = taste;
    this.tooltip = this.#recall('tooltip', this.tooltip);
    this.sharedZoom = this.#recall('sharedZoom', true);
    this.columns = this.#recall('columns', null);
    this.pinned = this.#recall('pinned', []);
    this.hidden = this.#recall('hidden', []);
    this.apart = this.#recall('apart', []);
    this.folded = this.#recall('folded', {});
    this.order = this.#recall('order', {});
  }

  readonly smooth = $derived(Math.min(0.999, Math.max(0, Number(this.#read('smooth')) || 0)));
  readonly x = $derived(String(this.#read('x')));
  readonly logX = $derived(this.#read('logX') === true);
  readonly logY = $derived(this.#read('logY') === true);
  readonly outliers = $derived(this.#read('outliers') === true);
  readonly keys = $derived(String(this.#read('keys')));
  readonly together = $derived(this.#read('together') === true);
  readonly own = $derived(ownOf(String(this.#read('charts'))));
  readonly looks = $derived(looksOf(String(this.#read('looks'))));
  readonly band = $derived<Band>(BANDS.find((band) => band === this.#read('band')) ?? 'minmax');

  /** Shared window of x, and windows of single cards: kept only in the link, so that Back undoes a zoom. */
  readonly #zoomText = $derived(selection.more[this.#name('zoom')]);
  readonly #zoomsText = $derived(selection.more[this.#name('zooms')]);
  readonly zoomX = $derived(windowOf(this.#zoomText));
  readonly zooms = $derived(zoomsOf(this.#zoomsText));

  /** Change a setting in the link; `save` changes one that only the browser keeps. */
  set<K extends keyof Linked>(name: K, value: Linked[K]): void {
    this.#stored = { ...this.#stored, [name]: value };
    keep(`${this.page}.finding`, this.#stored);
    this.#write(name, value);
    // A window of steps means nothing in seconds.
    if (name === 'x') this.resetZoom('replace');
  }

  save<K extends 'tooltip' | 'sharedZoom' | 'columns' | 'pinned' | 'hidden' | 'apart' | 'folded' | 'order'>(name: K, value: this[K]): void {
    (this as Record<K, unknown>)[name] = value;
    keep(`${this.page}.${name}`, value);
  }

  /** Write the settings that the browser remembers into the link, so that a copied link shows the same. */
  publish(): void {
    for (const name of Object.keys(NAMES) as (keyof Linked)[]) {
      const value = this.#stored[name];
      if (value !== undefined && value !== this.#defaults[name]) this.#write(name, value);
    }
  }

  /** How the charts are grouped and ordered. */
  get arrangement(): Omit<Arrangement, 'filter' | 'flat'> {
    const { pinned, hidden, folded, order, together, apart, own } = this;
    return { pinned, hidden, folded, order, together, apart, own };
  }

  /** Make a chart from any keys, or change the one with this number. */
  saveChart(name: string, keys: readonly string[], n: number = Math.max(0, ...this.own.map((chart) => chart.n)) + 1): void {
    const chart = { n, name, keys };
    const isKnown = this.own.some((one) => one.n === n);
    this.set('charts', ownText(isKnown ? this.own.map((one) => (one.n === n ? chart : one)) : [...this.own, chart]));
  }

  deleteChart(n: number): void {
    this.set('charts', ownText(this.own.filter((chart) => chart.n !== n)));
  }

  /** Settings of a chart that differ from the page's. */
  lookOf(id: string): Look {
    return ownValue(this.looks, id) ?? {};
  }

  /** The settings of a chart: its own, otherwise the page's. */
  of(id: string): Pick<Linked, 'x' | 'logX' | 'logY' | 'outliers'> {
    const { x, logX, logY, outliers } = this;
    const look = this.lookOf(id);
    return { x: look.x ?? x, logX: look.logX ?? logX, logY: look.logY ?? logY, outliers: look.outliers ?? outliers };
  }

  /** Weight of the moving average of a key: none for settings such as a learning rate, unless the chart itself has one. */
  smoothOf(id: string, key: string): number {
    return this.lookOf(id).smooth ?? (isSetting(key) ? 0 : this.smooth);
  }

  /** Change settings of a chart; undefined ones follow the page again. */
  setLook(id: string, change: { [K in keyof Look]: Look[K] | undefined }): void {
    if ('x' in change && this.of(id).x !== (change.x ?? this.x)) this.#forgetX(id);
    const look = Object.fromEntries(Object.entries({ ...this.lookOf(id), ...change }).filter(([, value]) => value !== undefined)) as Look;
    this.set('looks', looksText({ ...this.looks, [id]: look }));
  }

  resetLook(id: string): void {
    if (this.#hasOwnX(id)) this.#forgetX(id);
    this.set('looks', looksText({ ...this.looks, [id]: {} }));
  }

  /** A window of steps means nothing in seconds. */
  #forgetX(id: string): void {
    this.#writeZoom(this.zoomX, { ...this.zooms, [id]: { ...ownValue(this.zooms, id), x: null } }, 'replace');
  }

  #hasOwnX(id: string): boolean {
    return this.of(id).x !== this.x;
  }

  windowX(id: string): Window {
    const own = ownValue(this.zooms, id)?.x ?? null;
    if (this.#hasOwnX(id)) return own;
    return (this.sharedZoom ? null : own) ?? this.zoomX;
  }

  windowY(id: string): Window {
    return ownValue(this.zooms, id)?.y ?? null;
  }

  /** `how`: 'set' can be undone with Back; 'replace' is part of a movement. */
  zoom(id: string, { x, y }: { x?: Window; y?: Window }, how: 'set' | 'replace'): void {
    const changed = { ...ownValue(this.zooms, id) };
    const isAlone = this.#hasOwnX(id);
    if (y !== undefined) changed.y = y;
    if (x !== undefined && (!this.sharedZoom || isAlone)) changed.x = x;
    const shared = x !== undefined && !isAlone && (this.sharedZoom || x === null) ? x : this.zoomX;
    this.#writeZoom(shared, { ...this.zooms, [id]: changed }, how);
  }

  get isZoomed(): boolean {
    return this.zoomX !== null || Object.entries(this.zooms).some(([id, zoom]) => ((!this.sharedZoom || this.#hasOwnX(id)) && zoom.x) || zoom.y);
  }

  resetZoom(how: 'set' | 'replace' = 'set'): void {
    this.#writeZoom(null, {}, how);
  }

  #writeZoom(shared: Window, single: Zooms, how: 'set' | 'replace'): void {
    const [ofX, ofCards] = [this.#name('zoom'), this.#name('zooms')];
    const rest = Object.entries(selection.more).filter(([name]) => name !== ofX && name !== ofCards);
    const zoom = [[ofX, windowText(shared)], [ofCards, zoomsText(single)]].filter(([, text]) => text !== null);
    const more: Record<string, string> = Object.fromEntries([...rest, ...zoom]);
    selection[how]({ more });
  }

  #recall<T>(name: string, otherwise: T): T {
    return recall(`${this.page}.${name}`, otherwise);
  }

  #name(word: string): string {
    return this.page === 'curves' ? word : `${this.page}.${word}`;
  }

  #read<K extends keyof Linked>(name: K): Linked[K] | string {
    const linked = selection.more[this.#name(NAMES[name])];
    const otherwise = this.#stored[name] ?? this.#defaults[name];
    if (linked === undefined) return otherwise;
    return (typeof otherwise === 'boolean' ? linked === '1' : linked) as Linked[K];
  }

  #write(name: keyof Linked, value: unknown): void {
    const same = value === this.#defaults[name];
    const text = typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
    // A default that differs from a stored setting is written, too, but an address cannot hold an empty text.
    selection.setMore(this.#name(NAMES[name]), same && text !== '0' ? null : text);
  }
}

export const settings = new ChartSettings('curves');
