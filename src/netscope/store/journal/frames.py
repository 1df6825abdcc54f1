"""Encode and decode the frames of a journal. FORMAT.md describes every byte.

Encoding returns the bytes of one frame; the writer appends them to the file. Decoding (`scan`) yields the frames of a
buffer with their offsets; `parser` interprets them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from netscope.errors import FormatError

MAGIC = b"\x89NSJ\r\n\x1a\n"
MAJOR, MINOR = 1, 2
HEADER = struct.Struct("<8sHHIddQI20x")
HEADER_BYTES = HEADER.size
HEARTBEAT = struct.Struct("<dQ")
HEARTBEAT_AT = 24
LARGEST_BODY = 16 << 20
NO_PREFIX = 0x800  # kind, padding (at most 7) and two zero bytes, read as one number, are below this
SEARCHED_AT_ONCE = 1 << 16
FRAME_BY_FRAME_FACTOR = 2  # times the buffer's bytes may be checksummed frame by frame

START, KEY_SET, ROW, EVENT, BINS, ASSET, CONSOLE, HISTOGRAM, SPARSE_BINS, LIVE_ROWS = range(1, 11)

FRAME = struct.Struct("<II")
CLAIM = struct.Struct("<III")  # a frame's header and the first half of its prefix
PREFIX = struct.Struct("<BBHI")
FRAME_HEAD = struct.Struct("<IIBBHI")  # a frame's header and the prefix of its body
POINT = struct.Struct("<qd")
CONSOLE_HEAD = struct.Struct("<dB")
LIVE_HEAD = struct.Struct("<dBB")
MOST_TAKEN_BACK = 24  # lines of a journal's console that a frame of live rows may take back
STREAMS = {1: "out", 2: "err"}
SetKind = Literal["scalar", "layer", "system", "bins"]
"""The kinds of key sets."""


class Header(NamedTuple):
    """The first 64 bytes of a journal."""

    created: float
    heartbeat: float
    beats: int
    pid: int


class Frame(NamedTuple):
    """One valid frame: its range in the buffer, and its body without padding."""

    start: int
    end: int
    kind: int
    key_set: int
    body: memoryview
    """What follows the 8-byte prefix."""


class Damage(NamedTuple):
    """Bytes between valid frames that are not a valid frame."""

    start: int
    end: int


def header(created: float, pid: int) -> bytes:
    """The header of a new journal."""
    return HEADER.pack(MAGIC, MAJOR, MINOR, HEADER_BYTES, created, created, 0, pid)


def read_header(buffer: bytes | memoryview, path: str) -> Header:
    """Check magic and version.

    Raises:
        FormatError: Not a journal, cut short, or of a newer major version.
    """
    if len(buffer) < HEADER_BYTES:
        raise FormatError(f"{path}: a journal begins with {HEADER_BYTES} bytes, found {len(buffer)}")
    magic, major, _, _, created, heartbeat, beats, pid = HEADER.unpack_from(buffer)
    if magic != MAGIC:
        raise FormatError(f"{path}: not a netscope journal (it begins with {bytes(magic)!r})")
    if major != MAJOR:
        raise FormatError(f"{path}: journal version {major}, this netscope reads version {MAJOR}; upgrade netscope")
    return Header(created, heartbeat, beats, pid)


def frame(kind: int, body: bytes, key_set: int = 0) -> bytes:
    """One frame of any kind; `body` is what follows the prefix.

    Raises:
        FormatError: The body is larger than 16 MiB; store such data as a blob.
    """
    padding = -len(body) % 8
    whole = PREFIX.pack(kind, padding, 0, key_set) + body + bytes(padding)
    if len(whole) > LARGEST_BODY:
        raise FormatError(f"a frame of {len(whole):,} bytes; the largest is {LARGEST_BODY:,}")
    return FRAME.pack(len(whole), zlib.crc32(whole)) + whole


def json_frame(kind: int, value: Any, key_set: int = 0) -> bytes:
    """A frame whose body is JSON."""
    return frame(kind, msgspec.json.encode(value), key_set)


def row(key_set: int, step: int, time: float, values: Sequence[float]) -> bytes:
    """A row frame. `Run.log` builds the same bytes from a layout that the writer caches for each key set."""
    body = struct.pack(f"<BBHIqd{len(values)}d", ROW, 0, 0, key_set, step, time, *values)
    return FRAME.pack(len(body), zlib.crc32(body)) + body


def scan(buffer: bytes | memoryview, start: int = 0) -> Iterator[Frame | Damage]:
    """Yield frames from `start` (a multiple of 8 from the start of the journal) to the last valid one.

    Damage is yielded only if a valid frame follows it; a torn tail is not. When the file has grown, continue at the end
    of the last item.
    """
    frames = Frames(buffer)
    at = start
    while at < len(frames.view):
        found = frames.read(at)
        if found is None:
            place, is_frame = frames.find(at + 8)
            if not is_frame:
                return
            yield Damage(at, place)
            at = place
            continue
        yield found
        at = found.end


def claimed(view: memoryview, at: int) -> int:
    """Size in bytes that the frame at `at` claims, including its first 8; 0 if no frame can begin there."""
    if len(view) - at < 16:
        return 0
    length, _, prefix = CLAIM.unpack_from(view, at)
    return 8 + int(length) if 8 <= length <= LARGEST_BODY and length % 8 == 0 and prefix < NO_PREFIX else 0


class Frames:
    """The valid frames of a buffer.

    Any 16 bytes may look like the start of a frame, and a checksum covers up to 16 MiB. So frames are checked one by
    one until a few times the size of the buffer has been checksummed; then all possible frames are checked at once.
    The time to skip damage therefore depends only on its size, whatever it contains.
    """

    def __init__(self, buffer: bytes | memoryview) -> None:
        """Wrap a buffer; nothing is checked yet."""
        self.view = memoryview(buffer)
        self.every: bytes | None = None
        """After all were checked: per 8 bytes, 1 if a valid frame begins there, else 0."""
        self._left = FRAME_BY_FRAME_FACTOR * len(self.view)

    def has(self, at: int) -> bool:
        """Whether a valid frame begins at `at`."""
        if len(self.view) - at < 16:
            return False
        if self.every is not None:
            return self.every[at // 8] == 1
        length, crc = FRAME.unpack_from(self.view, at)
        stop = at + 8 + length
        if length < 8 or length % 8 or length > LARGEST_BODY or stop > len(self.view):
            return False
        self._left -= length
        if self._left < 0:
            self.every = self._check()
            return self.every[at // 8] == 1
        return zlib.crc32(self.view[at + 8 : stop]) == int(crc)

    def read(self, at: int) -> Frame | None:
        """The frame that begins at `at`, if it is valid."""
        if not self.has(at):
            return None
        length, _, kind, padding, _, key_set = FRAME_HEAD.unpack_from(self.view, at)
        stop = at + 8 + length
        return Frame(at, stop, kind, key_set, self.view[at + 16 : stop - (padding & 7)])

    def find(self, at: int, *, final: bool = True) -> tuple[int, bool]:
        """The next offset from `at` on where a valid frame begins, and True; or where the search ended, and False.

        Offsets that cannot begin a frame, by length, padding and the two zero bytes, are skipped at memory speed:
        there may be hundreds of megabytes of zeros (preallocated space) or anything else.

        Args:
            at: Offset where a frame may begin.
            final: Whether the journal ends with the buffer. If not, a possible frame that runs past its end stops the
                search.
        """
        import numpy as np  # noqa: PLC0415  # takes 100 ms, and a writer does not need it

        end, most = len(self.view), 64
        while at + 16 <= end:
            n = min(most, (end - at) // 8 - 1)
            most = min(8 * most, SEARCHED_AT_ONCE)  # small at first: many small damaged ranges are common
            words = np.frombuffer(self.view, "<u4", 2 * (n + 1), at)
            lengths, prefixes = words[:-2:2], words[2::2]
            likely = (lengths >= 8) & (lengths <= LARGEST_BODY) & (lengths % 8 == 0) & (prefixes < NO_PREFIX)
            for place in np.flatnonzero(likely).tolist():
                start = int(at + 8 * place)
                if not final and start + 8 + int(lengths[place]) > end:
                    return start, False
                if self.has(start):
                    return start, True
            at += 8 * n
        return at, False

    def _check(self) -> bytes:
        import numpy as np  # noqa: PLC0415

        from netscope.store.journal import crc  # noqa: PLC0415  (needs numpy)

        heads = np.frombuffer(self.view, "<u4", len(self.view) // 8 * 2).reshape(-1, 2)
        lengths = heads[:, 0]
        fits = (lengths >= 8) & (lengths <= LARGEST_BODY) & (lengths % 8 == 0)
        fits &= lengths <= len(self.view) - 8 - 8 * np.arange(len(heads))
        places = np.flatnonzero(fits)
        fits[places] = crc.of_ranges(self.view, 8 * places + 8, lengths[places]) == heads[places, 1]
        every: bytes = fits.tobytes()
        return every
