"""Make a model of a trace: its nodes, values, scopes and tensors, with the operations that each call costs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import torch

from netscope.frameworks.torch_calls import Named, TensorArgument, bind, plain
from netscope.frameworks.torch_flops import Flops
from netscope.frameworks.torch_trace import MOST_CALLS, CallRecord, Trace
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model

_CALL_NUMBER = re.compile(r" \(call \d+\)")
_MOST_NAMED = 5


def model_of(trace: Trace, *, name: str = "", metadata: dict[str, Any] | None = None) -> Model:
    """The model of a complete trace; `name` defaults to the class of its root."""
    writer = _Writer(trace)
    writer.write()
    stored = trace.values.stored
    counts = {
        "parameters": sum(math.prod(one.shape or ()) for one in stored if one.is_trained is not None),
        "trainable parameters": sum(math.prod(one.shape or ()) for one in stored if one.is_trained),
        "mode": "training" if trace.is_training else "evaluation",
    }
    root = trace.root_type
    return Model(
        name=name or root.__name__,
        format="PyTorch",
        format_version=torch.__version__,
        producer=f"{root.__module__}.{root.__qualname__}",
        graph=writer.builder.build(),
        metadata={**counts, **(metadata or {})},
        warnings=tuple(_warnings(trace)),
    )


def _warnings(trace: Trace) -> Iterable[str]:
    if trace.is_cut:
        yield f"more than {MOST_CALLS:,} calls ran; the graph has the first ones"
    if read := list(trace.values_read):
        yield (
            f"the forward pass reads numbers out of tensors ({_some(read)}), so what runs may depend on the input; "
            "the graph is what ran"
        )
    used = {value.tensor for value in trace.values.records}
    unused = [one.name for i, one in enumerate(trace.values.stored) if i not in used and one.is_trained is not None]
    if unused:
        yield f"{len(unused)} of {len(trace.values.stored)} tensors were not used: {_some(unused)}"


def _some(names: list[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


class _Writer:
    """Adds the rows of a trace to a graph."""

    def __init__(self, trace: Trace) -> None:
        self.builder = GraphBuilder()
        self._trace = trace
        self._flops = Flops()

    def write(self) -> None:
        """Add everything."""
        trace, builder = self._trace, self.builder
        builder.scope("", trace.kinds.get("", ""))
        for name in trace.scopes:
            self._scope(name)
        for one in trace.values.stored:
            scope = self._existing_scope(one.name.rpartition(".")[0])
            builder.add_tensor(one.name, _dtype(one.dtype), one.shape or (), one.n_bytes, scope=scope)
        names = self._value_names()
        for value, record in enumerate(trace.values.records):
            builder.add_value(names[value], _dtype(record.dtype), record.shape, tensor=record.tensor)
        for call in trace.calls:
            self._add_node(call)
        builder.inputs.extend(trace.inputs)
        builder.outputs.extend(value for _, value in trace.outputs)

    def _value_names(self) -> list[str]:
        names = [record.name for record in self._trace.values.records]
        for call in self._trace.calls:
            for i, value in enumerate(call.outputs):
                names[value] = names[value] or (call.name if len(call.outputs) == 1 else f"{call.name}.{i}")
        made = {value for call in self._trace.calls for value in call.outputs}
        for name, value in self._trace.outputs:
            if value in made:
                names[value] = f"output.{name}" if name[0].isdigit() else name
        return names

    def _scope(self, name: str) -> int:
        """The scope of this name and those around it, each with the class of its module."""
        parts = name.split(".") if name else []
        for i in range(len(parts)):
            around = ".".join(parts[: i + 1])
            self.builder.scope(around, self._trace.kinds.get(_CALL_NUMBER.sub("", around), ""))
        return self.builder.scope(name)

    def _existing_scope(self, path: str) -> int:
        """The innermost scope around a module that ran in one."""
        while path and path not in self._trace.scopes:
            path = path.rpartition(".")[0]
        return self._scope(path)

    def _add_node(self, call: CallRecord) -> None:
        if call.function is None:
            named = _of_module(call)
            calls = call.inner
        else:
            named = bind(call.function, call.op, call.args, call.kwargs)
            calls = [(call.function, call.args, call.kwargs)]
        inputs: list[tuple[str, int]] = []
        attributes: dict[str, Any] = dict(call.settings)
        for name, given in named:
            found = list(_tensors_in(given, name))
            inputs += found
            is_shown = name == "index" or (given is not None and not found)
            if is_shown and not isinstance(given, TensorArgument) and not name.startswith("_"):
                attributes[name or f"argument {len(attributes)}"] = plain(given)
        inputs += call.weights
        if call.op.is_in_place:
            attributes["inplace"] = True
        costs = [self._flops.of(*one) for one in calls]
        known = [cost for cost in costs if not math.isnan(cost)]
        self.builder.add_node(
            call.op.name,
            [value for _, value in inputs],
            call.outputs,
            name=call.name,
            scope=self._scope(call.scope),
            attributes=attributes,
            input_names=[name for name, _ in inputs],
            flops=sum(known) if known or not costs else math.nan,
        )


def _of_module(call: CallRecord) -> Named:
    """The arguments of a module's call with the names in its `forward`."""
    return [*zip(call.argument_names, call.args, strict=True), *call.kwargs.items()]


def _tensors_in(given: Any, name: str) -> Iterable[tuple[str, int]]:
    if isinstance(given, TensorArgument):
        yield name, given.value
    elif isinstance(given, list | tuple):
        for i, one in enumerate(given):
            yield from _tensors_in(one, f"{name}.{i}" if name else str(i))
    elif isinstance(given, dict):
        for key, one in given.items():
            yield from _tensors_in(one, f"{name}.{key}" if name else str(key))


def _dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
