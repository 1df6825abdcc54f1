"""Run a live torch module and collect its values, as the trace of its graph sees them."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn

from netscope.errors import UsageError
from netscope.frameworks import torch_graph
from netscope.frameworks.torch_modules import unwrap
from netscope.frameworks.torch_trace import Trace
from netscope.frameworks.torch_trace_model import model_of
from netscope.frameworks.values.collector import Collector, Report
from netscope.frameworks.values.result import Values, indices_of
from netscope.frameworks.values.torch_arrays import array_of


def run_module(
    module: nn.Module, given: tuple[Any, ...], named: dict[str, Any], report: Report, keep: Collection[str]
) -> Values:
    """The values of `module(*given, **named)`. A copy runs, in the mode of the module and without gradients.

    Raises:
        UsageError: The module cannot be copied, or is TorchScript.
        Exception: What the module itself raises for these inputs.
    """
    root = unwrap(module)
    if isinstance(root, torch.jit.ScriptModule):
        raise UsageError("values takes a TorchScript module as its file: netscope.values('model.pt', x)")
    captured = torch_graph.capture(root, given, named) if keep else None
    collector = Collector(report, indices_of(captured, keep) if captured else ())
    collector.runner = f"PyTorch {torch.__version__}"
    begun = time.perf_counter()
    with torch_graph.real_copies(root, given, named) as (copied, args, kwargs):
        trace = Trace(copied, guard=torch_graph.call_outside, is_own=True)
        trace.clock = _clock(copied, args)

        def add(value: int, tensor: torch.Tensor) -> None:
            collector.progress(len(trace.calls))
            array = array_of(tensor)
            if array is not None:
                collector.add(value, array, trace.calls[-1].op.name if trace.calls else "")

        trace.values.on_add = add
        trace.attach(copied, torch_graph.Hook)
        try:
            copied(*args, **kwargs)
        finally:
            trace.detach()
    for node, call in enumerate(trace.calls):
        if not math.isnan(call.seconds):
            collector.took(node, call.seconds)
    return collector.result(model_of(trace), time.perf_counter() - begun)


def _clock(module: nn.Module, args: Any) -> Callable[[], float]:
    """Seconds; on a GPU what was started before has ended then."""
    tensors = itertools.chain(module.parameters(), module.buffers(), (one for one in args if torch.is_tensor(one)))
    if not any(tensor.is_cuda for tensor in tensors):
        return time.perf_counter

    def clock() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return clock
