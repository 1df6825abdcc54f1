"""Open a model in a separate process, so that it can neither slow down nor crash a server beside a training.

The child (`python -m netscope.models.child FILE [DATA]`) writes a header as JSON on one line and then the pack. A
damaged file may then cost its own process at most.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from netscope.errors import FormatError, MissingExtraError, NetscopeError, NotFoundError, StorageError, UsageError
from netscope.models.limits import limit, limits_of
from netscope.models.node_data import read_node_data, with_data
from netscope.models.open import open_model, within_folder
from netscope.models.pack import pack
from netscope.models.stored import Stored
from netscope.models.summary import summary
from netscope.schema.model import ModelSummary

PATIENCE_S = 300  # by the clock; `limits` has what it may use
STOPPED_WITHIN_S = 0.2
SIGXCPU = getattr(signal, "SIGXCPU", 0x7FFF)  # Windows has no such limit
_ERRORS = {kind.__name__: kind for kind in (UsageError, NotFoundError, FormatError, StorageError)}


class Opened(msgspec.Struct):
    """A model that was read."""

    summary: ModelSummary
    stored: list[Stored | None]
    """Location of each of its tensors."""
    pack: bytes = b""


class _Failed(msgspec.Struct, tag="failed"):
    kind: str
    said: str


class _Read(msgspec.Struct, tag="read"):
    opened: Opened


def open_in_child(path: Path, stopped: threading.Event | None = None, data: Path | None = None) -> Opened:
    """Open a model in another process.

    Args:
        path: Its file.
        stopped: Set to give it up.
        data: A file of values for its nodes, as `read_node_data` takes it.

    Raises:
        NetscopeError: As `open_model`; FormatError if the process died or took too long.
    """
    # -P: modules that lie in the current folder, beside a downloaded model, are not imported.
    command = [sys.executable, "-P", "-m", "netscope.models.child", str(path), *([str(data)] if data else [])]
    # Buffers of NumPy's threads would count as memory that the file needs.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as child:
            output, errors = _finished(child, path, stopped)
    except OSError as error:
        raise StorageError(f"no process could be started to read {path.name!r}: {error.strerror or error}") from error
    header, _, packed = output.partition(b"\n")
    try:
        found = msgspec.json.decode(header, type=_Read | _Failed)
    except msgspec.DecodeError as error:
        if child.returncode == -SIGXCPU or b"bad_alloc" in errors:
            raise FormatError(_too_much(path)) from error
        last = errors.decode(errors="replace").strip().rpartition("\n")[2][:300]
        raise FormatError(f"reading {path.name!r} failed (exit status {child.returncode}): {last}") from error
    if isinstance(found, _Failed):
        raise _ERRORS.get(found.kind, NetscopeError)(found.said)
    found.opened.pack = packed
    return found.opened


def _finished(child: subprocess.Popen[bytes], path: Path, stopped: threading.Event | None) -> tuple[bytes, bytes]:
    """Output of the child on stdout and stderr, once it has ended."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return child.communicate(timeout=STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            is_late = time.monotonic() > end
            if is_late or (stopped is not None and stopped.is_set()):
                child.kill()
                why = f"took longer than {PATIENCE_S} s and was given up" if is_late else "was given up"
                raise FormatError(f"reading {path.name!r} {why}") from None


def _too_much(path: Path) -> str:
    limits = limits_of(within_folder(path))
    return f"reading {path.name!r} was given up: it needs more than {limits}; is the file damaged?"


def give_way() -> None:
    """Let Linux end this process, rather than a training beside it, if memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


def main(path: str, data: str = "") -> None:
    """Open one file, with values for its nodes, and write the result."""
    give_way()
    limit(limits_of(within_folder(Path(path))))
    gc.disable()  # nothing here is circular, and looking for it takes a fifth of the time
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # output of libraries must not mix with the result
    packed = b""
    try:
        model = open_model(path)
        if data:
            model = with_data(model, read_node_data(Path(data)))
        packed = pack(model)
        said: _Read | _Failed = _Read(Opened(summary(model), list(model.stored)))
    except (NetscopeError, MissingExtraError) as error:
        kind = next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), "FormatError")
        said = _Failed(kind, str(error))
    except MemoryError:
        said = _Failed("FormatError", _too_much(Path(path)))
    with answer:
        answer.write(msgspec.json.encode(said) + b"\n" + packed)


if __name__ == "__main__":
    main(*sys.argv[1:])
