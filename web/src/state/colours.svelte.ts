/** The colour of each shown run, the same in every view. */
import { isNumeric } from '../api/numbers';
import { own } from '../api/own';
import { distinct, groupInk, ink, nearSlots, NO_COLOUR, ramp } from '../ui/colours';
import { sortRuns, summaryKeys, valueOf, type Field, type Group } from './fields';
import { runs } from './runs.svelte';
import { shown } from './shown.svelte';
import { keep, recall } from './stored';
import { theme } from './theme.svelte';

const MOST_KEPT = 3000;

class Colours {
  /** What runs are coloured by; null: one colour per run. */
  by = $state<Field | null>(recall('colourBy', null));
  /** Colours chosen by the user, by run. */
  #chosen = $state.raw<Readonly<Record<string, string>>>(recall('ownColours', {}));
  /** The slot that a run had when it was last shown, so that it gets it back if it is free. */
  #last: ReadonlyMap<string, number> = new Map(recall<[string, number][]>('colours', []));
  #before: ReadonlyMap<string, number> = new Map();
  readonly #slots: ReadonlyMap<string, number> = $derived.by(() => {
    if (!runs.loaded) return this.#last;
    const oldestFirst = sortRuns(shown.ids.flatMap((id) => runs.all.get(id) ?? []), [{ field: 'created', descending: false }]).map((run) => run.id);
    const chosen = oldestFirst.filter((id) => own(this.#chosen, id));
    const avoided = nearSlots(chosen.map((id) => this.#chosen[id]!));
    this.#before = distinct(oldestFirst.filter((id) => !own(this.#chosen, id)), this.#before, this.#last, avoided);
    this.#last = new Map([...this.#last, ...this.#before]);
    keep('colours', [...this.#last].slice(-MOST_KEPT));
    return this.#before;
  });
  readonly #byField: ReadonlyMap<string, string> | null = $derived.by(() => (this.by ? colourBy(this.by) : null));

  constructor() {
    if (this.by) void runs.need(summaryKeys([this.by]));
  }

  /** As #rrggbb, for the theme in use; grey for a run that is not shown. */
  of(id: string): string {
    const chosen = own(this.#chosen, id) ?? this.#byField?.get(id);
    if (chosen) return chosen;
    const slot = this.#slots.get(id);
    return slot === undefined ? NO_COLOUR : ink(slot, theme.shown);
  }

  /** The colour of its first run. */
  ofGroup(group: Group): string {
    return this.of(group.runs[0]?.id ?? '');
  }

  /** Choose the colour of a run; null: automatic again. */
  set(id: string, colour: string | null): void {
    const { [id]: _old, ...rest } = this.#chosen;
    this.#chosen = colour ? { ...rest, [id]: colour } : rest;
    keep('ownColours', this.#chosen);
  }

  setBy(field: Field | null): void {
    this.by = field;
    keep('colourBy', field);
    if (field) void runs.need(summaryKeys([field]));
  }
}

/** A colour for each run by its value of a field: a scale for many numbers, otherwise one colour per value. */
function colourBy(field: Field): ReadonlyMap<string, string> {
  const list = sortRuns([...runs.all.values()], [{ field, descending: false }]);
  const values = list.map((run) => valueOf(run, field));
  const numbers = values.flatMap((v) => (isNumeric(v) && Number.isFinite(Number(v)) ? [Number(v)] : []));
  const order = new Map([...new Set(values.filter((v) => v !== undefined && v !== null))].map((v, i) => [v, i]));
  const low = numbers[0] ?? 0;
  const high = numbers.at(-1) ?? low;
  // A handful of numbers are treated as names (batch sizes), many as a scale.
  const isScale = numbers.length > 0 && order.size > 6;
  return new Map(
    list.map((run, i) => {
      const value = values[i];
      if (value === undefined || value === null || Number.isNaN(value)) return [run.id, NO_COLOUR];
      if (isScale && isNumeric(value)) return [run.id, ramp(high > low ? (Number(value) - low) / (high - low) : 0, theme.shown)];
      return [run.id, groupInk(order.get(value) ?? 0, theme.shown)];
    }),
  );
}

export const colours = new Colours();
