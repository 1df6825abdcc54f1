/** Settings of single charts that differ from the page's, written into a link and back, and which keys are smoothed at all. */

/** Missing settings follow the page. */
export interface Look {
  x?: string;
  logX?: boolean;
  logY?: boolean;
  smooth?: number;
  outliers?: boolean;
  /** Fixed limits of y. */
  low?: number;
  high?: number;
}

type Looks = Readonly<Record<string, Look>>;

const TYPES: Record<keyof Look, 'string' | 'boolean' | 'number'> = {
  x: 'string',
  logX: 'boolean',
  logY: 'boolean',
  smooth: 'number',
  outliers: 'boolean',
  low: 'number',
  high: 'number',
};

/** Charts without settings of their own are left out; '' if none has any. */
export function looksText(looks: Looks): string {
  const said = Object.entries(looks).filter(([, look]) => Object.values(look).some((value) => value !== undefined));
  return said.length ? JSON.stringify(said) : '';
}

/** Parts that cannot be parsed are ignored. */
export function looksOf(text: string): Looks {
  let said: unknown;
  try {
    said = JSON.parse(text || '[]');
  } catch {
    return {};
  }
  const looks = Object.create(null) as Record<string, Look>;
  for (const one of Array.isArray(said) ? (said as unknown[]) : []) {
    if (!Array.isArray(one) || typeof one[0] !== 'string' || typeof one[1] !== 'object' || one[1] === null) continue;
    const known = Object.entries(one[1] as object).filter(([name, value]) => typeof value === TYPES[name as keyof Look]);
    looks[one[0]] = Object.fromEntries(known) as Look;
  }
  return looks;
}

const RATE = /^(lr|learning[-_ ]?rate)([-_./].*)?$|[-_.](lr|learning[-_ ]?rate)$/i;
const COUNTER = /^(global[-_ ]?)?(epochs?|steps?|iters?|iterations?|batch(es)?|batch[-_ ]?size|momentum|weight[-_ ]?decay|beta[-_]?\d?|temperature|progress)$/i;

/** Whether a key is set rather than measured, judging by its name: a learning rate, an epoch. Smoothing it would show wrong values. */
export function isSetting(key: string): boolean {
  const parts = key.split('/');
  return parts.some((part) => RATE.test(part)) || COUNTER.test(parts.at(-1)!);
}

/** With fewer points, the shape of a series cannot be judged. */
const FEWEST = 12;
/** In a staircase, at most this fraction of points differs from the one before. */
const MOST_CHANGES = 0.1;

/** Whether values stay constant for long and then jump, like a schedule. */
export function isStepwise(y: ArrayLike<number>): boolean {
  if (y.length < FEWEST) return false;
  const most = Math.floor(y.length * MOST_CHANGES);
  let changes = 0;
  for (let i = 1; i < y.length && changes <= most; i++) if (!Object.is(y[i], y[i - 1])) changes++;
  return changes <= most;
}
