/** The config keys of some runs, for choosing fields and columns. */
import { isSame } from '../../api/numbers';
import type { Run, Scalar } from '../../api/schema.gen';

/** Every config key with the number of runs that have it and whether they differ. */
export function configKeys(runs: Iterable<Run>): Map<string, { n: number; differs: boolean; first: Scalar }> {
  const found = new Map<string, { n: number; differs: boolean; first: Scalar }>();
  let total = 0;
  for (const run of runs) {
    total++;
    for (const key in run.config) {
      const value = run.config[key]!;
      const known = found.get(key);
      if (!known) found.set(key, { n: 1, differs: false, first: value });
      else {
        known.n++;
        if (!isSame(known.first, value)) known.differs = true;
      }
    }
  }
  // A key that some runs lack is a difference, too.
  for (const known of found.values()) if (known.n < total) known.differs = true;
  return found;
}
