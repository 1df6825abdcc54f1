/** Reordering by dragging one item onto another. */
/** `ids` with `id` moved to where `target` is, from either side. */
export function moved(ids: readonly string[], id: string, target: string): string[] {
  const from = ids.indexOf(id);
  const to = ids.indexOf(target);
  if (from < 0 || to < 0 || from === to) return [...ids];
  const rest = ids.filter((one) => one !== id);
  rest.splice(to, 0, id);
  return rest;
}
