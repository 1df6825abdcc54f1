"""One node, value, scope or tensor of a graph: views that read the columns when asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import msgspec

if TYPE_CHECKING:
    from netscope.models.graph import Graph
    from netscope.models.shapes import Shape

AnyRow = TypeVar("AnyRow", bound="Row")


class Row:
    """A row: its graph and its index."""

    __slots__ = ("graph", "index")

    def __init__(self, graph: Graph, index: int) -> None:
        """View row `index` of `graph`."""
        self.graph, self.index = graph, index

    def __eq__(self, other: object) -> bool:
        """Whether it is the same row of the same graph."""
        return type(other) is type(self) and self.graph is other.graph and self.index == other.index

    def __hash__(self) -> int:
        """Hash, so that rows can be keys."""
        return hash((type(self), id(self.graph), self.index))

    def _text(self, column: str) -> str:
        at = int(getattr(self.graph, column)[self.index])
        return self.graph.text[at] if at >= 0 else ""


class Rows(Sequence[AnyRow], Generic[AnyRow]):
    """All rows of one kind, created on access."""

    def __init__(self, graph: Graph, kind: type[AnyRow], length: int) -> None:
        """Rows of `kind`."""
        self._graph, self._kind, self._length = graph, kind, length

    def __len__(self) -> int:
        """How many there are."""
        return self._length

    @overload
    def __getitem__(self, index: int) -> AnyRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[AnyRow]: ...
    def __getitem__(self, index: int | slice) -> AnyRow | list[AnyRow]:
        """One row, or those of a slice."""
        if isinstance(index, slice):
            return [self._kind(self._graph, i) for i in range(*index.indices(self._length))]
        return self._kind(self._graph, range(self._length)[index])

    def __iter__(self) -> Iterator[AnyRow]:
        """Iterate over the rows in order."""
        return (self._kind(self._graph, i) for i in range(self._length))


class Node(Row):
    """One operation."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """Name in the file, '' if it has none."""
        return self._text("node_name")

    @property
    def op(self) -> str:
        """The operation: "Conv", "aten::conv2d", "Dense"."""
        return self._text("node_op")

    @property
    def scope(self) -> Scope:
        """The scope in the hierarchy."""
        return Scope(self.graph, int(self.graph.node_scope[self.index]))

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes; long lists are shortened."""
        text = self._text("node_attributes")
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}

    @property
    def flops(self) -> float:
        """Floating-point operations, NaN if unknown."""
        return float(self.graph.node_flops[self.index])

    @property
    def inputs(self) -> list[Value | None]:
        """Input values in order; None for an omitted optional input."""
        return [Value(self.graph, i) if i >= 0 else None for i in self._part("node_input_ends", "node_inputs")]

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs; '' if unknown."""
        names = self._part("node_input_ends", "node_input_names")
        return [self.graph.text[i] if i >= 0 else "" for i in names]

    @property
    def outputs(self) -> list[Value | None]:
        """Output values in order."""
        return [Value(self.graph, i) if i >= 0 else None for i in self._part("node_output_ends", "node_outputs")]

    def _part(self, ends: str, column: str) -> list[int]:
        end = getattr(self.graph, ends)
        start = int(end[self.index - 1]) if self.index else 0
        found: list[int] = getattr(self.graph, column)[start : int(end[self.index])].tolist()
        return found

    def __repr__(self) -> str:
        """Its operation and its name."""
        return f"<Node {self.index}: {self.op} {self.name!r}>"


class _Typed(Row):
    """A row that has a type and a shape."""

    __slots__ = ()
    _KIND = ""

    @property
    def name(self) -> str:
        """Its name in the file."""
        return self._text(f"{self._KIND}_name")

    @property
    def dtype(self) -> str:
        """Type of the elements, with NumPy's name; '' if unknown."""
        return self._text(f"{self._KIND}_dtype")

    @property
    def shape(self) -> Shape | None:
        """Sizes: numbers, names of symbols, or None if unknown; None if the number of axes is unknown."""
        return self.graph.shape(int(getattr(self.graph, f"{self._KIND}_shape")[self.index]))

    def __repr__(self) -> str:
        """Its name, type and shape."""
        return f"<{type(self).__name__} {self.index}: {self.name!r} {self.dtype or '?'} {self.shape}>"


class Value(_Typed):
    """A value that flows from one node to others."""

    __slots__ = ()
    _KIND = "value"

    @property
    def tensor(self) -> Tensor | None:
        """The stored array, None if the value is computed or an input."""
        found = int(self.graph.value_tensor[self.index])
        return Tensor(self.graph, found) if found >= 0 else None

    @property
    def quantisation(self) -> dict[str, Any]:
        """How its numbers are encoded (scale, zero_point, axis); empty if they are plain."""
        text = self._text("value_quantisation")
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}

    @property
    def producer(self) -> Node | None:
        """The node that computes it."""
        found = int(self.graph.value_producer[self.index])
        return Node(self.graph, found) if found >= 0 else None


class Tensor(_Typed):
    """A stored array."""

    __slots__ = ()
    _KIND = "tensor"

    @property
    def scope(self) -> Scope:
        """The scope in the hierarchy."""
        return Scope(self.graph, int(self.graph.tensor_scope[self.index]))

    @property
    def bytes(self) -> float:
        """Bytes in the file, NaN if unknown."""
        return float(self.graph.tensor_bytes[self.index])


class Scope(Row):
    """A place in the hierarchy of modules."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The whole path, '' for the root."""
        return self._text("scope_name")

    @property
    def kind(self) -> str:
        """The class of the module, '' if unknown."""
        return self._text("scope_kind")

    @property
    def parent(self) -> Scope | None:
        """The enclosing scope."""
        found = int(self.graph.scope_parent[self.index])
        return Scope(self.graph, found) if found >= 0 else None

    @property
    def owner(self) -> Node | None:
        """The node whose body it is."""
        found = int(self.graph.scope_owner[self.index])
        return Node(self.graph, found) if found >= 0 else None

    def __repr__(self) -> str:
        """Its path and class."""
        return f"<Scope {self.index}: {self.name!r} {self.kind}>"
