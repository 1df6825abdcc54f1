"""Values of a Core ML model by their names, and where its arrays lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.graph import NONE
from netscope.models.readers.wire import Message
from netscope.models.shapes import Dimension, dtype_bytes, n_elements
from netscope.models.stored import Stored

MOST_NODES = 1_000_000


class Reading:
    """What is read so far of a file."""

    def __init__(self, path: Path, builder: GraphBuilder) -> None:
        """Nothing yet."""
        self.path, self.builder = path, builder
        self.stored: list[Stored | None] = []
        self.warnings: list[str] = []

    def tensor(self, name: str, dtype: str, shape: Sequence[int], place: Stored | None) -> int:
        """Add an array, and the value that it is.

        Raises:
            FormatError: Its bytes are not as many as its shape needs.
        """
        needed = n_elements(shape) * dtype_bytes(dtype)
        if place is not None and place.encoding == "raw" and math.ceil(needed) != place.n_bytes:
            raise FormatError(
                f"damaged file: {name!r} has {place.n_bytes:,} bytes; {dtype} {list(shape)} needs {needed:,.0f}"
            )
        n_bytes = place.n_bytes if place is not None else math.nan
        tensor = self.builder.add_tensor(name, dtype, shape, n_bytes)
        self.stored.append(place)
        return self.builder.add_value(name, dtype, shape, tensor=tensor)

    def check(self, n: int) -> None:
        """Refuse a file with more nodes than any model.

        Args:
            n: How many are about to be added.

        Raises:
            FormatError: They are too many.
        """
        if self.builder.n_nodes + n > MOST_NODES:
            raise FormatError(f"the file has more than {MOST_NODES:,} nodes")


class Values:
    """The values that can be read in a scope."""

    def __init__(self, reading: Reading, scope: int = 0, around: Self | None = None) -> None:
        """None yet, beside those of the scope around it."""
        self.reading, self.scope, self.around = reading, scope, around
        self.known: dict[str, int] = {}

    def define(self, name: str, dtype: str = "", shape: Sequence[Dimension] | None = None) -> int:
        """A new value; a later layer may reuse a name."""
        value = self.known[name] = self.reading.builder.add_value(name, dtype, shape)
        return value

    def find(self, name: str) -> int:
        """The value of a name, here or around; a new one if there is none."""
        at: Values | None = self
        while at is not None:
            if name in at.known:
                return at.known[name]
            at = at.around
        return self.define(name)

    def module(self, name: str, kind: str) -> Values:
        """The same values, in a scope within this one."""
        builder = self.reading.builder
        path = "/".join(part for part in (builder.scope_name(self.scope), name) if part)
        found = Values(self.reading, builder.add_scope(path, kind, parent=self.scope))
        found.known = self.known
        return found

    def scope_of(self, name: str) -> int:
        """The scope that the name of a node says, as converters keep it; in a body, that of the body."""
        path = name.rpartition("/")[0].strip("/")
        if not path or self.around is not None:
            return self.scope
        around = self.reading.builder.scope_name(self.scope)
        return self.reading.builder.scope(f"{around}/{path}" if around else path, separator="/")

    def body(self, name: str, owner: int) -> Values:
        """Values of their own in the body of a node."""
        builder = self.reading.builder
        path = "/".join(part for part in (builder.scope_name(self.scope), name) if part)
        return Values(self.reading, builder.add_scope(path, "graph", parent=self.scope, owner=owner), self)


_KINDS = (
    (1, "float32", "raw"), (2, "float16", "raw"), (30, "", "quantised numbers of Core ML"), (31, "int8", "raw"),
)  # fmt: skip
"""Fields of WeightParams that hold numbers, their type, and how it is to be decoded."""


def weights(said: Message, name: str, shape: Sequence[int], reading: Reading) -> int:
    """The value of an array in a message WeightParams; -1 if it is empty.

    Floats lie in the file as they are. Quantised numbers are located, but not decoded.
    """
    for field, dtype, encoding in _KINDS:
        if not said.has(field):
            continue
        spans = said.spans(field)
        start, end = spans[-1] if len(spans) == 1 else (0, 0)
        bits = said.message(40).integer(1)
        dtype = dtype or (f"uint{bits}" if bits in (1, 2, 4, 8) else "")
        place = Stored(str(reading.path), start, end - start, encoding) if end > start else None
        if not shape and place is not None:
            shape = (int((end - start) / dtype_bytes(dtype)),) if dtype_bytes(dtype) > 0 else ()
        if place is not None and encoding == "raw" and n_elements(shape) * dtype_bytes(dtype) != end - start:
            shape = (int((end - start) / dtype_bytes(dtype)),)  # the sizes that the layer says do not fit
        value = reading.tensor(name, dtype, shape, place)
        if said.has(40):
            reading.builder.set_quantisation(value, _quantisation(said.message(40)))
        return value
    return NONE


def _quantisation(said: Message) -> dict[str, object]:
    linear, table = said.message(101), said.message(102)
    if said.has(101):
        scale, bias = linear.floats(1, 64), linear.floats(2, 64)
        return {"bits": said.integer(1), "scale": scale, "bias": bias}
    return {"bits": said.integer(1), "table": table.floats(1, 64)}
