"""Following a journal: truncated anywhere, flipped anywhere, grown in any steps, or not a journal at all."""

from __future__ import annotations

import contextlib
import itertools
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netscope.errors import FormatError
from netscope.store.journal import frames, journal_follower, parser
from netscope.store.journal.frames import Damage
from netscope.store.journal.journal_follower import JournalFollower
from netscope.store.journal.memtable import RowBlock
from netscope.store.journal.metadata import Metadata
from tests.fuzzing import examples
from tests.store.journals import Script

quick = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def everything(n: int = 1) -> Script:
    """Every kind of frame, rows in stretches and rows that alternate; `n` makes it longer."""
    script = Script()
    script.event("config", config={"lr": 0.1, "net": {"depth": 3}})
    for step in range(4 * n):
        script.log(step, {"loss": 1 / (step + 1), "acc": step / 16})
    for step in range(4 * n, 4 * n + 8):
        script.log(step, {"loss": 0.5}).log(step, {"lr": float("nan")})
    script.log(20, {"loss": float("inf")}, kind="system")
    script.bins(5, {"fc/weight/value": (500, [1, 2, 3]), "fc/bias/value": (0, [])})
    script.histogram(3, "spread", [0.0, 1.0, 2.5], [4.0, 5.0])
    script.asset(7, "sample", text="hello").print("one\ntwo\nthr").print("ee\n", 1).print("oh", 2)
    script.event("edit", name="better", tags=["a"]).event("layers", layers=[])
    for step in range(21, 23 + 6 * n):
        script.log(step, {"loss": 0.25, "acc": 0.5})
    return script.end()


LOG = everything().bytes
ROWS = sum(len(frame) > 0 and frame[8] == frames.ROW for frame in everything().frames)


def seen(follower: JournalFollower) -> dict[str, object]:
    """Everything that was read, in a comparable form."""
    memtable = follower.memtable
    keys = sorted({(keys.kind, key) for keys in memtable.rows for key in keys.keys})
    points = {name: memtable.points(*name) for name in keys}
    return {
        "points": {n: (p.steps.tolist(), p.times.tolist(), p.values.tobytes()) for n, p in points.items() if p},
        "bins": {
            (keys, i): (row.step, row.ends.tolist(), row.places.tolist(), row.counts.tolist())
            for keys, rows in memtable.bins.items()
            for i, row in enumerate(rows)
        },
        "histograms": {k: [(h.step, [*h.edges], [*h.counts]) for h in v] for k, v in memtable.histograms.items()},
        "assets": memtable.assets,
        "lines": memtable.lines,
        "head": msgspec.structs.replace(follower.metadata, searched=None),  # how it was read, not what
    }


def follow(path: Path) -> JournalFollower:
    follower = JournalFollower(path)
    follower.read_new(thorough=True)
    return follower


def n_rows(follower: JournalFollower) -> int:
    return sum(len(block.at) for blocks in follower.memtable.rows.values() for block in blocks)


def test_every_kind_of_frame_is_read(tmp_path: Path) -> None:
    follower = follow(everything(3).write(tmp_path))
    points = follower.memtable.points("scalar", "loss")
    assert points is not None
    assert points.steps.tolist() == [*range(20), *range(21, 41)]
    assert points.values[:3].tolist() == [1.0, 0.5, 1 / 3]
    assert points.times[8] == 1_700_000_001.0
    assert [line.text for line in follower.memtable.lines] == ["one", "two", "three"]
    assert follower.metadata.open_lines == {2: (1_700_000_000.0, ("oh",))}
    assert follower.metadata.config["net"][1] == {"depth": 3}
    assert follower.metadata.edits["name"][1] == "better"
    assert follower.metadata.ended == "finished"
    (row,) = follower.memtable.bins_of("fc/weight/value")
    assert (row.places.tolist(), row.counts.tolist()) == ([500, 501, 502], [1, 2, 3])
    (row,) = follower.memtable.bins_of("fc/bias/value")
    assert (row.step, len(row.places)) == (5, 0)
    assert follower.memtable.histograms["spread"][0].edges.tolist() == [0.0, 1.0, 2.5]
    assert follower.memtable.assets[0].text == "hello"
    assert follower.metadata.n_damaged == 0
    assert n_rows(follower) == 12 + 2 * 8 + 20 + 1


def test_a_journal_cut_at_any_byte_loses_at_most_its_last_frame(tmp_path: Path) -> None:
    ends = [item.end for item in frames.scan(LOG, frames.HEADER_BYTES)]
    path = tmp_path / "cut.journal"
    for cut in range(len(LOG)):
        path.write_bytes(LOG[:cut])
        follower = follow(path)
        whole = max((end for end in ends if end <= cut), default=frames.HEADER_BYTES if cut >= 64 else 0)
        assert follower.offset == whole
        assert follower.metadata.n_damaged == 0
        path.write_bytes(LOG)
        follower.read_new()
        assert follower.offset == len(LOG)
        assert n_rows(follower) == ROWS


