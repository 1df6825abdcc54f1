"""Builds a graph row by row, for readers and for the capture of a live network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netscope.models import attributes as json
from netscope.models.graph import COLUMNS, NONE, Graph
from netscope.models.shapes import Dimension, dimensions

DEEPEST_SCOPE = 100
LONGEST_PATH = 10_000
MOST_SCOPES = 200_000
"""A path beyond these comes from a damaged file: what it names stands in the root."""


class GraphBuilder:
    """The rows added so far. Every `add_…` returns the index of the new row; scope 0, the root, always exists."""

    def __init__(self) -> None:
        """Begin with an empty graph."""
        self._text: dict[str, int] = {}
        self._texts: list[str] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        self._scopes: dict[str, int] = {}
        self._input_names: dict[tuple[tuple[str, ...], int], list[int]] = {}
        c = self._columns
        self._node_columns = (c["node_name"], c["node_op"], c["node_scope"], c["node_attributes"], c["node_flops"])
        self._value_columns = (
            c["value_name"],
            c["value_dtype"],
            c["value_shape"],
            c["value_tensor"],
            c["value_quantisation"],
        )
        self.inputs: list[int] = c["inputs"]
        """Input values of the network; append to it."""
        self.outputs: list[int] = c["outputs"]
        """Output values of the network; append to it."""
        self.add_scope("", parent=NONE)

    def add_scope(self, name: str, kind: str = "", *, parent: int = 0, owner: int = NONE) -> int:
        """Add a scope, even if there is one with that path.

        Args:
            name: Its whole path.
            kind: The class of the module.
            parent: The scope around it.
            owner: The node whose body it is.
        """
        c = self._columns
        c["scope_name"].append(self.intern(name))
        c["scope_kind"].append(self.intern(kind) if kind else NONE)
        c["scope_parent"].append(parent)
        c["scope_owner"].append(owner)
        added = len(c["scope_name"]) - 1
        self._scopes.setdefault(name, added)
        return added

    def scope(self, path: str, kind: str = "", *, separator: str = ".") -> int:
        """The scope of a path, added with its parents if it is new; an existing `kind` is kept.

        >>> builder = GraphBuilder()
        >>> builder.scope("encoder.layers.0"), builder.scope("encoder.layers"), builder.scope("")
        (3, 2, 0)
        """
        found = self._scopes.get(path)
        if found is None and (
            path.count(separator) >= DEEPEST_SCOPE or len(path) > LONGEST_PATH or len(self._scopes) > MOST_SCOPES
        ):
            return 0
        if found is None:
            missing, around = [path], path
            while (around := around.rpartition(separator)[0]) not in self._scopes:  # '' always is
                missing.append(around)
            parent = self._scopes[around]
            for one in reversed(missing):
                parent = self.add_scope(one, parent=parent)
            found = parent
        if kind:
            self._columns["scope_kind"][found] = self.intern(kind)
        return found

    def has_scope(self, path: str) -> bool:
        """Whether there is a scope with that path."""
        return path in self._scopes

    def scope_name(self, scope: int) -> str:
        """The path of a scope."""
        text: int = self._columns["scope_name"][scope]
        return self._texts[text]

    def add_value(
        self, name: str = "", dtype: str = "", shape: Sequence[Dimension] | None = None, *, tensor: int = NONE
    ) -> int:
        """Add a value; whatever is not known may be left out.

        Args:
            name: Its name.
            dtype: Type of its elements as NumPy spells it.
            shape: Size of each axis: a number, the name of a symbol, or None.
            tensor: The stored array that it is.
        """
        names, dtypes, shapes, tensors, quantisation = self._value_columns
        names.append(self.intern(name))
        dtypes.append(self.intern(dtype) if dtype else NONE)
        shapes.append(NONE if shape is None else self.intern(dimensions(shape)))
        tensors.append(tensor)
        quantisation.append(NONE)
        return len(names) - 1

    def set_type(self, value: int, dtype: str = "", shape: Sequence[Dimension] | None = None) -> None:
        """Set what is now known of a value."""
        if dtype:
            self._columns["value_dtype"][value] = self.intern(dtype)
        if shape is not None:
            self._columns["value_shape"][value] = self.intern(dimensions(shape))

    def set_tensor(self, value: int, tensor: int) -> None:
        """Set which stored array a value is."""
        self._columns["value_tensor"][value] = tensor

    def set_quantisation(self, value: int, parameters: Mapping[str, Any]) -> None:
        """Set how the numbers of a value are to be read: {"scale": …, "zero_point": …, "axis": …}."""
        self._columns["value_quantisation"][value] = self.intern(json.encoded(parameters))

    def add_node(
        self,
        op: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        name: str = "",
        scope: int = 0,
        attributes: Mapping[str, Any] | None = None,
        input_names: Sequence[str] | None = None,
        flops: float = math.nan,
    ) -> int:
        """Add a node.

        Args:
            op: What it does.
            inputs: Values; -1 for an optional input that is left out.
            outputs: Values that it computes.
            name: Its name.
            scope: Where it stands.
            attributes: Any values; they are made JSON, and long ones shortened.
            input_names: What the operation calls its inputs; may be shorter than `inputs`.
            flops: Floating-point operations, NaN if unknown.
        """
        c = self._columns
        names, ops, scopes, attributes_, counts = self._node_columns
        names.append(self.intern(name))
        ops.append(self.intern(op))
        scopes.append(scope)
        attributes_.append(self.intern(json.encoded(attributes)) if attributes else NONE)
        counts.append(flops)
        c["node_inputs"].extend(inputs)
        c["node_outputs"].extend(outputs)
        c["node_input_ends"].append(len(c["node_inputs"]))
        c["node_output_ends"].append(len(c["node_outputs"]))
        c["node_input_names"].extend(self._names_of_inputs(tuple(input_names or ()), len(inputs)))
        return len(names) - 1

    def scope_of_node(self, node: int) -> int:
        """The scope of a node."""
        found: int = self._columns["node_scope"][node]
        return found

    def _names_of_inputs(self, names: tuple[str, ...], n: int) -> list[int]:
        found = self._input_names.get((names, n))  # the same for all nodes of an operation
        if found is None:
            named = [self.intern(text) if text else NONE for text in names[:n]]
            found = self._input_names[names, n] = named + [NONE] * (n - len(named))
        return found

    def add_tensor(
        self, name: str, dtype: str, shape: Sequence[Dimension], n_bytes: float = math.nan, *, scope: int = 0
    ) -> int:
        """Add a stored array.

        Args:
            name: Its name in the file.
            dtype: Type of its elements.
            shape: Size of each axis.
            n_bytes: Bytes in the file.
            scope: Where it stands.
        """
        c = self._columns
        c["tensor_name"].append(self.intern(name))
        c["tensor_dtype"].append(self.intern(dtype) if dtype else NONE)
        c["tensor_shape"].append(self.intern(dimensions(shape)))
        c["tensor_scope"].append(scope)
        c["tensor_bytes"].append(n_bytes)
        return len(c["tensor_name"]) - 1

    def set_tensor_scope(self, tensor: int, scope: int) -> None:
        """Set where a stored array stands."""
        self._columns["tensor_scope"][tensor] = scope

    def place_tensors(self) -> None:
        """Let each stored array of the root stand where the first node that reads it does."""
        c = self._columns
        scopes: dict[int, int] = {}
        start = 0
        for scope, end in zip(c["node_scope"], c["node_input_ends"], strict=True):
            for value in c["node_inputs"][start:end]:
                scopes.setdefault(value, scope)
            start = end
        for value, tensor in enumerate(c["value_tensor"]):
            if tensor >= 0 and not c["tensor_scope"][tensor]:
                c["tensor_scope"][tensor] = scopes.get(value, 0)

    def intern(self, text: str) -> int:
        """The index of a text, which is stored once."""
        found = self._text.get(text)
        if found is None:
            found = self._text[text] = len(self._texts)
            self._texts.append(text)
        return found

    @property
    def n_nodes(self) -> int:
        """Nodes so far."""
        return len(self._columns["node_name"])

    @property
    def n_values(self) -> int:
        """Values so far."""
        return len(self._columns["value_name"])

    def build(self) -> Graph:
        """The graph.

        Raises:
            FormatError: An index that was given leads nowhere.
            TypeError: A text that was given is none.
        """
        foreign = next((text for text in self._texts if type(text) is not str), None)
        if foreign is not None:
            raise TypeError(f"expected a text, got {foreign!r:.80}")
        wide = {"node_flops", "tensor_bytes"}
        columns = {
            name: np.array(column, np.float64 if name in wide else np.int32) for name, column in self._columns.items()
        }
        return Graph(text=tuple(self._texts), **columns)
