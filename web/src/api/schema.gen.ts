/** Written by scripts/schema_ts.py from src/netscope/schema/; do not edit: `make schema`. */

/**
 * Series of one metric; the latest media; predictions by class; gradients over layers and steps; layers that stand
 * out; the graph of the network; steps a second; what was printed last.
 */
export type CardKind = 'curves' | 'samples' | 'confusion' | 'gradients' | 'layers' | 'network' | 'pace' | 'console';

export type ReasonCode = 'began' | 'improving' | 'hardly_improving' | 'best_earlier' | 'stalled' | 'flat' | 'worse' | 'rose' | 'not_finite' | 'overfits' | 'value' | 'samples' | 'confused' | 'all_right' | 'gradients_not_finite' | 'gradients_exploded' | 'gradients_vanish' | 'gradients_zero' | 'gradients_steady' | 'layers_dead' | 'layers_not_finite' | 'layers_frozen' | 'layers_jump' | 'layers_explode' | 'layers_fine' | 'network' | 'pace' | 'pace_slower' | 'crashed' | 'killed' | 'printed';

/** Why a card is shown, as a code and what its sentence is about; the page has the words. */
export interface Reason {
  code: ReasonCode;
  key: string;
  /** A second key, class or layer. */
  other: string;
  value: Number | null;
  before: Number | null;
  step: number | null;
  /** How many of `total`, or how many values ago. */
  n: number | null;
  total: number | null;
  /** What `n` counts. */
  unit: '' | 'epochs' | 'values';
  /** Layers that were not looked at, because there are too many. */
  unread: number;
  text: string;
}

/** A layer that stands out, or one of those that are fine where none does. */
export interface Finding {
  layer: string;
  /** Class of the module: "Conv2d". */
  type: string;
  problem: 'dead' | 'not_finite' | 'explodes' | 'frozen' | 'jumps' | 'fine';
  /**
   * Share of its units that are dead; values that are not finite; its gradient as a multiple of the usual norm; step
   * of its last change; size of a step's change as a share of the values.
   */
  value: Number;
  step: number;
  quantity: string;
  /** Where the layers view shows it. */
  stat: string;
}

/** How many samples of each class were taken for each class. */
export interface Confusion {
  labels: string[];
  /** [true class][predicted class] */
  counts: number[][];
}

/** Steps a second over equal stretches of the last attempt's time. */
export interface Pace {
  /** Ends of the stretches, since the attempt began. */
  seconds: number[];
  rate: number[];
}

/** Something worth a look. */
export interface Card {
  /** Stays the same while the run grows, and in other runs: the page remembers choices by it. */
  id: string;
  kind: CardKind;
  /** What it is of: the metric ("loss"), or the key of media; '' where the kind says all. */
  name: string;
  /** From 0 to 1; cards are laid out by it. */
  interest: number;
  reason: Reason;
  /** Of the series or media that it shows. */
  keys: string[];
  /** To select when the card is opened. */
  step: number | null;
  layer: string | null;
  findings: Finding[];
  assets: Asset[];
  confusion: Confusion | null;
  pace: Pace | null;
  /** Printed last, with colours (SGR). */
  lines: string[];
  /** Text of the exception that ended the run. */
  error: string;
}

/** A main metric of a run: where it stands, and where it was best. */
export interface Metric {
  key: string;
  /** Which end is good; None: unknown, and then nothing is the best. */
  goal: 'min' | 'max' | null;
  /** Or the number that `run.summary` gives in its place. */
  last: Number;
  /** None of a number that was given. */
  last_step: number | null;
  best: Number | null;
  best_step: number | null;
}

/** A run at a glance. */
export interface Cards {
  /** As people count them, from 1; None if the run logs none. */
  epoch: number | null;
  /** As the run tells it, or its configuration: `max_steps`, or `epochs` where a key "epoch" is logged. */
  progress: Progress | null;
  device: string;
  /** Values in the parameters of the watched network; 0 if none is watched. */
  n_parameters: number;
  metrics: Metric[];
  /** The most interesting first. */
  cards: Card[];
}

/** Moved: the same but for the numbers of its weights. */
export type Difference = 'same' | 'moved' | 'changed' | 'added' | 'removed';

/** How many parts of two models are in each state. */
export interface Counts {
  same: number;
  moved: number;
  changed: number;
  added: number;
  removed: number;
}

