"""Run an ONNX file in parts: a few consecutive nodes as a model of its own, with all of their results as outputs.

So every value is seen in a single pass, each weight is loaded once, and at most the values of one part, and those that
later parts read, are in memory. Within a part nothing is fused. The file itself stays as it is.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from netscope import optional
from netscope.errors import FormatError, MissingExtraError, UsageError
from netscope.frameworks.values.collector import Collector
from netscope.models.model import Model
from netscope.models.shapes import dtype_bytes

LARGEST_PART_BYTES = 256 << 20
"""Of the values of a part, as far as their sizes are known beforehand."""
LARGEST_WEIGHTS_BYTES = 512 << 20
"""Of the weights of a part."""
UNKNOWN_BYTES = 1 << 20
"""Taken for a value of unknown size."""
MOST_PARTS, MOST_NODES = 20, 200
MOST_REFERENCE_FLOPS = 2e9
"""A larger model is not run by the reference implementation, which is some hundred times slower."""
_NAME = "netscope_"
_TIMED = re.compile(rf"{_NAME}(\d+)_(?:.*_)?kernel_time")
_NOT_TENSORS = ("Sequence", "Optional", "ConcatFromSequence", "SplitToSequence")
_Feeds = Mapping[str, Any]
Evaluate = Callable[[Any, _Feeds, list[str]], tuple[list[Any], dict[int, float]]]


class Engine(NamedTuple):
    """What runs a part."""

    name: str
    evaluate: Evaluate
    """Of a model, its inputs and the names of its outputs: the outputs, and the seconds of nodes by their number."""
    is_stepwise: bool
    """Whether a part is to be one node."""
    errors: tuple[type[Exception], ...]


def run(path: Path, model: Model, inputs: Mapping[str, npt.NDArray[Any]], collector: Collector) -> None:
    """Run a file and collect its values.

    Raises:
        FormatError: It is damaged.
        UsageError: It is too large for the reference implementation, and onnxruntime is not there.
        MissingExtraError: Neither onnxruntime nor onnx is there.
    """
    onnx = optional.extra("running ONNX files", "onnx", "run")
    protobuf = optional.extra("running ONNX files", "google.protobuf.message", "run")
    try:
        proto = onnx.load(str(path), load_external_data=False)
    except protobuf.DecodeError as error:
        raise FormatError(f"damaged ONNX file: {error}") from error
    with tempfile.TemporaryDirectory(prefix="netscope-") as folder:
        engine = _engine(onnx, model, Path(folder))
        collector.runner = engine.name
        _Run(onnx, proto, path, model, engine, collector).run(dict(inputs))


def _engine(onnx: Any, model: Model, folder: Path) -> Engine:
    try:
        onnxruntime = optional.extra("running ONNX files", "onnxruntime", "run")
    except MissingExtraError:
        if not np.nansum(model.graph.node_flops) <= MOST_REFERENCE_FLOPS:
            raise
        return _reference(onnx)
    return _runtime(onnxruntime, folder)


def _runtime(onnxruntime: Any, folder: Path) -> Engine:
    state = onnxruntime.capi.onnxruntime_pybind11_state
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    errors = tuple(getattr(state, name) for name in names if hasattr(state, name))

    def evaluate(part: Any, feeds: _Feeds, outputs: list[str]) -> tuple[list[Any], dict[int, float]]:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait take no time
        session = onnxruntime.InferenceSession(part.SerializeToString(), options, ["CPUExecutionProvider"])
        found = session.run(outputs, dict(feeds))
        profile = Path(session.end_profiling())
        seconds = _seconds(json.loads(profile.read_bytes()))
        profile.unlink()
        return found, seconds

    return Engine(f"ONNX Runtime {onnxruntime.__version__}", evaluate, False, errors)


def _seconds(events: list[dict[str, Any]]) -> dict[int, float]:
    """Seconds of each node, from a profile."""
    found: dict[int, float] = {}
    for event in events:
        timed = _TIMED.fullmatch(str(event.get("name"))) if event.get("cat") == "Node" else None
        if timed is not None:
            node = int(timed[1])
            found[node] = found.get(node, 0.0) + float(event["dur"]) / 1e6
    return found


def _reference(onnx: Any) -> Engine:
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  (where ONNX Runtime is missing)

    def evaluate(part: Any, feeds: _Feeds, outputs: list[str]) -> tuple[list[Any], dict[int, float]]:
        evaluator = ReferenceEvaluator(part)
        begun = time.perf_counter()
        with np.errstate(all="ignore"):
            found = evaluator.run(outputs, dict(feeds))
        took = time.perf_counter() - begun
        return list(found), {int(part.graph.node[0].name.removeprefix(_NAME)): took}

    errors = (NotImplementedError, RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError)
    return Engine(f"the reference implementation of ONNX {onnx.__version__}", evaluate, True, errors)


class _Run:
    """The state of one run. Nodes are positions in the outermost graph of the file."""

    def __init__(self, onnx: Any, proto: Any, path: Path, model: Model, engine: Engine, collector: Collector) -> None:
        self.onnx, self.proto, self.path, self.engine, self.collector = onnx, proto, path, engine, collector
        graph = model.graph
        self.nodes = list(proto.graph.node)
        self.rows = np.flatnonzero(~graph.scope_in_body[graph.node_scope]).tolist()
        if len(self.rows) != len(self.nodes):
            raise FormatError(f"{path.name!r} has {len(self.nodes)} nodes, its graph {len(self.rows)}")
        self.model = model
        self.weights = {tensor.name: tensor for tensor in proto.graph.initializer}
        self.sparse = {tensor.values.name: tensor for tensor in proto.graph.sparse_initializer}
        self.reads = [set(_reads(node)) for node in self.nodes]
        self.last = {name: at for at, names in enumerate(self.reads) for name in names}
        self.sizes: dict[str, int] = {}

    def run(self, live: dict[str, Any]) -> None:
        """Run all parts; `live` are the inputs, and later the values that are still to be read."""
        graph = self.model.graph
        for index in graph.inputs.tolist():
            value = graph.values[index]
            if value.name in live:
                self.collector.add(index, live[value.name])
                self.sizes |= {
                    symbol: size
                    for symbol, size in zip(value.shape or (), live[value.name].shape, strict=False)
                    if isinstance(symbol, str)
                }
        for start, stop in self._parts():
            self.collector.progress(start, len(self.nodes))
            if not self._run_part(start, stop, live):
                break
            for name in [name for name in live if self.last.get(name, -1) < stop]:
                del live[name]
        self.collector.progress(len(self.nodes), len(self.nodes))

    def _parts(self) -> Iterator[tuple[int, int]]:
        n = len(self.nodes)
        if any(node.op_type.startswith(_NOT_TENSORS) for node in self.nodes):
            yield 0, n  # only tensors go from part to part
            return
        most = 1 if self.engine.is_stepwise else max(1, min(MOST_NODES, -(-n // MOST_PARTS)))
        start, values, weights = 0, 0.0, 0
        for at in range(n):
            values += self._value_bytes(at)
            weights += sum(self.weights[name].ByteSize() for name in self.reads[at] if name in self.weights)
            weights += sum(_external_bytes(self.weights[name]) for name in self.reads[at] if name in self.weights)
            is_full = values > LARGEST_PART_BYTES or weights > LARGEST_WEIGHTS_BYTES or at - start >= most
            if is_full and at > start:
                yield start, at
                start, values, weights = at, self._value_bytes(at), 0
        if n > start:
            yield start, n

    def _value_bytes(self, node: int) -> float:
        total = 0.0
        for value in self.model.graph.nodes[self.rows[node]].outputs:
            if value is None:
                continue
            sizes = [self.sizes.get(size, 0) if isinstance(size, str) else size for size in value.shape or (None,)]
            is_known = all(sizes) and not math.isnan(dtype_bytes(value.dtype))
            total += (
                math.prod(int(size or 0) for size in sizes) * dtype_bytes(value.dtype) if is_known else UNKNOWN_BYTES
            )
        return total

    def _run_part(self, start: int, stop: int, live: dict[str, Any]) -> bool:
        """Run nodes `start` to `stop` (exclusive); False if one of them failed, which ends the run."""
        names = [name for node in self.nodes[start:stop] for name in node.output if name]
        try:
            part, feeds = self._model(start, stop, names, live)
            found, seconds = self.engine.evaluate(part, feeds, names)
        except self.engine.errors as error:
            if stop - start > 1:
                return all(self._run_part(at, at + 1, live) for at in range(start, stop))
            node = self.nodes[start]
            reason = str(error).strip().splitlines()[0][:500] if str(error).strip() else type(error).__name__
            self.collector.failed(self.rows[start], f"{node.op_type} {node.name!r} failed: {reason}")
            return False
        values = dict(zip(names, found, strict=True))
        for at in range(start, stop):
            if at in seconds:
                self.collector.took(self.rows[at], seconds[at])
            outputs = self.model.graph.nodes[self.rows[at]].outputs
            for name, value in zip(self.nodes[at].output, outputs, strict=True):
                if value is not None and isinstance(values.get(name), np.ndarray | np.generic):
                    self.collector.add(value.index, values[name], self.nodes[at].op_type)
        live.update((name, value) for name, value in values.items() if self.last.get(name, -1) >= stop)
        return True

    def _model(self, start: int, stop: int, names: list[str], live: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Some nodes as a model, and its inputs."""
        helper, made = self.onnx.helper, set(names)
        needed = set().union(*self.reads[start:stop]) - made
        feeds = {name: np.asarray(live[name]) for name in sorted(needed) if name in live}
        missing = sorted(needed - feeds.keys() - self.weights.keys() - self.sparse.keys())
        if missing:
            raise UsageError(f"nothing computes {missing[0]!r}, which {self.nodes[start].op_type} reads")
        graph = self.onnx.GraphProto(name="part")
        for name, array in feeds.items():
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            graph.input.append(helper.make_tensor_value_info(name, kind, array.shape))
        for name in sorted(needed - feeds.keys()):
            if name in self.weights:
                graph.initializer.append(self._weight(self.weights[name]))
            else:
                graph.sparse_initializer.append(self.sparse[name])
        for at in range(start, stop):
            node = graph.node.add()
            node.CopyFrom(self.nodes[at])
            node.name = f"{_NAME}{at}"
        graph.output.extend(self.onnx.ValueInfoProto(name=name) for name in names)
        part = self.onnx.ModelProto(ir_version=self.proto.ir_version, graph=graph)
        part.opset_import.extend(self.proto.opset_import)
        part.functions.extend(self.proto.functions)
        return part, feeds

    def _weight(self, tensor: Any) -> Any:
        """A weight with its elements, from the file beside the model if they are there."""
        if tensor.data_location != 1:
            return tensor
        whole = self.onnx.TensorProto()
        whole.CopyFrom(tensor)
        try:
            self.onnx.external_data_helper.load_external_data_for_tensor(whole, str(self.path.parent))
        except (OSError, ValueError, self.onnx.checker.ValidationError) as error:
            raise FormatError(f"the weight {tensor.name!r} cannot be read: {error}") from error
        whole.data_location = 0
        del whole.external_data[:]
        return whole


def _external_bytes(tensor: Any) -> int:
    said = {entry.key: entry.value for entry in tensor.external_data}
    length = said.get("length", "0")
    return int(length) if length.isdecimal() and len(length) < 18 else 0


def _reads(node: Any) -> Iterator[str]:
    """The names that a node reads, in its bodies too; a body's own names are few too many, which does no harm."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            own = {entry.name for entry in body.input} | {entry.name for entry in body.initializer}
            own |= {name for inner in body.node for name in inner.output}
            inside = {name for inner in body.node for name in _reads(inner)} | {entry.name for entry in body.output}
            yield from inside - own
