"""`netscope.values`: run a network on an input and measure every value that it computes."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope.errors import UsageError
from netscope.frameworks.values import input_files, inputs
from netscope.frameworks.values.collector import Collector, Report, silent
from netscope.frameworks.values.result import Values, indices_of
from netscope.frameworks.values.runners import runner_of
from netscope.models.model import Model
from netscope.models.open import open_model, within_folder


def values(
    model: Any, *given: Any, seed: int = 0, keep: Collection[str] = (), report: Report = silent, **named: Any
) -> Values:
    """Run a network, and measure every value that it computes: statistics, channels that stand out, where NaN begins.

    A file is run by the package of its format (ONNX Runtime, PyTorch…). **Running a file executes what is in it**: the
    operations of an ONNX file, but also code in TorchScript, in exported programs and in Keras files. Run only files
    that you trust; `netscope.open_model` executes nothing.

    Args:
        model: The path of a file, or a live `torch.nn.Module`; of the latter a copy runs, which shares its parameters.
        given: Its inputs, in order: arrays. Those of a file that are not given are random, of the declared type and
            shape.
        seed: Of the random inputs.
        keep: Names of values to keep whole, however large; `Values.read` gives them.
        report: Called as `report(done, total, "operations")` while it runs.
        named: Its inputs by name.

    Raises:
        UsageError: An input does not fit, or the format is one that cannot run.
        MissingExtraError: The package that runs it is not installed.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        from netscope.frameworks.values import torch_runner  # noqa: PLC0415  (loads torch)

        return torch_runner.run_module(model, given, named, report, keep)
    if not isinstance(model, str | PathLike):
        raise UsageError(f"values takes the path of a model or a torch.nn.Module, got {type(model).__name__}")
    path = within_folder(Path(fspath(model)))
    opened = open_model(path)
    arrays = _arrays(opened, given, named, seed)
    return run_file(path, opened, arrays, report, indices_of(opened, keep))


def run_file(
    path: Path,
    model: Model,
    arrays: Mapping[str, npt.NDArray[Any]],
    report: Report = silent,
    keep: Collection[int] = (),
) -> Values:
    """Run a file that was opened, on these inputs; `keep` are values to keep whole."""
    runner = runner_of(model)
    run = runner.load()
    collector = Collector(report, keep, is_channels_last=runner.is_channels_last)
    begun = time.perf_counter()
    run(path, model, arrays, collector)
    return collector.result(model, time.perf_counter() - begun)


def _arrays(model: Model, given: tuple[Any, ...], named: Mapping[str, Any], seed: int) -> dict[str, npt.NDArray[Any]]:
    """The inputs of a model, random ones where none is given."""
    declared = inputs.inputs_of(model)
    if len(given) > len(declared):
        raise UsageError(f"{model.name!r} has {len(declared)} inputs, got {len(given)}")
    chosen = dict(zip((one.name for one in declared), given, strict=False)) | dict(named)
    return input_files.fill(declared, {name: np.asarray(array) for name, array in chosen.items()}, {}, seed)