/** A node of one model and the node of the other that it is. */
export interface NodeDifference {
  difference: Difference;
  /** Name, '' if it has none or is in the second model alone. */
  a: string;
  b: string;
  /** '' if it is in the second model alone. */
  a_op: string;
  b_op: string;
  /** What changed: "op", "attributes", "inputs", "types", "shapes", "weights", "values". */
  changes: string[];
}

/** A stored array of one model and the array of the other that it is. */
export interface TensorDifference {
  difference: Difference;
  a: string;
  b: string;
  /** "float32 [64,3,7,7]"; '' if it is in the second model alone. */
  a_type: string;
  b_type: string;
  /** Order of the axes of the second that are longer than 1, to get those of the first; empty if it is the same. */
  axes: number[];
  /** ||b - a|| / ||a||; null if it is not known, or infinite. */
  relative: number | null;
  /** Largest |b - a|; null if it is not known. */
  largest: number | null;
  /** Of the angle between both; null if it is not known. */
  cosine: number | null;
  /** Elements that are not equal. */
  differing: number;
  /** Why the numbers were not compared, or ''. */
  problem: string;
}

/** Two models compared, in numbers. */
export interface ComparisonSummary {
  /** Name of the first model. */
  a: string;
  b: string;
  is_same: boolean;
  nodes: Counts;
  tensors: Counts;
  /** Pairs of stored arrays whose numbers were compared. */
  compared: number;
  /** ||b - a|| / ||a|| over all of them; null if there are none, or if it is infinite. */
  relative: number | null;
}

/** The result of a node on the same input in both models. */
export interface ValueDifference {
  /** Name of the node; its operation and place if it has none. */
  a: string;
  b: string;
  /** Of the second model. */
  op: string;
  /** ||b - a|| / ||a||; null if no pair is finite, or if it is infinite. */
  relative: number | null;
  largest: number | null;
  cosine: number | null;
  /** Elements that are NaN or infinite in one of both alone. */
  nonfinite: number;
}

/** Two models compared: the numbers, and all that differs. */
export interface ComparisonReport {
  summary: ComparisonSummary;
  nodes: NodeDifference[];
  tensors: TensorDifference[];
  /** In the order of the second model; null if the models were not run. */
  values: ValueDifference[] | null;
}

/** What a pair of stored arrays has to say beyond its numbers. */
export interface TensorNote {
  /** Its place among the pairs. */
  pair: number;
  /** As in `TensorDifference`. */
  axes: number[];
  problem: string;
}

/** Metadata of a comparison, whose columns are tensors of the reply. */
export interface ComparisonReply {
  summary: ComparisonSummary;
  notes: TensorNote[];
}

/** Two models to compare. */
export interface ComparisonRequest {
  /** The model before: "model" or "run", a colon, and its id. */
  a: string;
  /** The model after. */
  b: string;
}

/** One line that a process printed (time, stream, text, rank, process). */
export type ConsoleLine = [time: number, stream: 'out' | 'err', text: string, rank: number | null, process: string];

/** A window of a run's console. */
export interface Console {
  start: number;
  total: number;
  lines: ConsoleLine[];
  /** Of the whole run: "main", "rank 1", or a process of another kind by its number and host, "4711 on host". */
  processes: string[];
}

/**
 * Write series to a file; read a large folder for the first time; run a model and measure its values; compare the
 * weights of two models.
 */
export type JobKind = 'export' | 'index' | 'values' | 'comparison';

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

/** Work that takes longer than a reply may. */
export interface Job {
  id: string;
  kind: JobKind;
  /** What it works on, in a few words. */
  title: string;
  state: JobState;
  done: number;
  /** `done` of `total` units are done; 0 while the total is unknown. */
  total: number;
  /** What `done` and `total` count: "series", "runs", "bytes". */
  unit: string;
  /** Why it failed, or ''. */
  error: string;
  /** Name of the file that GET /api/jobs/{job}/file gives once it is done, or ''. */
  file: string;
  /** Unix seconds. */
  created: number;
}

/** All jobs since the server began, oldest first. */
export interface Jobs {
  jobs: Job[];
}

/** Every point of some series as a file. */
export interface ExportRequest {
  runs: string[];
  /** Empty: all that the user logged as numbers. */
  keys: string[];
  format?: 'csv' | 'parquet';
  /** Also the moving average with this weight; 0: none. */
  smooth?: number;
}

