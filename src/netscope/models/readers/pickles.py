"""Read what a Python pickle holds, without running it.

Unpickling calls what the stream names. This interpreter knows the opcodes (https://docs.python.org/3/library/pickletools.html)
and builds plain data only: numbers, texts, lists, tuples and dicts as they are; everything that a pickle would call or
construct is a `Record` with the name of the class and its arguments. Nothing is imported and nothing is called, but the
functions that a reader hands in (`known`), which make plain data of plain data. Long runs of bytes stay in the file.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from netscope.errors import FormatError
from netscope.models.readers.pickle_machine import (
    KEPT_BYTES,
    Global,
    Known,
    Machine,
    Record,
    Reference,
    Span,
    plain_key,
)  # fmt: skip

__all__ = ["Global", "Known", "Record", "Reference", "Span", "load"]

MOST_OPCODES = 4_000_000  # about 80,000 tensors


def load(file: BinaryIO, known: Known, reference: Callable[[Any], Any] = Reference, source: int = 0) -> Any:
    """The data of the pickle that begins where `file` stands; `file` then stands behind it.

    Args:
        file: Must be seekable.
        known: For names of functions: what makes plain data of their arguments.
        reference: What makes plain data of a persistent id.
        source: The number of the file, for what is left in it.

    Raises:
        FormatError: It is no pickle, is cut off or damaged, or is larger than any model's.
    """
    machine = Machine(file, {**_CONTAINERS, **known}, reference, source)
    try:
        return _run(machine)
    except (
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        struct.error,
        OverflowError,
        RecursionError,
    ) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"damaged pickle: {type(error).__name__}: {str(error)[:200]}") from error


def _run(machine: Machine) -> Any:
    """Interpret until STOP."""
    read, opcodes = machine.file.read, _OPCODES
    for _ in range(MOST_OPCODES):
        code = read(1)
        if code == b".":
            if machine.marks:
                raise FormatError("damaged pickle: a mark is left at its end")
            return machine.stack.pop()
        act = opcodes.get(code)
        if act is None:
            if not code:
                raise FormatError("the pickle is cut off")
            raise FormatError(f"damaged pickle: no opcode {code!r}")
        act(machine)
    raise FormatError(f"the pickle has more than {MOST_OPCODES:,} operations")


def _dict(pairs: Any = (), *_: Any) -> dict[Any, Any]:
    """A dict that is made by a call (OrderedDict, defaultdict)."""
    if isinstance(pairs, Mapping):
        return dict(pairs)
    if not isinstance(pairs, (list, tuple)):
        return {}
    return {plain_key(key): value for key, value in pairs}


def _list(items: Any = (), *_: Any) -> list[Any]:
    return list(items) if isinstance(items, (list, tuple)) else []


def _encoded(text: Any, encoding: str = "latin1") -> Any:
    """Bytes as protocol 2 writes them."""
    return text.encode("latin1") if isinstance(text, str) and encoding in ("latin1", "latin-1") else text


_CONTAINERS: Known = {
    Global("collections", "OrderedDict"): _dict,
    Global("collections", "defaultdict"): lambda *_: {},
    Global("collections", "Counter"): _dict,
    Global("_codecs", "encode"): _encoded,
    **{Global(module, "dict"): _dict for module in ("builtins", "__builtin__")},
    **{
        Global(module, kind): _list
        for module in ("builtins", "__builtin__")
        for kind in ("list", "set", "frozenset", "tuple")
    },
    **{Global(module, "bytes"): lambda data=b"", *_: data for module in ("builtins", "__builtin__")},
}


def _tuple(n: int) -> Callable[[Machine], None]:
    def act(m: Machine) -> None:
        m.stack[-n:] = [(*m.stack[-n:],)] if len(m.stack) >= n else _underflow()

    return act


def _ignored(_: Any) -> None:
    """What a pickle says and nobody needs."""


def _underflow() -> list[Any]:
    raise FormatError("damaged pickle: its stack is empty")


def _pushed(value: Any) -> Callable[[Machine], None]:
    return lambda m: m.push(value)


def _int_line(m: Machine) -> None:
    text = m.line()
    m.push(text == "01" if text in ("00", "01") else int(text.rstrip("L")))  # 00 and 01 are booleans


def _long(form: str) -> Callable[[Machine], None]:
    def act(m: Machine) -> None:
        n = m.number(form)
        if not 0 <= n <= KEPT_BYTES:
            raise FormatError(f"damaged pickle: a number of {n:,} bytes")
        m.push(int.from_bytes(m.take(n), "little", signed=True))

    return act


def _memoise(form: str) -> Callable[[Machine], None]:
    def act(m: Machine) -> None:
        m.memo[m.number(form)] = m.stack[-1]

    return act


def _recall(form: str) -> Callable[[Machine], None]:
    return lambda m: m.push(m.memo[m.number(form)])


def _reduce(m: Machine) -> None:
    arguments = m.stack.pop()
    m.stack[-1] = _made(m, m.stack[-1], arguments)


def _new_with_names(m: Machine) -> None:
    names, arguments = m.stack.pop(), m.stack.pop()
    record = Record(m.stack[-1], arguments if isinstance(arguments, tuple) else ())
    if isinstance(names, dict):
        record.entries.update(names)
    m.stack[-1] = record


def _made(m: Machine, kind: Any, arguments: Any) -> Any:
    """The result of a call; those that only construct (`copyreg`) are seen through."""
    if isinstance(kind, Global) and kind in _CONSTRUCTORS and isinstance(arguments, tuple) and arguments:
        if kind.name != "_reconstructor":
            return m.call(arguments[0], arguments[1:])
        made = m.call(arguments[0], ())  # protocols 0 and 1: the class, its base, the content of the base
        if isinstance(made, Record) and len(arguments) > 2:
            made.entries.update(arguments[2] if isinstance(arguments[2], dict) else {})
            made.items.extend(arguments[2] if isinstance(arguments[2], list) else [])
        return made
    return m.call(kind, arguments)


_CONSTRUCTORS = {
    Global(module, name)
    for module in ("copyreg", "copy_reg")
    for name in ("_reconstructor", "__newobj__", "__newobj_ex__")
}


def _instance(m: Machine) -> None:
    module, name = m.line(), m.line()
    m.push(m.call(Global(module, name), tuple(m.pop_mark())))


def _object(m: Machine) -> None:
    kind, *arguments = m.pop_mark()
    m.push(m.call(kind, tuple(arguments)))


def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.pop_mark()


def _unicode_line(m: Machine) -> None:
    m.push(m.raw_line().decode("raw-unicode-escape"))


def _text_line(m: Machine) -> None:
    """STRING: in quotes, as Python 2 shows it."""
    m.push(codecs.escape_decode(m.raw_line().strip()[1:-1])[0].decode("utf-8", "surrogateescape"))


def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    m.global_(module, name)


_OPCODES: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": lambda m: _ignored(m.number("<B")),  # PROTO
    b"\x95": lambda m: _ignored(m.number("<Q")),  # FRAME
    b"(": Machine.mark,
    b"0": _pop,
    b"1": lambda m: _ignored(m.pop_mark()),
    b"2": lambda m: m.push(m.stack[-1]),
    b"N": _pushed(None),
    b"\x88": _pushed(True),
    b"\x89": _pushed(False),
    b"I": _int_line,
    b"L": _int_line,
    b"F": lambda m: m.push(float(m.line())),
    b"J": lambda m: m.push(m.number("<i")),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"G": lambda m: m.push(m.number(">d")),
    b"\x8a": _long("<B"),
    b"\x8b": _long("<i"),
    b"S": _text_line,
    b"V": _unicode_line,
    b"U": lambda m: m.push(m.text("<B")),  # SHORT_BINSTRING: texts of Python 2
    b"T": lambda m: m.push(_python_2(m.run_of_bytes("<i"))),
    b"X": lambda m: m.push(m.text("<I")),
    b"\x8c": lambda m: m.push(m.text("<B")),
    b"\x8d": lambda m: m.push(m.text("<Q")),
    b"C": lambda m: m.push(m.run_of_bytes("<B")),
    b"B": lambda m: m.push(m.run_of_bytes("<I")),
    b"\x8e": lambda m: m.push(m.run_of_bytes("<Q")),
    b"\x96": lambda m: m.push(m.run_of_bytes("<Q")),
    b"]": lambda m: m.push([]),
    b"}": lambda m: m.push({}),
    b")": lambda m: m.push(()),
    b"\x8f": lambda m: m.push([]),  # EMPTY_SET: members may be anything, so a list
    b"l": lambda m: m.push(m.pop_mark()),
    b"t": lambda m: m.push(tuple(m.pop_mark())),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"\x91": lambda m: m.push(m.pop_mark()),  # FROZENSET
    b"d": lambda m: _new_dict(m),
    b"a": lambda m: m.append([m.stack.pop()]),
    b"e": lambda m: m.append(m.pop_mark()),
    b"\x90": lambda m: m.append(m.pop_mark()),  # ADDITEMS
    b"s": lambda m: _set_entry(m),
    b"u": lambda m: m.set_entries(m.pop_mark()),
    b"c": lambda m: m.global_(m.line(), m.line()),
    b"\x93": _stack_global,
    b"R": _reduce,
    b"\x81": _reduce,  # NEWOBJ
    b"\x92": _new_with_names,
    b"i": _instance,
    b"o": _object,
    b"b": Machine.build,
    b"p": lambda m: m.memo.__setitem__(int(m.line()), m.stack[-1]),
    b"q": _memoise("<B"),
    b"r": _memoise("<I"),
    b"\x94": lambda m: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    b"g": lambda m: m.push(m.memo[int(m.line())]),
    b"h": _recall("<B"),
    b"j": _recall("<I"),
    b"P": lambda m: m.push(m.reference(m.line())),
    b"Q": lambda m: m.push(m.reference(m.stack.pop())),
}


def _new_dict(m: Machine) -> None:
    pairs = m.pop_mark()
    m.push({})
    m.set_entries(pairs)


def _set_entry(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    m.set_entries([key, value])


def _python_2(data: bytes | Span) -> str | Span:
    return data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
