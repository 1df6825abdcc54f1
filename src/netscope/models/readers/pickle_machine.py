"""The stack and memo on which pickles are interpreted, and the plain data that they become."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

from netscope.errors import FormatError

KEPT_BYTES = 1024
"""Longer runs of bytes are left in the file."""
LONGEST_TEXT = 1 << 24
MOST_TEXT = 1 << 28


class Global(NamedTuple):
    """The name of a class or function."""

    module: str
    name: str

    def __str__(self) -> str:
        """The whole name."""
        return f"{self.module}.{self.name}"


class Span(NamedTuple):
    """Bytes that were left in the file."""

    offset: int
    n_bytes: int
    source: int
    """Which of the files that were read it is in."""


class Reference(NamedTuple):
    """What the pickle says is stored elsewhere (a "persistent id")."""

    id: Any


class Record:
    """What a pickle would have made by a call."""

    __slots__ = ("arguments", "entries", "items", "kind", "state")

    def __init__(self, kind: Any, arguments: tuple[Any, ...]) -> None:
        """Note the call; state, items and entries may follow."""
        self.kind = kind
        """The class or function: a `Global`, or anything in a damaged file."""
        self.arguments = arguments
        self.state: Any = None
        """What the object would have been given as its attributes, mostly a dict."""
        self.items: list[Any] = []
        """What would have been appended to it."""
        self.entries: dict[Any, Any] = {}
        """What would have been set in it by key."""

    @property
    def class_name(self) -> str:
        """The name of the class without its module."""
        return self.kind.name.rpartition(".")[2] if isinstance(self.kind, Global) else ""

    def __repr__(self) -> str:
        """The class."""
        return f"<Record {self.kind}>"


class _Key:
    """Stands for a key of a dict that is not plain."""


Known = Mapping[Global, Callable[..., Any]]


class Machine:
    """The stack, the memo and the file."""

    def __init__(self, file: BinaryIO, known: Known, reference: Callable[[Any], Any], source: int) -> None:
        self.file, self.known, self.reference, self.source = file, known, reference, source
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.text_left = MOST_TEXT

    def take(self, n: int) -> bytes:
        """The next bytes."""
        if n > LONGEST_TEXT:
            raise FormatError(f"damaged pickle: a text of {n:,} bytes")
        found = self.file.read(n)
        if len(found) != n:
            raise FormatError("the pickle is cut off")
        return found

    def line(self) -> str:
        """The next line: a name or a number."""
        return self.raw_line().decode("utf-8", "surrogateescape")

    def raw_line(self) -> bytes:
        """The next line, without its end."""
        found = self.file.readline(LONGEST_TEXT)
        if not found.endswith(b"\n"):
            raise FormatError("the pickle is cut off")
        return self._counted(found[:-1])

    def number(self, form: str) -> Any:
        """The next number."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self, form: str) -> str:
        """The next text with its length before it."""
        return self._counted(self.take(self.number(form))).decode("utf-8", "surrogateescape")

    def run_of_bytes(self, form: str) -> bytes | Span:
        """The next bytes with their length before them."""
        n = self.number(form)
        if n < 0:
            raise FormatError(f"damaged pickle: {n} bytes")
        if n <= KEPT_BYTES:
            return self.take(n)
        at = self.file.tell()
        end = self.file.seek(0, 2)
        if at + n > end:
            raise FormatError("the pickle is cut off")
        self.file.seek(at + n)
        return Span(at, n, self.source)

    def _counted(self, text: bytes) -> bytes:
        self.text_left -= len(text)
        if self.text_left < 0:
            raise FormatError(f"the pickle has more than {MOST_TEXT:,} bytes of text")
        return text

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def mark(self) -> None:
        """Begin a run of values."""
        self.marks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Any]:
        """The values since the mark."""
        found, self.stack = self.stack, self.marks.pop()
        return found

    def call(self, kind: Any, arguments: Any) -> Any:
        """What stands for the result of a call."""
        given = arguments if isinstance(arguments, tuple) else (arguments,)
        act = self.known.get(kind) if isinstance(kind, Global) else None
        return act(*given) if act else Record(kind, given)

    def build(self) -> None:
        """BUILD: attributes of the object below."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Record):
            self.stack[-1].state = state

    def set_entries(self, pairs: list[Any]) -> None:
        """SETITEMS."""
        target = self.stack[-1]
        entries = target.entries if isinstance(target, Record) else target
        if not isinstance(entries, dict):
            raise FormatError(f"damaged pickle: entries set in a {type(target).__name__}")
        if len(pairs) % 2:
            raise FormatError("damaged pickle: a key without a value")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            entries[plain_key(key)] = value

    def append(self, values: list[Any]) -> None:
        """APPENDS."""
        target = self.stack[-1]
        items = target.items if isinstance(target, Record) else target
        if not isinstance(items, list):
            raise FormatError(f"damaged pickle: items appended to a {type(target).__name__}")
        items.extend(values)

    def global_(self, module: Any, name: Any) -> None:
        """GLOBAL: a name, which is not looked up."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise FormatError("damaged pickle: a class without a name")
        self.push(Global(module, name))


def plain_key(key: Any) -> Any:
    """A key that is safe to hash: deep tuples would overflow the stack of the interpreter."""
    if key is None or isinstance(key, (str, int, float, bytes, Global)):
        return key
    if type(key) is tuple and all(part is None or isinstance(part, (str, int, float)) for part in key):
        return key
    return _Key()