/** What of a tensor was watched: itself, its gradient, its change by the optimiser, or a layer's output. */
export type Quantity = 'value' | 'gradient' | 'update' | 'activation';

/**
 * In the order in which they are shown. `ratio`: norm of the update over the norm of the value; `zeros`: share of exact
 * zeros; `saturated`: share of outputs in the flat part of their activation; `dead`: share of an activation's units
 * (channels) that no sample of the batch switched on; `nonfinite`: count of NaN and infinities.
 */
export type Stat = 'norm' | 'mean' | 'std' | 'ratio' | 'zeros' | 'saturated' | 'dead' | 'min' | 'max' | 'nonfinite';

/** A module that is watched, in forward order. */
export interface Layer {
  /** Dotted path in the model: "features.0". */
  layer: string;
  /** Class of the module: "Conv2d". */
  type: string;
  /** Shape per parameter name. */
  parameters: Record<string, number[]>;
}

/** What became of a layer while it was watched. */
export interface LayerChange {
  layer: string;
  /** `parameters`: the layer has others than before (assigned, pruned, parametrised, of another type). */
  change: 'added' | 'removed' | 'replaced' | 'parameters' | 'frozen' | 'unfrozen';
  /** For instance "Linear 10×8 → Linear 3×8", or the names of the parameters if not all are meant. */
  detail: string;
  /** The first step measured after it. */
  step: number;
}

/** What `watch` saw of a run. */
export interface LayerTable {
  /** Those that were watched at any time, in forward order. */
  layers: Layer[];
  /** In the order in which they were noticed. */
  changes: LayerChange[];
  tensors: LayerTensor[];
  /** Steps at which anything was watched, ascending; at most 2,000, evenly chosen. */
  steps: number[];
  /** Histograms of activations with more values count a sample; on a CPU mean, std and norm are of it, too. */
  sampled_above: number | null;
}

/** The range of one statistic over all its tensors and steps: what a colour scale needs. */
export interface LayerScale {
  /** Smallest finite value; None if there is none, and so below. */
  least: number | null;
  /** Largest finite value. */
  most: number | null;
  /** 2 % of the finite values are below. */
  low: number | null;
  /** 2 % of the finite values are above. */
  high: number | null;
  /** 2 % of the magnitudes that are not 0 are below; None if all are 0. */
  small: number | null;
}

/** One watched tensor and what there is of it. */
export interface LayerTensor {
  layer: string;
  /** Parameter name ("weight"), "output", or a batch-norm buffer ("running_mean"). */
  tensor: string;
  quantity: Quantity;
  stats: Stat[];
  histogram: boolean;
}

/** The kind "graph" is a network, in the form of `netscope.models.pack`. */
export type AssetKind = 'array' | 'image' | 'audio' | 'text' | 'table' | 'figure' | 'histogram' | 'graph';

/** Something large, logged at a step; its bytes are at /api/runs/{run}/blobs/{blob}. */
export interface Asset {
  key: string;
  kind: AssetKind;
  step: number;
  time: number;
  /** File name within the run's blobs: digest and suffix; '' where `text` holds it all. */
  blob: string;
  bytes: number;
  /** The caption, or the text itself. */
  text: string;
  shape: number[];
  /** Which item of the list that was logged under the key, from 0; None: it was logged alone. */
  item: number | null;
  /** Whether a text is to be shown as Markdown; else it is shown as it is. */
  markdown: boolean;
}

/** Assets of a run, in the order of key, then step, then item. */
export interface Assets {
  assets: Asset[];
}

export type ModelState = 'stored' | 'opening' | 'ready' | 'failed';

export type ModelSource = 'file' | 'upload';

/** A model that the server can show. */
export interface ModelInfo {
  /** The same after every start of the server, for the same file. */
  id: string;
  name: string;
  /** "stored": uploaded to an earlier server, and read once it is asked for. */
  state: ModelState;
  /** "ONNX", "safetensors" and so on; '' until it is read. */
  format: string;
  /** What read it: "netscope", or "netron 9.3.3"; '' until it is read. */
  reader: string;
  nodes: number;
  tensors: number;
  parameters: number;
  /** Of the file. */
  bytes: number;
  source: ModelSource;
  /** Why it cannot be shown, or ''. */
  problem: string;
}

/** The models that the server can show: those it was started with, then uploads, the newest first. */
export interface Models {
  models: ModelInfo[];
  /** Of a file that POST /api/models takes now. */
  largest_upload_bytes: number;
}

