from __future__ import annotations

import io
import wave
from pathlib import Path

import matplotlib as mpl
import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import netscope
from netscope.errors import UsageError
from netscope.formats import png_writer, safetensors
from netscope.store.journal import blobs

mpl.use("Agg")


def blob(run, asset) -> bytes:
    data = blobs.path(run.folder, asset["blob"]).read_bytes()
    assert len(data) == asset["bytes"]
    return data


def picture(data: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(data)))


@settings(deadline=None)
@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 2, 3, 4]))))
def test_pillow_reads_the_encoded_pixels(pixels):
    np.testing.assert_array_equal(picture(png_writer.encode(pixels)).reshape(pixels.shape), pixels)


RAMP = np.arange(90, dtype=np.uint8).reshape(5, 6, 3)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (RAMP, RAMP),
        (RAMP.transpose(2, 0, 1), RAMP),
        (torch.from_numpy(RAMP.transpose(2, 0, 1).copy()), RAMP),
        (torch.from_numpy(RAMP), RAMP),
        (RAMP[..., 0], RAMP[..., 0]),
        (RAMP / 255.0, RAMP),
        ((RAMP / 255).astype(np.float32), RAMP),
        (torch.from_numpy(RAMP / 255).bfloat16(), None),
        (RAMP > 30, (RAMP > 30) * np.uint8(255)),
        (RAMP.astype(np.int64), RAMP),
        (PIL.Image.fromarray(RAMP), RAMP),
        (PIL.Image.fromarray(RAMP[..., 0]).convert("P"), None),
        (np.array([[0.0, 1.0, 1.5, -0.005, np.inf, -np.inf]]), np.array([[0, 255, 255, 0, 255, 0]])),
        (torch.zeros(1, 3, 3, requires_grad=True), np.zeros((3, 3))),
    ],
    ids=range(14),
)
def test_an_image_of_any_kind_shows_its_pixels(run, journal_of, data, shown):
    run.log({"loss": 1.0, "picture": netscope.Image(data, "a caption")}, step=3)
    run.finish()
    (asset,) = journal_of(run).assets
    assert (asset["key"], asset["kind"], asset["step"], asset["text"]) == ("picture", "image", 3, "a caption")
    seen = picture(blob(run, asset))
    assert list(seen.shape[:2]) == asset["shape"][:2]
    if shown is not None:
        np.testing.assert_array_equal(seen, shown)


def test_channels_are_first_in_a_tensor_and_last_in_an_array():
    square = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    np.testing.assert_array_equal(picture(netscope.Image(square).encoded.data), square)
    np.testing.assert_array_equal(
        picture(netscope.Image(torch.from_numpy(square)).encoded.data), square.transpose(1, 2, 0)
    )


def test_floats_are_drawn_between_low_and_high():
    np.testing.assert_array_equal(
        picture(netscope.Image([[-3.0, 0.0, 1.0]], low=-3, high=1).encoded.data), [[0, 191, 255]]
    )


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((2, 3, 32, 32)),
        np.zeros(5),
        np.zeros((0, 4)),
        np.zeros((3, 3), complex),
        "picture.png",
        np.zeros((7, 7, 7)),
        None,
    ],
)
def test_a_value_that_is_not_an_image_is_refused_with_the_accepted_ones(data):
    with pytest.raises(UsageError, match=r"an image must be|not an array of numbers|an array of numbers"):
        netscope.Image(data)