def test_a_flipped_bit_loses_one_frame_and_what_it_defined(tmp_path: Path) -> None:
    everything_read = list(frames.scan(LOG, frames.HEADER_BYTES))
    path = tmp_path / "flipped.journal"
    random = np.random.default_rng(0)
    for frame in everything_read[:-1]:
        for bit in random.integers(0, 8 * (frame.end - frame.start), 4).tolist():
            broken = bytearray(LOG)
            broken[frame.start + bit // 8] ^= 1 << bit % 8
            path.write_bytes(broken)
            follower = follow(path)
            assert follower.metadata.damaged_bytes >= frame.end - frame.start
            if isinstance(frame, Damage) or frame.kind == frames.KEY_SET:
                continue
            assert follower.metadata.n_damaged == 1
            assert n_rows(follower) == ROWS - (frame.kind == frames.ROW)


@quick
@given(st.lists(st.integers(0, len(LOG)), max_size=8))
def test_reading_in_any_pieces_equals_reading_at_once(tmp_path: Path, cuts: list[int]) -> None:
    path = tmp_path / "grown.journal"
    path.write_bytes(b"")
    follower = JournalFollower(path)
    for cut in [*sorted(cuts), len(LOG)]:
        path.write_bytes(LOG[:cut])
        follower.read_new()
    path.write_bytes(LOG)
    assert seen(follower) == seen(follow(path))


@quick
@given(st.lists(st.sampled_from([("a",), ("b",), ("a", "b")]), max_size=300), st.integers(0, 2))
def test_reading_batches_equals_reading_frame_by_frame(tmp_path: Path, kinds: list[tuple[str, ...]], long: int) -> None:
    script = Script()
    expected: dict[str, list[tuple[int, float]]] = {"a": [], "b": []}
    for step, keys in enumerate(k for kind in kinds for k in [kind] * (1 + 40 * long)):
        values = dict.fromkeys(keys, step + 0.5)
        script.log(step, values)
        for key, value in values.items():
            expected[key].append((step, value))
    follower = follow(script.write(tmp_path))
    for key, points in expected.items():
        found = follower.memtable.points("scalar", key)
        assert (list(zip(found.steps.tolist(), found.values.tolist(), strict=True)) if found else []) == points


@quick
@given(st.integers(64, len(LOG) - 1), st.binary(min_size=1, max_size=200))
def test_overwritten_bytes_never_break_the_reader(tmp_path: Path, at: int, junk: bytes) -> None:
    path = tmp_path / "junk.journal"
    path.write_bytes(LOG[:at] + junk + LOG[at + len(junk) :])
    follower = follow(path)
    damaged = [i for i in frames.scan(path.read_bytes(), frames.HEADER_BYTES) if isinstance(i, Damage)]
    assert follower.metadata.n_damaged >= len(damaged)


@quick
@example([(kind, 0, b"") for kind in range(13)])
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.binary(max_size=120)), max_size=30))
def test_valid_frames_with_malformed_bodies_are_skipped(tmp_path: Path, bodies: list[tuple[int, int, bytes]]) -> None:
    script = Script()
    script.log(0, {"loss": 1.0}).keys("bins", ["x/y/value"])
    script.frames += [frames.frame(kind, body, number) for kind, number, body in bodies]
    script.log(1, {"loss": 2.0})
    follower = follow(script.write(tmp_path))
    assert follower.offset == len(script.bytes)


