"""Follow one journal: parse the bytes that are new into columns, frames that repeat at memory speed."""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from netscope.errors import FormatError
from netscope.schema import Asset
from netscope.store import journal, sparse
from netscope.store.codec import to_ms
from netscope.store.head import Head, Memo, Start
from netscope.store.journal import Damage, Frame
from netscope.store.sparse import N_BINS
from netscope.store.tail import Block, Counts, Histogram, KeySet, Tail, journal_number

ROW_HEAD = struct.Struct("<IIBBHI")  # a frame and the prefix of its body
HISTOGRAM_HEAD = struct.Struct("<qdI")
BINS_HEAD = struct.Struct("<HH")
PIECE = 256 << 10
LARGEST_PIECE = 4 << 20
FARTHEST = journal.LARGEST_BODY + 8  # a frame that begins before a place ends at most so far behind it


class Follower:
    """One journal and how far it was read."""

    def __init__(self, path: Path, head: Head | None = None, offset: int = 0) -> None:
        """Begin at the start, or where the index left off with the head of then (and `define` its key sets)."""
        self.path = path
        self.number = journal_number(path.parent.name, path.name)
        self.head = head or Head()
        self.memo = Memo()
        self.tail = Tail()
        self.offset = offset
        """Everything before this byte was read."""
        self.indexed = offset
        """Everything before this byte is in the index."""
        self.problem = ""
        """Why this journal cannot be read at all."""
        self.created = self.heartbeat = 0.0
        self.beats = 0
        self.bytes_read = 0
        self.is_behind = False
        """There is more to read at once."""
        self.moved_at = 0.0
        """Monotonic time at which the heartbeat was last seen to move, or 0."""
        self._searched = (-1, b"")  # size of the file and bytes at `offset` when all of it was last searched for frames
        self._sets: dict[int, KeySet] = {}
        self._lengths: dict[int, int] = {}

    @property
    def key_sets(self) -> list[KeySet]:
        """All that were defined."""
        return list(self._sets.values())

    def has(self, kind: str, key: str) -> bool:
        """Whether a series was announced."""
        return any(keys.kind == kind and key in keys.column for keys in self._sets.values())

    def define(self, number: int, keys: KeySet) -> None:
        """From here on rows of this number have these keys."""
        self._sets[number] = keys
        self._lengths.pop(number, None)
        if keys.kind == "bins":
            self.head.bins_keys.update(keys.keys)
        else:
            self._lengths[number] = 24 + 8 * len(keys.keys)
        self.head.key_sets[number] = keys.id

    def beat(self) -> bool:
        """Read the header again; whether the heartbeat moved."""
        with self.path.open("rb", buffering=0) as file:
            header = journal.read_header(file.read(journal.HEADER_BYTES), self.path.name)
        moved = header.beats != self.beats
        if moved and self.created:
            self.moved_at = time.monotonic()
        self.created, self.heartbeat, self.beats = header.created, header.heartbeat, header.beats
        return moved

    def has_more(self) -> bool:
        """Whether there is something that was not there when all was last searched: 16 bytes are read."""
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            peek = file.read(8)
            return len(peek) == 8 and any(peek) and (os.fstat(file.fileno()).st_size, peek) != self._searched

    def grow(self, most: int = 1 << 62, *, thorough: bool = False) -> int:
        """Read what is new, about `most` bytes of it; how many bytes were taken.

        Args:
            most: Stop after so many; call again.
            thorough: Look beyond zeros too: for a journal whose writer is gone.
        """
        taken = 0
        with self.path.open("rb", buffering=0) as file:
            if not self.offset:
                header = file.read(journal.HEADER_BYTES)
                if len(header) < journal.HEADER_BYTES and journal.MAGIC.startswith(header[:8]):
                    return 0  # being created this instant
                try:
                    first = journal.read_header(header, self.path.name)
                except FormatError as error:
                    self.problem = str(error)
                    raise
                self.created, self.heartbeat, self.beats = first.created, first.heartbeat, first.beats
                self.head.heard(first.created)
                self.problem = ""
                self.offset = journal.HEADER_BYTES
            size = PIECE
            file.seek(self.offset)
            peek = file.read(8)
            self.bytes_read += len(peek)
            is_empty = peek[:4] == bytes(4)
            size_now = os.fstat(file.fileno()).st_size
            if size_now < self.offset:
                self.problem = f"{self.path.name} is shorter than it was: it was cut or replaced"
            if len(peek) < 8 or (is_empty and not thorough) or (size_now, peek) == self._searched:
                return 0
            final = False
            while taken < most:
                file.seek(self.offset)
                piece = _read(file.read, size)
                self.bytes_read += len(piece)
                final = len(piece) < size
                used = self.parse(piece, self.offset, final=final, thorough=thorough)
                self.offset += used
                taken += used
                if final:
                    break
                if used and piece[used : used + 4] == bytes(4) and not thorough:
                    break
                if not used and piece[:4] == bytes(4) and not thorough:
                    break
                size = min(2 * size, LARGEST_PIECE) if used else 4 * size
            if thorough and final:
                file.seek(self.offset)
                self._searched = (size_now, file.read(8))
        return taken

    def parse(self, buffer: bytes, base: int, *, final: bool, thorough: bool = True) -> int:
        """Take the frames of a buffer that begins at byte `base` of the file; how many bytes were taken.

        Args:
            buffer: Begins where a frame should.
            base: A multiple of 8.
            final: The file ends with the buffer: a frame that runs past it is none.
            thorough: Zeros may have frames behind them.
        """
        view, end, at = memoryview(buffer), len(buffer), 0
        rows: dict[int, list[np.ndarray]] = {}
        single: list[int] = []
        before = -1  # number of the key set of the row before, if there was one
        words = np.frombuffer(buffer, "<u4", len(buffer) // 4)

        def settle() -> None:
            if single:
                rows.setdefault(before, []).append(np.array(single, np.int64))
                single.clear()

        def gather() -> None:
            settle()
            for number, places in rows.items():
                self._take_rows(self._sets[number], buffer, base, np.concatenate(places))
            rows.clear()

        while at + 16 <= end:
            length, crc, kind, padding, _, number = ROW_HEAD.unpack_from(view, at)
            if not length and not thorough:
                break
            stop = at + 8 + length
            if (
                kind == journal.ROW
                and length == self._lengths.get(number)
                and not padding
                and stop <= end
                and zlib.crc32(view[at + 8 : stop]) == crc
            ):
                if number != before:
                    settle()
                    before = number
                elif len(single) > 4 and single[-1] + 8 + length == at:
                    n = _stretch(words, view, at, length)
                    settle()
                    rows.setdefault(number, []).append(np.arange(at, at + n * (8 + length), 8 + length))
                    at += n * (8 + length)
                    continue
                single.append(at)
                at = stop
                continue
            if stop > end and not final and 8 <= length <= journal.LARGEST_BODY and length % 8 == 0:
                break
            item = next(journal.scan(view, at), None)
            if item is None or (isinstance(item, Damage) and not final and item.end + FARTHEST > end):
                break
            if isinstance(item, Damage):
                self._damage(item.end - item.start)
            else:
                if item.kind == journal.KEY_SET and item.key_set in self._sets:
                    gather()  # the number gets another meaning
                    before = -1
                self._take(item)
            at = item.end
        gather()
        return at

    def _damage(self, n: int) -> None:
        self.head.n_damaged += 1
        self.head.damaged_bytes += n

    def _take_rows(self, keys: KeySet, buffer: bytes, base: int, places: np.ndarray) -> None:
        words = np.frombuffer(buffer, "<i8", len(buffer) // 8)
        width = 2 + len(keys.keys)
        first = places // 8 + 2
        stride = width + 2
        if int(places[-1]) - int(places[0]) == (len(places) - 1) * stride * 8:
            start = int(first[0])
            table = words[start : start + len(places) * stride - 2]
            table = np.lib.stride_tricks.as_strided(table, (len(places), width), (stride * 8, 8))
        else:
            table = words[first[:, None] + np.arange(width)]
        steps, times = table[:, 0].copy(), to_ms(np.ascontiguousarray(table[:, 1]).view("<f8"))
        values = np.ascontiguousarray(table[:, 2:]).view("<f8")
        self.tail.add(keys, Block(places + base, steps, times, values))
        self.head.saw_step(int(steps.min()), scalar=keys.kind == "scalar")
        self.head.heard(float(times.max()))

    def _take(self, frame: Frame) -> None:
        take = TAKE.get(frame.kind)
        if take is None:
            return
        try:
            take(self, frame)
        except (msgspec.MsgspecError, struct.error, ValueError, TypeError, KeyError, UnicodeDecodeError):
            self._damage(frame.end - frame.start)

    def _start(self, frame: Frame) -> None:
        self.head.start = msgspec.json.decode(frame.body, type=Start)

    def _key_set(self, frame: Frame) -> None:
        self.define(frame.key_set, msgspec.json.decode(frame.body, type=KeySet))

    def _row(self, frame: Frame) -> None:
        raise ValueError("a row whose key set is not defined, or of another length")

    def _event(self, frame: Frame) -> None:
        self.head.event(dict(msgspec.json.decode(frame.body)), self.memo)

    def _bins(self, frame: Frame) -> None:
        step, time = journal.POINT.unpack_from(frame.body)
        at = journal.POINT.size
        found: list[tuple[str, Counts]] = []
        time = _ms(time)
        for key in self._sets[frame.key_set].keys:
            first, n = BINS_HEAD.unpack_from(frame.body, at)
            at += BINS_HEAD.size
            if first + n > N_BINS:
                raise ValueError(f"bins {first} to {first + n}; there are {N_BINS}")
            if n:
                found.append((key, Counts(step, time, first, np.frombuffer(frame.body, "<u4", n, at).copy())))
            at += 4 * n
        self._counted(step, time, found)

    def _sparse_bins(self, frame: Frame) -> None:
        step, time = journal.POINT.unpack_from(frame.body)
        time = _ms(time)
        keys = self._sets[frame.key_set].keys
        rows = sparse.decode(frame.body[journal.POINT.size :], len(keys))
        pairs = zip(keys, rows, strict=True)
        self._counted(step, time, [(key, Counts(step, time, *row)) for key, row in pairs if row is not None])

    def _counted(self, step: int, time: float, found: list[tuple[str, Counts]]) -> None:
        for key, counts in found:
            self.tail.bins.setdefault(key, []).append(counts)
        self.head.saw_step(step, scalar=False)
        self.head.heard(time)

    def _asset(self, frame: Frame) -> None:
        asset = msgspec.json.decode(frame.body, type=Asset)
        self.tail.assets.append(asset)
        self.head.saw_step(asset.step, scalar=False)
        self.head.heard(asset.time)

    def _console(self, frame: Frame) -> None:
        time, stream = journal.CONSOLE_HEAD.unpack_from(frame.body)
        text = bytes(frame.body[journal.CONSOLE_HEAD.size :]).decode("utf-8", "replace")
        self.tail.lines += self.head.print(_ms(time), 2 if stream == 2 else 1, text)
        self.head.heard(time)

    def _histogram(self, frame: Frame) -> None:
        step, time, n_key = HISTOGRAM_HEAD.unpack_from(frame.body)
        at = HISTOGRAM_HEAD.size
        key = bytes(frame.body[at : at + n_key]).decode()
        numbers = np.frombuffer(frame.body, "<f8", offset=at + n_key + -n_key % 8).copy()
        n = len(numbers) // 2
        if n_key > len(frame.body) or len(numbers) % 2 == 0:
            raise ValueError("edges are one more than counts")
        self.tail.histograms.setdefault(key, []).append(Histogram(step, _ms(time), numbers[: n + 1], numbers[n + 1 :]))
        self.head.saw_step(step, scalar=False)
        self.head.heard(time)


TAKE: dict[int, Callable[[Follower, Frame], None]] = {
    journal.START: Follower._start,
    journal.KEY_SET: Follower._key_set,
    journal.ROW: Follower._row,
    journal.EVENT: Follower._event,
    journal.BINS: Follower._bins,
    journal.SPARSE_BINS: Follower._sparse_bins,
    journal.ASSET: Follower._asset,
    journal.CONSOLE: Follower._console,
    journal.HISTOGRAM: Follower._histogram,
}


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
        first = at + n * stride * 4 + 8
        crc = zlib.crc32
        sums = [crc(view[p : p + length]) for p in range(first, first + m * stride * 4, stride * 4)]
        good = rows[:m, 1] == np.array(sums, np.uint32)
        valid = m if good.all() else int(good.argmin())
        n += valid
        if valid < len(like):
            break
        some *= 8
    return n


def _read(read: Callable[[int], bytes | None], size: int) -> bytes:
    """Exactly `size` bytes, or up to the end of the file."""
    parts: list[bytes] = []
    while size and (part := read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _ms(time: float) -> float:
    return float(to_ms(np.array([time]))[0])