/** An input or output. */
export interface ValueType {
  name: string;
  /** As NumPy spells it; '' if unknown. */
  dtype: string;
  /** Numbers, names of symbols, null for an unknown size; null alone if the number of axes is unknown. */
  shape: (number | string | null)[] | null;
}

/** Nodes that belong together: a module, or an operation with its weights. */
export interface ModelLayer {
  /** Path of the module, or name of the node; '' for what belongs to none. */
  name: string;
  /** Class of the module, or the operation that costs most. */
  op: string;
  nodes: number;
  /** Of its last result. */
  shape: (number | string | null)[] | null;
  parameters: number;
  /** Of its stored arrays. */
  bytes: number;
  /** For one example; null if none of its costs is known. */
  flops: number | null;
}

/** A model in numbers. */
export interface ModelSummary {
  name: string;
  format: string;
  format_version: string;
  reader: string;
  producer: string;
  /** Without those in bodies of control flow and functions. */
  nodes: number;
  /** In bodies of control flow and functions, each counted once. */
  nested_nodes: number;
  /** Stored arrays. */
  tensors: number;
  /** Numbers in all stored arrays. */
  values: number;
  /** Of those, the ones that are weights: not 32- and 64-bit integers, Booleans and texts. */
  parameters: number;
  /** Of all stored arrays. */
  bytes: number;
  /** Floating-point operations for one example, a multiplication with an addition being two; null if none is known. */
  flops: number | null;
  /** Nodes whose operations could not be counted. */
  unknown_flops: number;
  inputs: ValueType[];
  outputs: ValueType[];
  /** How many nodes of each operation, the most frequent first. */
  ops: Record<string, number>;
  layers: ModelLayer[];
  /** Problems while reading, one sentence each. */
  warnings: string[];
  /** What the file says about itself. */
  metadata: Record<string, unknown>;
}

/** An input, output or attribute of an operation. */
export interface OpPart {
  name: string;
  doc: string;
}

/** What an operation does; all empty if that is not known here. */
export interface OpDoc {
  /** Plain text, paragraphs divided by empty lines. */
  doc: string;
  inputs: OpPart[];
  outputs: OpPart[];
  attributes: OpPart[];
  /** Address of its documentation; nothing is requested from there unless a person follows it. */
  page: string;
}

export type Number = number | 'NaN' | 'Infinity' | '-Infinity';

export type Scalar = string | number | bigint | boolean | null;

export type State = 'running' | 'finished' | 'crashed' | 'killed' | 'abandoned' | 'unreadable';

/** Which value of a series is its headline number: the last, the best one, or the mean of the finite ones. */
export type Rule = 'last' | 'min' | 'max' | 'mean';

/** A series in four numbers (last, min, max, value); min and max are over finite values, NaN if none is. */
export type Summary = [last: Number, min: Number, max: Number, value: Number];

/** How far a run is. */
export interface Progress {
  done: number;
  total: number;
  /** What is counted, such as "steps" or "epochs"; '' if the run does not say. */
  unit: string;
  /** Unix seconds when `done` was reached. */
  time: number;
  /** From `time` on, at the average pace of this attempt; None where no pace is known, and once the run has ended. */
  seconds_left: number | null;
}

/** One start of a run: the first, or a resumption. */
export interface Attempt {
  number: number;
  /** Unix seconds. */
  created: number;
  updated: number;
  state: State;
  /** First step this attempt goes on from; what earlier attempts logged from there on is its ghost. */
  fork_step: number | null;
  /** Text of the exception that ended it, or ''. */
  error: string;
}

/** A row of the runs table. */
export interface Run {
  id: string;
  name: string;
  state: State;
  /** Unix seconds; 0: unknown, because none of its journals could be read. */
  created: number;
  /** Unix seconds of the last thing logged or, while it runs, of the last heartbeat; 0: unknown. */
  updated: number;
  tags: string[];
  notes: string;
  archived: boolean;
  /** Flattened: {"optimizer.lr": 0.1}; lists and other values appear as JSON text. Whole numbers are exact. */
  config: Record<string, Scalar>;
  /** Only the keys that were asked for. */
  summary: Record<string, Summary>;
  /** Grows with every change of this run; compare for equality only. */
  revision: number;
  /** Bytes of its journals that were read so far. */
  read_bytes: number;
  /** Bytes that there are to read; more than `read_bytes` while it is still being read for the first time. */
  total_bytes: number;
  /** Short name of its folder, if the server shows several; `id` then begins with it and a colon. */
  folder: string;
  /** The largest step at which the last attempt logged a scalar; of the attempt before while it has logged none. */
  step: number | null;
  /** None unless the run told how much there is to do. */
  progress: Progress | null;
  /** What `run.summary` says of some keys: a rule, or the headline number itself; such a key may have no series. */
  rules: Record<string, Rule | Number>;
}

