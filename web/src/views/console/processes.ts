/** Names of a run's processes, from those that the server uses: "main", "rank 1", "4711 on host". */

interface Words {
  main: string;
  mainShort: string;
  rank: (n: string) => string;
  other: (pid: string, host: string) => string;
}

export function processName(process: string, words: Words): string {
  if (process === 'main') return words.main;
  const rank = /^rank (\d+)$/.exec(process);
  if (rank) return words.rank(rank[1]!);
  const other = /^(\d+) on (.*)$/s.exec(process);
  return other ? words.other(other[1]!, other[2]!) : process;
}

/** The same in a narrow column: "main", "rank 1", "4711". */
export function shortName(process: string, words: Words): string {
  if (process === 'main') return words.mainShort;
  return process.startsWith('rank ') ? processName(process, words) : process.split(' ')[0]!;
}
