/** All runs of the store, which of them pass the filter, which are compared, and the colour of each. */
import { api, ApiError } from '../api/client';
import { listen, type Link } from '../api/live';
import { isNumeric } from '../api/numbers';
import { own } from '../api/own';
import type { About, Deleted, EditRequest, Key, Live, Run } from '../api/schema.gen';
import { assign, distinct, groupInk, ink, ramp } from '../ui/colours';
import { groupRuns, parseField, sortRuns, summaryKeys, valueOf, type Field, type Group, type Sort } from './fields';
import { understand, unknownName, type Query } from './query';
import { selection } from './selection.svelte';
import { keep, recall } from './stored';
import { theme } from './theme.svelte';

/** How many of the newest runs are compared until someone ticks. */
export const AUTO = 10;

/** Something done by hand to runs: an edit, else they are deleted. */
interface Act {
  runs: readonly string[];
  edit?: EditRequest;
}

class Runs {
  /** The runs as the server last told. Replaced, never changed in place. */
  #told = $state.raw<ReadonlyMap<string, Run>>(new Map());
  /** What a person asked for and no table that came tells of yet: shown at once. */
  #acts = $state.raw<readonly Act[]>([]);
  /** Every run that was not deleted, by id. */
  readonly all: ReadonlyMap<string, Run> = $derived.by(() => {
    if (!this.#acts.length) return this.#told;
    const runs = new Map(this.#told);
    for (const act of this.#acts) {
      for (const id of act.runs) {
        const run = runs.get(id);
        if (run && act.edit) runs.set(id, edited(run, act.edit));
        else runs.delete(id);
      }
    }
    return runs;
  });
  /** False until the first table has come. */
  loaded = $state(false);
  problem = $state.raw<ApiError | null>(null);
  about = $state.raw<About | null>(null);
  link = $state<Link>('connecting');
  /** Scalar keys of all runs, for columns and choices; asked for with `loadKeys`. */
  keys = $state.raw<readonly Key[]>([]);

  sorts = $state.raw<readonly Sort[]>(recall('sorts', [{ field: 'created', descending: true }]));
  groupBy = $state.raw<readonly Field[]>(recall('groupBy', []));
  colourBy = $state<Field | null>(recall('colourBy', null));
  showArchived = $state(false);
  /** Runs switched off with the eye: they stay in the table and out of every chart. */
  hidden = $state.raw<ReadonlySet<string>>(new Set(recall<string[]>('hidden', [])));
  pinned = $state.raw<ReadonlySet<string>>(new Set(recall<string[]>('pinned', [])));
  /** Fields that are shown, so that their summaries are asked for. */
  columns = $state.raw<readonly Field[]>([]);

  #slots = $state.raw<ReadonlyMap<string, number>>(new Map(recall<[string, number][]>('colours', [])));
  #chosen = $state.raw<Readonly<Record<string, string>>>(recall('ownColours', {}));
  #revision = 0;
  #asked: readonly string[] = [];
  /** Asks what changed; null while nothing is asked. */
  #question: Promise<unknown> | null = null;
  #again = false;

  readonly #typed = $derived(understand(selection.filter));
  /** What is typed, understood; a name that no run has is a problem, and then every run passes. */
  readonly query: Query = $derived.by(() => {
    const problem = this.keys.length ? unknownName(this.#typed, this.all.values(), this.keys) : null;
    return problem ? { ...this.#typed, test: () => true, problem } : this.#typed;
  });
  /** What passes the search, pinned first, then in the order of the table. */
  readonly visible: readonly Run[] = $derived.by(() => {
    const passing = [...this.all.values()].filter((run) => (this.showArchived || !run.archived) && this.query.test(run));
    const sorted = sortRuns(passing, this.sorts);
    if (!this.pinned.size) return sorted;
    return [...sorted.filter((r) => this.pinned.has(r.id)), ...sorted.filter((r) => !this.pinned.has(r.id))];
  });
  readonly #newest: readonly string[] = $derived(
    [...this.all.values()]
      .filter((run) => !run.archived && !this.hidden.has(run.id))
      .sort((a, b) => b.created - a.created)
      .slice(0, AUTO)
      .map((run) => run.id),
  );
  /** Ids that are ticked, as a set: what the boxes show. Where nobody chose, the newest and the one that is opened. */
  readonly ticked: ReadonlySet<string> = $derived.by(() => {
    const wish = selection.compared;
    if (wish === 'auto') return new Set(this.all.has(selection.run ?? '') ? [...this.#newest, selection.run!] : this.#newest);
    if ('ids' in wish) return new Set(wish.ids.filter((id) => this.all.has(id)));
    const except = new Set(wish.except);
    return new Set(this.visible.filter((run) => !except.has(run.id)).map((run) => run.id));
  });
  /** Ids that every view draws: ticked and not hidden, in the order of the table. */
  readonly compared: readonly string[] = $derived.by(() => {
    const order = sortRuns([...this.ticked].flatMap((id) => this.all.get(id) ?? []), this.sorts);
    return order.filter((run) => !this.hidden.has(run.id)).map((run) => run.id);
  });
  /** The address names a run that is not here: nothing else is shown in its place. */
  readonly isMissing: boolean = $derived(this.loaded && Boolean(selection.run) && !this.all.has(selection.run!));
  /** The run that Overview, Console and Layers tell of; the first compared one when the address names none. */
  readonly focused: Run | null = $derived.by(() => {
    if (this.isMissing) return null;
    return this.all.get(selection.run ?? '') ?? this.all.get(this.compared[0] ?? '') ?? this.visible[0] ?? null;
  });
  /** The compared runs by the fields of `groupBy`; one group each when nothing is grouped. */
  readonly groups: readonly Group[] = $derived.by(() => {
    const runs = this.compared.flatMap((id) => this.all.get(id) ?? []);
    if (this.groupBy.length) return groupRuns(runs, this.groupBy);
    return runs.map((run) => ({ id: run.id, values: [], runs: [run] }));
  });
  /** Changes when any of the compared runs grows. */
  readonly growth: string = $derived(this.compared.map((id) => this.all.get(id)?.revision ?? 0).join());
  /** Colours of the compared runs; each keeps its own while it is compared, and over visits. */
  #held: ReadonlyMap<string, number> = new Map(recall<[string, number][]>('comparedColours', []));
  readonly #compared: ReadonlyMap<string, number> = $derived.by(() => {
    if (!this.loaded) return this.#held;
    this.#held = distinct(this.compared, this.#slots, this.#held);
    keep('comparedColours', [...this.#held].slice(0, 3000));
    return this.#held;
  });
  readonly #legend: ReadonlyMap<string, string> | null = $derived.by(() => this.#colourByField());

  /** What is typed in the search box, shared by the Runs view and the side panel; in the address, as what is compared hangs on it. */
  get search(): string {
    return selection.filter;
  }

  set search(text: string) {
    selection.setMore('filter', text);
  }

  /** Begin: load, then follow what changes; the table is what every view waits for. Done when it has come, or will not. */
  async start(): Promise<void> {
    await this.refresh();
    // After what waits for the table has asked its own questions.
    setTimeout(() => {
      void api.about().then((about) => (this.about = about), () => undefined);
      listen({
        link: (link) => {
          this.link = link;
          // Without waiting for the first message: whatever happened while we were away is asked for now.
          if (link === 'recovered' || this.problem) void this.refresh();
        },
        message: (message) => this.#hear(message),
      });
    });
  }

  /** Ask what changed since our revision; calls while one is under way become one more at its end. */
  async refresh(): Promise<void> {
    if (this.#question) {
      this.#again = true;
      return;
    }
    const wanted = this.#wanted();
    const whole = this.#revision === 0 || wanted.some((key) => !this.#asked.includes(key));
    // Fixed here: what comes may be a part of the table although someone forgets the revision meanwhile.
    const since = whole ? 0 : this.#revision;
    const before = this.#revision;
    try {
      const question = api.runs(since, whole ? wanted : this.#asked);
      this.#question = question;
      const table = await question;
      if (whole) this.#asked = wanted;
      this.#take(table.runs, table.removed, since === 0);
      if (this.#revision === before) this.#revision = table.revision;
      this.problem = null;
      this.loaded = true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.problem = error;
    } finally {
      this.#question = null;
    }
    if (this.#again) {
      this.#again = false;
      await this.refresh();
    }
  }

  /** Ask which keys there are at all. */
  async loadKeys(): Promise<void> {
    const ids = [...this.all.keys()];
    if (!ids.length) return;
    this.keys = (await api.keys(ids)).keys.filter((key) => key.kind === 'scalar');
  }

  /** Change runs by hand: shown at once, taken back when the server refuses. */
  edit(request: EditRequest): Promise<void> {
    return this.#act({ runs: request.runs, edit: request }, async () => {
      const runs = await api.edit(request);
      // The reply has no summaries; those we have stay.
      return () => this.#put(runs.map((run) => ({ ...run, summary: { ...this.#told.get(run.id)?.summary, ...run.summary } })));
    });
  }

  /** Delete runs: gone at once, back again where the server says that they are not. */
  async delete(ids: readonly string[], force = false): Promise<Deleted> {
    let reply: Deleted = { runs: [], problems: [], written: [] };
    await this.#act({ runs: ids }, async () => {
      reply = await api.delete(ids, force);
      return () => this.#drop(reply.runs);
    });
    return reply;
  }

  async restore(ids: readonly string[]): Promise<readonly string[]> {
    const reply = await api.restore(ids);
    this.#revision = 0;
    await this.refresh();
    return reply.problems;
  }

  /** Tick or untick; what was ticked by itself becomes a list. */
  tick(ids: readonly string[], on: boolean, how: 'set' | 'replace' = 'replace'): void {
    const wish = selection.compared;
    if (typeof wish === 'object' && 'except' in wish) {
      const except = new Set(wish.except);
      for (const id of ids) if (on) except.delete(id); else except.add(id);
      selection[how]({ compared: { except: [...except] } });
      return;
    }
    const ticked = new Set(this.ticked);
    for (const id of ids) if (on) ticked.add(id); else ticked.delete(id);
    selection[how]({ compared: { ids: [...ticked] } });
  }

  tickOnly(ids: readonly string[]): void {
    selection.set({ compared: { ids } });
  }

  /** Compare the runs shown and no others; where no filter is set, those that come later too. */
  tickShown(): void {
    if (this.query.kind === 'all') selection.set({ compared: { except: [] } });
    else this.tickOnly(this.visible.map((run) => run.id));
  }

  hide(ids: readonly string[], on: boolean): void {
    this.hidden = changed(this.hidden, ids, on);
    keep('hidden', [...this.hidden]);
  }

  pin(ids: readonly string[], on: boolean): void {
    this.pinned = changed(this.pinned, ids, on);
    keep('pinned', [...this.pinned]);
  }

  setSorts(sorts: readonly Sort[]): void {
    this.sorts = sorts;
    keep('sorts', sorts);
    void this.need();
  }

  setGroupBy(fields: readonly Field[]): void {
    this.groupBy = fields;
    keep('groupBy', fields);
    void this.need();
  }

  setColourBy(field: Field | null): void {
    this.colourBy = field;
    keep('colourBy', field);
    void this.need();
  }

  /** Load again when something shown needs a summary that was not asked for yet. */
  async need(): Promise<void> {
    if (this.#wanted().some((key) => !this.#asked.includes(key))) await this.refresh();
  }

  /** The colour of a run as #rrggbb, for the theme on screen. The same in every view. */
  colour(id: string): string {
    const chosen = own(this.#chosen, id);
    if (chosen) return chosen;
    return this.#legend?.get(id) ?? ink(this.#compared.get(id) ?? this.#slots.get(id) ?? 0, theme.shown);
  }

  setColour(id: string, colour: string | null): void {
    const { [id]: _old, ...rest } = this.#chosen;
    this.#chosen = colour ? { ...rest, [id]: colour } : rest;
    keep('ownColours', this.#chosen);
  }

  /** The colour of a group: that of its first run unless runs are coloured by a field. */
  groupColour(group: Group): string {
    return this.colour(group.runs[0]?.id ?? '');
  }

  #colourByField(): ReadonlyMap<string, string> | null {
    const field = this.colourBy;
    if (!field) return null;
    const runs = sortRuns([...this.all.values()], [{ field, descending: false }]);
    const values = runs.map((run) => valueOf(run, field));
    const numbers = values.flatMap((v) => (isNumeric(v) && Number.isFinite(Number(v)) ? [Number(v)] : []));
    const order = new Map([...new Set(values.filter((v) => v !== undefined && v !== null))].map((v, i) => [v, i]));
    const low = numbers[0] ?? 0;
    const high = numbers.at(-1) ?? low;
    // A handful of numbers are names (batch sizes); many are a scale.
    const byNumber = numbers.length > 0 && order.size > 6;
    return new Map(
      runs.map((run, i) => {
        const value = values[i];
        if (value === undefined || value === null || Number.isNaN(value)) return [run.id, '#8b8e95'];
        if (byNumber && isNumeric(value)) return [run.id, ramp(high > low ? (Number(value) - low) / (high - low) : 0, theme.shown)];
        return [run.id, groupInk(order.get(value) ?? 0, theme.shown)];
      }),
    );
  }

  #wanted(): string[] {
    const fields = [...this.columns, ...this.sorts.map((s) => s.field), ...this.groupBy];
    if (this.colourBy) fields.push(this.colourBy);
    return [...new Set([...summaryKeys(fields.filter((f) => parseField(f))), ...this.query.keys, ...this.#asked])];
  }

  #hear(message: Live): void {
    if (message.revision !== this.#revision) void this.refresh();
  }

  /** An act is shown until what is told after it takes its place: a table asked for before may tell of the time before. */
  async #act(act: Act, ask: () => Promise<() => void>): Promise<void> {
    this.#acts = [...this.#acts, act];
    try {
      const take = await ask();
      await this.#question?.catch(() => undefined);
      take();
    } finally {
      this.#acts = this.#acts.filter((other) => other !== act);
    }
  }

  #take(runs: readonly Run[], removed: readonly string[], whole: boolean): void {
    const next = new Map(whole ? [] : this.#told);
    for (const run of runs) next.set(run.id, run);
    for (const id of removed) next.delete(id);
    this.#told = next;
    if (whole || runs.some((run) => !this.#slots.has(run.id))) this.#giveColours();
  }

  #put(runs: readonly Run[]): void {
    const next = new Map(this.#told);
    for (const run of runs) next.set(run.id, run);
    this.#told = next;
  }

  #drop(ids: readonly string[]): void {
    const next = new Map(this.#told);
    for (const id of ids) next.delete(id);
    this.#told = next;
  }

  #giveColours(): void {
    const order = [...this.#told.values()].sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1)).map((run) => run.id);
    const slots = assign(order, this.#slots);
    // Kept, so that deleting an older run does not shift the colours of the younger; the oldest may go.
    this.#slots = slots;
    keep('colours', [...slots].slice(-3000));
  }
}

function changed(set: ReadonlySet<string>, ids: readonly string[], on: boolean): Set<string> {
  const next = new Set(set);
  for (const id of ids) if (on) next.add(id); else next.delete(id);
  return next;
}

function edited(run: Run, request: EditRequest): Run {
  const removed = new Set(request.remove_tags ?? []);
  const tags = request.tags ?? [...new Set([...run.tags, ...(request.add_tags ?? [])])].filter((tag) => !removed.has(tag));
  return {
    ...run,
    name: request.name ?? run.name,
    notes: request.notes ?? run.notes,
    archived: request.archived ?? run.archived,
    tags,
  };
}

export const runs = new Runs();