@quick
@given(st.binary(max_size=2000))
def test_random_files_are_rejected_or_empty(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "random.journal"
    for content in (junk, frames.header(1.0, 1) + junk):
        path.write_bytes(content)
        follower = JournalFollower(path)
        with contextlib.suppress(FormatError):
            follower.read_new(thorough=True)
        assert n_rows(follower) == 0


def test_preallocated_space_is_not_read_repeatedly(tmp_path: Path) -> None:
    path = Script().log(0, {"loss": 1.0}).write(tmp_path, ahead=4 << 20)
    follower = JournalFollower(path)
    follower.read_new()
    before = follower.bytes_read
    for _ in range(10):
        assert follower.read_new() == 0
    assert follower.bytes_read - before <= 10 * 8


def test_frames_after_a_hole_are_found_when_the_writer_has_ended(tmp_path: Path) -> None:
    script = Script().log(0, {"loss": 1.0})
    path = tmp_path / "hole.journal"
    path.write_bytes(script.bytes + bytes(4096) + frames.row(1, 1, 2.0, [3.0]))
    follower = JournalFollower(path)
    follower.read_new()
    assert n_rows(follower) == 1
    follower.read_new(thorough=True)
    assert n_rows(follower) == 2
    assert (follower.metadata.n_damaged, follower.metadata.damaged_bytes) == (1, 4096)


def test_damage_larger_than_a_piece_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "large.journal"
    junk = np.random.default_rng(0).bytes(3 << 20)
    path.write_bytes(Script().log(0, {"loss": 1.0}).bytes + junk + frames.row(1, 1, 2.0, [3.0]))
    follower = follow(path)
    assert n_rows(follower) == 2
    assert follower.metadata.damaged_bytes == len(junk)


def test_a_frame_larger_than_a_piece_is_read_whole(tmp_path: Path) -> None:
    text = "x" * (3 << 20)
    follower = follow(Script().log(0, {"loss": 1.0}).asset(1, "long", text=text).log(1, {"loss": 2.0}).write(tmp_path))
    assert follower.memtable.assets[0].text == text
    assert n_rows(follower) == 2


def claim(length: int) -> bytes:
    """Bytes that look like the start of a frame of `length` bytes but are not."""
    return frames.FRAME.pack(length, 1) + frames.PREFIX.pack(frames.EVENT, 0, 0, 0)


@quick
@given(
    st.lists(
        st.one_of(
            st.integers(0, 3).map(lambda n: bytes(8 * n)),
            st.integers(1, 40).map(lambda n: claim(8 * n)),
            st.integers(0, 9).map(lambda step: frames.row(1, step, 2.0, [3.0])),
            st.binary(min_size=8, max_size=8),
        ),
        max_size=60,
    ),
    st.integers(2, 8),
)
def test_the_size_of_pieces_does_not_matter(tmp_path: Path, parts: list[bytes], size: int) -> None:
    path = tmp_path / "pieces.journal"
    path.write_bytes(Script().log(0, {"loss": 1.0}).bytes + b"".join(parts))
    at_once = follow(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_follower, "PIECE_BYTES", 8 * size)
        patch.setattr(journal_follower, "MAX_PIECE_BYTES", 16 * size)
        piecewise = follow(path)
        patch.setattr(frames, "FRAME_BY_FRAME_FACTOR", 0)  # all frames of a piece are checked at once
        together = follow(path)
    assert (seen(piecewise), piecewise.offset) == (seen(at_once), at_once.offset)
    assert (seen(together), together.offset) == (seen(at_once), at_once.offset)
    damage = [item for item in frames.scan(path.read_bytes(), frames.HEADER_BYTES) if isinstance(item, Damage)]
    assert at_once.metadata.n_damaged == len(damage)


@pytest.mark.parametrize("between", [b"", frames.row(1, 1, 2.0, [3.0])], ids=["claims", "claims and rows"])
def test_overlapping_frames_are_not_checksummed_repeatedly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: bytes
) -> None:
    monkeypatch.setattr(frames, "LARGEST_BODY", 1 << 16)
    monkeypatch.setattr(journal_follower, "PIECE_BYTES", 1 << 10)
    monkeypatch.setattr(journal_follower, "MAX_PIECE_BYTES", 1 << 14)
    path = tmp_path / "false.journal"
    n = 8192
    path.write_bytes(
        Script().log(0, {"loss": 1.0}).bytes + (claim(1 << 16) + between) * n + frames.row(1, 9, 2.0, [3.0])
    )
    n_bytes = [0]
    real = zlib.crc32

    def count(data: memoryview, crc: int = 0) -> int:
        n_bytes[0] += len(data)
        return real(data, crc)

    monkeypatch.setattr(zlib, "crc32", count)
    follower = follow(path)
    size = path.stat().st_size
    assert (n_rows(follower), follower.offset) == (2 + n * bool(between), size)
    assert follower.metadata.damaged_bytes == 16 * n
    assert n_bytes[0] < 30 * size
    assert follower.bytes_read < 10 * size


@pytest.mark.parametrize("torn", ["zeros", "junk", "a claim"])
def test_a_torn_tail_is_searched_in_pieces_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: str
) -> None:
    script = Script().log(0, {"loss": 1.0})
    path = tmp_path / "torn.journal"
    begins = {"zeros": b"", "junk": b"\xff" * 8, "a claim": claim(frames.LARGEST_BODY)}
    path.write_bytes(script.bytes + begins[torn] + bytes(48 << 20))
    asked: list[int] = []
    real = journal_follower._read

    def count(read: Callable[[int], bytes | None], size: int) -> bytes:
        asked.append(size)
        return real(read, size)

    monkeypatch.setattr(journal_follower, "_read", count)
    follower = follow(path)
    assert follower.offset == len(script.bytes)
    assert max(asked) <= (frames.LARGEST_BODY + 8 + (4 << 20) if torn == "a claim" else 4 << 20)
    assert sum(asked) < 2 * (48 << 20)


