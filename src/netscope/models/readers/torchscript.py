"""Read TorchScript archives (`torch.jit.save`): modules, weights, and the graph that the code of `forward` says.

The code in the archive is Python by its syntax. It is parsed, never compiled or run (`torchscript_code`). If it cannot
be followed, the modules and their weights are shown without a graph.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.readers.archive import Archive
from netscope.models.readers.pickles import Record
from netscope.models.readers.pytorch_arrays import Array
from netscope.models.readers.pytorch_files import Files, root_of
from netscope.models.readers.torchscript_code import Code, Interpreter
from netscope.models.readers.torchscript_values import Unreadable
from netscope.models.stored import Stored

LARGEST_CODE = 4 << 20  # its syntax tree takes a hundred times as much memory
DEEPEST_BRACKETS = 90  # CPython's parser takes 200
DEEPEST_MODULE = 100


def is_script(names: list[str]) -> bool:
    """Whether an archive with these members was written by `torch.jit.save`."""
    parts = {name.rpartition("/")[2] for name in names}
    return "data.pkl" in parts and "constants.pkl" in parts


def read(zipped: Archive, path: Path) -> Model:
    """Read an archive.

    Raises:
        FormatError: It is damaged.
    """
    files = Files()
    root = files.read_zip(zipped, path)
    if not isinstance(root, Record):
        raise FormatError(f"{path.name!r} has code, but its data are not a module")
    constants = files.read_zip(zipped, path, "constants.pkl", "constants")
    builder, stored, values = _modules(root, files)
    warnings: list[str] = []
    try:
        code = _code(zipped)
        Interpreter(builder, code, values, _constants(constants, builder, files, stored)).run(root)
    except (Unreadable, RecursionError, MemoryError) as error:
        said = str(error) if isinstance(error, Unreadable) else "it is nested too deep"
        warnings.append(f"The code of forward could not be followed ({said}); modules and weights are shown.")
        builder, stored, _ = _modules(root, files)
    producer = "PyTorch for mobile" if any(name.endswith("bytecode.pkl") for name in zipped.names()) else ""
    return Model(
        name=path.name,
        format="TorchScript",
        format_version=files.version,
        producer=producer,
        graph=builder.build(),
        warnings=(*dict.fromkeys(files.warnings), *warnings),
        stored=tuple(stored),
    )


def _modules(root: Record, files: Files) -> tuple[GraphBuilder, list[Stored | None], dict[str, int]]:
    """The tree of modules with the tensors; each tensor is a value too, by its path, so that the code can use it."""
    builder, stored, values, seen = GraphBuilder(), list[Stored | None](), dict[str, int](), {id(root)}
    waiting = [("", root)]
    while waiting:
        at, module = waiting.pop()
        scope = builder.scope(at, module.class_name)
        children = []
        for name, value in attributes(module):
            inner = f"{at}.{name}" if at else name
            if isinstance(value, Array):
                values[inner] = add_tensor(builder, inner, value, files, stored, scope)
            elif isinstance(value, Record) and id(value) not in seen and inner.count(".") < DEEPEST_MODULE:
                seen.add(id(value))
                children.append((inner, value))
        waiting += reversed(children)
    return builder, stored, values


def add_tensor(
    builder: GraphBuilder, name: str, array: Array, files: Files, stored: list[Stored | None], scope: int
) -> int:
    """Add a tensor and the value that it is; the value."""
    place = files.stored(array)
    stored.append(place)
    n_bytes = place.n_bytes if place else float("nan")
    tensor = builder.add_tensor(name, array.dtype, array.shape, n_bytes, scope=scope)
    return builder.add_value(name, array.dtype, array.shape, tensor=tensor)


def attributes(module: Record) -> Iterator[tuple[str, Any]]:
    """The attributes of an object, by name."""
    if isinstance(module.state, dict):
        yield from ((name, value) for name, value in module.state.items() if isinstance(name, str))


def _constants(found: Any, builder: GraphBuilder, files: Files, stored: list[Stored | None]) -> dict[str, int]:
    """Values of the tensors that the code calls CONSTANTS.c0 and so on."""
    items = found if isinstance(found, (tuple, list)) else ()
    return {
        f"c{i}": add_tensor(builder, f"CONSTANTS.c{i}", array, files, stored, 0)
        for i, array in enumerate(items)
        if isinstance(array, Array)
    }


def _code(zipped: Archive) -> Code:
    """All classes and functions of the archive, by their whole names."""
    root, left = root_of(zipped, "data.pkl"), LARGEST_CODE
    found: Code = {}
    for name in zipped.names():
        if not name.startswith(f"{root}code/") or not name.endswith(".py"):
            continue
        if zipped.size(name) > left:
            raise Unreadable(f"it is longer than {LARGEST_CODE:,} bytes")
        text = zipped.read(name, left)
        left -= len(text)
        module = name.removeprefix(f"{root}code/").removesuffix(".py").replace("/", ".")
        for statement in _parsed(text, name).body:
            if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
                found[f"{module}.{statement.name}"] = statement
    return found


def _parsed(text: bytes, name: str) -> ast.Module:
    """The syntax tree; texts that would overflow the parser's stack are refused before."""
    depth = 0
    for letter in text:
        depth += (letter in b"([{") - (letter in b")]}")
        if depth > DEEPEST_BRACKETS:
            raise Unreadable("it is nested too deep")
    try:
        return ast.parse(text.decode("utf-8"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"{name} is not code of TorchScript: {error}") from error
