// Read a model file with the parsers of the Python package `netron`, and print it as JSON on one line.
//
//     node netron.mjs FOLDER_OF_NETRON FILE...     each line: {"format": …, "graphs": …} or {"error": …}
//
// The parsers are internals of Netron 9 (MIT licence), used as its own tests use them: a `ModelFactoryService` opens a
// context. Nothing of its page runs. No file but the model and those beside it is read, and none is written.

import * as fs from 'node:fs';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';

const MOST_NODES = 1_000_000;
const LONGEST_TEXT = 4000;
const LONGEST_LIST = 64;
const DEEPEST = 8;
const LARGEST_FILE = 1 << 30;
const MOST_INLINE = 16 << 20; // bytes of arrays that do not lie in a file as they are, such as those of archives
const SEARCHED = 64; // first bytes of an array by which it is found in a file
const DTYPES = {
    boolean: 'bool', 'complex<float32>': 'complex64', 'complex<float64>': 'complex128', float8e4m3fn: 'float8_e4m3fn',
    float8e4m3fnuz: 'float8_e4m3fnuz', float8e5m2: 'float8_e5m2', float8e5m2fnuz: 'float8_e5m2fnuz',
    float8e8m0fnu: 'float8_e8m0fnu', float4e2m1fn: 'float4_e2m1fn', '?': '',
};
const ARRAYS = {
    float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array, int32: Int32Array,
    uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array,
};

const [folder, ...files] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(folder, name)).href);
const base = await load('base.js');
const view = await load('view.js');
const zip = await load('zip.js');
await zip.Archive.import?.();

// What Netron asks its host for; `opened` are the files it read so far.
class Host {
    constructor(file) {
        this.folder = path.dirname(file);
        this.opened = [];
        this.identifier = path.basename(file);
        this.stream = this.read(this.identifier);
        this.entries = new Map();
        this.type = 'netscope';
    }

    environment() { return null; }
    event() {}
    exception() {}
    error() {}
    async require(id) { return load(`${id}.js`); }
    async asset(name) { return fs.readFileSync(path.join(folder, path.basename(name)), 'utf8'); }

    async fetch(name, encoding, around) {
        const stream = this.read(around ? `${around}/${name}` : name);
        return encoding ? new TextDecoder(encoding).decode(stream.peek()) : stream;
    }

    read(name) {
        const full = path.resolve(this.folder, name);
        if (!full.startsWith(this.folder.endsWith(path.sep) ? this.folder : this.folder + path.sep)) {
            throw new Error(`the model names a file outside of its folder, which is not read: '${name}'`);
        }
        const bytes = fs.statSync(full).size;
        if (bytes > LARGEST_FILE) {
            throw new Error(`'${name}' has ${bytes} bytes; Netron's parsers are given at most ${LARGEST_FILE}`);
        }
        let file = this.opened.find((one) => one.path === full);
        if (!file) {
            file = { path: full, data: whole(full, bytes), cursor: 0 };
            this.opened.push(file);
        }
        return new base.BinaryStream(new Uint8Array(file.data.buffer));
    }
}

// Collects the parts of a model as plain rows.
class Rows {
    constructor(files) {
        this.files = files;
        this.values = [];
        this.tensors = [];
        this.known = new Map(); // objects of Netron's that are values or tensors
        this.nNodes = 0;
        this.inline = MOST_INLINE;
        this.expanded = new Set(); // functions whose body is there
    }

    graph(graph, around) {
        const scope = { names: new Map(), around };
        for (const argument of [...(graph.inputs ?? []), ...(graph.nodes ?? []).flatMap((node) => node.outputs ?? [])]) {
            for (const value of valuesOf(argument)) {
                if (value?.name && !value.initializer && !scope.names.has(value.name)) {
                    scope.names.set(value.name, this.add(value));
                }
            }
        }
        const [inputs, outputs] = [graph.inputs, graph.outputs].map((list) => this.arguments(list, scope));
        for (const { name, values } of [...inputs, ...outputs]) {
            if (name && values.length === 1 && values[0] >= 0) {
                this.values[values[0]][0] = name; // what the file calls it; values may have made-up names
            }
        }
        return { name: text(graph.name), inputs, outputs, nodes: (graph.nodes ?? []).map((node) => this.node(node, scope)) };
    }

    node(node, scope) {
        if (++this.nNodes > MOST_NODES) {
            throw new Error(`the file has more than ${MOST_NODES} nodes`);
        }
        const type = node.type ?? {};
        const row = {
            name: text(node.name || node.identifier), op: text(type.name), kind: text(type.type), group: text(node.group),
            inputs: [], outputs: this.arguments(node.outputs, scope), attributes: {}, bodies: [],
        };
        for (const argument of [...(node.inputs ?? []), ...(node.blocks ?? []), ...(node.attributes ?? [])]) {
            this.argument(argument, row, scope);
        }
        const chain = (node.chain ?? []).map((one) => text(one.type?.name));
        if (chain.length) {
            row.attributes.then = chain;
        }
        if (Array.isArray(type.nodes) && type.nodes.length && !this.expanded.has(type)) {
            this.expanded.add(type);
            row.bodies.push({ name: text(type.name), graph: this.graph(type, null) });
        }
        return row;
    }

