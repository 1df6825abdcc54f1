"""A network as a graph: columns of nodes, values, scopes and tensors, and the builder that readers fill.

A node is one operation. A value is what flows from one node to others. A scope is a place in the hierarchy of modules.
A tensor is a stored array. Columns are NumPy arrays, because a graph may have 100,000 nodes; `graph.nodes[3]` and the
like are views of one row. Texts are stored once each: columns that hold one are indices into `graph.text`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import msgspec
import numpy as np
from jaxtyping import Float64, Int32

from netscope.errors import FormatError
from netscope.models.rows import Node, Rows, Scope, Tensor, Value
from netscope.models.shapes import Shape

NONE = -1
"""Missing, in a column of indices."""
OPTIMIZER = "optimizer"
"""The kind of a scope with the state of an optimizer: its tensors are no parameters of the network."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes and values in the order of the file, or of execution if the network ran.

    Names end in what they index: `node_scope[i]` is the scope of node i. -1 is nothing. Columns that end in `_ends`
    hold, for each node, the end of its part of the list: the inputs of node i are
    `node_inputs[node_input_ends[i - 1] : node_input_ends[i]]`, from 0 for the first node.

    Raises:
        FormatError: Columns of one kind differ in length, or an index leads nowhere.
    """

    text: tuple[str, ...]
    """All distinct texts."""
    node_name: Int32[np.ndarray, " node"]
    node_op: Int32[np.ndarray, " node"]
    """Text: "Conv", "aten::conv2d", "Dense"."""
    node_scope: Int32[np.ndarray, " node"]
    node_attributes: Int32[np.ndarray, " node"]
    """Text: a JSON object, as `attributes.plain` shortens it; -1 if there are none."""
    node_flops: Float64[np.ndarray, " node"]
    """Floating-point operations (a multiplication with an addition is two); NaN if unknown."""
    node_input_ends: Int32[np.ndarray, " node"]
    node_output_ends: Int32[np.ndarray, " node"]
    node_inputs: Int32[np.ndarray, " input"]
    """Values; -1 is an optional input that was left out."""
    node_input_names: Int32[np.ndarray, " input"]
    """Text: what the operation calls each input ("X", "weight"); -1 if unknown."""
    node_outputs: Int32[np.ndarray, " output"]
    value_name: Int32[np.ndarray, " value"]
    value_dtype: Int32[np.ndarray, " value"]
    """Text, with NumPy's names: "float32", "bfloat16", "int64"; -1 if unknown."""
    value_shape: Int32[np.ndarray, " value"]
    """Text: a JSON list such as [1,3,"height",null]; -1 if even the number of axes is unknown."""
    value_tensor: Int32[np.ndarray, " value"]
    """The tensor that holds the value, -1 if it is computed."""
    value_quantisation: Int32[np.ndarray, " value"]
    """Text: a JSON object with the encoding of its numbers (scale, zero_point, axis); -1 if they are plain."""
    scope_name: Int32[np.ndarray, " scope"]
    """Text: the whole path ("encoder.layers.0"); '' for the root, which is scope 0."""
    scope_kind: Int32[np.ndarray, " scope"]
    """Text: the class of the module ("Linear"); -1 if unknown."""
    scope_parent: Int32[np.ndarray, " scope"]
    """Scopes come after their parents; -1 for the root alone."""
    scope_owner: Int32[np.ndarray, " scope"]
    """The node (If, Loop, the call of a function) whose body the scope is, or -1."""
    tensor_name: Int32[np.ndarray, " tensor"]
    tensor_dtype: Int32[np.ndarray, " tensor"]
    tensor_shape: Int32[np.ndarray, " tensor"]
    tensor_scope: Int32[np.ndarray, " tensor"]
    tensor_bytes: Float64[np.ndarray, " tensor"]
    """Bytes in the file, NaN if unknown."""
    inputs: Int32[np.ndarray, " graph_input"]
    """Input values of the network."""
    outputs: Int32[np.ndarray, " graph_output"]
    """Output values of the network."""

    def __post_init__(self) -> None:
        """Check lengths and indices, so that users of a graph need not."""
        for names in _SAME_LENGTH:
            found = {name: len(getattr(self, name)) for name in names}
            if len(set(found.values())) > 1:
                raise FormatError(f"damaged graph: columns differ in length: {found}")
        if not self.n_scopes:
            raise FormatError("damaged graph: it has no root scope")
        sizes = {"text": len(self.text), "node": self.n_nodes, "value": self.n_values, "scope": self.n_scopes}
        sizes["tensor"] = self.n_tensors
        for name, (what, least) in _INDEXES.items():
            column = getattr(self, name)
            if len(column) and not (least <= column.min() and column.max() < sizes[what]):
                raise FormatError(f"damaged graph: {name} leads outside the {sizes[what]} of {what}")
        for ends, parts in (("node_input_ends", "node_inputs"), ("node_output_ends", "node_outputs")):
            column, total = getattr(self, ends), len(getattr(self, parts))
            if np.any(np.diff(column, prepend=np.int32(0)) < 0) or (column[-1] if len(column) else 0) != total:
                raise FormatError(f"damaged graph: {ends} does not divide the {total} {parts}")
        if self.scope_parent[0] != NONE or np.any(self.scope_parent[1:] >= np.arange(1, self.n_scopes)):
            raise FormatError("damaged graph: a scope stands before its parent")
        if np.any(self.scope_parent[1:] == NONE):
            raise FormatError("damaged graph: it has more than one root scope")
        for column in self.columns().values():
            column.flags.writeable = False

    def __eq__(self, other: object) -> bool:
        """Whether texts and columns are equal."""
        if not isinstance(other, Graph):
            return NotImplemented
        mine, its = self.columns(), other.columns()
        return self.text == other.text and all(
            np.array_equal(column, its[name], equal_nan=column.dtype.kind == "f") for name, column in mine.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def columns(self) -> dict[str, np.ndarray]:
        """All columns by name, without the texts."""
        return {name: getattr(self, name) for name in COLUMNS}

    @property
    def n_nodes(self) -> int:
        """Number of nodes, including those in bodies and functions."""
        return len(self.node_name)

    @property
    def n_values(self) -> int:
        """Number of values."""
        return len(self.value_name)

    @property
    def n_scopes(self) -> int:
        """Number of scopes, including the root."""
        return len(self.scope_name)

    @property
    def n_tensors(self) -> int:
        """Number of stored arrays."""
        return len(self.tensor_name)

    @property
    def nodes(self) -> Rows[Node]:
        """The nodes, one row each."""
        return Rows(self, Node, self.n_nodes)

    @property
    def values(self) -> Rows[Value]:
        """The values, one row each."""
        return Rows(self, Value, self.n_values)

    @property
    def scopes(self) -> Rows[Scope]:
        """The scopes, one row each; the root is the first."""
        return Rows(self, Scope, self.n_scopes)

    @property
    def tensors(self) -> Rows[Tensor]:
        """The stored arrays, one row each."""
        return Rows(self, Tensor, self.n_tensors)

    @cached_property
    def value_producer(self) -> Int32[np.ndarray, " value"]:
        """The node that computes each value, -1 if none does."""
        producer = np.full(self.n_values, NONE, np.int32)
        counts = np.diff(self.node_output_ends, prepend=np.int32(0))
        nodes = np.repeat(np.arange(self.n_nodes, dtype=np.int32), counts)
        is_there = self.node_outputs >= 0
        producer[self.node_outputs[is_there]] = nodes[is_there]
        return producer

    @cached_property
    def scope_in_body(self) -> np.ndarray:
        """Whether each scope is, or is within, the body of a node."""
        inside = self.scope_owner >= 0
        for scope, parent in enumerate(self.scope_parent.tolist()):
            inside[scope] |= parent >= 0 and inside[parent]
        return inside

    def shape(self, text: int) -> Shape | None:
        """The shape in a column of shapes; None if unknown."""
        if text < 0:
            return None
        return self._shapes[text] if text in self._shapes else self._shapes.setdefault(text, _shape(self.text[text]))

    @cached_property
    def _shapes(self) -> dict[int, Shape]:
        return {}

    def __repr__(self) -> str:
        """Counts of its parts."""
        return (
            f"<Graph: {self.n_nodes} nodes, {self.n_values} values, {self.n_scopes} scopes, {self.n_tensors} tensors>"
        )


def _shape(text: str) -> Shape:
    try:
        return tuple(msgspec.json.decode(text, type=list[int | str | None]))
    except msgspec.DecodeError as error:
        raise FormatError(f"damaged graph: {text[:100]!r} is not a shape") from error


COLUMNS = tuple(field.name for field in fields(Graph) if field.name != "text")
_SAME_LENGTH = [
    [name for name in COLUMNS if name.startswith(kind) and not name.endswith("puts") and name != "node_input_names"]
    for kind in ("node_", "value_", "scope_", "tensor_")
] + [["node_inputs", "node_input_names"]]
_INDEXES = {
    **{
        name: ("text", NONE)
        for name in COLUMNS
        if name.rpartition("_")[2] in ("attributes", "dtype", "shape", "kind", "quantisation")
    },
    **dict.fromkeys(("node_name", "node_op", "value_name", "scope_name", "tensor_name"), ("text", 0)),
    **dict.fromkeys(("node_scope", "tensor_scope"), ("scope", 0)),
    **dict.fromkeys(("node_inputs", "node_outputs"), ("value", NONE)),
    **dict.fromkeys(("inputs", "outputs"), ("value", 0)),
    "node_input_names": ("text", NONE),
    "value_tensor": ("tensor", NONE),
    "scope_parent": ("scope", NONE),
    "scope_owner": ("node", NONE),
}
"""For each column of indices: what it points into, and its smallest valid value."""
