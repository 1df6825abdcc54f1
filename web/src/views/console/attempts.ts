/** Finds where a new attempt begins in the console. */
import type { Attempt, ConsoleLine } from '../../api/schema.gen';

/** The attempt that printed a line: the last one begun by then. A line may be recorded slightly before the start of its attempt. */
function attemptOf(attempts: readonly Attempt[], line: ConsoleLine): Attempt | null {
  return attempts.findLast((attempt) => attempt.created <= line[0]) ?? attempts[0] ?? null;
}

/** The attempt that begins with a line, or null if the line before belongs to the same. */
export function beginning(attempts: readonly Attempt[], before: ConsoleLine | undefined, line: ConsoleLine | undefined): Attempt | null {
  if (attempts.length < 2 || !before || !line) return null;
  const own = attemptOf(attempts, line);
  return own?.number === attemptOf(attempts, before)?.number ? null : own;
}
