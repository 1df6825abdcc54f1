"""What went before: find the run to go on with, and read from its journals what a new attempt needs.

Only the beginning and the end of each journal are read, so that resuming a long run is as quick as a short one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import msgspec

from netscope.errors import FormatError, NotFoundError, UsageError
from netscope.store import journal
from netscope.store.journal import Frame

if TYPE_CHECKING:
    from netscope.store.head import Start

HEAD_BYTES = 256 << 10
TAIL_BYTES = 256 << 10
NAME_BYTES = 16 << 10


class Past(NamedTuple):
    """A run so far."""

    name: str
    attempt: int
    """The last one."""
    step: int
    """The one after the last step of a scalar; 0 if there is none."""
    config: dict[str, Any]


def find(root: Path, wanted: str) -> Path:
    """The folder of the run with this id or name.

    Raises:
        NotFoundError: There is none; the message lists the newest.
        UsageError: Several have this name; the message lists their ids.
    """
    if wanted and Path(wanted).name == wanted and journals(root / wanted):
        return root / wanted
    names = {path: _name(path) for path in _runs(root)}
    found = [path for path, name in names.items() if name == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(sorted(path.name for path in found))
        raise UsageError(f"{len(found)} runs are named {wanted!r}; give the id of one of them: {ids}")
    newest = sorted(names, reverse=True)[:8]
    there = ", ".join(f"{names[path]} ({path.name})" for path in newest) or "no run"
    raise NotFoundError(f"no run {wanted!r} in {root}; the folder has: {there}{' …' if len(names) > 8 else ''}")


def read(folder: Path) -> Past:
    """What a new attempt of the run in `folder` goes on from."""
    name, renamed = folder.name, 0.0
    attempt, last, step = 0, 0.0, 0
    config: dict[str, Any] = {}
    for path in journals(folder):
        attempt = max(attempt, _attempt(path))
        scalars: set[int] = set()
        for frame in _ends(path):
            if frame.kind == journal.KEY_SET and _json(frame).get("kind") == "scalar":
                scalars.add(frame.key_set)
            elif frame.kind == journal.ROW and frame.key_set in scalars:
                at, time = journal.POINT.unpack_from(frame.body)
                if time >= last:
                    last, step = time, at + 1
            elif frame.kind == journal.START and not renamed:
                name = str(_json(frame).get("name") or name)
            elif frame.kind == journal.EVENT:
                event = _json(frame)
                if event.get("event") == "config":
                    config.update(event.get("config") or {})
                name, renamed = _renamed(event, name, renamed)
    return Past(name, attempt, step, config)


def living(folder: Path) -> Start | None:
    """Who writes the run in `folder` still, whatever the attempt; None if nobody does, as far as one can tell."""
    from netscope.store.follow import Follower  # noqa: PLC0415  (loads numpy)
    from netscope.store.head import Start  # noqa: PLC0415
    from netscope.store.state import is_alive  # noqa: PLC0415

    for path in journals(folder):
        if _attempt(path):  # else it carries edits only
            writer = Follower(path)
            try:
                writer.beat()
                for frame in _ends(path):
                    if frame.kind == journal.START:
                        writer.head.start = msgspec.json.decode(frame.body, type=Start)
                    elif frame.kind == journal.EVENT and _json(frame).get("event") == "end":
                        writer.head.ended = "finished"
            except (OSError, FormatError, msgspec.MsgspecError):
                continue  # who cannot be read is not known to live
            if not writer.head.ended and is_alive(writer):
                return writer.head.start
    return None


def journals(folder: Path) -> list[Path]:
    """The journals in a folder, by attempt, then name."""
    try:
        return sorted(folder.glob("*.journal"), key=lambda path: (_attempt(path), path.name))
    except OSError:
        return []


def _runs(root: Path) -> Iterator[Path]:
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return
    yield from (root / name for name in names if journals(root / name))


def _name(folder: Path) -> str:
    """The name a run has now: the last one a person gave it, or its first."""
    name, renamed = "", 0.0
    for path in journals(folder):
        with path.open("rb") as file:
            head = file.read(NAME_BYTES if _attempt(path) else TAIL_BYTES)
        for frame in _frames(head):
            if frame.kind == journal.START and not name:
                name = str(_json(frame).get("name") or "")
            elif frame.kind == journal.EVENT:
                name, renamed = _renamed(_json(frame), name, renamed)
    return name


def _renamed(event: dict[str, Any], name: str, since: float) -> tuple[str, float]:
    """The name that a person gave with this event, and when; else what it was before."""
    time = event.get("time", 0.0)
    if event.get("event") == "edit" and event.get("name") and isinstance(time, int | float) and time >= since:
        return str(event["name"]), float(time)
    return name, since


def _attempt(path: Path) -> int:
    number = path.name.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def _ends(path: Path) -> Iterator[Frame]:
    """Valid frames of the first and the last stretch of a journal."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        yield from _frames(head)
        end = _written(file)
        start = max(HEAD_BYTES, (end - TAIL_BYTES) // 8 * 8)
        if end > start:
            file.seek(start)
            tail = file.read(end - start + 8)
            yield from (item for item in journal.scan(tail) if isinstance(item, Frame))


def _frames(head: bytes) -> Iterator[Frame]:
    try:
        journal.read_header(head, "")
    except FormatError:
        return
    yield from (item for item in journal.scan(head, journal.HEADER_BYTES) if isinstance(item, Frame))


def _written(file: BinaryIO) -> int:
    """Where the zeros begin that were allocated ahead."""
    end, block = os.fstat(file.fileno()).st_size, 1 << 16
    while end:
        start = max(0, end - block)
        file.seek(start)
        rest = file.read(end - start).rstrip(b"\0")
        if rest:
            return start + len(rest)
        end = start
    return 0


def _json(frame: Frame) -> dict[str, Any]:
    try:
        return dict(msgspec.json.decode(frame.body, type=dict[str, Any]))
    except msgspec.MsgspecError:
        return {}
