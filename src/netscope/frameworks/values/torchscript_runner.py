"""Run a TorchScript file operation by operation: its code is executed, so only files that are trusted.

PyTorch compiles the code of the file into a graph of its own, with all calls of modules inlined. That graph is followed
here node by node. Its operations are matched with those that the reader of the file found, in the order of execution.
"""

from __future__ import annotations

import difflib
import functools
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from netscope.errors import FormatError
from netscope.frameworks.values.collector import Collector
from netscope.frameworks.values.torch_arrays import ERRORS, array_of, reason_of
from netscope.models.model import Model

MOST_STEPS = 2_000_000
MOST_MATCHED = 20_000
_SILENT = {"prim::Constant", "prim::GetAttr", "prim::ListConstruct", "prim::TupleConstruct", "prim::unchecked_cast"}
"""Nodes that compute nothing."""


def run(path: Path, model: Model, inputs: Mapping[str, npt.NDArray[Any]], collector: Collector) -> None:
    """Run a file and collect its values.

    Raises:
        FormatError: PyTorch cannot load it.
    """
    collector.runner = f"PyTorch {torch.__version__}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
            module = torch.jit.load(str(path), map_location="cpu")
        graph = module.inlined_graph
    except ERRORS as error:
        raise FormatError(f"PyTorch {torch.__version__} cannot load {path.name!r}: {reason_of(error)}") from error
    following = _Run(model, graph, collector)
    given: list[Any] = [module]
    for argument, value in zip(module.forward.schema.arguments[1:], model.graph.inputs.tolist(), strict=False):
        array = inputs[model.graph.values[value].name]
        given.append(_argument(argument, array))
        if given[-1] is not None:
            collector.add(value, array)
        else:
            collector.warnings.append(f"the optional input {argument.name!r} was left out")
    with torch.no_grad():
        try:
            following.block(graph, given)
        except _Stopped as stopped:
            collector.failed(stopped.row, stopped.reason)


def _argument(argument: Any, array: npt.NDArray[Any]) -> Any:
    """An input as its type wants it; None for one that may be left out."""
    kind = argument.type.kind()
    if kind == "OptionalType":
        return None
    if kind in ("IntType", "FloatType", "BoolType"):
        return array.reshape(-1)[0].item()
    return torch.from_numpy(array.copy())


