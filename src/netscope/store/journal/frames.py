"""Frames of a journal: bytes to meaning and back. FORMAT.md describes every byte.

Encoding gives the bytes of one frame; where they go is the writer's business. Decoding (`scan`) takes a
buffer and gives frames with their offsets; what to do with them is the follower's business.
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
NO_PREFIX = 0x800  # kind, padding of at most 7 and two zero bytes, read as one number, are less
SEARCHED_AT_ONCE = 1 << 16
ENOUGH = 2  # times the bytes of a buffer are summed for one frame after the other

START, KEY_SET, ROW, EVENT, BINS, ASSET, CONSOLE, HISTOGRAM, SPARSE_BINS, LIVE_ROWS = range(1, 11)

FRAME = struct.Struct("<II")
CLAIM = struct.Struct("<III")  # a frame and the first half of its prefix
PREFIX = struct.Struct("<BBHI")
FRAME_HEAD = struct.Struct("<IIBBHI")  # a frame and the prefix of its body
POINT = struct.Struct("<qd")
CONSOLE_HEAD = struct.Struct("<dB")
LIVE_HEAD = struct.Struct("<dBB")
MOST_TAKEN_BACK = 24  # lines of a journal's console that a frame of live rows may take back
STREAMS = {1: "out", 2: "err"}
SetKind = Literal["scalar", "layer", "system", "bins"]
"""What a key set is of."""


class Header(NamedTuple):
    """The first 64 bytes."""

    created: float
    heartbeat: float
    beats: int
    pid: int


class Frame(NamedTuple):
    """One valid frame: its place in the buffer and its body without padding."""

    start: int
    end: int
    kind: int
    key_set: int
    body: memoryview
    """What follows the 8-byte prefix."""


class Damage(NamedTuple):
    """Bytes between valid frames that are none."""

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
        FormatError: The body is over 16 MiB; such things are blobs.
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
    """A row frame. `Run.log` makes the same with what `record.writer.Plan` keeps of a key set."""
    body = struct.pack(f"<BBHIqd{len(values)}d", ROW, 0, 0, key_set, step, time, *values)
    return FRAME.pack(len(body), zlib.crc32(body)) + body


def scan(buffer: bytes | memoryview, start: int = 0) -> Iterator[Frame | Damage]:
    """Frames from `start` (a multiple of 8 from the journal's begin) to the last valid one.

    Damage is given where a valid frame follows it; a torn tail is not. The end of the last thing given is where to
    go on when the file has grown.
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
    """How many bytes the frame at `at` says it has, its first 8 included; 0 where no frame can begin."""
    if len(view) - at < 16:
        return 0
    length, _, prefix = CLAIM.unpack_from(view, at)
    return 8 + int(length) if 8 <= length <= LARGEST_BODY and length % 8 == 0 and prefix < NO_PREFIX else 0


class Frames:
    """The valid frames of a buffer.

    Any 16 bytes may claim to begin a frame, and a checksum is of up to 16 MiB. So frames are checked one by one until
    that took a few times as many bytes as there are; then all that the buffer may have are checked at once. The time to
    pass damage thus grows with its size alone, whatever stands in it.
    """

    def __init__(self, buffer: bytes | memoryview) -> None:
        """Nothing is checked yet."""
        self.view = memoryview(buffer)
        self.every: bytes | None = None
        """Once all were checked, for each place (8 bytes) 1 or 0: whether a valid frame begins there."""
        self._left = ENOUGH * len(self.view)

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
        """The first place from `at` on where a valid frame begins, and True; or up to where there is none, and False.

        Places that cannot be one by length, padding or the two zero bytes are passed at memory speed: what follows may
        be hundreds of megabytes of zeros (space allocated ahead) or of anything else.

        Args:
            at: A place where a frame may begin.
            final: The journal ends with the buffer; else what may be a frame but runs past its end ends the search,
                undecided.
        """
        import numpy as np  # noqa: PLC0415  # 100 ms that a writer need not pay

        end, most = len(self.view), 64
        while at + 16 <= end:
            n = min(most, (end - at) // 8 - 1)
            most = min(8 * most, SEARCHED_AT_ONCE)  # of much damage in little places each is passed quickly
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
        fits[places] = crc.of_stretches(self.view, 8 * places + 8, lengths[places]) == heads[places, 1]
        every: bytes = fits.tobytes()
        return every
