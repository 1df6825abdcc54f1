/** Loads series: what several cards need in one frame is combined into few requests, at most three at a time. */
import { api, type Curves } from '../../api/client';
import type { Kind } from '../../api/schema.gen';
import type { Points as Columns } from '../../chart/merge';
import type { Window } from '../../chart/zoom';
import { Outdated } from '../../state/resource.svelte';

/** Points in a window, as thinned by the server. */
export interface Points extends Columns {
  nLogged: number;
  ghost: boolean;
}

/** Points by run, in the order of the runs; a run without the key is missing. */
export type ByRun = Map<string, Points[]>;

export interface Want {
  runs: readonly string[];
  key: string;
  x: string;
  px: number;
  kind: Kind;
  window: Window;
  /** Weight of the moving average; 0: none. */
  smooth: number;
  /** Whether the logged values are needed beside the average. */
  logged: boolean;
}

interface Waiting {
  want: Want;
  isOutdated: () => boolean;
  resolve: (points: ByRun) => void;
  reject: (error: unknown) => void;
}

/** Series per request: enough to be worth the round trip, few enough that the first charts appear early. */
const SERIES_A_REQUEST = 800;
const AT_A_TIME = 3;
/** Columns over all runs of a chart, per pixel of its width: among a hundred lines, the finest detail of one is not visible. */
const COLUMNS_A_PIXEL = 25;
/** Width of a card that is not plot. */
const MARGIN_PX = 50;

/** Minimum number of columns per line, halved with more than a thousand lines. */
const FEWEST_COLUMNS = 100;
const CROWD = 1000;

/** Columns to request: the plot's width rounded up, so that cards of one size share a request, and fewer for very many lines. */
export function columnsFor(width: number, nLines: number): number {
  const wanted = Math.ceil(Math.max(100, width - MARGIN_PX) / 50) * 50;
  const fewest = nLines > CROWD ? FEWEST_COLUMNS / 2 : FEWEST_COLUMNS;
  return Math.max(fewest, Math.min(wanted, Math.floor((COLUMNS_A_PIXEL * width) / Math.max(1, nLines) / 50) * 50));
}

/** Combine waiting keys with the same runs, axis and window into requests of limited size. */
export function batches<T extends { want: Want }>(waiting: readonly T[], most = SERIES_A_REQUEST): T[][] {
  const alike = new Map<string, T[]>();
  for (const one of waiting) {
    const { key: _key, ...rest } = one.want;
    const name = JSON.stringify(rest);
    alike.set(name, [...(alike.get(name) ?? []), one]);
  }
  return [...alike.values()].flatMap((group) => {
    const size = Math.max(1, Math.floor(most / Math.max(1, group[0]!.want.runs.length)));
    return Array.from({ length: Math.ceil(group.length / size) }, (_, i) => group.slice(i * size, (i + 1) * size));
  });
}

let waiting: Waiting[] = [];
const ready: Waiting[][] = [];
let underWay = 0;

/**
 * Points of one key for some runs. Rejects with the server's `ApiError`, or with `Outdated` if it is no longer needed before it is sent.
 * `hurry`: combine it only with requests from the same task.
 */
export function ask(want: Want, isOutdated: () => boolean, hurry = false): Promise<ByRun> {
  return new Promise((resolve, reject) => {
    waiting.push({ want, isOutdated, resolve, reject });
    // Effects of one update run in one task, unlike timers that are due together. Not an animation frame, because those stop in a hidden tab.
    if (hurry) queueMicrotask(gather);
    else setTimeout(gather, 0);
  });
}

function gather(): void {
  ready.push(...batches(waiting));
  waiting = [];
  pump();
}

function pump(): void {
  while (underWay < AT_A_TIME && ready.length) {
    const batch = ready.shift()!.filter((one) => {
      if (one.isOutdated()) one.reject(new Outdated());
      else return true;
      return false;
    });
    if (!batch.length) continue;
    underWay++;
    void send(batch).finally(() => {
      underWay--;
      pump();
    });
  }
}

async function send(batch: Waiting[]): Promise<void> {
  const { runs, x, px, kind, window, smooth, logged } = batch[0]!.want;
  const keys = [...new Set(batch.map((one) => one.want.key))];
  try {
    const [low, high] = window ?? [null, null];
    const reply = await api.series({ runs: [...runs], keys, px, x, kind, low, high, smooth, logged });
    const byKey = split(reply);
    for (const one of batch) one.resolve(byKey.get(one.want.key) ?? new Map());
  } catch (error) {
    for (const one of batch) one.reject(error);
  }
}

/** Split a reply by key and run. */
export function split(reply: Curves): Map<string, ByRun> {
  const byKey = new Map<string, ByRun>();
  // Series that were logged at the same x share one array.
  for (const { key, run, start, x_start: from, n, n_logged: nLogged, ghost } of reply.series) {
    let byRun = byKey.get(key);
    if (!byRun) byKey.set(key, (byRun = new Map()));
    const smoothed = reply.smoothed?.subarray(start, start + n) ?? null;
    const points = { x: reply.x.subarray(from, from + n), y: reply.y?.subarray(start, start + n) ?? smoothed!, smoothed, nLogged, ghost };
    const lines = byRun.get(run);
    if (lines) lines.push(points);
    else byRun.set(run, [points]);
  }
  return byKey;
}
