/** Every request the page makes, typed; an unsuccessful reply becomes an `ApiError` with the server's message. */
import { numberOf } from './numbers';
import { parse, type Column, type Tensors } from './safetensors';
import type {
  About,
  AssetKind,
  Assets,
  Cards,
  CellOf,
  ComparisonRequest,
  Console,
  Deleted,
  EditRequest,
  ExportRequest,
  Finding,
  GroupRequest,
  InputFile,
  Job,
  Jobs,
  Keys,
  LayerScale,
  LayerTable,
  LayerTensor,
  ModelInfo,
  ModelRunner,
  Models,
  OpDoc,
  Problem,
  Quantity,
  Run,
  RunDetail,
  RunTable,
  SeriesInfo,
  SeriesReply,
  SeriesRequest,
  Stat,
  TensorFacts,
  TensorSpectrum,
  Trash,
  ValuesRequest,
} from './schema.gen';

/** Folder the page was served from, with its final slash: the page may live below a path. */
export const BASE = new URL('.', document.baseURI).pathname.replace(/\/{2,}/g, '/');

export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status, or 0 when there was no reply. */
    readonly status: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** Steps are 16- or 32-bit integers if that is exact, values are 32-bit floats if the difference cannot be seen. */
export type Xs = Float64Array | Int32Array | Uint16Array;

export interface Curves {
  series: SeriesInfo[];
  x: Xs;
  /** As logged; missing if only the moving average was requested. */
  y?: Float32Array | undefined;
  /** The moving average at the same points as `y`, if requested. */
  smoothed?: Float32Array | undefined;
  /** Seconds since the run began at the same points as `y`, if requested. */
  time?: Float32Array | undefined;
}

export interface Bands {
  series: SeriesInfo[];
  x: Float64Array;
  mean: Float32Array;
  low: Float32Array;
  high: Float32Array;
  /** The mean of the runs' moving averages, if requested. */
  smoothed?: Float32Array | undefined;
  /** How many runs have a value at each point. */
  runs: Int32Array;
}

export interface LayerValues {
  /** Rows of `values`, in order. */
  rows: LayerTensor[];
  steps: Float64Array;
  /** [tensor, step], row by row. */
  values: Float32Array;
  /** How many values of the tensor were NaN or infinite, like `values`. */
  nonfinite: Float32Array;
}

export interface Histograms {
  steps: Float64Array;
  edges: Float64Array;
  /** [step, bin], row by row. */
  counts: Float32Array;
  nonfinite: Float32Array;
  tensors: Tensors;
}

/** An array of a model, or the part of it at an index. */
export interface TensorPart {
  model: string;
  tensor: number;
  /** Place on the axes that are not in the picture. */
  index: readonly number[];
  isColour: boolean;
}

/** What the numbers of a stored array are like. */
export interface TensorReply {
  facts: TensorFacts;
  /** Of the histogram, ascending, one more than counts. */
  edges: Float64Array;
  counts: Float32Array;
  zeros: Float32Array;
  nonfinite: Float32Array;
  rowNorms: Float32Array;
  columnNorms: Float32Array;
  /** Quantiles of the magnitudes at 90 %, 90.1 % and so on up to 100 %. */
  limits: Float64Array;
  /** Rows, or output channels, of zeros only, and those that equal an earlier one: pairs, row by row. */
  zeroRows: Int32Array;
  equalRows: Int32Array;
}

export interface TensorTile {
  /** Row by row; in colour, three values a cell. */
  values: Float32Array | Float64Array;
  /** The same with every digit, if they are whole numbers. */
  exact: Column;
  rows: number;
  columns: number;
  channels: number;
  /** Share of its elements that were read. */
  share: number;
}

type Query = Record<string, string | number | readonly string[] | null | undefined>;