/** What changed since a revision; `since=0` gives everything. */
export interface RunTable {
  revision: number;
  runs: Run[];
  /** Ids that were deleted since. */
  removed: string[];
}

/** Where a run ran; captured once an attempt. */
export interface Environment {
  host: string;
  os: string;
  python: string;
  executable: string;
  command: string;
  directory: string;
  cpu: string;
  /** CPUs that the run may use: of its affinity, its cpuset and its container's quota, rounded up. */
  cpu_count: number;
  /** CPUs' worth of time that a container's quota allows, 0.5 for half of one; 0: no quota below the CPUs. */
  cpu_limit: number;
  /** Memory that the run may use: of the machine, or of the container where that is less. */
  memory_bytes: number;
  /** The container's limit; 0: none below what the machine has. */
  memory_limit_bytes: number;
  gpus: string[];
  git_commit: string;
  git_branch: string;
  git_remote: string;
  git_dirty: boolean;
  packages: Record<string, string>;
}

/** Everything about one run but its series. */
export interface RunDetail {
  run: Run;
  folder: string;
  /** The configuration as it was given, nested, as JSON text with every digit, NaN and Infinity. */
  config: string;
  environment: Environment;
  attempts: Attempt[];
  writers: Writer[];
  /** What could not be read of it, in sentences. */
  problems: string[];
}

/** One process that wrote into a run: its own journal file. */
export interface Writer {
  journal: string;
  attempt: number;
  host: string;
  pid: number;
  rank: number | null;
  /** Bytes read so far. If the journal cannot be read, the size of its file, or 0 if that is unknown. */
  bytes: number;
}

/** What a person writes on runs by hand; None leaves a field alone. */
export interface EditRequest {
  runs: string[];
  name?: string | null;
  notes?: string | null;
  tags?: string[] | null;
  add_tags?: string[];
  remove_tags?: string[];
  archived?: boolean | null;
}

/** Runs to act on. */
export interface RunsRequest {
  runs: string[];
}

/** Runs to move to the trash. */
export interface DeleteRequest {
  runs: string[];
  /** Also runs that are, or may be, still written. */
  force?: boolean;
}

/** A deleted run, in the trash of its folder of runs. */
export interface Trashed {
  /** Its id in the trash, to restore it or delete it for good. */
  id: string;
  name: string;
  /** Unix seconds, as `deleted`; 0: not known. */
  created: number;
  deleted: number;
  tags: string[];
  /** Its size on disk. */
  bytes: number;
  /** Name of its folder of runs, where several are shown. */
  folder: string;
}

/** All deleted runs, the one deleted last first. */
export interface Trash {
  runs: Trashed[];
}

/** Ids moved to the trash, back from it or deleted for good; `problems` says why others were not. */
export interface Deleted {
  runs: string[];
  problems: string[];
  /** Ids of runs that were kept because a process is, or may be, still writing them. */
  written: string[];
}

/** What a key is of: the user's own series, a watched layer's, the machine's, or the user's own histograms. */
export type Kind = 'scalar' | 'layer' | 'system' | 'histogram';

/** Words of a key that say that a metric was measured on the training data. */
export const TRAINING_SPLITS = ['train', 'training', 'fit'] as const;

/** Words of a key that say that a metric was measured on other data. */
export const HELD_OUT_SPLITS = ['val', 'valid', 'validation', 'dev', 'eval', 'evaluation', 'test', 'testing', 'holdout'] as const;

/** A name under which something was logged. */
export interface Key {
  key: string;
  kind: Kind;
  /** How many of the runs asked about have it. */
  n_runs: number;
  /** Which end of a series is good, if its name says so. */
  goal: 'min' | 'max' | null;
}

/** All keys of some runs. */
export interface Keys {
  keys: Key[];
}

