/** How well a name matches what was typed: words in any order, starts of words before middles. */

/** The matching items, best first; ties keep their order. */
export function rank<T>(typed: string, items: readonly T[], name: (item: T) => string, also: (item: T) => string): T[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [...items];
  return items
    .map((item, i) => ({ item, i, score: score(words, name(item).toLowerCase(), also(item).toLowerCase()) }))
    .filter((found) => found.score > 0)
    .sort((a, b) => b.score - a.score || a.i - b.i)
    .map((found) => found.item);
}

function score(words: readonly string[], name: string, also: string): number {
  let sum = 0;
  for (const word of words) {
    const at = name.indexOf(word);
    if (at === 0) sum += 8;
    else if (at > 0 && /[\s\-_./:]/.test(name[at - 1]!)) sum += 5;
    else if (at > 0) sum += 3;
    else if (also.includes(word)) sum += 1;
    else return 0;
  }
  return sum + 1 / (1 + name.length);
}