/** Address of an API resource, every part of the path escaped. */
export function address(path: readonly string[], query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const one of value) search.append(name, String(one));
    else if (value !== null && value !== undefined) search.append(name, String(value));
  }
  const tail = search.size ? `?${search}` : '';
  return `${BASE}api/${path.map(encodeURIComponent).join('/')}${tail}`;
}

/** Send a request and read the reply; the connection can also be lost in the middle of the reply. */
async function send<T>(url: string, init: RequestInit, read: (reply: Response) => Promise<T>): Promise<T> {
  try {
    const reply = await fetch(url, init);
    if (reply.ok || reply.status === 304) return await read(reply);
    throw new ApiError(problemIn(await reply.text()), reply.status);
  } catch (error) {
    if (error instanceof ApiError || (error instanceof DOMException && error.name === 'AbortError')) throw error;
    throw new ApiError('', 0);
  }
}

/** The server's message; the words of a proxy in between are shown as they are. */
function problemIn(text: string): string {
  try {
    return (JSON.parse(text) as Problem).error ?? text.slice(0, 500);
  } catch {
    return text.slice(0, 500);
  }
}

async function get<T>(path: readonly string[], query: Query = {}, signal?: AbortSignal): Promise<T> {
  return send(address(path, query), { signal: signal ?? null }, (reply) => reply.json() as Promise<T>);
}

async function post<T>(path: readonly string[], body: unknown, signal?: AbortSignal): Promise<T> {
  return send(address(path), { ...posted(body), signal: signal ?? null }, (reply) => reply.json() as Promise<T>);
}

// Only pages from this server can read its token, which every change needs.
let token: Promise<string> | undefined;

/** The token, requested once; a failed request is repeated the next time. */
function tokenOf(): Promise<string> {
  token ??= get<About>(['about']).then(
    (about) => about.token,
    (error: unknown) => {
      token = undefined;
      throw error;
    },
  );
  return token;
}

/** Request a change. A restarted server has a new token. */
async function change<T>(path: readonly string[], body: unknown): Promise<T> {
  for (let isSecond = false; ; isSecond = true) {
    try {
      const init = posted(body);
      init.headers = { ...init.headers, 'X-Netscope-Token': await tokenOf() };
      return await send(address(path), init, (reply) => reply.json() as Promise<T>);
    } catch (error) {
      token = undefined;
      if (isSecond || !(error instanceof ApiError && error.status === 403)) throw error;
    }
  }
}

function posted(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

// Browsers do not cache replies to POST, and these are requested repeatedly while only one run grows.
const remembered = new Map<string, { etag: string; tensors: Tensors }>();
const REMEMBERED = 60;

async function postTensors(path: readonly string[], body: unknown, signal?: AbortSignal): Promise<Tensors> {
  const init = posted(body);
  const name = path.join('/') + init.body;
  const known = remembered.get(name);
  if (known) init.headers = { ...init.headers, 'If-None-Match': known.etag };
  const { bytes, etag } = await send(address(path), { ...init, signal: signal ?? null }, async (reply) => ({
    bytes: reply.status === 304 ? null : await reply.arrayBuffer(),
    etag: reply.headers.get('ETag'),
  }));
  if (!bytes && known) return known.tensors;
  const tensors = parse(bytes!);
  remembered.delete(name);
  if (etag) remembered.set(name, { etag, tensors });
  if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value!);
  return tensors;
}

async function getBytes(path: readonly string[], query: Query = {}, signal?: AbortSignal): Promise<ArrayBuffer> {
  return send(address(path, query), { signal: signal ?? null }, (reply) => reply.arrayBuffer());
}

async function getTensors(path: readonly string[], query: Query = {}, signal?: AbortSignal): Promise<Tensors> {
  return parse(await getBytes(path, query, signal));
}

