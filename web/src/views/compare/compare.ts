/** Runs side by side: rows of values, and where they differ. */
import { isSame } from '../../api/numbers';
import { own } from '../../api/own';
import type { Environment, Run, Scalar } from '../../api/schema.gen';
import { byName } from '../../i18n/text';

export interface Row {
  key: string;
  /** One per run; undefined if it has none. */
  values: (Scalar | undefined)[];
  /** Whether the runs that have it differ. */
  differs: boolean;
  /** Whether the value of each run is marked: if they differ, all except the most common one. */
  marked: boolean[];
}

/**
 * Which of the values are the best: the smallest or the largest finite one of those with the same rule, where there are two that differ.
 *
 * A goal of null: nobody knows which end is good.
 */
export function bestOf(values: readonly (Scalar | undefined)[], goal: 'min' | 'max' | null, rules: readonly (string | null)[] = []): boolean[] {
  return values.map((value, at) => {
    const alike = values.filter((other, i): other is number => rules[i] === rules[at] && typeof other === 'number' && Number.isFinite(other));
    const best = goal === 'min' ? Math.min(...alike) : Math.max(...alike);
    return goal !== null && value === best && alike.some((other) => other !== best);
  });
}

/** Which end of a series is good: what the runs say of it, or else its name. */
export function goalOf(runs: readonly Run[], key: string, named: 'min' | 'max' | null): 'min' | 'max' | null {
  const rules = runs.map((run) => own(run.rules, key));
  return rules.find((rule) => rule === 'min' || rule === 'max') ?? named;
}

export function rowOf(key: string, values: (Scalar | undefined)[]): Row {
  const there = values.filter(isThere);
  const differs = there.some((value) => !isSame(value, there[0]));
  if (!differs) return { key, values, differs, marked: values.map(() => false) };
  const count = (value: Scalar) => there.filter((other) => isSame(other, value)).length;
  const most = Math.max(...there.map(count));
  const usual = there.filter((value) => count(value) === most);
  // With a tie, no value is the most common one.
  const [first] = usual;
  const isTie = usual.some((value) => !isSame(value, first));
  return { key, values, differs, marked: values.map((value) => isThere(value) && (isTie || !isSame(value, first))) };
}

function isThere(value: Scalar | undefined): value is Scalar {
  return value !== undefined && value !== null && value !== '';
}

/** Every config key of the runs. */
export function configRows(runs: readonly Run[]): Row[] {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.config)))].sort(byName);
  return keys.map((key) => rowOf(key, runs.map((run) => own(run.config, key))));
}

/** The environments of the runs; undefined for those not loaded yet. */
export function environmentRows(environments: readonly (Environment | undefined)[]): Row[] {
  const field = (key: string, value: (one: Environment) => Scalar) => rowOf(key, environments.map((one) => one && value(one)));
  return [
    field('host', (one) => one.host),
    field('os', (one) => one.os),
    field('python', (one) => one.python),
    field('cpu', (one) => one.cpu),
    field('gpus', (one) => one.gpus.join(', ')),
    field('directory', (one) => one.directory),
    field('command', (one) => one.command),
  ];
}

/** The code: commit, branch, remote, and the versions of packages. */
export function codeRows(environments: readonly (Environment | undefined)[], changed: string): Row[] {
  const field = (key: string, value: (one: Environment) => Scalar) => rowOf(key, environments.map((one) => one && value(one)));
  const packages = [...new Set(environments.flatMap((one) => Object.keys(one?.packages ?? {})))].sort(byName);
  return [
    field('commit', (one) => one.git_commit && one.git_commit.slice(0, 10) + (one.git_dirty ? ` + ${changed}` : '')),
    field('branch', (one) => one.git_branch),
    field('remote', (one) => one.git_remote),
    ...packages.map((name) => rowOf(name, environments.map((one) => (one ? own(one.packages, name) : undefined)))),
  ];
}
