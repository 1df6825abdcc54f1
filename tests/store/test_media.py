"""Reading media in Python."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import netscope
from netscope.errors import FormatError, NotFoundError, StorageError
from netscope.formats import png_reader
from netscope.formats import png_writer as written
from netscope.store.stored_run import StoredRun
from tests.store.journals import Script

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
LONG = "ü" * 10_000


@pytest.fixture
def run(tmp_path: Path) -> StoredRun:
    """A run with one item of each kind, written by the recorder."""
    with netscope.init(dir=tmp_path, name="media", watch_system=False, console=False) as run:
        run.log({"sample": netscope.Image(PIXELS, "a cat")}, step=3)
        run.log({"sample": netscope.Image(PIXELS[:, :, :1])}, step=4)
        run.log({"tone": netscope.Audio(np.array([[0, 1], [-32768, 32767]], np.int16), rate=8000, caption="beep")})
        run.log({"note": "short", "essay": LONG})
        run.log({"scores": netscope.Table([{"name": "a", "f1": 0.5}, {"name": "b", "f1": float("nan")}])})
        run.log({"weights": netscope.Array(np.arange(6, dtype=np.float16).reshape(2, 3))}, step=9)
    return netscope.open(tmp_path).run("media")


def test_images_are_read_with_their_pixels(run: StoredRun) -> None:
    first, second = run.images("sample")
    assert (first.step, first.caption, second.step) == (3, "a cat", 4)
    assert first.value.tolist() == PIXELS.tolist()
    assert second.value.shape == (5, 7, 1)
    assert first.path.suffix == ".png"
    assert first.time > 1e9


def test_audio_is_read_with_its_rate(run: StoredRun) -> None:
    (tone,) = run.audio("tone")
    assert (tone.step, tone.rate, tone.caption) == (5, 8000, "beep")
    assert tone.value.tolist() == [[0, 1], [-32768, 32767]]


def test_texts_are_read_completely(run: StoredRun) -> None:
    assert [(text.step, text.value) for text in run.texts("note")] == [(6, "short")]
    assert [text.value for text in run.texts("essay")] == [LONG]


def test_tables_are_read_as_columns_and_as_a_data_frame(run: StoredRun) -> None:
    (table,) = run.tables("scores")
    assert table.value["name"] == ["a", "b"]
    np.testing.assert_equal(table.value["f1"], [0.5, np.nan])
    assert table.to_pandas()["f1"].dtype == np.float64
    assert table.to_pandas()["name"].tolist() == ["a", "b"]


def test_strings_that_look_like_numbers_stay_strings(tmp_path: Path) -> None:
    with netscope.init(tmp_path, watch_system=False, console=False) as run:
        run.table("names", [["NaN", 1.0], ["Ann", float("-inf")]], columns=["name", "score"])
    (table,) = netscope.open(tmp_path).run(run.id).tables("names")
    assert table.value == {"name": ["NaN", "Ann"], "score": [1.0, float("-inf")]}


def test_arrays_and_the_list_of_all_assets(run: StoredRun) -> None:
    (array,) = run.arrays("weights")
    assert (array.step, array.value.dtype, array.value.shape) == (9, np.float16, (2, 3))
    assert sorted({asset.key for asset in run.assets()}) == ["essay", "note", "sample", "scores", "tone", "weights"]
    assert [asset.step for asset in run.assets(kind="image")] == [3, 4]


def test_figures_are_read_with_their_pixels(tmp_path: Path) -> None:
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(1, 1), dpi=40)
    figure.add_subplot().plot([1, 3, 2])
    with netscope.init(dir=tmp_path, name="media", watch_system=False, console=False) as run:
        run.log({"plot": netscope.Figure(figure)})
    (read,) = netscope.open(tmp_path).run("media").figures("plot")
    with Image.open(read.path) as expected:
        assert read.value.tolist() == np.asarray(expected).tolist()


def test_the_console_is_read_line_by_line(tmp_path: Path) -> None:
    Script().print("one\ntwo\n").print("Two, too\n", stream=2).end().write(tmp_path / "r")
    run = netscope.open(tmp_path).run("r")
    assert [(line.stream, line.text) for line in run.console()] == [("out", "one"), ("out", "two"), ("err", "Two, too")]
    assert [line.text for line in run.console("two")] == ["two", "Two, too"]
    assert [line.text for line in run.console(start=-2, n=1)] == ["two"]


@pytest.mark.parametrize("kind", ["images", "figures", "audio", "texts", "tables", "arrays"])
def test_an_unknown_key_lists_the_known_ones(run: StoredRun, kind: str) -> None:
    known = {"images": "sample", "audio": "tone", "texts": "essay, note", "tables": "scores", "arrays": "weights"}
    expected = f"it has: {known[kind]}" if kind in known else "it has none"
    with pytest.raises(NotFoundError, match=rf"has no \w+ 'nope'; {expected}$"):
        getattr(run, kind)("nope")


READ: list[tuple[str, str, Callable[[StoredRun], object]]] = [
    ("images", "sample", lambda run: run.images("sample")[0].value),
    ("audio", "tone", lambda run: run.audio("tone")[0].value),
    ("texts", "essay", lambda run: run.texts("essay")),
    ("tables", "scores", lambda run: run.tables("scores")[0].value),
    ("arrays", "weights", lambda run: run.arrays("weights")),
]


@pytest.mark.parametrize(("kind", "key", "read"), READ, ids=[kind for kind, _, _ in READ])
def test_a_missing_file_is_reported(run: StoredRun, kind: str, key: str, read: Callable[[StoredRun], object]) -> None:
    for asset in run.assets(key):
        run._blob(asset).unlink()
    with pytest.raises(StorageError, match=r"the logged file cannot be read: .*blobs"):
        read(run)


@pytest.mark.parametrize(("kind", "key", "read"), READ, ids=[kind for kind, _, _ in READ])
@pytest.mark.parametrize("n", [0, 3, 30, -40])
def test_a_damaged_file_is_reported(
    run: StoredRun, kind: str, key: str, read: Callable[[StoredRun], object], n: int
) -> None:
    for asset in run.assets(key):
        path = run._blob(asset)
        path.write_bytes(path.read_bytes()[:n])
    if kind == "texts":
        assert len(run.texts("essay")[0].value) < len(LONG)
    else:
        with pytest.raises(FormatError):
            read(run)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_png_files_of_other_programs_are_read_like_pillow(mode: str) -> None:
    y, x = np.mgrid[0:40, 0:50]
    smooth = np.stack([y * 3, x * 2, y * x // 9, 255 - y], -1).astype(np.uint8)
    n = len(mode)
    picture = Image.fromarray(smooth[:, :, 0] if n == 1 else smooth[:, :, :n], mode)
    file = io.BytesIO()
    picture.save(file, "png", optimize=True)
    assert png_reader.decode(file.getvalue()).tolist() == np.asarray(picture).reshape(40, 50, n).tolist()


@given(st.binary(min_size=60, max_size=60), st.lists(st.integers(0, 4), min_size=4, max_size=4), st.integers(1, 4))
def test_all_png_filters_are_decoded_like_pillow(values: bytes, filters: list[int], n: int) -> None:
    width = 15 // n
    rows = b"".join(bytes([kind]) + values[15 * y : 15 * y + width * n] for y, kind in enumerate(filters))
    data = picture(width, 4, {1: 0, 2: 4, 3: 2, 4: 6}[n], zlib.compress(rows))
    with Image.open(io.BytesIO(data)) as expected:
        assert png_reader.decode(data).tolist() == np.asarray(expected).reshape(4, width, n).tolist()


def picture(width: int, height: int, colour: int, body: bytes, bits: int = 8, interlaced: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    chunks = ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    parts = (struct.pack(">I", len(b)) + kind + b + struct.pack(">I", zlib.crc32(kind + b)) for kind, b in chunks)
    return png_reader.MAGIC + b"".join(parts)


def test_an_image_with_excess_data_is_read_up_to_its_size() -> None:
    bomb = picture(2, 1, 0, zlib.compress(bytes(100 << 20)))
    assert png_reader.decode(bomb).tolist() == [[[0], [0]]]


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", png_reader.MAGIC, picture(0, 0, 0, b""), picture(2, 0, 0, zlib.compress(b"")),
     picture(2, 2, 3, b""), picture(2, 2, 0, b"", bits=16), picture(2, 2, 0, b"", interlaced=1),
     picture(1 << 30, 1 << 30, 0, b""), picture(2, 2, 0, b"junk"),
     picture(2, 1, 0, zlib.compress(b"\5ab"))],
    ids=["nothing", "gif", "cut", "empty", "flat", "palette", "16 bits", "interlaced", "huge", "junk", "filter 5"],
)  # fmt: skip
def test_a_foreign_image_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        png_reader.decode(data)


def test_png_round_trips() -> None:
    assert png_reader.decode(written.encode(PIXELS)).tolist() == PIXELS.tolist()