@pytest.mark.skipif(not hasattr(os, "SEEK_DATA"), reason="this system does not tell of holes")
@pytest.mark.parametrize("has_end", [False, True])
def test_a_hole_of_a_terabyte_is_skipped(tmp_path: Path, has_end: bool) -> None:
    path = Script().log(0, {"loss": 1.0}).write(tmp_path)
    os.truncate(path, 1 << 40)
    with path.open("r+b") as file:
        if has_end:
            file.seek(0, os.SEEK_END)
            file.write(frames.row(1, 1, 2.0, [3.0]))
    follower = follow(path)
    assert n_rows(follower) == 1 + has_end
    assert follower.bytes_read < 16 << 20


def test_a_key_set_may_be_redefined(tmp_path: Path) -> None:
    script = Script()
    for keys in (["a"], ["b", "c"], ["b"]):
        script.frames.append(frames.json_frame(frames.KEY_SET, {"kind": "scalar", "keys": keys}, 1))
        script.frames += [frames.row(1, step, 1e9, [1.0] * len(keys)) for step in range(10)]
    follower = follow(script.write(tmp_path))
    lengths = {key: len(points.steps) for key in "abc" if (points := follower.memtable.points("scalar", key))}
    assert lengths == {"a": 10, "b": 20, "c": 10}


def test_a_frame_too_large_to_hold_is_damage(tmp_path: Path) -> None:
    deep = b'{"event": "config", "config": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}"
    deeper = b"[" * 100_000 + b"]" * 100_000
    large = b'{"key": "k", "kind": "text", "step": 1%s, "time": 1, "blob": "", "bytes": 1, "text": "", "shape": []}'
    far = b'{"event": "attempt", "fork_step": 1%s}'
    script = Script().log(0, {"loss": 1.0})
    bodies = [(frames.EVENT, deep), (frames.EVENT, deeper), (frames.ASSET, large), (frames.EVENT, far)]
    script.frames += [frames.frame(kind, body.replace(b"%s", b"0" * 30)) for kind, body in bodies]
    follower = follow(script.log(1, {"loss": 2.0}).write(tmp_path))
    assert follower.metadata.n_damaged == 4
    assert n_rows(follower) == 2


def test_a_progress_bar_without_line_breaks_does_not_grow_forever(tmp_path: Path) -> None:
    script = Script()
    for percent in range(100):
        script.print(f"\r{percent} %" + " " * 100)
    follower = follow(script.write(tmp_path))
    ((_, (text,)),) = follower.metadata.open_lines.values()
    assert text.rstrip() == "99 %"
    script.print("\rdone\n").print("x" * (1 << 20)).print("x")
    follower = follow(script.write(tmp_path))
    lines = [*follower.memtable.lines, *follower.metadata.recent]  # the recent ones may still be taken back
    assert [line.text[:4] for line in lines] == ["done", "xxxx"]
    assert follower.metadata.open_lines == {}


@given(st.lists(st.text("ab\r\n", max_size=5), max_size=60))
def test_a_line_printed_in_pieces_is_the_line_printed_at_once(pieces: list[str]) -> None:
    in_pieces, at_once = Metadata(), Metadata()
    said = [line for piece in pieces for line in in_pieces.add_output(0.0, 1, piece)]
    wanted = at_once.add_output(0.0, 1, "".join(pieces))
    found, want = [*said, *in_pieces.pending_lines], [*wanted, *at_once.pending_lines]
    assert [line.text for line in found] == [line.text for line in want]


def test_an_endless_line_is_not_copied_for_every_piece() -> None:
    metadata = Metadata()
    for _ in range(5000):
        metadata.add_output(0.0, 1, "x" * 20)
        ((_, parts),) = metadata.open_lines.values()
        assert len(parts) <= 18  # each at least as long as the next: 2 to the 17th letters in all
        assert all(len(long) > len(short) for long, short in itertools.pairwise(parts))
    assert "".join(parts) == "x" * 100_000


def test_a_newer_major_version_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "new.journal"
    path.write_bytes(LOG[:8] + b"\x02\x00" + LOG[10:])
    with pytest.raises(FormatError, match="journal version 2, this netscope reads version 1; upgrade netscope"):
        follow(path)


def test_rows_of_many_key_sets_are_parsed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script()
    for step in range(500):
        script.log(step, {f"a/{step}": step, f"b/{step}": -step})
    cuts: list[int] = []
    real = parser._row_block

    def count(buffer: bytes, places: np.ndarray, n_keys: int) -> RowBlock:
        cuts.append(len(places))
        return real(buffer, places, n_keys)

    monkeypatch.setattr(parser, "_row_block", count)
    follower = follow(script.write(tmp_path))
    assert cuts == [500]
    for key, value in (("a/0", 0.0), ("b/499", -499.0)):
        points = follower.memtable.points("scalar", key)
        assert points is not None
        assert (points.steps.tolist(), points.values.tolist()) == ([abs(value)], [value])
