"""Parse new bytes of a journal into metadata and columns; runs of equal rows are decoded at memory speed."""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
import numpy as np

from netscope.analyse.bins import N_BINS, Histograms
from netscope.schema.media import Asset
from netscope.store.journal import frames, sparse_bins
from netscope.store.journal.blobs import is_name
from netscope.store.journal.frames import Frame
from netscope.store.journal.memtable import ROW_BYTES, KeySet, LoggedHistogram, RowBlock
from netscope.store.journal.metadata import LONGEST_KEY, Count, Start, Step, Time
from netscope.store.journal.new_data import NewData, valid_times

HISTOGRAM_HEAD = struct.Struct("<qdI")
BINS_HEAD = struct.Struct("<HH")
MALFORMED_BODY_ERRORS = (
    msgspec.MsgspecError, struct.error, ValueError, TypeError, KeyError, OverflowError, RecursionError,
)  # fmt: skip
"""Exceptions that a valid frame with a malformed body raises."""
MAX_DEPTH = 100  # nesting of lists and mappings in an event; Python's recursion limit is 1,000
FEW_ROWS = 64  # key sets with fewer rows are decoded together with others


class JournalParser(NewData):
    """Parses the frames from an offset on."""

    def parse(self, buffer: bytes, *, final: bool, thorough: bool = True) -> int:
        """Parse the frames of a buffer that begins at `offset`; returns the number of parsed bytes.

        Args:
            buffer: Bytes that begin at a frame.
            final: Whether the file ends with the buffer, so that a frame that runs past its end is invalid.
            thorough: Whether to look for frames after zeros.
        """
        found = frames.Frames(buffer)
        view, end, at = found.view, len(buffer), 0
        rows: dict[int, list[int]] = defaultdict(list)  # offsets of single rows, per key set number
        stretches: dict[int, list[np.ndarray]] = {}  # offsets of earlier rows
        words = np.frombuffer(buffer, "<u4", len(buffer) // 4)
        sets, read_head = self.sets, frames.FRAME_HEAD.unpack_from
        before, n_alike = -1, 0  # key set of the previous row, and the number of consecutive rows of it

        def take_pending_rows() -> None:
            for number, singles in rows.items():
                stretches.setdefault(number, []).append(np.array(singles, np.int64))
            self._take_rows(buffer, ((self.sets[n], places) for n, places in stretches.items()))
            rows.clear()
            stretches.clear()

        while at + 16 <= end:
            length, crc, kind, padding, _, number = read_head(view, at)
            if not length and not thorough:
                break
            stop = at + 8 + length
            if (
                kind == frames.ROW
                and (keys := sets.get(number)) is not None
                and length == keys.row_bytes
                and not padding
                and stop <= end
                and (zlib.crc32(view[at + 8 : stop]) == crc if found.every is None else found.has(at))
            ):
                n_alike = n_alike + 1 if number == before else 1
                before = number
                if n_alike > 5:
                    n = _n_repeated_rows(words, view, at, length)
                    known = stretches.setdefault(number, [])
                    known.append(np.array(rows.pop(number, ()), np.int64))
                    known.append(np.arange(at, at + n * (8 + length), 8 + length))
                    at += n * (8 + length)
                    continue
                rows[number].append(at)
                at = stop
                continue
            before = -1
            if stop > end and not final and frames.claimed(view, at):
                break
            frame = found.read(at)
            if frame is None:
                place, is_frame = found.find(at + 8, final=final)
                if not is_frame:
                    break
                self.damage(place - at)
                at = place
                continue
            if frame.kind == frames.KEY_SET:
                if frame.key_set in self.sets:
                    take_pending_rows()  # the number is redefined
                self._take_frame(frame)
                sets = self.sets
            else:
                self._take_frame(frame)
            at = frame.end
        take_pending_rows()
        self.offset += at
        return at

    def _take_rows(self, buffer: bytes, found: Iterable[tuple[KeySet, list[np.ndarray]]]) -> None:
        """Extract the rows of many key sets from a buffer; small key sets of equal width are handled together."""
        few: dict[int, list[tuple[KeySet, np.ndarray]]] = defaultdict(list)
        for keys, parts in found:
            places = np.concatenate(parts) if len(parts) > 1 else parts[0]
            if len(places) < FEW_ROWS:
                few[len(keys.keys)].append((keys, places))
            else:
                self.add_rows([(keys, len(places))], _row_block(buffer, places, len(keys.keys)))
        for width, some in few.items():
            places = np.concatenate([places for _, places in some])
            self.add_rows([(keys, len(places)) for keys, places in some], _row_block(buffer, places, width))

    def _take_frame(self, frame: Frame) -> None:
        if frame.kind not in FRAME_READERS:
            return
        name, take = FRAME_READERS[frame.kind]
        try:
            take(self, frame)
        except MALFORMED_BODY_ERRORS as error:
            where = f"{name} at byte {self.offset + frame.start:,}"
            self.fault(frame.end - frame.start, f"{where}: {error or type(error).__name__}")

    def _start(self, frame: Frame) -> None:
        start = msgspec.json.decode(frame.body, type=Start)
        name = None if start.name is None else self.metadata.checked_name(start.name)
        self.metadata.start = msgspec.structs.replace(start, name=name)

    def _key_set(self, frame: Frame) -> None:
        keys = _KEY_SET.decode(frame.body)
        if (longest := max(map(len, keys.keys), default=0)) > LONGEST_KEY:
            raise ValueError(f"a key of {longest:,} characters; the longest has {LONGEST_KEY:,}")
        self.define_key_set(frame.key_set, keys)

    def _row(self, frame: Frame) -> None:
        raise ValueError("a row whose key set is not defined, or of another length")

    def _event(self, frame: Frame) -> None:
        event = dict(msgspec.json.decode(frame.body))
        if _depth(event) > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
        self.metadata.apply_event(event, self.large_metadata)
        if event.get("event") == "end":
            self.memtable.lines += self.metadata.finish_console()

    def _bins(self, frame: Frame) -> None:
        step, time = frames.POINT.unpack_from(frame.body)
        at = frames.POINT.size
        keys = self._bins_key_set(frame)
        stretches: list[tuple[int, np.ndarray]] = []
        for _ in keys.keys:
            first, n = BINS_HEAD.unpack_from(frame.body, at)
            at += BINS_HEAD.size
            if first + n > N_BINS:
                raise ValueError(f"bins {first} to {first + n}; there are {N_BINS}")
            stretches.append((first, np.frombuffer(frame.body, "<u4", n, at)))
            at += 4 * n
        self.add_bins(frame.start, keys, step, time, _histograms(stretches))

    def _sparse_bins(self, frame: Frame) -> None:
        step, time = frames.POINT.unpack_from(frame.body)
        keys = self._bins_key_set(frame)
        self.add_bins(
            frame.start, keys, step, time, sparse_bins.decode(frame.body[frames.POINT.size :], len(keys.keys))
        )

    def _bins_key_set(self, frame: Frame) -> KeySet:
        keys = self.sets[frame.key_set]
        if keys.kind != "bins":
            raise ValueError(f"its keys are of kind {keys.kind!r}")
        return keys

    def _asset(self, frame: Frame) -> None:
        asset = msgspec.json.decode(frame.body, type=Asset)
        msgspec.convert(asset, ValidAsset, from_attributes=True)
        if len(asset.key) > LONGEST_KEY:
            raise ValueError(f"a key of {len(asset.key):,} characters; the longest has {LONGEST_KEY:,}")
        if asset.blob and not is_name(asset.blob):
            raise ValueError(f"{asset.blob!r:.80} is not the name of a blob")
        self.memtable.assets.append(asset)
        self.metadata.n_assets += 1
        self.metadata.saw_step(asset.step)
        self.metadata.saw_time(asset.time)

    def _console(self, frame: Frame) -> None:
        time, stream = frames.CONSOLE_HEAD.unpack_from(frame.body)
        text = bytes(frame.body[frames.CONSOLE_HEAD.size :]).decode("utf-8", "replace")
        self.memtable.lines += self.metadata.add_output(self._printed_at(time), 2 if stream == 2 else 1, text)

    def _live_rows(self, frame: Frame) -> None:
        time, stream, n_back = frames.LIVE_HEAD.unpack_from(frame.body)
        text = bytes(frame.body[frames.LIVE_HEAD.size :]).decode("utf-8", "replace")
        self.metadata.set_live_rows(self._printed_at(time), 2 if stream == 2 else 1, n_back, text)

    def _printed_at(self, time: float) -> float:
        """Time of console output; if it is out of range, the latest time so far."""
        time = self.valid_time(time)
        self.metadata.saw_time(time)
        return self.metadata.last_time if time != time else time

    def _histogram(self, frame: Frame) -> None:
        step, time, n_key = HISTOGRAM_HEAD.unpack_from(frame.body)
        at = HISTOGRAM_HEAD.size
        key = bytes(frame.body[at : at + n_key]).decode()
        numbers = np.frombuffer(frame.body, "<f8", offset=at + n_key + -n_key % 8).copy()
        n = len(numbers) // 2
        if n_key > len(frame.body) or len(numbers) % 2 == 0:
            raise ValueError("expected one edge more than counts")
        time = self.valid_time(time)
        self.memtable.histograms.setdefault(key, []).append(
            LoggedHistogram(step, time, numbers[: n + 1], numbers[n + 1 :])
        )
        self.metadata.n_histograms[key] = self.metadata.n_histograms.get(key, 0) + 1
        self.metadata.saw_step(step)
        self.metadata.saw_time(time)


class ValidAsset(msgspec.Struct):
    """Constraints on an asset beyond its types: numbers that fit the index and the page."""

    step: Step
    time: Time
    bytes: Count
    item: Count | None
    shape: Annotated[list[Count], msgspec.Meta(max_length=64)]


_KEY_SET = msgspec.json.Decoder(KeySet)
FRAME_READERS: dict[int, tuple[str, Callable[[JournalParser, Frame], None]]] = {
    frames.START: ("start", JournalParser._start),
    frames.KEY_SET: ("key set", JournalParser._key_set),
    frames.ROW: ("row", JournalParser._row),
    frames.EVENT: ("event", JournalParser._event),
    frames.BINS: ("bins", JournalParser._bins),
    frames.SPARSE_BINS: ("bins", JournalParser._sparse_bins),
    frames.ASSET: ("asset", JournalParser._asset),
    frames.CONSOLE: ("console", JournalParser._console),
    frames.LIVE_ROWS: ("live rows", JournalParser._live_rows),
    frames.HISTOGRAM: ("histogram", JournalParser._histogram),
}
"""Name and reader of each kind of frame."""


def _histograms(stretches: list[tuple[int, np.ndarray]]) -> Histograms:
    """Histograms from the first bin of each and its counts from there on."""
    filled = [np.flatnonzero(counts) for _, counts in stretches]
    return Histograms(
        np.array([len(some) for some in filled], np.int64),
        np.concatenate([(first + some).astype(np.uint16) for (first, _), some in zip(stretches, filled, strict=True)]),
        np.concatenate([counts[some] for (_, counts), some in zip(stretches, filled, strict=True)]),
    )


def _depth(value: Any) -> int:
    """Nesting depth of lists and mappings."""
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def _row_block(buffer: bytes, places: np.ndarray, n_keys: int) -> RowBlock:
    """The rows at these offsets of a buffer, all with `n_keys` keys."""
    words = np.frombuffer(buffer, "<i8", len(buffer) // 8)
    width = 2 + n_keys
    stride = (8 + ROW_BYTES) // 8 + n_keys
    if int(places[-1]) - int(places[0]) == (len(places) - 1) * stride * 8 and _is_evenly_spaced(places, stride * 8):
        start = int(places[0]) // 8 + 2
        table = words[start : start + len(places) * stride - 2]
        table = np.lib.stride_tricks.as_strided(table, (len(places), width), (stride * 8, 8))
    else:
        table = words[(places // 8 + 2)[:, None] + np.arange(width)]
    steps, times = table[:, 0].copy(), valid_times(np.ascontiguousarray(table[:, 1]).view("<f8"))
    return RowBlock(places, steps, times, np.ascontiguousarray(table[:, 2:]).view("<f8"))


def _is_evenly_spaced(places: np.ndarray, stride: int) -> bool:
    """Whether rows are contiguous and in file order."""
    return bool((places[1:] - places[:-1] == stride).all())


def _n_repeated_rows(words: np.ndarray, view: memoryview, at: int, length: int) -> int:
    """Number of consecutive valid rows of one key set that begin with the valid row at `at`."""
    stride = (8 + length) // 4
    fits = (len(view) - at) // (8 + length)
    n, some = 1, 64
    while n < fits:
        upto = min(fits, n + some)
        begin = at // 4 + n * stride
        rows = words[begin : at // 4 + upto * stride].reshape(upto - n, stride)
        like = (rows[:, 0] == length) & (rows[:, 2] == words[at // 4 + 2]) & (rows[:, 3] == words[at // 4 + 3])
        m = len(like) if like.all() else int(like.argmin())
        first = at + n * stride * 4
        bodies = struct.iter_unpack(f"8x{length}s", view[first : first + m * stride * 4])
        sums = [zlib.crc32(body) for (body,) in bodies]
        good = rows[:m, 1] == np.array(sums, np.uint32)
        valid = m if good.all() else int(good.argmin())
        n += valid
        if valid < len(like):
            break
        some *= 8
    return n
