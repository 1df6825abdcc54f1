"""The clock that stamps the files of a folder: a file server's own, or this machine's."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

from netscope.store.folder import FOLDER

VALID_S = 60.0


class FolderClock:
    """Tells how old a file's time stamp is, by the clock that made it.

    The clocks of a writer, of a file server and of this machine may be minutes apart, so a stamp is only compared with
    one that the same file system makes now, of a file without a name. Where none can be made, our clock is taken.

    The file is made beside the index, if there is one: NFS has no files without a name, and making one changes the
    time stamp of its folder, from which readers tell that a run came or went.
    """

    def __init__(self, folder: str | Path) -> None:
        """Of the file system that holds a folder of runs; it is asked when it is needed, and again after a minute."""
        self._folder = Path(folder)
        self._ahead_s = 0.0
        self._asked_at = float("-inf")

    def age(self, mtime: float) -> float:
        """Seconds since a time stamp of a file."""
        if time.monotonic() - self._asked_at > VALID_S:
            self._asked_at = time.monotonic()
            self._ahead_s = self._ask()
        return time.time() + self._ahead_s - mtime

    def _ask(self) -> float:
        for place in (self._folder / FOLDER, self._folder):
            with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=place, buffering=0) as file:
                file.write(b"?")
                return os.fstat(file.fileno()).st_mtime - time.time()
        return 0.0
