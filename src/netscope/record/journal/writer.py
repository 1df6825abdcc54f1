"""One process's part in a run: its journal, the key sets it has defined there, and what the disk refused.

The run's lock is held by whoever calls.
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
SHORT_ERROR = 500  # characters that fit the reserve of a full disk in any language

_row_head = struct.Struct("<II8s").pack  # length, checksum, prefix


class Plan:
    """How the rows of one key set are written: all begin alike, so that part is packed and checked once."""

    __slots__ = ("_append", "_begin", "_body_bytes", "_crc", "_pack", "key_set")

    def __init__(self, key_set: int, n: int, append: Callable[[bytes], None]) -> None:
        """For rows of `n` values, which `append` takes."""
        rest = struct.Struct(f"<qd{n}d")
        self.key_set = key_set
        self._append = append
        self._begin = frames.PREFIX.pack(frames.ROW, 0, 0, key_set)
        self._crc = crc32(self._begin)
        self._pack = rest.pack
        self._body_bytes = len(self._begin) + rest.size

    def write(self, step: int, time: float, values: Iterable[float]) -> None:
        """Append a row: one frame, in one piece.

        Raises:
            OSError: The disk refused it.
            OverflowError, struct.error: A whole number beyond any float.
        """
        rest = self._pack(step, time, *values)
        self._append(_row_head(self._body_bytes, crc32(rest, self._crc), self._begin) + rest)

    def write_array(self, step: int, time: float, values: npt.NDArray[np.float64]) -> None:
        """The same from an array, without a Python float for each number.

        Raises:
            OSError: The disk refused it.
        """
        rest = frames.POINT.pack(step, time) + values.astype("<f8").tobytes()
        self._append(_row_head(self._body_bytes, crc32(rest, self._crc), self._begin) + rest)


class Losses:
    """What the disk refused of a run in this process; warned of once, told of at the end."""

    def __init__(self, folder: Path) -> None:
        """Nothing so far."""
        self.folder = folder
        self.n = 0
        self.problem = ""

    def add(self, n: int, error: OSError | MemoryError) -> None:
        """Count `n` things that were not written."""
        self.n += n
        if not self.problem:
            self.problem = getattr(error, "strerror", None) or str(error) or "no memory"
            warnings.warn(
                f"netscope cannot write to {self.folder} ({self.problem}); training goes on, what is logged is dropped "
                "until the disk takes it again, and finish() will say how much that was",
                RuntimeWarning,
                stacklevel=depth_of_caller(),
            )

    def tell(self) -> None:
        """Warn of how much was dropped, if anything was."""
        if self.n:
            warnings.warn(
                f"{self.n:,} things that were logged could not be written to {self.folder}: {self.problem}",
                RuntimeWarning,
                stacklevel=depth_of_caller(),
            )


class Writer:
    """A journal of this process, begun."""

    def __init__(self, folder: Path, attempt: int, name: str, rank: int | None, version: str) -> None:
        """Create the journal.

        Raises:
            OSError: The folder is gone, full or read-only.
        """
        now = time.time()
        start = {
            "run": folder.name, "attempt": attempt, "host": host.host(), "boot": host.boot(),
            "pid_ns": host.pid_namespace(), "pid": os.getpid(), "started": process.started(),
            "ticks": process.start_ticks(), "rank": rank, "version": version, "name": name, "created": now,
        }  # fmt: skip
        path = folder / host.journal_name(attempt)
        self.journal = open_journal(path, frames.json_frame(frames.START, start), now)
        self._key_sets: dict[tuple[SetKind, tuple[str, ...]], Plan] = {}

    def plan(self, kind: SetKind, keys: tuple[str, ...]) -> Plan:
        """The key set of these keys, defined in the journal before its first row.

        Raises:
            OSError: The definition could not be written, so no row of it may be.
        """
        known = self._key_sets.get((kind, keys))
        if known is None:
            number = len(self._key_sets) + 1
            self.journal.append(frames.json_frame(frames.KEY_SET, {"kind": kind, "keys": keys}, number))
            known = self._key_sets[kind, keys] = Plan(number, len(keys), self.journal.append)
        return known

    def abandon(self) -> None:
        """The file was deleted: let go of what is left of it."""
        with contextlib.suppress(OSError):
            self.journal.close(b"")

    def close(self, state: Literal["finished", "crashed", "abandoned"], error: str, dropped: int) -> None:
        """Say how it ended, and cut.

        Raises:
            OSError: The end could not be written, or what was gathered before it.
        """
        end: dict[str, Any] = {"event": "end", "time": time.time(), "state": state, "dropped": dropped}
        last = b""
        try:
            self.journal.append(frames.json_frame(frames.EVENT, {**end, "error": _tail(error, LONGEST_ERROR)}))
        except OSError:
            last = frames.json_frame(frames.EVENT, {**end, "error": _tail(error, SHORT_ERROR)})
        self.journal.close(last)


def _tail(text: str, n: int) -> str:
    """The end of a long text: a traceback's last lines tell most."""
    return text if len(text) <= n else "…" + text[-n:]
