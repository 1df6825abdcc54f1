/** What the user does to runs: done at once, reported in a toast, undone from there or with Ctrl+Z. Only deleting for good asks first. */
import { api, ApiError } from '../api/client';
import type { EditRequest, Run } from '../api/schema.gen';
import { i18n } from './i18n.svelte';
import { runs } from './runs.svelte';
import { complain, toast, toasts } from './toasts.svelte';

interface WayBack {
  /** The toast that offers it. */
  toast: number;
  run: () => void;
}

/** The latest last. */
const waysBack: WayBack[] = [];

function forget(way: WayBack): void {
  const at = waysBack.indexOf(way);
  if (at >= 0) waysBack.splice(at, 1);
}

/** Report that something was done, with a button to undo it. */
function undoable(text: string, run: () => void): void {
  const way: WayBack = { toast: -1, run };
  const taken = () => {
    forget(way);
    run();
  };
  way.toast = toast(text, { label: i18n.t.shell.undo, run: taken });
  waysBack.push(way);
}

export function canUndo(): boolean {
  return waysBack.length > 0;
}

/** Undo the latest action. */
export function undo(): void {
  const way = waysBack.pop();
  if (!way) return;
  toasts.drop(way.toast);
  way.run();
}

/** The message of a failure; no reply at all has its own message. */
export function sentence(error: unknown): string {
  if (error instanceof ApiError && error.message) return error.message;
  if (error instanceof ApiError) return i18n.t.shell.unreachable;
  return error instanceof Error ? error.message : String(error);
}

async function attempt(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    complain(sentence(error));
    return false;
  }
}

export function edit(request: EditRequest): Promise<boolean> {
  return attempt(() => runs.edit(request));
}

export function rename(id: string, name: string): Promise<boolean> {
  const wanted = name.trim();
  if (!wanted || wanted === runs.all.get(id)?.name) return Promise.resolve(true);
  return edit({ runs: [id], name: wanted });
}

export async function archive(ids: readonly string[], on: boolean): Promise<void> {
  const list = [...ids];
  if (!list.length || !(await edit({ runs: list, archived: on }))) return;
  const t = i18n.t;
  undoable(on ? t.runs.archivedDone(list.length) : t.runs.unarchivedDone(list.length), () => void edit({ runs: list, archived: !on }));
}

/** Give all of them one note; undoing restores each run's own. */
export async function annotate(list: readonly Run[], notes: string): Promise<void> {
  const ids = list.map((run) => run.id);
  if (!(await edit({ runs: ids, notes })) || ids.length < 2) return;
  const before = new Map<string, string[]>();
  for (const run of list) before.set(run.notes, [...(before.get(run.notes) ?? []), run.id]);
  undoable(i18n.t.runs.annotated(ids.length), () => before.forEach((runs, old) => void edit({ runs, notes: old })));
}

/** Move runs to the trash; for those that may still be written, ask first. */
export async function remove(ids: readonly string[], force = false): Promise<void> {
  const list = [...ids];
  if (!list.length) return;
  // The runs are hidden already; undoing waits until the server has deleted them.
  let isUndone = false;
  const early = { toast: -1, run: () => (isUndone = true) };
  waysBack.push(early);
  await attempt(async () => {
    const { problems, written } = await runs.delete(list, force).finally(() => forget(early));
    const anyway = written.length ? { label: i18n.t.runs.deleteAnyway, run: () => void remove(written, true) } : null;
    problems.forEach((problem, i) => complain(problem, i === problems.length - 1 ? anyway : null));
    const gone = list.filter((id) => !runs.all.has(id));
    if (!gone.length) return;
    if (isUndone) await restore(gone);
    else undoable(i18n.t.runs.deleted(gone.length), () => void restore(gone));
  });
}

/** Bring runs back from the trash. */
export async function restore(ids: readonly string[]): Promise<void> {
  await attempt(async () => {
    for (const problem of await runs.restore(ids)) complain(problem);
  });
}

/** Delete runs that are in the trash. */
export async function deleteForGood(ids: readonly string[]): Promise<void> {
  await attempt(async () => {
    const reply = await api.deleteForGood(ids);
    reply.problems.forEach((problem) => complain(problem));
    if (reply.runs.length) toast(i18n.t.trash.gone(reply.runs.length));
  });
}

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(i18n.t.shell.copied);
  } catch {
    complain(i18n.t.shell.copyFailed);
  }
}
