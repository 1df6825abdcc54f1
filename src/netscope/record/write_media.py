"""Write what is larger than a number: its bytes into a blob beside the journal, what it is into the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from netscope.record.journal import array_frames
from netscope.record.media.item import Encoded, Media
from netscope.record.session import REFUSED, Session
from netscope.store.journal import blobs, frames

if TYPE_CHECKING:
    from netscope.record.media.histogram import Histogram


class Kept(NamedTuple):
    """A thing whose blob, where it needs one, is on the disk; the journal is still to name it."""

    key: str
    item: int | None
    """Which of its list it is."""
    thing: Media | Histogram
    blob: str


def keep(session: Session, key: str, thing: Media | Histogram | Sequence[Media]) -> list[Kept]:
    """Write the blobs of a thing, or of a list of them, outside the lock; without those that the disk refused."""
    several = [(None, thing)] if not isinstance(thing, Sequence) else list(enumerate(thing))
    kept = []
    for item, one in several:
        if not isinstance(one, Media):
            kept.append(Kept(key, item, one, ""))
        elif one.encoded is not None:
            blob = _write(session, one.encoded)
            if blob is not None:
                kept.append(Kept(key, item, one, blob))
    return kept


def _write(session: Session, encoded: Encoded) -> str | None:
    if not encoded.data:
        return ""
    try:
        if not session.folder.is_dir():  # deleted on purpose: its blobs do not bring it back
            raise FileNotFoundError(2, "the run's folder vanished")
        for inside in encoded.inside:
            blobs.write(session.folder, inside.data, inside.suffix)
        return blobs.write(session.folder, encoded.data, encoded.suffix)
    except REFUSED as error:
        with session.lock:
            session.losses.add(1, error)
        return None


def put(session: Session, kept: Sequence[Kept], step: int, now: float) -> None:
    """Write the frames of what was kept; those of one list lie side by side and have one time."""
    with session.lock:
        for key, item, thing, blob in kept:
            if not isinstance(thing, Media):
                session.put_frame(array_frames.histogram_frame(key, step, now, thing), 1)
                if thing.n_nonfinite:
                    session.put_row("scalar", (f"{key}/nonfinite",), step, (float(thing.n_nonfinite),), now)
            elif thing.encoded is not None:
                encoded = thing.encoded
                about = {"key": key, "kind": thing.kind, "step": step, "time": now, "blob": blob, "text": encoded.text}
                about |= {"bytes": len(encoded.data) or len(encoded.text.encode()), "shape": encoded.shape}
                about |= {"item": item} if item is not None else {}
                about |= {"markdown": True} if encoded.markdown else {}
                session.put_frame(frames.json_frame(frames.ASSET, about), 1)
