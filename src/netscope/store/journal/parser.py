"""What new bytes of a journal say: frames as columns, those that repeat at memory speed. Nobody else sees it yet."""

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
from netscope.store.journal.memtable import ROW_BYTES, BinRow, Block, Histogram, KeySet, Tail
from netscope.store.journal.metadata import LATEST, LONGEST_KEY, Count, Head, Memo, Start, Step, Time
from netscope.store.journal.points import to_ms

HISTOGRAM_HEAD = struct.Struct("<qdI")
BINS_HEAD = struct.Struct("<HH")
SENSELESS = (
    msgspec.MsgspecError, struct.error, ValueError, TypeError, KeyError, OverflowError, RecursionError,
)  # fmt: skip
"""What a valid frame with a senseless body raises."""
DEEPEST = 100  # of lists and mappings in an event; Python's own stack ends at 1,000
FEW = 64  # rows of a key set that are taken together with those of others


class News:
    """What is taken up to `offset`: a head that goes on from the one before, and a tail of what is new."""

    def __init__(self, offset: int, head: Head, sets: dict[int, KeySet]) -> None:
        """Go on from `offset`, with what was known there; neither head nor key sets are changed."""
        self.offset = offset
        self.head, self.sets = head.draft(), sets
        self.memo, self.tail = Memo(), Tail()
        self._shared = sets
        self._first_row_at = 1 << 62 if self.head.first_row is None else -1
        self._last_row_at = -1

    def parse(self, buffer: bytes, *, final: bool, thorough: bool = True) -> int:
        """Take the frames of a buffer that begins at `offset`; how many bytes were taken.

        Args:
            buffer: Begins where a frame should.
            final: The file ends with the buffer: a frame that runs past it is none.
            thorough: Zeros may have frames behind them.
        """
        found = frames.Frames(buffer)
        view, end, at = found.view, len(buffer), 0
        rows: dict[int, list[int]] = defaultdict(list)  # where they begin, per number of a key set
        stretches: dict[int, list[np.ndarray]] = {}  # those before them
        words = np.frombuffer(buffer, "<u4", len(buffer) // 4)
        sets, head = self.sets, frames.FRAME_HEAD.unpack_from
        before, n_alike = -1, 0  # key set of the row that ends here, and how many like it came in a row

        def gather() -> None:
            for number, singles in rows.items():
                stretches.setdefault(number, []).append(np.array(singles, np.int64))
            self._take_rows(buffer, ((self.sets[n], places) for n, places in stretches.items()))
            rows.clear()
            stretches.clear()

        while at + 16 <= end:
            length, crc, kind, padding, _, number = head(view, at)
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
                    n = _stretch(words, view, at, length)
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
                    gather()  # the number gets another meaning
                self._take(frame)
                sets = self.sets
            else:
                self._take(frame)
            at = frame.end
        gather()
        self.offset += at
        return at

    def _time(self, seconds: float) -> float:
        """A frame's time as the index keeps it; NaN if it is out of range."""
        time = float(_possible(np.array([seconds]))[0])
        if time != time:
            self.head.fault(f"{seconds:g} is no possible time")
        return time

    def damage(self, n: int) -> None:
        """Count bytes that are no frames."""
        self.head.n_damaged += 1
        self.head.damaged_bytes += n

    def define(self, number: int, keys: KeySet) -> None:
        """From here on rows of this number have these keys."""
        if self.sets is self._shared:
            self.sets = dict(self.sets)
            self.head.key_sets = dict(self.head.key_sets)
        self.head.is_redefined |= self.sets.get(number, keys) != keys
        self.sets[number] = keys
        self.head.key_sets[number] = keys.id

    def _take_rows(self, buffer: bytes, found: Iterable[tuple[KeySet, list[np.ndarray]]]) -> None:
        """Cut the rows of many key sets out of a buffer; those of few rows and equal width together."""
        few: dict[int, list[tuple[KeySet, np.ndarray]]] = defaultdict(list)
        for keys, parts in found:
            places = np.concatenate(parts) if len(parts) > 1 else parts[0]
            if len(places) < FEW:
                few[len(keys.keys)].append((keys, places))
            else:
                self._add([(keys, len(places))], _cut(buffer, places, len(keys.keys)))
        for width, some in few.items():
            places = np.concatenate([places for _, places in some])
            self._add([(keys, len(places)) for keys, places in some], _cut(buffer, places, width))

    def _add(self, sets: list[tuple[KeySet, int]], block: Block) -> None:
        """Take rows that stand one key set after the other: so many of each."""
        at, steps, times, values = block
        at += self.offset
        if n_timeless := int(np.count_nonzero(np.isnan(times))):
            self.head.fault(f"{n_timeless:,} rows from byte {int(at[0]):,} on have no possible time")
        start = 0
        for keys, n in sets:
            stop = start + n
            self.tail.add(keys, Block(at[start:stop], steps[start:stop], times[start:stop], values[start:stop]))
            self.head.n_rows[keys.id] = self.head.n_rows.get(keys.id, 0) + n
            if keys.kind == "scalar":
                self._saw_scalars(at[start:stop], steps[start:stop], times[start:stop])
            else:
                self.head.saw_step(int(steps[start:stop].min()))
            start = stop
        self.head.heard(float(np.fmax.reduce(times)))

    def _saw_scalars(self, at: np.ndarray, steps: np.ndarray, times: np.ndarray) -> None:
        """Remember the first and the last of some rows of a key set; key sets come in any order."""
        self.head.saw_scalars(int(steps.min()), int(steps.max()))
        if at[0] < self._first_row_at:
            self._first_row_at = int(at[0])
            self.head.first_row = _time_or_0(times[0]), int(steps[0])
        if at[-1] > self._last_row_at:
            self._last_row_at = int(at[-1])
            self.head.last_row = _time_or_0(times[-1]), int(steps[-1])

    def _take(self, frame: Frame) -> None:
        if frame.kind not in TAKE:
            return
        name, take = TAKE[frame.kind]
        try:
            take(self, frame)
        except SENSELESS as error:
            where = f"{name} at byte {self.offset + frame.start:,}"
            self.fault(frame.end - frame.start, f"{where}: {error or type(error).__name__}")

    def fault(self, n_bytes: int, sentence: str) -> None:
        """Count bytes that are not what FORMAT.md says, and remember why."""
        self.damage(n_bytes)
        self.head.fault(sentence)

    def _start(self, frame: Frame) -> None:
        start = msgspec.json.decode(frame.body, type=Start)
        name = None if start.name is None else self.head.name(start.name)
        self.head.start = msgspec.structs.replace(start, name=name)

    def _key_set(self, frame: Frame) -> None:
        keys = _KEY_SET.decode(frame.body)
        if (longest := max(map(len, keys.keys), default=0)) > LONGEST_KEY:
            raise ValueError(f"a key of {longest:,} characters; the longest has {LONGEST_KEY:,}")
        self.define(frame.key_set, keys)

    def _row(self, frame: Frame) -> None:
        raise ValueError("a row whose key set is not defined, or of another length")

    def _event(self, frame: Frame) -> None:
        event = dict(msgspec.json.decode(frame.body))
        if _depth(event) > DEEPEST:
            raise ValueError("what is nested so deep cannot be shown")
        self.head.event(event, self.memo)
        if event.get("event") == "end":
            self.tail.lines += self.head.settle()

    def _bins(self, frame: Frame) -> None:
        step, time = frames.POINT.unpack_from(frame.body)
        at = frames.POINT.size
        keys = self._binned(frame)
        stretches: list[tuple[int, np.ndarray]] = []
        for _ in keys.keys:
            first, n = BINS_HEAD.unpack_from(frame.body, at)
            at += BINS_HEAD.size
            if first + n > N_BINS:
                raise ValueError(f"bins {first} to {first + n}; there are {N_BINS}")
            stretches.append((first, np.frombuffer(frame.body, "<u4", n, at)))
            at += 4 * n
        self._counted(frame, keys, step, time, _histograms(stretches))

    def _sparse_bins(self, frame: Frame) -> None:
        step, time = frames.POINT.unpack_from(frame.body)
        keys = self._binned(frame)
        self._counted(frame, keys, step, time, sparse_bins.decode(frame.body[frames.POINT.size :], len(keys.keys)))

    def _binned(self, frame: Frame) -> KeySet:
        keys = self.sets[frame.key_set]
        if keys.kind != "bins":
            raise ValueError(f"its keys are of kind {keys.kind!r}")
        return keys

    def _counted(self, frame: Frame, keys: KeySet, step: int, time: float, found: Histograms) -> None:
        time = self._time(time)
        ends = np.concatenate(([0], np.cumsum(found.sizes)))
        row = BinRow(self.offset + frame.start, step, time, ends, found.places, found.counts)
        self.tail.bins.setdefault(keys, []).append(row)
        self.head.n_rows[keys.id] = self.head.n_rows.get(keys.id, 0) + 1
        self.head.saw_step(step)
        self.head.heard(time)

    def _asset(self, frame: Frame) -> None:
        asset = msgspec.json.decode(frame.body, type=Asset)
        msgspec.convert(asset, ValidAsset, from_attributes=True)
        if len(asset.key) > LONGEST_KEY:
            raise ValueError(f"a key of {len(asset.key):,} characters; the longest has {LONGEST_KEY:,}")
        if asset.blob and not is_name(asset.blob):
            raise ValueError(f"{asset.blob!r:.80} is not the name of a blob")
        self.tail.assets.append(asset)
        self.head.n_assets += 1
        self.head.saw_step(asset.step)
        self.head.heard(asset.time)

    def _console(self, frame: Frame) -> None:
        time, stream = frames.CONSOLE_HEAD.unpack_from(frame.body)
        text = bytes(frame.body[frames.CONSOLE_HEAD.size :]).decode("utf-8", "replace")
        self.tail.lines += self.head.print(self._printed_at(time), 2 if stream == 2 else 1, text)

    def _live_rows(self, frame: Frame) -> None:
        time, stream, n_back = frames.LIVE_HEAD.unpack_from(frame.body)
        text = bytes(frame.body[frames.LIVE_HEAD.size :]).decode("utf-8", "replace")
        self.head.animate(self._printed_at(time), 2 if stream == 2 else 1, n_back, text)

    def _printed_at(self, time: float) -> float:
        """When something was printed; if that is out of range, the latest time so far."""
        time = self._time(time)
        self.head.heard(time)
        return self.head.last_time if time != time else time

    def _histogram(self, frame: Frame) -> None:
        step, time, n_key = HISTOGRAM_HEAD.unpack_from(frame.body)
        at = HISTOGRAM_HEAD.size
        key = bytes(frame.body[at : at + n_key]).decode()
        numbers = np.frombuffer(frame.body, "<f8", offset=at + n_key + -n_key % 8).copy()
        n = len(numbers) // 2
        if n_key > len(frame.body) or len(numbers) % 2 == 0:
            raise ValueError("edges are one more than counts")
        time = self._time(time)
        self.tail.histograms.setdefault(key, []).append(Histogram(step, time, numbers[: n + 1], numbers[n + 1 :]))
        self.head.n_histograms[key] = self.head.n_histograms.get(key, 0) + 1
        self.head.saw_step(step)
        self.head.heard(time)


class ValidAsset(msgspec.Struct):
    """What an asset has to be beyond its types: numbers that fit the index and the page."""

    step: Step
    time: Time
    bytes: Count
    item: Count | None
    shape: Annotated[list[Count], msgspec.Meta(max_length=64)]


_KEY_SET = msgspec.json.Decoder(KeySet)
TAKE: dict[int, tuple[str, Callable[[News, Frame], None]]] = {
    frames.START: ("start", News._start),
    frames.KEY_SET: ("key set", News._key_set),
    frames.ROW: ("row", News._row),
    frames.EVENT: ("event", News._event),
    frames.BINS: ("bins", News._bins),
    frames.SPARSE_BINS: ("bins", News._sparse_bins),
    frames.ASSET: ("asset", News._asset),
    frames.CONSOLE: ("console", News._console),
    frames.LIVE_ROWS: ("live rows", News._live_rows),
    frames.HISTOGRAM: ("histogram", News._histogram),
}
"""What a kind of frame is called, and what takes it."""


def _histograms(stretches: list[tuple[int, np.ndarray]]) -> Histograms:
    """Histograms out of the first bin of each and the counts from there on."""
    filled = [np.flatnonzero(counts) for _, counts in stretches]
    return Histograms(
        np.array([len(some) for some in filled], np.int64),
        np.concatenate([(first + some).astype(np.uint16) for (first, _), some in zip(stretches, filled, strict=True)]),
        np.concatenate([counts[some] for (_, counts), some in zip(stretches, filled, strict=True)]),
    )


def _time_or_0(time: float) -> float:
    return float(time) if time == time else 0.0  # the index, which is JSON, has no NaN


def _depth(value: Any) -> int:
    """How many lists and mappings are one within the other."""
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def _cut(buffer: bytes, places: np.ndarray, n_keys: int) -> Block:
    """The rows that begin at these places of a buffer, all of so many keys."""
    words = np.frombuffer(buffer, "<i8", len(buffer) // 8)
    width = 2 + n_keys
    stride = (8 + ROW_BYTES) // 8 + n_keys
    if int(places[-1]) - int(places[0]) == (len(places) - 1) * stride * 8 and _is_evenly_spaced(places, stride * 8):
        start = int(places[0]) // 8 + 2
        table = words[start : start + len(places) * stride - 2]
        table = np.lib.stride_tricks.as_strided(table, (len(places), width), (stride * 8, 8))
    else:
        table = words[(places // 8 + 2)[:, None] + np.arange(width)]
    steps, times = table[:, 0].copy(), _possible(np.ascontiguousarray(table[:, 1]).view("<f8"))
    return Block(places, steps, times, np.ascontiguousarray(table[:, 2:]).view("<f8"))


def _is_evenly_spaced(places: np.ndarray, stride: int) -> bool:
    """Rows of several key sets may stand in any order."""
    return bool((places[1:] - places[:-1] == stride).all())


def _stretch(words: np.ndarray, view: memoryview, at: int, length: int) -> int:
    """How many rows like the valid one at `at` follow each other from there, itself included."""
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


def _possible(times: np.ndarray) -> np.ndarray:
    """Times to the millisecond; NaN for those out of range."""
    times = to_ms(times)
    is_possible = (times >= 0.0) & (times < LATEST)
    return times if is_possible.all() else np.where(is_possible, times, np.nan)
