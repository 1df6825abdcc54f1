"""What runs the files of each format."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from netscope import optional
from netscope.errors import UsageError
from netscope.frameworks.values import inputs
from netscope.frameworks.values.collector import Collector
from netscope.models.model import Model
from netscope.schema.values import ModelRunner

Run = Callable[[Path, Model, Mapping[str, npt.NDArray[Any]], Collector], None]


class Runner(NamedTuple):
    """How a format runs."""

    package: str
    """Needed to run it."""
    extra: str
    """The extra of netscope that installs it."""
    runs_code: bool
    """Whether a file may hold code, which is executed then."""
    is_channels_last: bool
    """Whether its images are [N, H, W, C]."""
    load: Callable[[], Run]
    """Imports what runs it."""


def _onnx() -> Run:
    from netscope.frameworks.values import onnx_runner  # noqa: PLC0415  (one format's packages are not another's)

    return onnx_runner.run


def _keras() -> Run:
    from netscope.frameworks.values import keras_runner  # noqa: PLC0415

    return keras_runner.run


def _litert() -> Run:
    from netscope.frameworks.values import litert_runner  # noqa: PLC0415

    return litert_runner.run


def _exported() -> Run:
    optional.extra("running exported programs", "torch", "torch")
    from netscope.frameworks.values import exported_runner  # noqa: PLC0415

    return exported_runner.run


def _torchscript() -> Run:
    optional.extra("running TorchScript files", "torch", "torch")
    from netscope.frameworks.values import torchscript_runner  # noqa: PLC0415

    return torchscript_runner.run


RUNNERS = {
    "ONNX": Runner("onnxruntime", "run", False, False, _onnx),
    "PyTorch ExportedProgram": Runner("torch", "torch", True, False, _exported),
    "TorchScript": Runner("torch", "torch", True, False, _torchscript),
    "Keras": Runner("keras", "keras", True, True, _keras),
    "TensorFlow Lite": Runner("ai_edge_litert", "litert", False, True, _litert),
}
"""By the name of the format."""


def runner_of(model: Model) -> Runner:
    """What runs a model.

    Raises:
        UsageError: Nothing does; the message says why.
    """
    if (problem := _problem(model)) or model.format not in RUNNERS:
        raise UsageError(problem)
    return RUNNERS[model.format]


def _problem(model: Model) -> str:
    """Why a model cannot run, or ''."""
    if model.format not in RUNNERS:
        return f"a file in the format {model.format} cannot be run; these can: {', '.join(RUNNERS)}"
    if not model.graph.n_nodes:
        return f"{model.name!r} has no graph to run"
    return ""


def describe(model: Model) -> ModelRunner:
    """How a model runs, and what it takes; no package is loaded for it."""
    problem = _problem(model)
    runner = RUNNERS.get(model.format)
    if runner is None or problem:
        return ModelRunner("", problem, False, [])
    if not _is_installed(runner.package):
        problem = f'running {model.format} files needs {runner.package}: pip install "netscope[{runner.extra}]"'
    return ModelRunner("" if problem else runner.package, problem, runner.runs_code, inputs.inputs_of(model))


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package.partition(".")[0]) is not None
