"""Run a TensorFlow Lite file in LiteRT, which keeps all tensors; times of operations are not reported by it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope import optional
from netscope.errors import FormatError
from netscope.frameworks.values.collector import Collector
from netscope.models.model import Model


def run(path: Path, model: Model, inputs: Mapping[str, npt.NDArray[Any]], collector: Collector) -> None:
    """Run a file and collect its values, those that are quantised as the numbers that they stand for.

    Raises:
        FormatError: LiteRT refuses the file, or fails at an operation.
    """
    litert = optional.extra("running TensorFlow Lite files", "ai_edge_litert.interpreter", "litert")
    version = metadata.version("ai-edge-litert")
    collector.runner = f"LiteRT {version}"
    graph = model.graph
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that keeping all tensors takes memory
            interpreter = litert.Interpreter(
                str(path),
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
        for index in graph.inputs.tolist():
            array = inputs[graph.values[index].name]
            interpreter.resize_tensor_input(index, array.shape)
        interpreter.allocate_tensors()
        for index in graph.inputs.tolist():
            interpreter.set_tensor(index, inputs[graph.values[index].name])
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        raise FormatError(f"LiteRT {version} cannot run {path.name!r}: {str(error).strip()[:500]}") from error
    details = {entry["index"]: entry for entry in interpreter.get_tensor_details()}
    nodes = np.flatnonzero(~graph.scope_in_body[graph.node_scope]).tolist()
    made = [(value, graph.nodes[node].op) for node in nodes for value in graph.nodes[node].outputs if value is not None]
    wanted = [(graph.values[index], "") for index in graph.inputs.tolist()] + made
    for at, (value, op) in enumerate(wanted):
        collector.progress(at, len(wanted))
        if value.index in details and value.tensor is None:
            collector.add(value.index, _real(interpreter.get_tensor(value.index), details[value.index]), op)


def _real(array: npt.NDArray[Any], details: Mapping[str, Any]) -> npt.NDArray[Any]:
    """The numbers that a quantised value stands for."""
    scale, zero = details["quantization"]
    if not scale or array.dtype.kind not in "iu":
        return array
    real: npt.NDArray[Any] = (array.astype(np.float32) - np.float32(zero)) * np.float32(scale)
    return real
