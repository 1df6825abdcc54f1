"""Edits by people: appended as `edit` events to a journal of this process in the run's folder."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

from netscope.errors import StorageError
from netscope.schema.run import EditRequest, Run
from netscope.store.journal import frames, host
from netscope.store.journal.limits import LONGEST_NAME, check_texts

MIN_INTERVAL_S = 1e-3  # minimum between two edits of a run, so that the later wins even if the clock is set back


def change(request: EditRequest, run: Run) -> dict[str, Any]:
    """The changed fields of one run, from a request.

    Raises:
        UsageError: A text is not valid Unicode, or too long.
    """
    check_texts("a run's name", [(request.name or "").strip()], LONGEST_NAME)
    check_texts("notes", [request.notes or ""])
    changed: dict[str, Any] = {}
    if request.name is not None and request.name.strip():
        changed["name"] = request.name.strip()
    if request.notes is not None:
        changed["notes"] = request.notes
    if request.archived is not None:
        changed["archived"] = request.archived
    if request.tags is not None or request.add_tags or request.remove_tags:
        tags = list(run.tags if request.tags is None else request.tags)
        tags += request.add_tags
        gone = set(request.remove_tags)
        changed["tags"] = [tag for tag in dict.fromkeys(tag.strip() for tag in tags) if tag and tag not in gone]
        check_texts("tags", changed["tags"])
    return changed


class Editor:
    """Appends edits, to one journal per run, created with the first edit."""

    def __init__(self) -> None:
        """Start without journals."""
        self._journals: dict[Path, Path] = {}
        self._latest: dict[Path, float] = {}
        self._lock = threading.Lock()

    def append(self, folder: Path, changed: dict[str, Any], after: float) -> None:
        """Write one edit of a run, with a time later than all others.

        Args:
            folder: The run's folder.
            changed: The fields of the event.
            after: Time of the latest known edit.

        Raises:
            StorageError: The folder cannot be written.
        """
        with self._lock:
            now = max(time.time(), after + MIN_INTERVAL_S, self._latest.get(folder, 0.0) + MIN_INTERVAL_S)
            parts = [frames.json_frame(frames.EVENT, {"event": "edit", "time": now, **changed})]
            path = self._journals.get(folder)
            if path is None or not path.exists():
                path, pid = folder / host.journal_name(0), os.getpid()
                whose = {"host": host.host(), "boot": host.boot(), "pid_ns": host.pid_namespace(), "pid": pid}
                start = {"run": folder.name, "attempt": 0, **whose, "created": now}
                parts = [frames.header(now, pid), frames.json_frame(frames.START, start), *parts]
            try:
                with path.open("ab", buffering=0) as file:
                    file.write(b"".join(parts))
            except OSError as error:
                raise StorageError(f"{folder.name} cannot be edited: {error.strerror} ({folder})") from error
            self._journals[folder], self._latest[folder] = path, now
