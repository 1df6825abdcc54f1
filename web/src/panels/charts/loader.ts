/** Asks for series: what several cards want in one frame goes out in few requests, and no more than three at a time. */
import { api, type Curves } from '../../api/client';
import type { Kind } from '../../api/schema.gen';
import type { Points as Columns } from '../../chart/merge';
import type { Window } from '../../chart/zoom';
import { Outdated } from '../../state/resource.svelte';

/** A stretch of points as it came, thinned by the server. */
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
  /** Weight of the running mean; 0: none. */
  smooth: number;
  /** Also the values as logged, where there is a mean. */
  logged: boolean;
}

interface Waiting {
  want: Want;
  isOutdated: () => boolean;
  resolve: (points: ByRun) => void;
  reject: (error: unknown) => void;
}

/** Series in one request: enough to be worth the round trip, few enough that the first charts are there early. */
const SERIES_A_REQUEST = 800;
const AT_A_TIME = 3;
/** Columns over all runs of a chart, by pixel of its width: among a hundred lines nobody sees a single one's finest teeth. */
const COLUMNS_A_PIXEL = 25;
/** What of a card's width is not plot. */
const MARGIN_PX = 50;

/** A line has at least so many columns, and of more than a thousand lines half as many. */
const FEWEST_COLUMNS = 100;
const CROWD = 1000;

/** Columns to ask for: the plot's width rounded up, so that cards of one size share a request, and less for very many lines. */
export function columnsFor(width: number, nLines: number): number {
  const wanted = Math.ceil(Math.max(100, width - MARGIN_PX) / 50) * 50;
  const fewest = nLines > CROWD ? FEWEST_COLUMNS / 2 : FEWEST_COLUMNS;
  return Math.max(fewest, Math.min(wanted, Math.floor((COLUMNS_A_PIXEL * width) / Math.max(1, nLines) / 50) * 50));
}

/** Which of the waiting keys go together: the same runs, axis and window, at most so many series. */
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
 * Points of one key for some runs. Rejects with the server's `ApiError`, or with `Outdated` if that is so before it is sent.
 * `hurry`: together with what is asked in the same task alone.
 */
export function ask(want: Want, isOutdated: () => boolean, hurry = false): Promise<ByRun> {
  return new Promise((resolve, reject) => {
    waiting.push({ want, isOutdated, resolve, reject });
    // Effects of one update are one task, but timers of one moment are not. Not a frame: it must also come in a hidden tab.
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

/** A reply by key and run. */
export function split(reply: Curves): Map<string, ByRun> {
  const byKey = new Map<string, ByRun>();
  // Series that were logged at the same places share their x.
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
