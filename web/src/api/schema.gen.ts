/** Written by scripts/schema_ts.py from src/netscope/schema.py; do not edit. */

export type Number = number | 'NaN' | 'Infinity' | '-Infinity';
export type Scalar = string | number | boolean | null;
export type State = 'running' | 'finished' | 'crashed' | 'killed';
/** What a series tells of: the user's own keys, a watched layer, or the machine. */
export type Kind = 'scalar' | 'layer' | 'system';
export type AssetKind = 'array' | 'image' | 'audio' | 'text' | 'table' | 'figure' | 'histogram';
/** What of a tensor was watched: itself, its gradient, its change by the optimiser, or a layer's output. */
export type Quantity = 'value' | 'gradient' | 'update' | 'activation';
export type Stat = 'mean' | 'std' | 'norm' | 'min' | 'max' | 'zeros' | 'nonfinite' | 'ratio' | 'saturated';
export type XAxis = string;
/** A series in three numbers (last, min, max); min and max are over finite values. */
export type Summary = [last: Number, min: Number, max: Number];

export interface Attempt {
  number: number;
  created: number;
  updated: number;
  state: State;
  fork_step: number | null;
  error: string;
}

export interface Run {
  id: string;
  name: string;
  state: State;
  created: number;
  updated: number;
  tags: string[];
  notes: string;
  archived: boolean;
  config: Record<string, Scalar>;
  summary: Record<string, Summary>;
  revision: number;
}

export interface RunTable {
  revision: number;
  runs: Run[];
  removed: string[];
}

export interface Environment {
  host: string;
  os: string;
  python: string;
  executable: string;
  command: string;
  directory: string;
  cpu: string;
  cpu_count: number;
  memory_bytes: number;
  gpus: string[];
  git_commit: string;
  git_branch: string;
  git_remote: string;
  git_dirty: boolean;
  packages: Record<string, string>;
}

export interface RunDetail {
  run: Run;
  folder: string;
  config: string;
  environment: Environment;
  attempts: Attempt[];
  writers: Writer[];
  problems: string[];
}

export interface Writer {
  journal: string;
  attempt: number;
  host: string;
  pid: number;
  rank: number | null;
  bytes: number;
}

export interface Key {
  key: string;
  kind: Kind;
  n_runs: number;
}

export interface Keys {
  keys: Key[];
}

export interface SeriesRequest {
  runs: string[];
  keys: string[];
  px?: number;
  x?: string;
  low?: number | null;
  high?: number | null;
  kind?: Kind;
}

export interface SeriesInfo {
  run: string;
  key: string;
  start: number;
  n: number;
  n_logged: number;
  ghost: boolean;
  revision: number;
}

export interface SeriesReply {
  series: SeriesInfo[];
}

export interface GroupRequest {
  groups: string[][];
  keys: string[];
  px?: number;
  x?: string;
  low?: number | null;
  high?: number | null;
  band?: 'minmax' | 'std' | 'stderr';
}

export interface Layer {
  layer: string;
  type: string;
  parameters: Record<string, number[]>;
}

export interface LayerTable {
  layers: Layer[];
  tensors: LayerTensor[];
  steps: number[];
}

export interface LayerTensor {
  layer: string;
  tensor: string;
  quantity: Quantity;
  stats: Stat[];
  histogram: boolean;
}

export interface Asset {
  key: string;
  kind: AssetKind;
  step: number;
  time: number;
  blob: string;
  bytes: number;
  text: string;
  shape: number[];
}

export interface Assets {
  assets: Asset[];
}

export type ConsoleLine = [time: number, stream: 'out' | 'err', text: string];

export interface Console {
  start: number;
  total: number;
  lines: ConsoleLine[];
}

export interface EditRequest {
  runs: string[];
  name?: string | null;
  notes?: string | null;
  tags?: string[] | null;
  add_tags?: string[];
  remove_tags?: string[];
  archived?: boolean | null;
}

export interface RunsRequest {
  runs: string[];
}

export interface Deleted {
  runs: string[];
  problems: string[];
}

export interface About {
  version: string;
  folder: string;
  writable: boolean;
  n_runs: number;
  index: string;
}

export interface Problem {
  error: string;
}

export interface Live {
  revision: number;
  grew: string[];
  alive: boolean;
}