    argument(argument, row, scope) {
        const { name, value, type } = argument ?? {};
        if (type === 'graph' || type === 'graph[]') {
            for (const body of Array.isArray(value) ? value : [value]) {
                if (body?.nodes) {
                    row.bodies.push({ name: text(name), graph: this.graph(body, scope) });
                }
            }
        } else if (valuesOf(argument).length) {
            row.inputs.push(...this.arguments([argument], scope));
        } else if (/^(object|function)(\[\])?$/.test(type ?? '')) {
            this.objects(text(name), (Array.isArray(value) ? value : [value]).filter(Boolean), row, scope);
        } else {
            row.attributes[text(name)] = plain(value, 0);
        }
    }

    // Nodes within a node, as modules are: those that read something are its body, others a setting.
    objects(name, objects, row, scope) {
        const nodes = objects.filter((one) => one.type?.name && one.inputs?.length);
        if (nodes.length) {
            row.bodies.push({ name, graph: this.graph({ name, nodes }, scope) });
        }
        const others = objects.filter((one) => !nodes.includes(one)).map((one) => text(one.type?.name ?? one.name));
        if (others.length) {
            row.attributes[name] = plain(others.length === 1 ? others[0] : others, 0);
        }
    }

    arguments(list, scope) {
        return (list ?? []).map((argument) => ({
            name: text(argument.name), values: valuesOf(argument).map((value) => this.value(value, scope)),
        }));
    }

    value(value, scope) {
        if (value === null || value === undefined) {
            return -1;
        }
        if (value.name && !value.initializer) {
            for (let at = scope; at; at = at.around) {
                if (at.names.has(value.name)) {
                    return at.names.get(value.name);
                }
            }
            scope.names.set(value.name, this.add(value));
            return scope.names.get(value.name);
        }
        return this.known.get(value) ?? this.add(value);
    }

    add(value) {
        const type = value.type ?? value.initializer?.type;
        const row = [text(value.name), dtype(type), shape(type), -1, quantisation(value.quantization)];
        this.values.push(row);
        this.known.set(value, this.values.length - 1);
        if (value.initializer) {
            row[3] = this.tensor(value.initializer, value.name);
        }
        return this.known.get(value);
    }

    tensor(tensor, name) {
        const known = this.known.get(tensor);
        if (known !== undefined) {
            return known;
        }
        const row = { name: text(tensor.name || name), dtype: dtype(tensor.type), shape: shape(tensor.type), bytes: -1 };
        const data = bytesOf(tensor, row.dtype);
        if (!data && !row.shape) {
            return -1; // named only: its file is not there
        }
        if (data) {
            row.bytes = data.length;
            this.locate(data, row);
        }
        this.tensors.push(row);
        this.known.set(tensor, this.tensors.length - 1);
        return this.tensors.length - 1;
    }

    // Where the bytes lie in a file: a view of it, or found in it by what they are.
    locate(data, row) {
        const buffer = Buffer.from(data.buffer, data.byteOffset, data.length);
        for (const file of data.length ? this.files : []) {
            let at = data.buffer === file.data.buffer ? data.byteOffset : -1;
            if (at < 0) {
                const head = buffer.subarray(0, SEARCHED);
                at = file.data.indexOf(head, file.cursor);
                at = at < 0 && file.cursor > 0 ? file.data.indexOf(head) : at;
                if (at < 0 || file.data.compare(buffer, 0, buffer.length, at, at + buffer.length) !== 0) {
                    continue;
                }
                file.cursor = at + buffer.length;
            }
            row.path = file.path;
            row.offset = at;
            return;
        }
        if (data.length <= this.inline) {
            this.inline -= data.length;
            row.inline = buffer.toString('base64');
        }
    }
}

// The bytes of a file in an ArrayBuffer of their own, so that views of it tell where they lie.
function whole(file, bytes) {
    const data = Buffer.allocUnsafeSlow(bytes);
    const descriptor = fs.openSync(file, 'r');
    try {
        for (let at = 0; at < bytes;) {
            const n = fs.readSync(descriptor, data, at, bytes - at, at);
            if (!n) {
                throw new Error(`'${path.basename(file)}' was cut off while it was read`);
            }
            at += n;
        }
    } finally {
        fs.closeSync(descriptor);
    }
    return data;
}

function valuesOf(argument) {
    const list = argument?.value;
    if (!Array.isArray(list) || (argument.type && !argument.type.endsWith('*'))) {
        return [];
    }
    return list.every((one) => one === null || (typeof one === 'object' && 'name' in one && !('nodes' in one))) ? list : [];
}

