"""Read GGUF files (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): metadata and where the arrays lie."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

from netscope.errors import FormatError
from netscope.models.attributes import LONGEST_LIST
from netscope.models.model import Model
from netscope.models.readers.weights import Weight, tree
from netscope.models.stored import Stored

MAGIC = b"GGUF"
MOST_TENSORS = 1_000_000
MOST_KEYS = 100_000
MOST_ENTRIES = 10_000_000  # of lists of texts; vocabularies have 300,000
DEEPEST = 4  # lists within lists
ALIGNMENT = 32


class Block(NamedTuple):
    """How numbers of a type are stored: so many in so many bytes."""

    dtype: str
    numbers: int
    n_bytes: int


TYPES = {
    0: Block("float32", 1, 4), 1: Block("float16", 1, 2), 2: Block("Q4_0", 32, 18), 3: Block("Q4_1", 32, 20),
    6: Block("Q5_0", 32, 22), 7: Block("Q5_1", 32, 24), 8: Block("Q8_0", 32, 34), 9: Block("Q8_1", 32, 40),
    10: Block("Q2_K", 256, 84), 11: Block("Q3_K", 256, 110), 12: Block("Q4_K", 256, 144), 13: Block("Q5_K", 256, 176),
    14: Block("Q6_K", 256, 210), 15: Block("Q8_K", 256, 292), 16: Block("IQ2_XXS", 256, 66),
    17: Block("IQ2_XS", 256, 74), 18: Block("IQ3_XXS", 256, 98), 19: Block("IQ1_S", 256, 50),
    20: Block("IQ4_NL", 32, 18), 21: Block("IQ3_S", 256, 110), 22: Block("IQ2_S", 256, 82),
    23: Block("IQ4_XS", 256, 136),
    24: Block("int8", 1, 1), 25: Block("int16", 1, 2), 26: Block("int32", 1, 4), 27: Block("int64", 1, 8),
    28: Block("float64", 1, 8), 29: Block("IQ1_M", 256, 56), 30: Block("bfloat16", 1, 2), 34: Block("TQ1_0", 256, 54),
    35: Block("TQ2_0", 256, 66), 39: Block("MXFP4", 32, 17), 40: Block("NVFP4", 64, 36), 41: Block("Q1_0", 128, 18),
}  # fmt: skip
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file begins with "GGUF"."""
    return head.startswith(MAGIC)


