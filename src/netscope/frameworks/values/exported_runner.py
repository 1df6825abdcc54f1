"""Run an exported program of PyTorch (`.pt2`), node by node.

`torch.export.load` reads the weights without unpickling objects, but rebuilds what the file names, and the operations
run as the file says: for files that are trusted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
import torch.export
import torch.fx

from netscope.errors import FormatError, UsageError
from netscope.frameworks.values.collector import Collector
from netscope.frameworks.values.torch_arrays import ERRORS, array_of, reason_of
from netscope.models.model import Model


def run(path: Path, model: Model, inputs: Mapping[str, npt.NDArray[Any]], collector: Collector) -> None:
    """Run a file and collect its values.

    Raises:
        FormatError: PyTorch cannot read it.
    """
    collector.runner = f"PyTorch {torch.__version__}"
    try:
        program = torch.export.load(path)
    except ERRORS as error:
        raise FormatError(f"PyTorch {torch.__version__} cannot load {path.name!r}: {reason_of(error)}") from error
    for index in model.graph.inputs.tolist():
        collector.add(index, inputs[model.graph.values[index].name])
    interpreter = _Interpreter(program.graph_module, model, collector)
    with torch.no_grad():
        try:
            interpreter.run(*_arguments(program, inputs))
        except ERRORS as error:
            collector.failed(interpreter.row, f"{interpreter.running} failed: {reason_of(error)}")


def _arguments(program: torch.export.ExportedProgram, inputs: Mapping[str, npt.NDArray[Any]]) -> list[Any]:
    """What the graph takes: weights, buffers, constants, and the inputs."""
    kinds = torch.export.graph_signature.InputKind
    found: list[Any] = []
    for spec in program.graph_signature.input_specs:
        if spec.kind == kinds.USER_INPUT:
            name = spec.arg.name
            found.append(torch.from_numpy(inputs[name].copy()) if name in inputs else getattr(spec.arg, "value", None))
        elif spec.target in program.state_dict:
            found.append(program.state_dict[spec.target])
        elif spec.target in program.constants:
            found.append(program.constants[spec.target])
        else:
            raise UsageError(f"the program reads {spec.target!r}, which its file does not hold")
    return found


class _Interpreter(torch.fx.Interpreter):
    """Runs a graph and hands over what its nodes compute."""

    def __init__(self, module: torch.fx.GraphModule, model: Model, collector: Collector) -> None:
        super().__init__(module)
        self.model, self.collector = model, collector
        self.rows = {value.name: value.index for value in model.graph.values if value.tensor is None}
        self.n_done, self.n_nodes = 0, len(module.graph.nodes)
        self.waiting: dict[torch.fx.Node, float] = {}
        self.row = -1
        self.running = ""

    def run_node(self, n: torch.fx.Node) -> Any:
        """Run one node, and collect its result."""
        self.collector.progress(self.n_done, self.n_nodes)
        self.n_done += 1
        value = self.rows.get(n.name, -1)
        self.row = int(self.model.graph.value_producer[value]) if value >= 0 else -1
        self.running = f"{n.name} ({n.target})"
        begun = time.perf_counter()
        result = super().run_node(n)
        took = time.perf_counter() - begun
        if n.op == "call_function":
            self._collect(n, value, result, took)
        return result

    def _collect(self, node: torch.fx.Node, value: int, result: Any, took: float) -> None:
        if isinstance(result, tuple | list):  # the nodes that take its parts are values of the graph
            self.waiting[node] = took
            return
        source = node.args[0] if node.args and isinstance(node.args[0], torch.fx.Node) else node
        if self.row >= 0:
            self.collector.took(self.row, self.waiting.pop(source, 0.0) if source in self.waiting else took)
        array = array_of(result) if isinstance(result, torch.Tensor) else None
        if value >= 0 and array is not None:
            self.collector.add(value, array, str(node.target))