/** Send a file to be opened; `tell` is called with the bytes sent so far, which `fetch` would not report. */
async function openModel(file: File, tell: (sent: number) => void, signal: AbortSignal): Promise<ModelInfo> {
  const ownToken = await tokenOf();
  signal.throwIfAborted();
  const reply = await new Promise<string>((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', address(['models'], { name: file.name }));
    request.setRequestHeader('X-Netscope-Token', ownToken);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => tell(event.loaded);
    request.onload = () => {
      if (request.status < 300) return resolve(request.responseText);
      if (request.status === 403) token = undefined;
      reject(new ApiError(problemIn(request.responseText), request.status));
    };
    request.onerror = () => reject(new ApiError('', 0));
    request.onabort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
  return JSON.parse(reply) as ModelInfo;
}

/** Send a file as input of a model. */
async function uploadInput(file: File): Promise<InputFile> {
  const headers = { 'Content-Type': 'application/octet-stream', 'X-Netscope-Token': await tokenOf() };
  return send(address(['inputs'], { name: file.name }), { method: 'POST', headers, body: file }, (reply) => reply.json() as Promise<InputFile>);
}

function told<T>(tensors: Tensors): T {
  return JSON.parse(tensors.metadata['reply'] ?? '{}') as T;
}

function data<T>(tensors: Tensors, name: string): T {
  return tensors.tensors[name]!.data as T;
}

/** Numbers of the configuration that JSON cannot hold come as {number: "…"}: NaN, infinities, whole numbers beyond 2^53. */
export function withNumbers(run: Run): Run {
  const config = run.config as Record<string, unknown>;
  for (const [key, value] of Object.entries(config))
    if (typeof value === 'object' && value !== null)
      Object.defineProperty(config, key, { value: numberOf((value as { number: string }).number), enumerable: true });
  return run;
}

export interface Window {
  low?: number | null;
  high?: number | null;
}

export const api = {
  about: (signal?: AbortSignal) => get<About>(['about'], {}, signal),
  async runs(since: number, keys: readonly string[] = [], signal?: AbortSignal): Promise<RunTable> {
    const table = await get<RunTable>(['runs'], { since, key: keys }, signal);
    table.runs.forEach(withNumbers);
    return table;
  },
  async detail(run: string, keys: readonly string[] = [], signal?: AbortSignal): Promise<RunDetail> {
    const detail = await get<RunDetail>(['runs', run], { key: keys }, signal);
    withNumbers(detail.run);
    return detail;
  },
  cards: (run: string, signal?: AbortSignal) => get<Cards>(['runs', run, 'cards'], {}, signal),
  edit: async (request: EditRequest) => (await change<Run[]>(['runs', 'edit'], request)).map(withNumbers),
  delete: (runs: readonly string[], force = false) => change<Deleted>(['runs', 'delete'], { runs, force }),
  jobs: (signal?: AbortSignal) => get<Jobs>(['jobs'], {}, signal),
  export: (request: ExportRequest) => change<Job>(['jobs', 'export'], request),
  cancel: (job: string) => change<Job>(['jobs', job, 'cancel'], {}),
  jobFile: (job: string) => address(['jobs', job, 'file']),
  restore: (runs: readonly string[]) => change<Deleted>(['runs', 'restore'], { runs }),
  trash: (signal?: AbortSignal) => get<Trash>(['trash'], {}, signal),
  deleteForGood: (runs: readonly string[]) => change<Deleted>(['trash', 'delete'], { runs }),
  keys: (runs: readonly string[], signal?: AbortSignal) => post<Keys>(['keys'], { runs }, signal),
  layers: (run: string, signal?: AbortSignal) => get<LayerTable>(['runs', run, 'layers'], {}, signal),
  assets: (run: string, query: { key?: string; kind?: AssetKind } = {}, signal?: AbortSignal) =>
    get<Assets>(['runs', run, 'assets'], query, signal),
  blob: (run: string, blob: string) => address(['runs', run, 'blobs', blob]),
  blobTensors: (run: string, blob: string, signal?: AbortSignal) =>
    getTensors(['runs', run, 'blobs', blob], {}, signal),
  blobBytes: (run: string, blob: string, signal?: AbortSignal) => getBytes(['runs', run, 'blobs', blob], {}, signal),
  blobText: (run: string, blob: string, signal?: AbortSignal) =>
    send(address(['runs', run, 'blobs', blob]), { signal: signal ?? null }, (reply) => reply.text()),
  console: (run: string, query: { start: number; n: number; search?: string; stream?: string; process?: string }, signal?: AbortSignal) =>
    get<Console>(['runs', run, 'console'], query, signal),
  /** With the moving average beside the values if it is drawn. */
  csv: (runs: readonly string[], keys: readonly string[], smooth: number) => address(['series.csv'], { run: runs, key: keys, smooth: smooth || null }),

  async series(request: SeriesRequest, signal?: AbortSignal): Promise<Curves> {
    const reply = await postTensors(['series'], request, signal);
    const beside = (name: string) => reply.tensors[name]?.data as Float32Array | undefined;
    return { series: told<SeriesReply>(reply).series, x: data(reply, 'x'), y: beside('y'), smoothed: beside('smoothed'), time: beside('time') };
  },

  async groups(request: GroupRequest, signal?: AbortSignal): Promise<Bands> {
    const reply = await postTensors(['groups'], request, signal);
    return {
      series: told<SeriesReply>(reply).series,
      x: data(reply, 'x'),
      mean: data(reply, 'mean'),
      low: data(reply, 'low'),
      high: data(reply, 'high'),
      smoothed: reply.tensors['smoothed']?.data as Float32Array | undefined,
      runs: data(reply, 'runs'),
    };
  },

  async layerValues(
    run: string,
    quantity: Quantity,
    stat: Stat,
    query: Window & { px?: number; start?: number; stop?: number } = {},
    signal?: AbortSignal,
  ): Promise<LayerValues> {
    const reply = await getTensors(['runs', run, 'layers', quantity, stat], { ...query }, signal);
    return { rows: told<LayerTensor[]>(reply), steps: data(reply, 'steps'), values: data(reply, 'values'), nonfinite: data(reply, 'nonfinite') };
  },

  models: (signal?: AbortSignal) => get<Models>(['models'], {}, signal),
  opDoc: (op: string, format: string, version: string, signal?: AbortSignal) => get<OpDoc>(['ops'], { format, op, version }, signal),
  modelGraph: (id: string, signal?: AbortSignal) => getBytes(['models', id, 'graph'], {}, signal),
  /** Of a run: 404 says how to log one. */
  runGraph: (run: string, signal?: AbortSignal) => getBytes(['runs', run, 'graph'], {}, signal),
  openModel,
  runner: (id: string, signal?: AbortSignal) => get<ModelRunner>(['models', id, 'runner'], {}, signal),
  /** Run a model; the job that does. */
  values: (id: string, request: ValuesRequest) => change<Job>(['models', id, 'values'], request),
  /** Statistics of all values that a job measured. */
  valuesOf: (job: string, signal?: AbortSignal) => getTensors(['jobs', job, 'values'], {}, signal),
  valuePicture: (job: string, value: number, signal?: AbortSignal) => getTensors(['jobs', job, 'values', String(value), 'picture'], {}, signal),
  valueArray: (job: string, value: number) => address(['jobs', job, 'values', String(value), 'array']),
  uploadInput,
  /** Two models, each "model:ID" or "run:ID", compared without the numbers of their weights. */
  comparison: (a: string, b: string, signal?: AbortSignal) => getTensors(['comparison'], { a, b }, signal),
  /** The job that compares the weights, too; its file is a comparison in the same form. */
  compareWeights: (request: ComparisonRequest) => change<Job>(['jobs', 'comparison'], request),
  comparisonOf: (job: string, signal?: AbortSignal) => getTensors(['jobs', job, 'file'], {}, signal),

  /** Of at most 64 arrays, and the share of each that was read; NaN where they are unknown. */
  async tensorNorms(model: string, tensors: readonly number[], signal?: AbortSignal): Promise<{ norms: Float64Array; nonfinite: Float64Array; shares: Float64Array }> {
    const reply = await getTensors(['models', model, 'tensors'], { tensor: tensors.map(String) }, signal);
    return { norms: data(reply, 'norms'), nonfinite: data(reply, 'nonfinite'), shares: data(reply, 'shares') };
  },
  async tensor(part: TensorPart, signal?: AbortSignal): Promise<TensorReply> {
    const reply = await getTensors(['models', part.model, 'tensors', String(part.tensor)], partQuery(part), signal);
    return {
      facts: told<TensorFacts>(reply),
      edges: data(reply, 'edges'),
      counts: data(reply, 'counts'),
      zeros: data(reply, 'zeros'),
      nonfinite: data(reply, 'nonfinite'),
      rowNorms: data(reply, 'row_norms'),
      columnNorms: data(reply, 'column_norms'),
      limits: data(reply, 'limits'),
      zeroRows: data(reply, 'zero_rows'),
      equalRows: data(reply, 'equal_rows'),
    };
  },
  /** Cells of 2^level elements; the place is that of the tile among the tiles of these levels. */
  async tensorTile(part: TensorPart, of: CellOf, levels: readonly [number, number], place: readonly [number, number], signal?: AbortSignal): Promise<TensorTile> {
    const query = { ...partQuery(part), of, row_level: levels[0], column_level: levels[1], row: place[0], column: place[1] };
    const reply = await getTensors(['models', part.model, 'tensors', String(part.tensor), 'tile'], query, signal);
    const { data: exact, shape } = reply.tensors['values']!;
    const values = exact instanceof Float32Array || exact instanceof Float64Array ? exact : Float64Array.from(exact as ArrayLike<number | bigint>, Number);
    return { values, exact, rows: shape[0]!, columns: shape[1]!, channels: shape[2] ?? 1, share: told<{ share: number }>(reply).share };
  },
  async tensorSpectrum(part: TensorPart, signal?: AbortSignal): Promise<{ values: Float64Array; facts: TensorSpectrum }> {
    const reply = await getTensors(['models', part.model, 'tensors', String(part.tensor), 'spectrum'], partQuery(part), signal);
    return { values: data(reply, 'values'), facts: told<TensorSpectrum>(reply) };
  },
  /** Address of an array as an .npy file. */
  tensorFile: (model: string, tensor: number) => address(['models', model, 'tensors', String(tensor), 'file']),

  layerFindings: (run: string, signal?: AbortSignal) => get<Finding[]>(['runs', run, 'layers', 'findings'], {}, signal),
  /** Of tensors with some names, or of all if none are given. */
  layerScale: (run: string, quantity: Quantity, stat: Stat, names: readonly string[], signal?: AbortSignal) =>
    get<LayerScale>(['runs', run, 'layers', quantity, stat, 'scale'], { tensor: names }, signal),

  bins: (run: string, key: string, query: Window & { n?: number } = {}, signal?: AbortSignal) =>
    overSteps(['runs', run, 'bins'], { key, ...query }, signal),
  histograms: (run: string, key: string, query: Window & { n?: number } = {}, signal?: AbortSignal) =>
    overSteps(['runs', run, 'histograms'], { key, ...query }, signal),
};

function partQuery({ index, isColour }: TensorPart): Query {
  return { index: index.join(',') || null, colour: isColour ? null : 0 };
}

async function overSteps(path: readonly string[], query: Query, signal?: AbortSignal): Promise<Histograms> {
  const tensors = await getTensors(path, query, signal);
  return {
    steps: data(tensors, 'steps'),
    edges: data(tensors, 'edges'),
    counts: data(tensors, 'counts'),
    nonfinite: data(tensors, 'nonfinite'),
    tensors,
  };
}