class _Stopped(Exception):
    """The run ended at a node."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row, self.reason = row, reason


class _Run:
    """The state of one run."""

    def __init__(self, model: Model, graph: Any, collector: Collector) -> None:
        self.model, self.collector = model, collector
        self.values: dict[str, Any] = {}
        self.n_steps = 0
        self.rows = self._matched(graph)
        self.n_nodes = max(1, len(self.rows))

    def _matched(self, graph: Any) -> dict[str, int]:
        """The row of the model's graph for nodes of this graph, by the name of their first result."""
        table = self.model.graph
        rows = np.flatnonzero(~table.scope_in_body[table.node_scope]).tolist()[:MOST_MATCHED]
        ops = [table.text[table.node_op[row]] for row in rows]
        nodes = [node for node in graph.nodes() if node.kind() not in _SILENT and node.outputsSize()][:MOST_MATCHED]
        kinds = [_plain(node.kind()) for node in nodes]
        matched: dict[str, int] = {}
        same = difflib.SequenceMatcher(None, [_plain(op) for op in ops], kinds, autojunk=False)
        for block in same.get_matching_blocks():
            for i in range(block.size):
                matched[next(nodes[block.b + i].outputs()).debugName()] = rows[block.a + i]
        return matched

    def block(self, block: Any, given: Sequence[Any]) -> list[Any]:
        """Run the nodes of a block; its results."""
        for value, argument in zip(block.inputs(), given, strict=False):
            self.values[value.debugName()] = argument
        for node in block.nodes():
            self.node(node)
        return [self.values[value.debugName()] for value in block.outputs()]

    def node(self, node: Any) -> None:
        """Run one node, and collect its results."""
        self.n_steps += 1
        outputs = [value.debugName() for value in node.outputs()]
        row = self.rows.get(outputs[0], -1) if outputs else -1
        if self.n_steps > MOST_STEPS:
            raise _Stopped(row, f"more than {MOST_STEPS:,} operations ran")
        if node.kind() not in _SILENT:
            self.collector.progress(min(self.n_steps, 10**9))
        begun = time.perf_counter()
        try:
            results = self._results(node, [self.values[value.debugName()] for value in node.inputs()])
        except ERRORS as error:
            raise _Stopped(row, f"{node.kind()} failed: {reason_of(error)}") from error
        took = time.perf_counter() - begun
        self.values.update(zip(outputs, results, strict=True))
        if row >= 0:
            self.collector.took(row, took)
            for value, result in zip(self.model.graph.nodes[row].outputs, results, strict=False):
                array = array_of(result) if isinstance(result, torch.Tensor) else None
                if value is not None and array is not None:
                    self.collector.add(value.index, array, node.kind())

    def _results(self, node: Any, given: list[Any]) -> list[Any]:
        kind = node.kind()
        if kind == "prim::Constant":
            return [next(node.outputs()).toIValue()]
        if kind == "prim::GetAttr":
            return [getattr(given[0], node.s("name"))]
        if kind == "prim::SetAttr":
            setattr(given[0], node.s("name"), given[1])
            return []
        if kind == "prim::If":
            return self.block(list(node.blocks())[0 if given[0] else 1], [])
        if kind == "prim::Loop":
            return self._loop(node, given)
        if kind in _STRUCTURE:
            return list(_STRUCTURE[kind](given))
        if kind == "aten::append":  # an operation would get a copy of the list
            given[0].append(given[1])
            return [given[0]]
        if kind == "prim::DictConstruct":
            return [dict(zip(given[::2], given[1::2], strict=True))]
        if kind == "prim::RaiseException":
            raise ValueError(str(given[0]))
        found = _called(kind, node.schema(), given)
        if node.outputsSize() == 1:
            return [found]
        return list(found) if node.outputsSize() else []

    def _loop(self, node: Any, given: list[Any]) -> list[Any]:
        most, is_on, *carried = given
        body = next(node.blocks())
        i = 0
        while is_on and i < most:
            is_on, *carried = self.block(body, [i, *carried])
            i += 1
        return carried


def _called(kind: str, schema: str, given: list[Any]) -> Any:
    """The result of an operation."""
    operation, keywords = _operation(kind, schema)
    n = len(given) - len(keywords)
    return operation(*given[:n], **dict(zip(keywords, given[n:], strict=True)))


@functools.lru_cache(maxsize=4096)
def _operation(kind: str, schema: str) -> tuple[Any, tuple[str, ...]]:
    """An operation, and the names of those of its last arguments that are given by name."""
    parsed = torch._C.parse_schema(schema)
    found = torch._C._get_operation_overload(kind, parsed.overload_name)
    return found[0], tuple(one.name for one in parsed.arguments if one.kwarg_only)


def _plain(op: str) -> str:
    """An operation without what tells its variants apart: in place, or by its arguments."""
    return op.partition(".")[0].removesuffix("_")


_STRUCTURE: Mapping[str, Any] = {
    "prim::ListConstruct": lambda given: [list(given)],
    "prim::TupleConstruct": lambda given: [tuple(given)],
    "prim::TupleUnpack": lambda given: list(given[0]),
    "prim::ListUnpack": lambda given: list(given[0]),
    "prim::TupleIndex": lambda given: [given[0][given[1]]],
    "prim::NumToTensor": lambda given: [torch.tensor(given[0])],
    "prim::unchecked_cast": lambda given: [given[0]],
    "prim::Uninitialized": lambda given: [None],
    "prim::data": lambda given: [given[0].detach()],
    "prim::device": lambda given: [given[0].device],
    "prim::Print": lambda given: [],
    "aten::__is__": lambda given: [given[0] is given[1]],
    "aten::__isnot__": lambda given: [given[0] is not given[1]],
    "aten::__getitem__": lambda given: [given[0][given[1]]],
    "aten::len": lambda given: [len(given[0])],
}
"""Nodes that are no operations, and those that take objects other than tensors and numbers."""
