"""Inputs of models: what is assumed of them, random numbers, and files."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tokenizers
from onnx import TensorProto, helper

from netscope.errors import FormatError, NotFoundError, UsageError
from netscope.frameworks.values import inputs
from netscope.frameworks.values.input_files import IMAGENET_MEAN, IMAGENET_STD, array_of, audio_of, image_of, make
from netscope.models.open import open_model
from netscope.schema.values import InputRequest, ModelInput
from tests.models.onnx_files import f32, saved, weight


def declared(shape: list[int | str | None] | None, dtype: str = "float32") -> ModelInput:
    sizes = inputs.proposed(None if shape is None else tuple(shape))
    return ModelInput("x", dtype, shape, sizes, 0, 9, "", ["random"])


def picture(folder: Path, size: tuple[int, int] = (40, 20)) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(folder / "photo.png")
    return folder / "photo.png"


@pytest.mark.parametrize("shape", [[1, 3, 20, 40], [2, 20, 40, 3], [3, 20, 40], [20, 40, 3]])
def test_a_picture_has_the_layout_of_the_input(tmp_path: Path, shape: list[int]) -> None:
    file = picture(tmp_path)
    found = image_of(file, declared([*shape]), shape, "0..255")
    assert list(found.shape) == shape
    pixels = np.asarray(PIL.Image.open(file), np.float32)
    first = found[0] if len(shape) == 4 else found
    np.testing.assert_array_equal(first if first.shape[-1] == 3 else first.transpose(1, 2, 0), pixels)


def test_scalings_of_pictures(tmp_path: Path) -> None:
    file, one = picture(tmp_path), declared([1, 3, 20, 40])
    raw = image_of(file, one, [1, 3, 20, 40], "0..255")
    np.testing.assert_allclose(image_of(file, one, [1, 3, 20, 40], "0..1"), raw / 255, rtol=1e-6)
    np.testing.assert_allclose(image_of(file, one, [1, 3, 20, 40], "-1..1"), raw / 127.5 - 1, atol=1e-6)
    mean, std = (np.reshape(ends, (1, 3, 1, 1)) for ends in (IMAGENET_MEAN, IMAGENET_STD))
    found = image_of(file, one, [1, 3, 20, 40], "imagenet")
    np.testing.assert_allclose(found, (raw / 255 - mean) / std, rtol=1e-5, atol=1e-6)
    assert image_of(file, declared([1, 3, 20, 40], "uint8"), [1, 3, 20, 40], "0..1").dtype == np.uint8
    assert image_of(file, declared([1, 1, 5, 8]), [1, 1, 5, 8], "0..1").shape == (1, 1, 5, 8)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"\x89PNG\r\n\x1a\n????")
    with pytest.raises(FormatError, match=r"'no\.png' is not a picture"):
        image_of(tmp_path / "no.png", declared([1, 3, 8, 8]), [1, 3, 8, 8], "0..1")


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_sound_is_scaled_and_cut_or_padded(tmp_path: Path, width: int) -> None:
    wanted = np.array([0, 0.5, -0.5, 0.25])
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(width)
        file.setframerate(16000)
        whole = (np.repeat(wanted, 2) * 2 ** (8 * width - 1)).astype(np.int64)
        data = b"".join(
            int(one + 128).to_bytes(1, "little") if width == 1 else int(one).to_bytes(width, "little", signed=True)
            for one in whole.tolist()
        )
        file.writeframes(data)
    np.testing.assert_allclose(audio_of(tmp_path / "a.wav", declared([1, "n"]), None), [wanted])
    assert audio_of(tmp_path / "a.wav", declared([1, 6]), None).tolist() == [[*wanted, 0, 0]]
    assert audio_of(tmp_path / "a.wav", declared([2]), None).tolist() == [0, 0.5]


def test_arrays_come_from_npy_and_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    np.savez(tmp_path / "b.npz", x=np.arange(4), y=np.arange(5))
    assert array_of(tmp_path / "a.npy", "x").tolist() == [0, 1, 2]
    assert len(array_of(tmp_path / "b.npz", "y")) == 5
    with pytest.raises(UsageError, match="has no array 'z'; it has: x, y"):
        array_of(tmp_path / "b.npz", "z")
    np.save(tmp_path / "c.npy", np.array([object()]), allow_pickle=True)
    for name in ("c.npy", "d.npy"):
        (tmp_path / "d.npy").write_bytes(b"nothing")
        with pytest.raises(FormatError, match="not an array in NumPy's format"):
            array_of(tmp_path / name, "x")


def text_model(folder: Path) -> Path:
    """Adds up embeddings of tokens under a mask."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["e"]),
        helper.make_node("Cast", ["attention_mask"], ["m"], to=1),
        helper.make_node("ReduceSum", ["m"], ["n"]),
        helper.make_node("Mul", ["e", "n"], ["y"]),
    ]
    ids, mask = (
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    )
    return saved(folder, helper.make_graph(nodes, "g", [ids, mask], [f32("y", None)], [weight("table", 30, 4)]))


def tokenizer(folder: Path) -> None:
    words = {"[UNK]": 0, "a": 1, "network": 2, "sees": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))


def test_a_text_becomes_tokens_with_their_mask(tmp_path: Path) -> None:
    path = text_model(tmp_path)
    tokenizer(tmp_path)
    chosen = {"input_ids": InputRequest("text", text="a network sees more")}
    arrays, given = make(open_model(path), path, chosen, {}, 0)
    assert arrays["input_ids"].tolist() == [[1, 2, 3, 0]]
    assert arrays["attention_mask"].tolist() == [[1, 1, 1, 1]]
    assert [(one.name, one.shape, one.source) for one in given] == [
        ("input_ids", [1, 4], "text"),
        ("attention_mask", [1, 4], "text"),
    ]


def test_without_a_tokenizer_the_error_says_so(tmp_path: Path) -> None:
    path = text_model(tmp_path)
    with pytest.raises(NotFoundError, match=r"no tokenizer.json beside 'model.onnx'"):
        make(open_model(path), path, {"input_ids": InputRequest("text", text="a")}, {}, 0)


def test_what_is_assumed_of_an_input_is_said(tmp_path: Path) -> None:
    ids, mask = inputs.inputs_of(open_model(text_model(tmp_path)))
    assert (ids.high, ids.table, ids.proposed) == (29, "table", [1, 16])
    assert "text" in ids.kinds
    assert (mask.low, mask.high) == (1, 1)


def test_symbols_have_one_size_everywhere(tmp_path: Path) -> None:
    path = text_model(tmp_path)
    arrays, _ = make(open_model(path), path, {"input_ids": InputRequest(shape=[2, 7])}, {}, 0)
    assert arrays["attention_mask"].shape == (2, 7)


def test_absurd_shapes_are_refused(tmp_path: Path) -> None:
    path = text_model(tmp_path)
    for shape, said in [([1, 1 << 40], "more than 1 GiB"), ([1, -1], "sizes of 0 or more"), ([1], "has 2 axes")]:
        with pytest.raises(UsageError, match=said):
            make(open_model(path), path, {"input_ids": InputRequest(shape=shape)}, {}, 0)
