"""Mutate a journal like broken disks, broken writers and attackers would."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from netscope.store.journal import frames

Random = np.random.Generator

INTEGERS = [
    0, 1, -1, 7, 255, 2**31 - 1, -(2**31), 2**53, 2**53 + 1, -(2**53), 2**63 - 1, -(2**63), 2**63, 2**64, 10**30,
    -(10**400),
]  # fmt: skip
FLOATS = [
    0.0,
    -0.0,
    0.5,
    -1.0,
    1e11,
    1e12,
    -1e12,
    1e17,
    1e300,
    -1e300,
    5e-324,
    float("nan"),
    float("inf"),
    float("-inf"),
]
WORDS = [
    "", " ", "constructor", "__proto__", "toString", "hasOwnProperty", "../../etc/passwd", "a" * 300, "\u202eevil",
    "\u200b", "\ud800", "\0", "line\nbreak", "\x1b[31m", "NaN", "Infinity", "true", "/", "//", "a/b/c/d/e", ".", "..",
    "{}", "[]", "<script>", "%s%n", "a\0b",
    "loss", "features.0", "output", "value", "image", "scalar", "crashed", "finished",
]  # fmt: skip
LONG = 300_000


def mutate(data: bytes, random: Random) -> bytes:
    """One to three changes of a journal; most keep all checksums valid."""
    for _ in range(int(random.choice([1, 1, 2, 3]))):
        data = _pick(random, CHANGES)(data, random) if data else data
    return data


def split(data: bytes) -> list[tuple[int, int, bytes]]:
    """Kind, key set and body of each valid frame."""
    parts = frames.scan(data, frames.HEADER_BYTES)
    return [(f.kind, f.key_set, bytes(f.body)) for f in parts if isinstance(f, frames.Frame)]


def joined(head: bytes, parts: list[tuple[int, int, bytes]]) -> bytes:
    """A journal of frames with valid checksums."""
    return head + b"".join(frames.frame(kind, body, key_set) for kind, key_set, body in parts)


def flip_bits(data: bytes, random: Random) -> bytes:
    """Flip some bits anywhere."""
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 8))):
        changed[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def cut(data: bytes, random: Random) -> bytes:
    """Truncate the end."""
    return data[: int(random.integers(len(data) + 1))]


def splice(data: bytes, random: Random) -> bytes:
    """Copy a slice to another place, overwriting or inserting."""
    n = int(random.integers(1, 2000))
    source, target = (int(random.integers(max(len(data) - n, 1))) for _ in range(2))
    if random.random() < 0.5:
        source, target = source - source % 8, target - target % 8
    replaced = n if random.random() < 0.5 else 0
    return data[:target] + data[source : source + n] + data[target + replaced :]


def change_header(data: bytes, random: Random) -> bytes:
    """Change a number in the first 64 bytes."""
    at = int(random.choice([8, 16, 24, 32, 40]))
    value = struct.pack("<d", _pick(random, FLOATS)) if random.random() < 0.7 else random.bytes(8)
    return data[:at] + value[: min(8, 64 - at)] + data[at + 8 :]


def rearrange_frames(data: bytes, random: Random) -> bytes:
    """Repeat, drop or reorder frames."""
    parts = split(data)
    if not parts:
        return data
    at = int(random.integers(len(parts)))
    what = random.integers(4)
    if what == 0:
        del parts[at]
    elif what == 1:
        parts[at:at] = [parts[int(random.integers(len(parts)))]] * int(random.integers(1, 40))
    elif what == 2:
        other = int(random.integers(len(parts)))
        parts[at], parts[other] = parts[other], parts[at]
    else:
        _, key_set, body = parts[at]
        parts[at] = int(random.integers(12)), key_set, body
    return joined(data[: frames.HEADER_BYTES], parts)


def change_frame(data: bytes, random: Random) -> bytes:
    """Change the content of one frame, with a valid checksum."""
    parts = split(data)
    if not parts:
        return data
    kinds = sorted({kind for kind, _, _ in parts})
    wanted = _pick(random, kinds)  # all kinds alike, though most parts are rows
    at = _pick(random, [i for i, (kind, _, _) in enumerate(parts) if kind == wanted])
    kind, key_set, body = parts[at]
    if body[:1] in (b"{", b"["):
        body = change_json(body, random)
    else:
        body = change_numbers(body, random)
    if random.random() < 0.05:
        key_set = int(_pick(random, [0, 1, 2, 1001, 2**31, 2**32 - 1]))
    parts[at] = kind, key_set, body[: frames.LARGEST_BODY - 16]
    return joined(data[: frames.HEADER_BYTES], parts)


def change_numbers(body: bytes, random: Random) -> bytes:
    """Fields of a binary body: numbers of 2, 4 and 8 bytes, its length, its text."""
    changed = bytearray(body)
    for _ in range(int(random.integers(1, 4))):
        what = random.integers(5)
        size = 8 if what < 2 else 4 if what == 2 else 2
        at = (
            int(random.integers(max(len(changed) // size, 1))) * size
            if random.random() < 0.5
            else 8 * int(random.integers(3))
        )
        if what == 0:
            value = struct.pack("<d", _pick(random, FLOATS))
        elif what < 3:
            whole = int(_pick(random, INTEGERS[:12]))
            value = struct.pack("<q", max(min(whole, 2**63 - 1), -(2**63)))[:size]
        elif what == 3:
            value = random.bytes(size)
        else:
            del changed[int(random.integers(len(changed) + 1)) :]
            continue
        changed[at : at + size] = value
    return bytes(changed)


def change_json(body: bytes, random: Random) -> bytes:
    """Values, names and structure of a JSON body."""
    if random.random() < 0.15:
        return _pick(random, TEXTS)(body)
    try:
        root = [json.loads(body)]
    except (ValueError, RecursionError):
        return body
    for _ in range(int(random.choice([1, 1, 2, 4]))):
        places = _places(root)
        inside, key = places[int(random.integers(len(places)))]
        what = random.random()
        if what < 0.7 or inside is root:
            inside[key] = _value(random, inside[key])
        elif what < 0.8:
            del inside[key]
        elif isinstance(inside, dict):
            inside[_pick(random, WORDS)] = inside.pop(key) if what < 0.9 else inside[key]
        else:
            inside.insert(key, inside[key])
    # NaN and infinities, which are no JSON, came from a change before this one and may stay.
    text = json.dumps(root[0] if root else None, ensure_ascii=bool(random.integers(2)), default=str)
    return text.encode("utf-8", "surrogatepass")


TEXTS: list[Callable[[bytes], bytes]] = [
    lambda body: b"[" * 20_000 + b"]" * 20_000,
    lambda body: body[:-1] + b',"deep":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    lambda body: body[:-1] + b',"deep":' + b"[" * 90 + b"]" * 90 + b"}",
    lambda body: body[:-1] + b',"config":{"deep":' + b'{"a":' * 95 + b"1" + b"}" * 95 + b"}}",
    lambda body: body.replace(b":", b": NaN, \"x\":", 1),
    lambda body: body.replace(b"1", b"1e400"),
    lambda body: body.replace(b"1", b"9" * 5000, 1),
    lambda body: body.replace(b"e", b"\xff"),
    lambda body: body.replace(b"e", b"\\ud800"),
    lambda body: body.replace(b"e", b"\xed\xa0\x80"),
    lambda body: body + b"{}",
    lambda body: b"",
    lambda body: b"\xef\xbb\xbf" + body,
]  # fmt: skip


def _value(random: Random, old: Any) -> Any:
    """Replace a value, mostly by one of its type."""
    makers = [
        lambda: _pick(random, INTEGERS),
        lambda: _finite(_pick(random, FLOATS)),
        lambda: _pick(random, WORDS),
        lambda: _pick(random, [None, True, False, [], {}, "x" * LONG]),
        lambda: [old] * int(_pick(random, [2, 3, 2000])),
        lambda: {str(word): old for word in WORDS},
        lambda: {f"key {i}": i for i in range(3000)},
    ]
    if isinstance(old, bool) or old is None:
        return _pick(random, makers)()
    if isinstance(old, int | float) and random.random() < 0.8:
        return makers[int(random.integers(2))]()
    if isinstance(old, str) and random.random() < 0.8:
        return makers[2]()
    if isinstance(old, list) and old and random.random() < 0.5:
        return old * 2
    return _pick(random, makers)()


def _finite(value: float) -> float:
    return value if np.isfinite(value) else 1.7e308


def _places(root: list[Any]) -> list[tuple[Any, Any]]:
    """All values of a JSON tree as (container, key)."""
    found: list[tuple[Any, Any]] = []
    waiting: list[Any] = [root]
    while waiting:
        inside = waiting.pop()
        keys = list(inside) if isinstance(inside, dict) else range(len(inside))
        for key in keys:
            found.append((inside, key))
            if isinstance(inside[key], dict | list):
                waiting.append(inside[key])
    return found


def _pick(random: Random, things: Any) -> Any:
    return things[int(random.integers(len(things)))]


CHANGES = [
    flip_bits, cut, splice, change_header, rearrange_frames, rearrange_frames, *[change_frame] * 14,
]  # fmt: skip