/** Ask for the points a chart can show. */
export interface SeriesRequest {
  runs: string[];
  keys: string[];
  /** Width of the chart in CSS pixels: two points a pixel column come back, its extremes, and what is not finite. */
  px?: number;
  /** "step", "relative" (seconds since the run began), "time" (Unix seconds) or another key. */
  x?: string;
  low?: number | null;
  /** Only x from `low` to `high`, and one point on either side. */
  high?: number | null;
  kind?: Kind;
  /** Also tell when each point was logged. */
  times?: boolean;
  /** Weight of a moving average over all points that were logged, from 0 (none) to below 1, such as 0.6. */
  smooth?: number;
  /** With `smooth`: also the values as logged, and their extremes. False where only the mean is drawn. */
  logged?: boolean;
}

/** Where one series lies in the tensors of a reply: `y` and what is beside it from `start`, `x` from `x_start`. */
export interface SeriesInfo {
  run: string;
  key: string;
  start: number;
  /** Series that were logged at the same places may share their x. */
  x_start: number;
  n: number;
  /** Points before thinning. */
  n_logged: number;
  /** The tail of an earlier attempt, that a later one replaced. */
  ghost: boolean;
  revision: number;
  /** How many runs it is of: more than one for a group of which as many have the key. */
  n_runs: number;
}

/**
 * Metadata of the safetensors reply of POST /api/series; tensors `x`, `y`, on request `smoothed` and `time`.
 *
 * x is u16 or i32 if that is exact, else f64; y and `smoothed` are f32, or f64 if the rounding would be visible.
 * The header of the file says which. `time` is f32, seconds since the run began. `smoothed` (the moving average) and
 * `time` have the same length as `y`.
 */
export interface SeriesReply {
  series: SeriesInfo[];
}

/** Mean and band over groups of runs on a common grid. */
export interface GroupRequest {
  groups: string[][];
  keys: string[];
  px?: number;
  x?: string;
  low?: number | null;
  high?: number | null;
  band?: 'minmax' | 'std' | 'stderr';
  /** Weight of a moving average over all points of each run, before they are grouped; 0: none. */
  smooth?: number;
}

/** What this server is. */
export interface About {
  version: string;
  /** Folders of runs that it shows. */
  folders: string[];
  /** Short names of the folders, all different; those of `Run.folder` if there are several. */
  names: string[];
  /** Whether runs of any folder can be edited and deleted. */
  writable: boolean;
  n_runs: number;
  /** Where the index lives: "sqlite" or "postgresql", or "memory" for a folder that cannot be written. */
  index: string;
  /** The header X-Netscope-Token of requests that change something; a new one with every start of the server. */
  token: string;
}

/** Body of every reply that is not a success. */
export interface Problem {
  /** What was found, what was expected, and what to do. */
  error: string;
}

/** Runs grew. Also sent after 10 s without changes, to show that the server is still there. */
export interface Grew {
  type: 'grew';
  /** Of the whole store: ask GET /api/runs?since= for what changed. */
  revision: number;
  /** Runs whose series, console or assets grew since the last message. */
  grew: string[];
}

/** A job began, went on or ended. */
export interface JobChanged {
  type: 'job';
  job: Job;
}

/** A message on the live channel (WebSocket /api/live), server to page. */
export type Live = Grew | JobChanged;

export type PictureKind = 'strip' | 'matrix' | 'mosaic' | 'grid';

export type CellOf = 'largest' | 'mean';

/** An array as rows and columns of numbers. */
export interface Picture {
  /** A vector, a matrix, kernels by output and input channel, or filters one by one. */
  kind: PictureKind;
  rows: number;
  columns: number;
  /** Rows of one kernel, or of one filter. */
  unit_rows: number;
  unit_columns: number;
  /** Filters in a grid, row by row. */
  n_units: number;
  /** Meaning of the axes of kernels: output, input, height, width ("OIHW"); '' if the picture lies as it is shown. */
  order: string;
  /** Sizes of the axes that are not in the picture; an index on each selects what is shown. */
  fixed: number[];
  /** Whether the channels of filters are red, green and blue. */
  is_colour: boolean;
  /** Whether they could be. */
  has_colours: boolean;
  /** From this level on, and `column_level`, tiles take no further reading. */
  row_level: number;
  column_level: number;
}

