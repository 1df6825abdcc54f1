"""Write media and histograms: their bytes to blobs beside the journal, their descriptions to the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from netscope.record.journal import array_frames
from netscope.record.media.item import Encoded, Media
from netscope.record.session import REFUSED, Session
from netscope.store.journal import blobs, frames

if TYPE_CHECKING:
    from netscope.record.media.histogram import Histogram


class StoredItem(NamedTuple):
    """An item whose blob (if it needs one) is on disk, but which is not in the journal yet."""

    key: str
    item: int | None
    """Its index in the list that was logged, or None if it was logged alone."""
    value: Media | Histogram
    blob: str


def write_blobs(session: Session, key: str, value: Media | Histogram | Sequence[Media]) -> list[StoredItem]:
    """Write the blobs of one or several values, without the run's lock. Values that the disk refused are left out."""
    values = [(None, value)] if not isinstance(value, Sequence) else list(enumerate(value))
    stored = []
    for item, one in values:
        if not isinstance(one, Media):
            stored.append(StoredItem(key, item, one, ""))
        elif one.encoded is not None:
            blob = _write_blob(session, one.encoded)
            if blob is not None:
                stored.append(StoredItem(key, item, one, blob))
    return stored


def _write_blob(session: Session, encoded: Encoded) -> str | None:
    if not encoded.data:
        return ""
    try:
        if not session.folder.is_dir():  # the user deleted it: do not create it again
            raise FileNotFoundError(2, "the run's folder was deleted")
        for inside in encoded.inside:
            blobs.write(session.folder, inside.data, inside.suffix)
        return blobs.write(session.folder, encoded.data, encoded.suffix)
    except REFUSED as error:
        with session.lock:
            session.dropped.add(1, error)
        return None


def write_item(session: Session, key: str, value: Media | Histogram | Sequence[Media], step: int, now: float) -> None:
    """Write one or several values under a key."""
    write_frames(session, write_blobs(session, key, value), step, now)


def write_frames(session: Session, stored: Sequence[StoredItem], step: int, now: float) -> None:
    """Write the journal frames of stored items; those of one list are adjacent and share a time."""
    with session.lock:
        for key, item, value, blob in stored:
            if not isinstance(value, Media):
                session.put_frame(array_frames.histogram_frame(key, step, now, value), 1)
                if value.n_nonfinite:
                    session.put_row("scalar", (f"{key}/nonfinite",), step, (float(value.n_nonfinite),), now)
            elif value.encoded is not None:
                encoded = value.encoded
                about = {"key": key, "kind": value.kind, "step": step, "time": now, "blob": blob, "text": encoded.text}
                about |= {"bytes": len(encoded.data) or len(encoded.text.encode()), "shape": encoded.shape}
                about |= {"item": item} if item is not None else {}
                about |= {"markdown": True} if encoded.markdown else {}
                session.put_frame(frames.json_frame(frames.ASSET, about), 1)
