"""Images: which value is black and which white, every mode of Pillow, lists of images."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import netscope
from netscope.errors import UsageError
from netscope.formats import png_reader
from netscope.formats import png_writer as written

RAMP_16 = np.linspace(0, 65_535, 256).round().reshape(16, 16)
COLOURS = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)


def pixels(data, **options) -> np.ndarray:
    """What a picture of `data` shows, [y, x, channel]."""
    return png_reader.decode(netscope.Image(data, **options).encoded.data)


@settings(deadline=None)
@given(npst.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4]))))
def test_16_bit_images_stay_16_bit(values):
    assert png_reader.decode(written.encode(values)).tolist() == values.tolist()


def test_pillow_reads_our_16_bit_images():
    with PIL.Image.open(io.BytesIO(written.encode(RAMP_16.astype(np.uint16)[:, :, None]))) as image:
        assert np.asarray(image).tolist() == RAMP_16.tolist()


@pytest.mark.parametrize(("mode", "dtype"), [("I;16", "<u2"), ("I;16B", ">u2"), ("I", "<i4")])
def test_a_16_bit_pillow_image_keeps_all_its_shades(mode, dtype):
    image = PIL.Image.frombytes(mode, (16, 16), RAMP_16.astype(dtype).tobytes())
    assert pixels(image)[:, :, 0].tolist() == RAMP_16.tolist()


def test_a_pillow_image_of_floats_is_drawn_from_0_to_1():
    image = PIL.Image.fromarray((RAMP_16 / 65_535).astype("float32"))
    assert pixels(image)[:, :, 0].tolist() == np.rint(RAMP_16 / 257).tolist()


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LA", "La", "RGBa", "PA"]
)
def test_a_pillow_image_of_any_mode_shows_its_colours(mode):
    through = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode)
    image = PIL.Image.fromarray(COLOURS)
    image = image.convert(through).convert(mode) if through else image.convert(mode)
    shown = pixels(image)
    assert shown.shape[2] == {"1": 1, "L": 1, "LA": 2, "La": 2, "RGBA": 4, "RGBa": 4, "PA": 4}.get(mode, 3)
    expected = np.asarray(image.convert("LA" if mode == "La" else "RGB").convert("RGB")).astype(int)
    assert (shown[:, :, : 1 if shown.shape[2] < 3 else 3] == expected).all()


def test_a_pillow_image_in_lab_shows_its_colours():
    from PIL import ImageCms

    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    smooth = PIL.Image.new("RGB", (4, 4), (200, 80, 60))
    shown = pixels(ImageCms.profileToProfile(smooth, srgb, lab, outputMode="LAB"))
    assert np.abs(shown.astype(int) - (200, 80, 60)).max() <= 3


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_is_transparent(mode, tmp_path: Path):
    image = PIL.Image.new("RGB", (2, 1))
    image.putpixel((1, 0), (255, 255, 255))
    image = image.convert(mode)
    key = {"P": image.convert("P").getpixel((0, 0)), "L": 0, "RGB": (0, 0, 0)}[mode]
    image.save(tmp_path / "x.png", transparency=key)
    with PIL.Image.open(tmp_path / "x.png") as opened:
        assert pixels(opened)[0, :, 3].tolist() == [0, 255]


def test_a_truncated_pillow_file_is_refused(tmp_path: Path):
    PIL.Image.fromarray(np.tile(COLOURS, (40, 40, 1))).save(tmp_path / "x.bmp")
    (tmp_path / "x.bmp").write_bytes((tmp_path / "x.bmp").read_bytes()[:5000])
    with (
        PIL.Image.open(tmp_path / "x.bmp") as opened,
        pytest.raises(UsageError, match="Pillow image cannot be read"),
    ):
        netscope.Image(opened)


def test_floats_from_minus_1_to_1_are_drawn_completely_with_a_warning():
    tanh = torch.linspace(-1, 1, 256).reshape(16, 16)
    with pytest.warns(UserWarning, match=r"range from -1 to 1: -1 is shown black and 1 white; pass low=-1") as told:
        shown = netscope.Image(tanh)
    assert told[0].filename == __file__
    assert png_reader.decode(shown.encoded.data).ravel().tolist() == list(range(256))
    assert pixels(tanh, low=-1).ravel().tolist() == list(range(256))
    assert pixels(tanh, low=0).ravel().tolist()[:128] == [0] * 128


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.full((2, 2, 3), 255.0), "floats of an image reach 255: .* divide by 255.*uint8"),
        (np.array([[-2.5, 2.5]]), "range from -2.5 to 2.5: .*pass low= and high="),
        (np.array([[0, 40_000]]), "range from 0 to 40,000: .*pass low=0 and high=40000"),
        (np.array([[-128, 127]], np.int8), "range from -128 to 127: .*low=-128 and high=127"),
        (np.array([[np.nan, 0.5, 1]]), "1 of 3 values of an image are NaN; they are shown black"),
    ],
)
def test_an_unclear_range_warns_at_the_users_line(data, said):
    with pytest.warns(UserWarning, match=said) as told:
        netscope.Image(data)
    assert told[0].filename == __file__


def test_floats_slightly_beyond_the_range_are_clipped_silently():
    assert pixels(np.array([[1.5, -0.01, 0.5]]))[0, :, 0].tolist() == [255, 0, 128]


@pytest.mark.parametrize(
    ("data", "low", "high", "shown"),
    [
        (np.array([[0.0, 127.5, 255.0]]), None, 255, [0, 128, 255]),
        (np.array([[-3.0, 0.0, 1.0]]), -3, 1, [0, 191, 255]),
        (np.array([[0, 2000, 4000]], np.uint16), 0, 4000, [0, 128, 255]),
        (np.array([[-128, 0, 127]], np.int8), -128, 127, [0, 128, 255]),
        (np.array([[0, 200, 255]], np.uint16), None, None, [0, 200, 255]),
        (np.array([[0, 300, 65_535]], np.uint16), None, None, [0, 300, 65_535]),
        (np.array([[True, False]]), None, None, [255, 0]),
    ],
)
def test_black_and_white_can_be_set(data, low, high, shown):
    assert pixels(data, low=low, high=high)[0, :, 0].tolist() == shown


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (np.zeros((3, 3), complex), {}, r"complex128; log its \.real, \.imag or abs\(\)"),
        (np.zeros((3, 3)), {"low": "a"}, "low and high must be numbers, got 'a'"),
        (np.zeros((3, 3)), {"low": 1}, "low must be below high"),
        (np.zeros((3, 3)), {"high": float("inf")}, "both finite"),
        (np.ma.masked_array(np.eye(3), np.eye(3)), {}, r"masked values; write \.filled"),
        ([np.eye(3), np.eye(3)], {}, r"one image, got a list of 2; pass the list to run\.image"),
        (np.zeros((2, 3, 8, 8)), {}, r"got shape \(2, 3, 8, 8\); pass several as a list"),
    ],
)
def test_a_value_that_is_not_an_image_is_refused_with_advice(data, options, said):
    with pytest.raises(UsageError, match=said):
        netscope.Image(data, **options)


GREY = [np.full((2, 2), shade, np.uint8) for shade in range(12)]


@pytest.mark.parametrize(
    "several",
    [
        GREY,
        tuple(GREY),
        np.stack(GREY)[:, :, :, None],
        torch.stack([torch.from_numpy(one) for one in GREY])[:, None],
        [torch.from_numpy(one) / 255 for one in GREY],
        [(torch.from_numpy(one) / 255).requires_grad_() for one in GREY],
        [PIL.Image.fromarray(one) for one in GREY],
        [netscope.Image(one) for one in GREY],
    ],
    ids=["list", "tuple", "batch", "batch of torch", "tensors", "tensors with gradients", "Pillow", "Image"],
)
def test_a_list_is_a_list_of_images_in_order(begin, several):
    run = begin(name="list")
    run.image("g", several, step=3)
    run.finish()
    found = netscope.open(run.folder.parent).run("list").images("g")
    assert [(one.step, one.item, int(one.value[0, 0, 0])) for one in found] == [(3, i, i) for i in range(12)]


def test_three_grey_arrays_are_three_images_but_a_3d_array_is_one(begin):
    run = begin(name="three")
    run.image("list", [np.eye(5)] * 3)
    run.image("array", np.stack([np.eye(5)] * 3))
    run.finish()
    stored = netscope.open(run.folder.parent).run("three")
    assert [one.value.shape for one in stored.images("list")] == [(5, 5, 1)] * 3
    assert [(one.item, one.value.shape) for one in stored.images("array")] == [(None, (5, 5, 3))]


def test_a_list_in_log_keeps_its_order_and_captions(begin):
    run = begin(name="log")
    run.log({"loss": 1.0, "val": {"worst": [netscope.Image(one, f"no. {i}") for i, one in enumerate(GREY)]}})
    run.log({"pillow": [PIL.Image.fromarray(one) for one in GREY[:2]], "texts": ["a", "b"], "nothing": []})
    run.finish()
    stored = netscope.open(run.folder.parent).run("log")
    assert [one.caption for one in stored.images("val/worst")] == [f"no. {i}" for i in range(12)]
    assert [one.value[0, 0, 0] for one in stored.images("pillow")] == [0, 1]
    assert [one.value for one in stored.texts("texts")] == ["a", "b"]


def test_a_shorter_list_at_the_same_step_replaces_a_longer_one(begin):
    run = begin(name="again")
    run.image("g", GREY, step=1)
    run.image("g", GREY[:2], step=2)
    run.image("g", GREY[5:7], step=1)
    run.finish()
    found = netscope.open(run.folder.parent).run("again").images("g")
    assert [(one.step, one.item, int(one.value[0, 0, 0])) for one in found] == [
        (1, 0, 5),
        (1, 1, 6),
        (2, 0, 0),
        (2, 1, 1),
    ]


def test_there_is_one_caption_for_all_or_one_for_each(begin):
    run = begin(name="captions")
    run.image("all", GREY[:2], caption="digit")
    run.image("each", GREY[:2], caption=["zero", "one"])
    run.image("none", [])
    with pytest.raises(UsageError, match="'g': caption must be a str or a list of 2, one for each item; got 1"):
        run.image("g", GREY[:2], caption=["zero"])
    with pytest.raises(UsageError, match="'g': caption must be a str for a single item"):
        run.image("g", GREY[0], caption=["zero"])
    run.finish()
    stored = netscope.open(run.folder.parent).run("captions")
    assert [one.caption for one in stored.images("all")] == ["digit", "digit"]
    assert [one.caption for one in stored.images("each")] == ["zero", "one"]
    assert {asset.key for asset in stored.assets()} == {"all", "each"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([np.eye(3), np.zeros(5)], r"'g': item 1: an image must be .* got shape \(5,\)"),
        ([np.eye(3), None], r"'g': item 1: "),
        (["cat.png"], r"'g': item 0: an image must be .* got the path 'cat\.png'"),
    ],
)
def test_an_error_in_a_list_names_the_position(run, values, said):
    with pytest.raises(UsageError, match=said):
        run.image("g", values)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            [np.eye(3)],
            r"item 0 of the list 'a/g' is of type ndarray of shape \(3, 3\).*\[netscope\.Image\(x\) for x in …\]",
        ),
        ([netscope.Image(np.eye(3)), 1.0], r"item 1 of the list 'a/g' is of type float"),
        ([netscope.Image(np.eye(3)), netscope.Histogram([1])], r"'a/g' is a list of histograms and of other items"),
        (np.eye(3), r"'a/g' is an array of shape \(3, 3\).*netscope\.Image"),
    ],
)
def test_a_value_that_log_cannot_show_is_named_with_advice(run, value, said):
    with pytest.raises(UsageError, match=said):
        run.log({"a": {"g": value}})