/** An array of the model, or the part of it at an index. Its numbers are null where there is none. */
export interface TensorFacts {
  name: string;
  /** As it is stored. */
  dtype: string;
  shape: number[];
  /** In the file. */
  bytes: number | null;
  picture: Picture;
  /** Share of the elements that were read; below 1, everything here is of an even sample. */
  share: number;
  /** Elements that were read. */
  n: number;
  zeros: number;
  nan: number;
  infinite: number;
  /** Of the finite values, as are all that follow. */
  mean: number | null;
  std: number | null;
  min: number | null;
  max: number | null;
  l1: number;
  l2: number | null;
  /** Below which 1, 5, 25, 50, 75, 95 and 99 % of the values lie. */
  quantiles: (number | null)[];
  /** Distinct values; null if there are more than 256. */
  levels: number | null;
  /** If all values are multiples of one step, as after uniform quantisation. */
  step: number | null;
  /** The narrower type ("bfloat16", "float16") that holds every value exactly, or ''. */
  precision: string;
  /** Whether the elements are complex; then all numbers are of their magnitudes. */
  is_magnitude: boolean;
  /** Rows or channels that share a norm. */
  rows_per_norm: number;
  columns_per_norm: number;
  /** Rows, or output channels, of zeros only. */
  zero_rows: number;
  /** Rows, or output channels, that equal an earlier one and are not zero. */
  equal_rows: number;
}

/** What the singular values of a matrix say of its rank; null where a value is NaN or infinite. */
export interface TensorSpectrum {
  effective_rank: number | null;
  stable_rank: number | null;
  /** Null if it is infinite, too. */
  condition: number | null;
  rank: number;
  /** Of the matrix: kernels have one row for each output channel. */
  rows: number;
  columns: number;
}

/** Random numbers; a .npy or .npz file; a picture; a .wav file; a text, through the tokenizer beside the model. */
export type InputKind = 'random' | 'array' | 'image' | 'audio' | 'text';

/** What the 8 bits of a picture become; "imagenet": its mean and standard deviation per channel are 0 and 1. */
export type ImageScaling = '0..1' | '-1..1' | '0..255' | 'imagenet';

/** An input of a model, and what it gets unless something else is chosen. */
export interface ModelInput {
  name: string;
  /** As NumPy spells it; guessed from the operations that read it if the file does not say. */
  dtype: string;
  /** As declared: numbers, names of symbols, null for an unknown size; null alone if the number of axes is unknown. */
  shape: (number | string | null)[] | null;
  /** A shape with a size for every symbol and unknown size. */
  proposed: number[];
  low: number;
  /** Random whole numbers are from `low` to `high`, both included; random floats are normal, with mean 0 and std 1. */
  high: number;
  /** The table that `high` is the last row of, or '': an embedding reads the input. */
  table: string;
  /** What it can be given. */
  kinds: InputKind[];
}

/** How a model runs. */
export interface ModelRunner {
  /** The package that runs it: "onnxruntime", "torch"; '' if none can. */
  runner: string;
  /** Why it cannot run, or ''. */
  problem: string;
  /** Whether the file may contain code, which running it executes. */
  runs_code: boolean;
  inputs: ModelInput[];
}

/** What to give to one input. */
export interface InputRequest {
  kind?: InputKind;
  /** Of random numbers; the proposed one unless given. Of others, sizes that the model leaves open. */
  shape?: number[] | null;
  /** Id of an uploaded file, from POST /api/inputs. */
  file?: string;
  scaling?: ImageScaling;
  text?: string;
}

/** Run a model and measure all its values. */
export interface ValuesRequest {
  /** By name; an input that is not here gets random numbers. */
  inputs: Record<string, InputRequest>;
  seed?: number;
  /** Values to keep whole however large, by their index in the graph. */
  keep?: number[];
}

/** A file that was uploaded as input. */
export interface InputFile {
  /** Its id. */
  file: string;
  name: string;
  bytes: number;
}

/** What an input was given. */
export interface GivenInput {
  name: string;
  dtype: string;
  shape: number[];
  /** "random", or the name of the file. */
  source: string;
}

/** What a run of a model says of itself. */
export interface ValuesSummary {
  /** What ran it, with its version. */
  runner: string;
  /** Of the whole run, with measuring. */
  seconds: number;
  /** Of the measured values, in the order of the columns. */
  dtypes: string[];
  /** The first node with NaN among its results but not among its inputs, or -1. */
  first_nan: number;
  /** The weight of that node that has NaN itself, or ''. */
  nan_weight: string;
  /** The same for infinities. */
  first_infinity: number;
  /** The node at which the run failed, or -1; the last warning says why. */
  failed_node: number;
  warnings: string[];
  given: GivenInput[];
}
