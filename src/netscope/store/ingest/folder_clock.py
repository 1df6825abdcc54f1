"""The clock that sets the modification times in a folder: that of a file server, or this machine's."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

from netscope.store.folder import FOLDER

VALID_S = 60.0


class FolderClock:
    """Computes the age of a file's modification time by the clock that set it.

    The clocks of a writer, a file server and this machine may be minutes apart. So a modification time is only compared
    with that of an unnamed file created on the same file system now, or else with this machine's clock.

    The file is created beside the index if there is one. NFS has no unnamed files, and creating a file changes the
    modification time of its folder, by which readers notice new and removed runs.
    """

    def __init__(self, folder: str | Path) -> None:
        """For the file system of a folder of runs. The clock is read on demand, at most once a minute."""
        self._folder = Path(folder)
        self._ahead_s = 0.0
        self._read_at = float("-inf")

    def age(self, mtime: float) -> float:
        """Seconds since a modification time."""
        if time.monotonic() - self._read_at > VALID_S:
            self._read_at = time.monotonic()
            self._ahead_s = self._read_offset()
        return time.time() + self._ahead_s - mtime

    def _read_offset(self) -> float:
        for place in (self._folder / FOLDER, self._folder):
            with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=place, buffering=0) as file:
                file.write(b"?")
                return os.fstat(file.fileno()).st_mtime - time.time()
        return 0.0