def test_the_same_image_at_every_step_is_stored_once(run, journal_of):
    for step in range(5):
        run.image("same", RAMP, step)
    run.finish()
    assert len({asset["blob"] for asset in journal_of(run).assets}) == 1
    assert len([path for path in (run.folder / "blobs").rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    "samples",
    [
        np.sin(np.arange(800) / 9),
        np.zeros((800, 2), np.float32),
        np.zeros((2, 800)),
        torch.zeros(1, 800),
        np.zeros(800, np.int16),
    ],
)
def test_audio_is_stored_as_a_wave_file_with_its_rate(run, journal_of, samples):
    run.audio("beep", samples, 1, rate=8000)
    run.finish()
    (asset,) = journal_of(run).assets
    with wave.open(io.BytesIO(blob(run, asset))) as file:
        assert (file.getframerate(), file.getnframes(), file.getsampwidth()) == (8000, 800, 2)
        assert [file.getnframes(), file.getnchannels()] == asset["shape"]
        frames = np.frombuffer(file.readframes(800), "<i2").reshape(800, -1)
    whole = (
        np.asarray(samples, np.float64).reshape(-1, 800).T
        if 800 != len(samples)
        else np.asarray(samples).reshape(800, -1)
    )
    np.testing.assert_allclose(frames / 32767, whole if whole.dtype.kind == "f" else whole / 32767, atol=2e-5)


@pytest.mark.parametrize("bad", [np.zeros((3, 3, 3)), np.zeros(0), np.zeros(5, np.int64), np.zeros((50, 9))])
def test_a_value_that_is_not_audio_is_refused(bad):
    with pytest.raises(UsageError, match="audio must be"):
        netscope.Audio(bad)


def test_short_text_is_in_the_journal_and_long_text_beside_it(run, journal_of):
    run.log({"note": "hello", "essay": "long " * 5000})
    run.text("more", "été 😀")
    run.finish()
    short, long, more = journal_of(run).assets
    assert (short["kind"], short["text"], short["blob"]) == ("text", "hello", "")
    assert blob(run, long).decode() == "long " * 5000
    assert long["blob"].endswith(".txt")
    assert (more["text"], more["step"]) == ("été 😀", 1)


def test_a_figure_is_drawn_immediately(run, journal_of):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([1, 2])
    run.figure("f", figure, 1, caption="a line")
    run.log({"g": figure, "h": netscope.Figure(axes)}, step=2)
    plt.close(figure)
    run.finish()
    assets = journal_of(run).assets
    assert [(asset["key"], asset["kind"], asset["step"]) for asset in assets] == [
        ("f", "figure", 1),
        ("g", "figure", 2),
        ("h", "figure", 2),
    ]
    assert list(picture(blob(run, assets[0])).shape) == assets[0]["shape"]
    with pytest.raises(UsageError, match="figure must be a matplotlib"):
        netscope.Figure([1, 2])


@pytest.mark.parametrize(
    "data",
    [
        np.arange(6).reshape(2, 3),
        np.float16([1, 2]),
        torch.eye(2),
        np.array([[True]]),
        np.zeros((0, 3)),
        [1.5, 2.5],
        np.array(3),
    ],
)
def test_an_array_is_stored_exactly(run, journal_of, data):
    run.array("w", data)
    run.finish()
    (asset,) = journal_of(run).assets
    read, _ = safetensors.decode(blob(run, asset))
    np.testing.assert_array_equal(read["array"], np.asarray(data))
    assert read["array"].dtype == np.asarray(data).dtype
    assert asset["shape"] == list(np.shape(data))


def test_a_bfloat16_array_keeps_its_type(run, journal_of):
    from safetensors.torch import load

    data = torch.randn(3, 4).bfloat16().t()
    run.log({"w": netscope.Array(data)})
    run.finish()
    read = load(blob(run, journal_of(run).assets[0]))["array"]
    assert read.dtype == torch.bfloat16
    assert torch.equal(read, data)


def test_later_changes_to_an_array_do_not_affect_what_was_logged(run, journal_of):
    data = np.zeros((2, 2))
    run.array("w", data)
    data[:] = 7
    run.finish()
    assert safetensors.decode(blob(run, journal_of(run).assets[0]))[0]["array"].sum() == 0


def test_media_between_two_logs_get_the_step_of_the_next(run, journal_of):
    run.log({"a": 1})
    run.text("t", "x")
    run.log({"a": 2})
    run.finish()
    assert journal_of(run).assets[0]["step"] == 1
    assert list(journal_of(run).series("a")) == [0, 1]


@settings(deadline=None)
@given(npst.arrays(np.float64, st.integers(0, 50), elements=st.floats(width=64)), st.integers(1, 70))
def test_a_histogram_counts_every_finite_value_between_ascending_edges(values, bins):
    found = netscope.Histogram(values, bins)
    assert len(found.counts) == len(found.edges) - 1 == bins
    assert (np.diff(found.edges) > 0).all()
    assert np.isfinite(found.edges).all()
    assert found.counts.sum() == np.isfinite(values).sum()
    assert found.n_nonfinite == len(values) - np.isfinite(values).sum()


def test_a_histogram_is_read_back_with_its_edges(run, journal_of):
    run.histogram("h", torch.tensor([0.0, 1.0, 1.0, float("nan"), float("inf")]), step=4, bins=2)
    run.log({"given": netscope.Histogram(counts=[3, 0, 1], edges=[0, 1, 2, 4])}, step=5)
    run.finish()
    found = journal_of(run)
    (key, step, edges, counts), (_, at, given_edges, given_counts) = found.histograms
    assert (key, step, edges.tolist(), counts.tolist()) == ("h", 4, [0, 0.5, 1], [1, 2])
    assert (at, given_edges.tolist(), given_counts.tolist()) == (5, [0, 1, 2, 4], [3, 0, 1])
    assert found.series("h/nonfinite") == {4: 2.0}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"counts": [1]},
        {"counts": [1], "edges": [0, 1, 2]},
        {"counts": [1], "edges": [1, 1]},
        {"counts": [-1], "edges": [0, 1]},
        {"counts": [1], "edges": [0, np.inf]},
        {"values": [1], "counts": [1], "edges": [0, 1]},
        {"values": [1], "bins": 0},
        {"values": [1j]},
        {"values": ["a"]},
    ],
)
def test_a_value_that_is_not_a_histogram_is_refused(options):
    with pytest.raises(UsageError):
        netscope.Histogram(**options)


def test_invalid_media_leave_nothing_behind(run, journal_of):
    with pytest.raises(UsageError):
        run.log({"a": 1.0, "t": "x" * 10_000, "bad": object()})
    run.finish()
    assert journal_of(run).rows == journal_of(run).assets == []
    assert not Path(run.folder / "blobs").exists()


def test_invalid_media_are_named_by_their_key(run):
    with pytest.raises(UsageError, match=r"'sample': an image must be .* got the path 'cat\.png'; open it first"):
        run.image("sample", "cat.png")
    with pytest.raises(UsageError, match=r"'spread': values must be numbers, .* counts=…, edges=…"):
        run.histogram("spread", np.histogram([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (torch.zeros(2, 2, device="meta"), "meta device"),
        (torch.eye(3).to_sparse(), r"write \.to_dense\(\)"),
        (np.zeros((0, 5)), r"got shape \(0, 5\)"),
    ],
)
def test_a_value_without_pixels_has_its_own_message(run, data, said):
    with pytest.raises(UsageError, match=f"'x': .*{said}"):
        run.image("x", data)


def test_a_lazy_torch_view_is_an_array():
    mirrored = torch.tensor([1 + 2j]).conj().imag
    assert mirrored.is_neg()
    (stored,) = safetensors.decode(netscope.Array(mirrored).encoded.data)[0].values()
    assert stored.tolist() == [-2.0]