function text(value) {
    const found = typeof value === 'string' ? value : value === undefined || value === null ? '' : String(value);
    return found.length > LONGEST_TEXT ? `${found.slice(0, LONGEST_TEXT)}…` : found;
}

function dtype(type) {
    const name = text(type?.dataType);
    return DTYPES[name] ?? name;
}

function shape(type) {
    const sizes = type?.shape?.dimensions;
    if (!Array.isArray(sizes)) {
        return null;
    }
    return sizes.slice(0, LONGEST_LIST).map((size) => {
        const number = typeof size === 'bigint' ? Number(size) : size;
        if (typeof number === 'number') {
            return Number.isSafeInteger(number) && number >= 0 ? number : null;
        }
        return typeof number === 'string' && number !== '?' && number !== '-1' ? text(number) : null;
    });
}

function quantisation(said) {
    if (!said || (!said.scale?.length && !said.type)) {
        return null;
    }
    const found = {};
    for (const name of ['type', 'scale', 'offset', 'bias', 'min', 'max']) {
        const value = said[name];
        if (value !== undefined && value !== null && value.length !== 0) {
            found[name === 'offset' ? 'zero_point' : name] = plain(value?.length === 1 ? value[0] : value, 0);
        }
    }
    if (typeof said.dimension === 'number' && said.scale?.length > 1) {
        found.axis = said.dimension;
    }
    return found;
}

// The elements of a tensor as little-endian bytes; null if Netron does not have them.
function bytesOf(tensor, kind) {
    try {
        const found = new base.Tensor(tensor);
        if (found.layout) {
            return null;
        }
        const data = found.encoding === '<' ? found.data : found.encoding === '|' ? found.values : null;
        if (data instanceof Uint8Array || data instanceof Int8Array) {
            return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        }
        if (data && ARRAYS[kind] && (Array.isArray(data) || ArrayBuffer.isView(data))) {
            const array = data instanceof ARRAYS[kind] ? data : ARRAYS[kind].from(data, kind.endsWith('int64') ? BigInt : Number);
            return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
        }
    } catch {
        // the sizes of a damaged file do not fit its bytes
    }
    return null;
}

// A setting that JSON can hold, shortened.
function plain(value, depth) {
    if (value === null || value === undefined || typeof value === 'boolean') {
        return value ?? null;
    }
    if (typeof value === 'number') {
        return Number.isFinite(value) ? value : String(value);
    }
    if (typeof value === 'bigint') {
        return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
    }
    if (typeof value !== 'object') {
        return text(value);
    }
    if (depth > DEEPEST) {
        return '…';
    }
    if (Array.isArray(value) || ArrayBuffer.isView(value)) {
        const first = Array.from(value.slice(0, LONGEST_LIST), (one) => plain(one, depth + 1));
        return value.length <= LONGEST_LIST ? first : { shape: [value.length], first };
    }
    if (value.type?.shape || value.dimensions) {
        return value.dimensions ? shape({ shape: value }) : { dtype: dtype(value.type), shape: shape(value.type) };
    }
    const entries = value instanceof Map ? Array.from(value) : Object.entries(value).filter(([name]) => !name.startsWith('_'));
    return Object.fromEntries(entries.slice(0, LONGEST_LIST).map(([name, one]) => [text(name), plain(one, depth + 1)]));
}

function metadataOf(model) {
    const found = {};
    for (const name of ['description', 'runtime', 'domain', 'imports', 'source']) {
        if (model[name] && typeof model[name] !== 'function') {
            found[name] = plain(model[name], 0);
        }
    }
    for (const argument of Array.isArray(model.metadata) ? model.metadata : []) {
        found[text(argument.name)] = plain(argument.value, 0);
    }
    return found;
}

async function opened(file) {
    const host = new Host(path.resolve(file));
    const model = await new view.ModelFactoryService(host).open(host);
    const graphs = model.modules ?? model.graphs;
    if (!Array.isArray(graphs)) {
        throw new TypeError('its models have no list of modules');
    }
    const rows = new Rows(host.opened);
    const outer = graphs.filter((graph) => graph.nodes?.length).map((graph) => rows.graph(graph, null));
    const called = (model.functions ?? []).filter((one) => one?.nodes?.length && !rows.expanded.has(one));
    return {
        format: text(model.format), version: text(model.version), producer: text(model.producer),
        metadata: metadataOf(model), graphs: [...outer, ...called.map((graph) => rows.graph(graph, null))],
        values: rows.values, tensors: rows.tensors,
    };
}

for (const file of files) {
    let answer = null;
    try {
        answer = JSON.stringify(await opened(file));
    } catch (error) {
        const inside = [TypeError, ReferenceError, RangeError, SyntaxError].some((kind) => error instanceof kind);
        answer = JSON.stringify({ error: text(error?.message ?? error), inside });
    }
    fs.writeSync(1, `${answer}\n`);
}
