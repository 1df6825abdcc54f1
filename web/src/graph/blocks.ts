/** Blocks that repeat in a row of operations without scopes, as in a flat export: where they begin, how long they are, how many. */
import { mixed } from './hash';

export interface Run {
  /** Position of the first block. */
  from: number;
  /** Members of one block. */
  size: number;
  times: number;
}

/** Fewest blocks that are worth folding. */
export const SHORTEST_RUN = 3;
/** Fewest members that are worth a block. */
const LEAST_SIZE = 2;
/** A row of fewer members is seen at once as it is. */
export const LEAST_ROW = 24;
const MOST_PERIODS = 12;
const MOST_RUNS = 40;
/** Words of 1, 4 and 16 members suggest a period by where they occur again; each is twice as long as the one before. */
const DOUBLINGS = [0, 2, 4];

/**
 * Runs of equal blocks, from left to right.
 *
 * @param keys Equal for members that are built alike.
 * @param edges Connections among the members, by position: `from[i]` feeds `to[i]`.
 */
export function blockRuns(keys: Float64Array, edges: { from: Int32Array; to: Int32Array }): Run[] {
  const row: Row = { keys, words: wordsOf(keys), inputs: sourcesOf(edges, keys.length), open: cuts(edges, keys.length) };
  const found: Run[] = [];
  const rows: [from: number, to: number][] = [[0, keys.length]];
  while (rows.length && found.length < MOST_RUNS) {
    const [from, to] = rows.pop()!;
    const run = to - from < SHORTEST_RUN * LEAST_SIZE ? null : longest(row, from, to);
    if (!run) continue;
    found.push(run);
    rows.push([from, run.from], [run.from + run.size * run.times, to]);
  }
  return found.sort((a, b) => a.from - b.from);
}

interface Row {
  keys: Float64Array;
  words: Float64Array[];
  inputs: Sources;
  /** Connections across each position. */
  open: Int32Array;
}

/** The run that covers most, of the shortest blocks that do. */
function longest(row: Row, from: number, to: number): Run | null {
  const { keys } = row;
  let best: Run | null = null;
  for (const size of periods(row, from, to)) {
    for (let at = from; at + size < to; ) {
      let end = at;
      while (end + size < to && keys[end] === keys[end + size]) end++;
      const run = end - at >= (SHORTEST_RUN - 1) * size ? alike(row, at, end + size, size) : null;
      if (run && (!best || run.size * run.times > best.size * best.times || (run.size * run.times === best.size * best.times && run.size < best.size))) best = run;
      at = end + 1;
    }
  }
  return best;
}

/** Hashes of the words that begin at each position, of each length. */
function wordsOf(keys: Float64Array): Float64Array[] {
  const words: Float64Array[] = [];
  let word = keys;
  for (let doubling = 0; doubling <= DOUBLINGS.at(-1)!; doubling++) {
    if (DOUBLINGS.includes(doubling)) words.push(word);
    const half = word;
    word = half.map((hash, at) => mixed(hash, half[at + 2 ** doubling] ?? -1));
  }
  return words;
}

/** Distances at which the same follows again, the most frequent ones. */
function periods({ words }: Row, from: number, to: number): number[] {
  const counts = new Map<number, number>();
  for (const word of words) {
    const last = new Map<number, number>();
    for (let at = from; at < to; at++) {
      const before = last.get(word[at]!);
      last.set(word[at]!, at);
      const size = before === undefined ? 0 : at - before;
      if (size >= LEAST_SIZE && size * SHORTEST_RUN <= to - from) counts.set(size, (counts.get(size) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, MOST_PERIODS)
    .map(([size]) => size);
}

/** Blocks of a periodic row, cut where the fewest connections cross, as long as they are connected alike inside. */
function alike({ inputs, open }: Row, from: number, to: number, size: number): Run | null {
  const times = Math.floor((to - from) / size);
  let begin = from;
  for (let at = from; at + times * size <= to; at++) if (open[at + size]! < open[begin + size]!) begin = at;
  const hashes: number[] = [];
  for (let block = 0; block < times; block++) hashes.push(hashOf(begin + block * size, size, inputs));
  let best: Run | null = null;
  for (let first = 0; first < times; ) {
    let end = first + 1;
    while (end < times && hashes[end] === hashes[first]) end++;
    if (end - first >= SHORTEST_RUN && (!best || end - first > best.times)) best = { from: begin + first * size, size, times: end - first };
    first = end;
  }
  return best;
}

/** Of the connections inside a block. */
function hashOf(begin: number, size: number, { begins, from }: Sources): number {
  let hash = 0;
  for (let at = begin; at < begin + size; at++) for (let i = begins[at]!; i < begins[at + 1]!; i++) if (from[i]! >= begin && from[i]! < begin + size) hash = (hash + mixed(from[i]! - begin, at - begin)) % 2 ** 52;
  return hash;
}

interface Sources {
  begins: Int32Array;
  from: Int32Array;
}

/** What feeds each member: `from[begins[i] .. begins[i + 1]]`. */
function sourcesOf(edges: { from: Int32Array; to: Int32Array }, n: number): Sources {
  const begins = new Int32Array(n + 1);
  for (const to of edges.to) begins[to + 1]!++;
  for (let i = 0; i < n; i++) begins[i + 1]! += begins[i]!;
  const next = begins.slice();
  const from = new Int32Array(edges.from.length);
  edges.to.forEach((to, e) => (from[next[to]!++] = edges.from[e]!));
  return { begins, from };
}

/** Members before each position that feed one after it. */
function cuts(edges: { from: Int32Array; to: Int32Array }, n: number): Int32Array {
  const last = new Int32Array(n).fill(-1);
  edges.from.forEach((from, e) => (last[from] = Math.max(last[from]!, edges.to[e]!)));
  const open = new Int32Array(n + 2);
  for (let i = 0; i < n; i++)
    if (last[i]! > i) {
      open[i + 1]!++;
      open[last[i]! + 1]!--;
    }
  for (let i = 0; i <= n; i++) open[i + 1]! += open[i]!;
  return open;
}