def read(path: Path) -> Model:
    """Read a model. Its pages are mapped, and only those of the header are touched.

    Raises:
        FormatError: It is damaged, cut off, or of an unknown version.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        header = _Header(mapped, path.name)
        metadata = header.metadata()
        weights = header.weights(path, metadata)
        version = header.version
    graph, stored = tree(weights)
    said = {name.removeprefix("general."): value for name, value in metadata.items()}
    warnings = [f"the file is part {said['split.no'] + 1} of {said['split.count']}"] if _is_split(said) else []
    return Model(
        name=path.name,
        format="GGUF",
        format_version=f"{version}",
        graph=graph,
        producer=str(said.get("quantized_by", "")),
        metadata=said,
        warnings=tuple(warnings),
        stored=stored,
    )


def _is_split(said: dict[str, Any]) -> bool:
    count, number = said.get("split.count"), said.get("split.no")
    return isinstance(count, int) and isinstance(number, int) and count > 1


class _Header:
    """A position in the header."""

    def __init__(self, data: mmap.mmap, name: str) -> None:
        self.data, self.name, self.at = data, name, 4
        self.order = "<"
        (self.version,) = self.take("I")
        if self.version & 0xFFFF == 0:  # written on a machine of the other byte order
            self.order, self.at = ">", 4
            (self.version,) = self.take("I")
        if self.version not in (2, 3):
            raise FormatError(f"{name!r} is GGUF of version {self.version}; versions 2 and 3 are read")
        self.n_tensors, self.n_keys = self.take("QQ")
        if self.n_tensors > MOST_TENSORS or self.n_keys > MOST_KEYS:
            raise FormatError(f"damaged GGUF file {name!r}: {self.n_tensors:,} tensors and {self.n_keys:,} keys")

    def take(self, form: str) -> tuple[Any, ...]:
        """The next numbers."""
        form = self.order + form
        try:
            found = struct.unpack_from(form, self.data, self.at)
        except struct.error:
            raise self.cut() from None
        self.at += struct.calcsize(form)
        return found

    def cut(self) -> FormatError:
        """What is said of a file that ends too early."""
        return FormatError(f"the GGUF file {self.name!r} is cut off or damaged at byte {self.at:,}")

    def skip(self, n_bytes: int) -> None:
        """Go on."""
        if n_bytes > len(self.data) - self.at:
            raise self.cut()
        self.at += n_bytes

    def text(self) -> str:
        """The next text."""
        (size,) = self.take("Q")
        start = self.at
        self.skip(size)
        return self.data[start : min(self.at, start + 65536)].decode("utf-8", "replace")

    def metadata(self) -> dict[str, Any]:
        """All keys with their values; of long lists, the first entries and how many there are."""
        found: dict[str, Any] = {}
        for _ in range(self.n_keys):
            name = self.text()
            (kind,) = self.take("I")
            found[name] = self.value(kind, 0)
        return found

    def value(self, kind: int, depth: int) -> Any:
        """The next value of that type."""
        if kind == _TEXT:
            return self.text()
        if kind in _SCALARS:
            return self.take(_SCALARS[kind])[0]
        if kind != _LIST or depth > DEEPEST:
            raise FormatError(f"damaged GGUF file {self.name!r}: a value of type {kind} at byte {self.at:,}")
        inner, count = self.take("IQ")
        if inner in _SCALARS:
            first = list(self.take(f"{min(count, LONGEST_LIST)}{_SCALARS[inner]}"))
            self.skip(max(0, count - LONGEST_LIST) * struct.calcsize(self.order + _SCALARS[inner]))
        else:
            if count > min(MOST_ENTRIES, (len(self.data) - self.at) // 8):
                raise self.cut()
            first = [self.value(inner, depth + 1) for _ in range(min(count, LONGEST_LIST))]
            for _ in range(count - len(first)):
                if inner == _TEXT:
                    self.skip(self.take("Q")[0])
                else:
                    self.value(inner, depth + 1)
        return first if count <= LONGEST_LIST else {"shape": [count], "first": first}

    def weights(self, path: Path, metadata: dict[str, Any]) -> list[Weight]:
        """The arrays; their axes are turned round, so that the last one is the one whose numbers lie together."""
        entries = []
        for _ in range(self.n_tensors):
            name = self.text()
            (n_axes,) = self.take("I")
            if n_axes > 8:
                raise FormatError(f"damaged GGUF file {self.name!r}: {name!r} has {n_axes} axes")
            shape = self.take(f"{n_axes}Q")[::-1]
            kind, offset = self.take("IQ")
            entries.append((name, shape, kind, offset))
        alignment = metadata.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise FormatError(f"damaged GGUF file {self.name!r}: the alignment is {alignment!r}")
        base = self.at + -self.at % alignment
        return [self.weight(path, base + offset, name, shape, kind) for name, shape, kind, offset in entries]

    def weight(self, path: Path, at: int, name: str, shape: tuple[int, ...], kind: int) -> Weight:
        """One array."""
        if kind not in TYPES:
            return Weight(name, f"type {kind}", shape, float("nan"), None)
        dtype, numbers, block_bytes = TYPES[kind]
        count = 1
        for size in shape:
            count *= size
        n_bytes = -(-count // numbers) * block_bytes
        if at + n_bytes > len(self.data):
            raise FormatError(f"the GGUF file {self.name!r} is cut off: {name!r} runs past its end")
        encoding = "raw" if numbers == 1 and self.order == "<" else "gguf"
        return Weight(name, dtype, shape, n_bytes, Stored(str(path), at, n_bytes, encoding))
