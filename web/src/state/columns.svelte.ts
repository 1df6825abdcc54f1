/** Which columns the table of runs has, how wide they are, and what they are called. */
import { legible } from '../i18n/text';
import type { Field } from './fields';
import { parseField } from './fields';
import { i18n } from './i18n.svelte';
import { keep, recall } from './stored';

/** Wide enough for the beginning of a title beside the arrow and the rank of a sort. */
const LEAST_PX = 64;

class Columns {
  /** The chosen columns; null until the user chooses. */
  chosen = $state.raw<readonly Field[] | null>(recall('columns', null));
  widths = $state.raw<Readonly<Record<Field, number>>>(recall('widths', {}));
  diffOnly = $state(recall('diffOnly', false));
  /** Whether a run is previewed beside the table if there is room. */
  preview = $state(recall('preview', true));

  set(fields: readonly Field[] | null): void {
    this.chosen = fields;
    keep('columns', fields);
  }

  setWidth(field: Field, width: number): void {
    this.widths = { ...this.widths, [field]: Math.round(Math.min(600, Math.max(LEAST_PX, width))) };
    keep('widths', this.widths);
  }

  setPreview(on: boolean): void {
    this.preview = on;
    keep('preview', on);
  }

  setDiffOnly(on: boolean): void {
    this.diffOnly = on;
    keep('diffOnly', on);
  }
}

export const columns = new Columns();

/** A field as a heading: "Name", "lr", "loss", "loss min", "loss curve". */
export function fieldTitle(field: Field): string {
  const parsed = parseField(field);
  if (!parsed) return field;
  if ('config' in parsed) return legible(parsed.config);
  if ('curve' in parsed) return `${legible(parsed.curve)} ${i18n.t.runs.part.curve}`;
  if ('summary' in parsed) return parsed.part === 'value' ? legible(parsed.summary) : `${legible(parsed.summary)} ${i18n.t.runs.part[parsed.part]}`;
  return i18n.t.runs.field[parsed.own];
}
