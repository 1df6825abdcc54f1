"""Decode a stored array that is compressed, quantised in blocks or within a message, in a process of its own.

The child (`python -m netscope.models.decode`) reads where the array lies as JSON from stdin and writes its elements,
little-endian and one after the other, to stdout, which is a file. Reading any part of that file then takes no decoder,
and whatever a hostile file does to a decoder happens to the child.
"""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import numpy as np

from netscope.errors import FormatError, NetscopeError, NotFoundError, StorageError, UsageError
from netscope.models import tensors
from netscope.models.stored import Stored

PATIENCE_S = 120
LARGEST_BYTES = 4 << 30
"""Of the elements once they are decoded."""
_ROWS_BYTES = 64 << 20  # decoded at once, where an array can be decoded by rows
_ERRORS = {kind.__name__: kind for kind in (UsageError, NotFoundError, FormatError, StorageError)}


class _Question(msgspec.Struct):
    stored: Stored
    name: str
    dtype: str
    shape: tuple[int, ...]


class _Answer(msgspec.Struct):
    dtype: str = ""
    kind: str = ""
    """Of the error, if any."""
    said: str = ""


def is_raw(stored: Stored) -> bool:
    """Whether the elements lie in the file as they are, one after the other."""
    return stored.encoding == "raw" and stored.strides is None


def decoded(stored: Stored, name: str, dtype: str, shape: tuple[int, ...], folder: Path | None) -> tuple[BinaryIO, str]:
    """Decode a whole array in another process.

    Args:
        stored: Where it lies.
        name: For messages.
        dtype: Its type.
        shape: Its shape.
        folder: Of the temporary file; that of the system unless given.

    Returns:
        A temporary file that is deleted once it is closed, and the type of its elements.

    Raises:
        NetscopeError: It cannot be decoded.
    """
    if math.prod(shape) * 4 > LARGEST_BYTES:
        raise UsageError(f"{name!r} has {math.prod(shape):,} elements, stored as {dtype}: too many to decode them all")
    command = [sys.executable, "-P", "-m", "netscope.models.decode"]
    question = msgspec.json.encode(_Question(stored, name, dtype, shape))
    file = cast("BinaryIO", tempfile.TemporaryFile(dir=folder))
    try:
        done = subprocess.run(
            command, input=question, stdout=file, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False
        )
        last = done.stderr.rpartition(b"\n")[2]
        answer = msgspec.json.decode(last, type=_Answer)
    except subprocess.TimeoutExpired:
        file.close()
        raise FormatError(f"decoding {name!r} took longer than {PATIENCE_S} s and was given up") from None
    except (OSError, msgspec.DecodeError) as error:
        file.close()
        raise FormatError(f"decoding {name!r} failed: {error}") from error
    if answer.kind:
        file.close()
        raise _ERRORS.get(answer.kind, NetscopeError)(answer.said)
    return file, answer.dtype


def _write(question: _Question, file: BinaryIO) -> str:
    """Write the elements; their type."""
    stored, name, dtype, shape = question.stored, question.name, question.dtype, question.shape
    n_rows = shape[0] if shape else 1
    per_row = math.prod(shape[1:]) * 4
    is_by_rows = stored.encoding == "gguf" and n_rows > 1
    step = max(1, _ROWS_BYTES // max(1, per_row)) if is_by_rows else max(1, n_rows)
    found = np.zeros(0, np.float32)
    for row in range(0, max(1, n_rows), step):
        rows = slice(row, row + step) if is_by_rows else slice(None)
        found = tensors.read(stored, name, dtype, shape, rows)
        if not is_by_rows and found.shape != shape:
            raise FormatError(f"{name!r} has the shape {list(found.shape)}, not {list(shape)} as declared")
        if found.dtype.kind not in "biufc":
            raise UsageError(f"{name!r} holds {found.dtype}, not numbers")
        file.write(np.ascontiguousarray(found, found.dtype.newbyteorder("<")).data.cast("B") if found.size else b"")
    return found.dtype.name


def main() -> None:
    """Answer one question."""
    with contextlib.suppress(OSError):  # rather than a training beside it, this process ends if memory runs out
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=_Question)
    answer = _Answer()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as file:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # output of libraries must not mix with the elements
        try:
            answer.dtype = _write(question, file)
        except NetscopeError as error:
            answer.kind = next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), "NetscopeError")
            answer.said = str(error)
        except MemoryError:
            answer.kind, answer.said = "FormatError", f"there is not enough memory to decode {question.name!r}"
    sys.stderr.buffer.write(b"\n" + msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
