"""Run a model in a process of its own, which may be ended at any time and cannot crash a server.

The child (`python -P -m netscope.frameworks.values.child`) reads an `Order` as JSON from stdin, writes one line of JSON
on stdout for every piece of progress, and the result into a file.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import msgspec
import psutil

from netscope.errors import FormatError, MissingExtraError, NetscopeError, NotFoundError, StorageError, UsageError
from netscope.frameworks.values.collector import Report
from netscope.frameworks.values.input_files import make
from netscope.frameworks.values.pack import pack
from netscope.frameworks.values.run import run_file
from netscope.models.child import give_way
from netscope.models.open import open_model
from netscope.schema.values import InputRequest, ValuesRequest

PATIENCE_S = 1800
LARGEST_SHARE = 0.75
"""Of the memory that is free when it starts; a model that takes more is ended."""
LOOKS_S = 0.2
_ERRORS = {kind.__name__: kind for kind in (UsageError, NotFoundError, FormatError, StorageError)}


class Order(msgspec.Struct):
    """What to run on what."""

    path: str
    inputs: dict[str, InputRequest]
    files: dict[str, str]
    """Paths of uploaded files by their ids."""
    seed: int
    keep: list[int]
    """Values to keep whole."""
    result: str
    """Path of the file to write."""


class _Progress(msgspec.Struct, tag="progress"):
    done: int
    total: int
    unit: str


class _Failed(msgspec.Struct, tag="failed"):
    kind: str
    said: str


class _Finished(msgspec.Struct, tag="finished"):
    pass


_Line = _Progress | _Failed | _Finished


def run_in_child(path: Path, asked: ValuesRequest, files: Mapping[str, Path], result: Path, report: Report) -> None:
    """Run a model on inputs in another process, and write its values into a file as `pack` does.

    Args:
        path: File of the model.
        asked: What to run it on.
        files: Uploaded files by their ids.
        result: The file to write.
        report: Called several times a second, as `report(done, total, unit)`; what it raises ends the process.

    Raises:
        NetscopeError: As `netscope.values`; FormatError if the process died, took too long or too much memory.
    """
    named = {one: str(file) for one, file in files.items()}
    order = Order(str(path), asked.inputs, named, asked.seed, asked.keep, str(result))
    command = [sys.executable, "-P", "-m", "netscope.frameworks.values.child"]
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise StorageError(f"no process could be started to run {path.name!r}: {error.strerror or error}") from error
    with child:
        try:
            _follow(child, msgspec.json.encode(order), path.name, report)
        finally:
            child.kill()


def _follow(child: subprocess.Popen[bytes], order: bytes, name: str, report: Report) -> None:
    """Report progress until the child says that it has ended."""
    assert child.stdin and child.stdout and child.stderr
    lines: queue.Queue[bytes] = queue.Queue()
    errors: list[bytes] = []
    for read in (lambda: _read(child.stdout, lines.put), lambda: _read(child.stderr, lambda line: _last(errors, line))):
        threading.Thread(target=read, daemon=True).start()
    with contextlib.suppress(BrokenPipeError), child.stdin:
        child.stdin.write(order)
    limit, end = psutil.virtual_memory().available * LARGEST_SHARE, time.monotonic() + PATIENCE_S
    progress = _Progress(0, 0, "operations")
    while True:
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=LOOKS_S)
            said = _decoded(line, child, errors, name)
            if isinstance(said, _Finished):
                return
            if isinstance(said, _Failed):
                raise _ERRORS.get(said.kind, NetscopeError)(said.said)
            progress = said
        report(progress.done, progress.total, progress.unit)
        if time.monotonic() > end:
            raise FormatError(f"running {name!r} took longer than {PATIENCE_S} s and was ended")
        if _memory(child.pid) > limit:
            raise FormatError(f"running {name!r} took more than {limit / 1e9:.1f} GB of memory and was ended")


def _read(stream: IO[bytes] | None, take: Any) -> None:
    """Pass every line on, and b'' at the end."""
    assert stream
    with contextlib.suppress(ValueError):  # closed
        for line in stream:
            take(line)
    take(b"")


def _last(lines: list[bytes], line: bytes) -> None:
    """Keep the last line that says something."""
    if line.strip():
        lines[:] = [line]


def _decoded(line: bytes, child: subprocess.Popen[bytes], errors: list[bytes], name: str) -> _Line:
    try:
        said: _Line = msgspec.json.decode(line, type=_Line)
    except msgspec.DecodeError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(LOOKS_S * 5)
        last = errors[-1].decode(errors="replace").strip()[:500] if errors else ""
        status = child.returncode
        how = f"was ended by signal {-status}" if status is not None and status < 0 else f"ended with status {status}"
        raise FormatError(f"running {name!r} failed: its process {how}{f': {last}' if last else ''}") from None
    return said


def _memory(pid: int) -> int:
    """Bytes of memory that a process uses; 0 if it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def main() -> None:
    """Carry out the order on stdin."""
    give_way()
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # output of libraries must not mix with the answer
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    last = 0.0

    def report(done: int, total: int, unit: str) -> None:
        nonlocal last
        if time.monotonic() - last > LOOKS_S / 2:
            last = time.monotonic()
            answer.write(msgspec.json.encode(_Progress(done, total, unit)) + b"\n")

    try:
        _carry_out(order, report)
        said: _Finished | _Failed = _Finished()
    except (NetscopeError, MissingExtraError) as error:
        said = _Failed(next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), ""), str(error))
    except MemoryError:
        said = _Failed("FormatError", f"there is not enough memory to run {Path(order.path).name!r}")
    answer.write(msgspec.json.encode(said) + b"\n")


def _carry_out(order: Order, report: Report) -> None:
    path = Path(order.path)
    model = open_model(path)
    files = {one: Path(file) for one, file in order.files.items()}
    arrays, given = make(model, path, order.inputs, files, order.seed)
    Path(order.result).write_bytes(pack(run_file(path, model, arrays, report, order.keep), given))


if __name__ == "__main__":
    main()
