"""Write one process's journal of a run: its key sets, rows and end event; count dropped writes.

Callers hold the run's lock.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

from netscope.record import process
from netscope.record.journal.journal_file import open_journal
from netscope.record.stacklevel import depth_of_caller
from netscope.store.journal import frames, host
from netscope.store.journal.frames import SetKind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LONGEST_ERROR = 64_000
SHORT_ERROR = 500  # characters that fit `RESERVE` in any script

_pack_head = struct.Struct("<II8s").pack  # length, checksum, prefix


class RowWriter:
    """Writes the rows of one key set. All rows start with the same bytes, whose checksum is computed once."""

    __slots__ = ("_append", "_begin", "_body_bytes", "_crc", "_pack", "key_set")

    def __init__(self, key_set: int, n: int, append: Callable[[bytes], None]) -> None:
        """Prepare for rows of `n` values; `append` takes the frames."""
        rest = struct.Struct(f"<qd{n}d")
        self.key_set = key_set
        self._append = append
        self._begin = frames.PREFIX.pack(frames.ROW, 0, 0, key_set)
        self._crc = crc32(self._begin)
        self._pack = rest.pack
        self._body_bytes = len(self._begin) + rest.size

    def write(self, step: int, time: float, values: Iterable[float]) -> None:
        """Append a row as one frame.

        Raises:
            OSError: The row cannot be written.
            OverflowError, struct.error: A value is an integer too large for a float.
        """
        rest = self._pack(step, time, *values)
        self._append(_pack_head(self._body_bytes, crc32(rest, self._crc), self._begin) + rest)

    def write_array(self, step: int, time: float, values: npt.NDArray[np.float64]) -> None:
        """Append a row from an array, without creating a Python float per value.

        Raises:
            OSError: The row cannot be written.
        """
        rest = frames.POINT.pack(step, time) + values.astype("<f8").tobytes()
        self._append(_pack_head(self._body_bytes, crc32(rest, self._crc), self._begin) + rest)


class DroppedWrites:
    """Counts what this process could not write to a run; warns at the first failure and at the end."""

    def __init__(self, folder: Path) -> None:
        """Start at zero."""
        self.folder = folder
        self.n = 0
        self.problem = ""

    def add(self, n: int, error: OSError | MemoryError) -> None:
        """Count `n` items that were not written; the first call warns."""
        self.n += n
        if not self.problem:
            self.problem = getattr(error, "strerror", None) or str(error) or "no memory"
            warnings.warn(
                f"netscope cannot write to {self.folder} ({self.problem}). The training continues; logged data is "
                "dropped until writing works again, and finish() will report how much",
                RuntimeWarning,
                stacklevel=depth_of_caller(),
            )

    def warn(self) -> None:
        """Warn about the number of dropped items, if any."""
        if self.n:
            warnings.warn(
                f"{self.n:,} logged items could not be written to {self.folder}: {self.problem}",
                RuntimeWarning,
                stacklevel=depth_of_caller(),
            )


class Writer:
    """The journal of this process and the key sets defined in it."""

    def __init__(self, folder: Path, attempt: int, name: str, rank: int | None, version: str) -> None:
        """Create the journal.

        Raises:
            OSError: The folder is missing, full or read-only.
        """
        now = time.time()
        start = {
            "run": folder.name, "attempt": attempt, "host": host.host(), "boot": host.boot(),
            "pid_ns": host.pid_namespace(), "pid": os.getpid(), "started": process.started(),
            "ticks": process.start_ticks(), "rank": rank, "version": version, "name": name, "created": now,
        }  # fmt: skip
        path = folder / host.journal_name(attempt)
        self.journal = open_journal(path, frames.json_frame(frames.START, start), now)
        self._key_sets: dict[tuple[SetKind, tuple[str, ...]], RowWriter] = {}

    def row_writer(self, kind: SetKind, keys: tuple[str, ...]) -> RowWriter:
        """The writer for rows with these keys; the first call defines the key set in the journal.

        Raises:
            OSError: The definition could not be written, so its rows cannot be either.
        """
        known = self._key_sets.get((kind, keys))
        if known is None:
            number = len(self._key_sets) + 1
            self.journal.append(frames.json_frame(frames.KEY_SET, {"kind": kind, "keys": keys}, number))
            known = self._key_sets[kind, keys] = RowWriter(number, len(keys), self.journal.append)
        return known

    def abandon(self) -> None:
        """Close a journal whose file was deleted."""
        with contextlib.suppress(OSError):
            self.journal.close(b"")

    def close(self, state: Literal["finished", "crashed", "abandoned"], error: str, dropped: int) -> None:
        """Write the end event and close the file.

        Raises:
            OSError: The end event or buffered frames could not be written.
        """
        end: dict[str, Any] = {"event": "end", "time": time.time(), "state": state, "dropped": dropped}
        last = b""
        try:
            self.journal.append(frames.json_frame(frames.EVENT, {**end, "error": _tail(error, LONGEST_ERROR)}))
        except OSError:
            last = frames.json_frame(frames.EVENT, {**end, "error": _tail(error, SHORT_ERROR)})
        self.journal.close(last)


def _tail(text: str, n: int) -> str:
    """The last `n` characters of a text: the last lines of a traceback matter most."""
    return text if len(text) <= n else "…" + text[-n:]
