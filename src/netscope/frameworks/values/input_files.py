"""Inputs from files: arrays, pictures, sounds and texts, made to fit what the model declares."""

from __future__ import annotations

import warnings
import wave
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope import optional
from netscope.errors import FormatError, NotFoundError, UsageError
from netscope.frameworks.values import inputs
from netscope.models.model import Model
from netscope.schema.values import GivenInput, ImageScaling, InputRequest, ModelInput

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MOST_PIXELS = 50_000_000
LONGEST_TEXT = 100_000


def make(
    model: Model, path: Path, choices: Mapping[str, InputRequest], files: Mapping[str, Path], seed: int
) -> tuple[dict[str, npt.NDArray[Any]], list[GivenInput]]:
    """The arrays of all inputs, and what each was given.

    Sizes that an array, a picture or a text gives to a symbol hold for the random inputs, too.

    Args:
        model: What is to run.
        path: Its file; a tokenizer is looked for beside it.
        choices: By the name of the input; one that is not here gets random numbers.
        files: Uploaded files by their ids.
        seed: Of the random numbers.

    Raises:
        UsageError: A choice does not fit the model.
        FormatError: A file is damaged.
        NotFoundError: A file, or the tokenizer, is not there.
    """
    declared = inputs.inputs_of(model)
    arrays: dict[str, npt.NDArray[Any]] = {}
    sources: dict[str, str] = {}
    by_text = _texts(declared, choices, path)
    for one in declared:
        choice = choices.get(one.name, InputRequest())
        if one.name in by_text:
            arrays[one.name], sources[one.name] = by_text[one.name], "text"
        elif choice.kind != "random":
            if (file := files.get(choice.file)) is None:
                raise NotFoundError(f"the file for the input {one.name!r} is not here; upload it again")
            arrays[one.name], sources[one.name] = _from_file(one, choice, file), file.name
    whole = fill(declared, arrays, {name: one.shape for name, one in choices.items()}, seed)
    given = [
        GivenInput(name, one.dtype.name, list(one.shape), sources.get(name, "random")) for name, one in whole.items()
    ]
    return whole, given


def fill(
    declared: Sequence[ModelInput],
    arrays: Mapping[str, npt.NDArray[Any]],
    shapes: Mapping[str, list[int] | None],
    seed: int,
) -> dict[str, npt.NDArray[Any]]:
    """All inputs in order: those arrays as the model takes them, and random numbers for the others.

    Args:
        declared: What the model takes.
        arrays: By the name of the input.
        shapes: Shapes of random inputs, where they are not to be those proposed.
        seed: Of the random numbers.

    Raises:
        UsageError: An array or a shape does not fit, or there is no such input.
    """
    names = [one.name for one in declared]
    if unknown := sorted((arrays.keys() | shapes.keys()) - set(names)):
        raise UsageError(f"the model has no input {unknown[0]!r}; it has: {', '.join(names) or 'none'}")
    found: dict[str, npt.NDArray[Any]] = {}
    sizes: dict[str, int] = {}
    for one in declared:
        if one.name in arrays:
            found[one.name] = inputs.check_array(one, arrays[one.name])
            _note_sizes(one, found[one.name], sizes)
    for one in declared:
        if one.name not in found:
            found[one.name] = inputs.random(one, _shape(one, shapes.get(one.name), sizes), seed)
            _note_sizes(one, found[one.name], sizes)
    return {name: found[name] for name in names}


def _note_sizes(declared: ModelInput, array: npt.NDArray[Any], sizes: dict[str, int]) -> None:
    for symbol, size in zip(declared.shape or (), array.shape, strict=False):
        if isinstance(symbol, str):
            sizes.setdefault(symbol, size)


def _shape(declared: ModelInput, chosen: list[int] | None, sizes: Mapping[str, int]) -> list[int]:
    """The shape of a random input."""
    if chosen is not None and declared.shape is not None and len(chosen) != len(declared.shape):
        raise UsageError(f"the input {declared.name!r} has {len(declared.shape)} axes, got the shape {chosen}")
    shape = declared.proposed if chosen is None else chosen
    symbols = declared.shape or shape
    return [
        sizes.get(symbol, size) if isinstance(symbol, str) else size
        for symbol, size in zip(symbols, shape, strict=True)
    ]


def _from_file(declared: ModelInput, choice: InputRequest, file: Path) -> npt.NDArray[Any]:
    if choice.kind == "array":
        return array_of(file, declared.name)
    if choice.kind == "image":
        return image_of(file, declared, choice.shape or declared.proposed, choice.scaling)
    if choice.kind == "audio":
        return audio_of(file, declared, choice.shape)
    raise UsageError(f"the input {declared.name!r} cannot be given a {choice.kind}")


def array_of(file: Path, name: str) -> npt.NDArray[Any]:
    """An array of a .npy file, or that of the input's name in a .npz; objects are refused."""
    try:
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            if name not in found.files and len(found.files) != 1:
                raise UsageError(f"{file.name!r} has no array {name!r}; it has: {', '.join(found.files[:20])}")
            array: npt.NDArray[Any] = found[name if name in found.files else found.files[0]]
            return array
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, UsageError):
            raise
        raise FormatError(f"{file.name!r} is not an array in NumPy's format: {error}") from error


def image_of(file: Path, declared: ModelInput, shape: list[int], scaling: ImageScaling) -> npt.NDArray[Any]:
    """A picture, stretched to the size of the input, in its layout, and scaled.

    Args:
        file: Any format of Pillow.
        declared: The input: [N, C, H, W], [N, H, W, C] or without N.
        shape: Its shape, all sizes known.
        scaling: What the 8 bits become; an input of bytes gets them as they are.
    """
    pillow = optional.extra("pictures as inputs", "PIL.Image", "run")
    inner = shape[1:] if len(shape) == 4 else shape
    if not inputs.is_image(tuple(shape)):
        raise UsageError(f"the input {declared.name!r} with shape {shape} is not a picture")
    is_first = inner[0] in (1, 3, 4)
    channels, height, width = inner if is_first else (inner[2], inner[0], inner[1])
    inputs.check_size(declared.name, shape, declared.dtype or "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with pillow.open(file) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise UsageError(f"{file.name!r} has {opened.width * opened.height:,} pixels, too many")
                sized = opened.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]).resize((width, height), 2)
        except (OSError, ValueError, Warning, SyntaxError, pillow.DecompressionBombError) as error:
            if isinstance(error, UsageError):
                raise
            raise FormatError(f"{file.name!r} is not a picture that can be read: {error}") from error
    pixels = np.asarray(sized, np.float32).reshape(height, width, channels)
    if declared.dtype != "uint8":
        pixels = _scaled(pixels, scaling, declared.name)
    ordered = pixels.transpose(2, 0, 1) if is_first else pixels
    array = np.broadcast_to(ordered, shape) if len(shape) == 4 else ordered
    return np.ascontiguousarray(array, inputs.numpy_dtype(declared.dtype or "float32", declared.name))


def _scaled(pixels: npt.NDArray[np.float32], scaling: ImageScaling, name: str) -> npt.NDArray[np.float32]:
    if scaling == "0..255":
        return pixels
    if scaling == "-1..1":
        return pixels / np.float32(127.5) - 1
    if scaling == "0..1":
        return pixels / np.float32(255)
    if pixels.shape[-1] != 3:
        raise UsageError(f"ImageNet's mean and standard deviation are of 3 channels; {name!r} has {pixels.shape[-1]}")
    mean, std = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_STD, np.float32)
    scaled: npt.NDArray[np.float32] = (pixels / np.float32(255) - mean) / std
    return scaled


def audio_of(file: Path, declared: ModelInput, shape: list[int] | None) -> npt.NDArray[Any]:
    """A sound from -1 to 1, its channels averaged, at its own rate; cut or padded with zeros to a fixed size."""
    try:
        with wave.open(str(file)) as opened:
            if opened.getnframes() * opened.getnchannels() > MOST_PIXELS:
                raise UsageError(f"{file.name!r} has {opened.getnframes():,} frames, too many")
            width, channels = opened.getsampwidth(), opened.getnchannels()
            data = opened.readframes(opened.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise FormatError(f"{file.name!r} is not a .wav file that can be read: {error}") from error
    samples: npt.NDArray[np.float32]
    if width == 1:
        samples = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)
    else:
        raw = np.frombuffer(data, np.uint8).reshape(-1, width)
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 4 - width :] = raw
        samples = wide.view("<i4").reshape(-1).astype(np.float32) / np.float32(1 << 31)
    mono = samples.reshape(-1, channels).mean(axis=1)
    axes = len(declared.shape or declared.proposed) or 2
    fixed = (declared.shape or [None])[-1]
    length = fixed if isinstance(fixed, int) else (shape[-1] if shape else len(mono))
    fitted = np.zeros(length, np.float32)
    fitted[: min(length, len(mono))] = mono[:length]
    return fitted.reshape([1] * (axes - 1) + [length])


def _texts(declared: list[ModelInput], choices: Mapping[str, InputRequest], path: Path) -> dict[str, npt.NDArray[Any]]:
    """The inputs that come from a text: its tokens, and the mask, types and positions that belong to them."""
    chosen = next(((name, one) for name, one in choices.items() if one.kind == "text"), None)
    if chosen is None:
        return {}
    name, choice = chosen
    if not choice.text.strip():
        raise UsageError(f"the input {name!r} is to be a text, which is empty")
    if len(choice.text) > LONGEST_TEXT:
        raise UsageError(f"the text has {len(choice.text):,} characters; {LONGEST_TEXT:,} are read at most")
    file = path.parent / "tokenizer.json"
    if not file.is_file():
        raise NotFoundError(
            f"there is no tokenizer.json beside {path.name!r}, which a text needs; give an array instead"
        )
    tokenizers = optional.extra("texts as inputs", "tokenizers", "run")
    encoded = tokenizers.Tokenizer.from_file(str(file)).encode(choice.text)
    ids = np.array([encoded.ids], np.int64)
    found = {name: ids}
    beside = (
        ("mask", np.ones_like(ids)),
        ("type", np.array([encoded.type_ids])),
        ("position", np.arange(ids.size)[None]),
    )
    for one in declared:
        if choices.get(one.name, InputRequest()).kind == "random" and one.dtype.startswith("int"):
            found.update((one.name, array) for word, array in beside if word in one.name.lower())
    sizes = {one.name: one for one in declared}
    return {key: _padded(sizes[key], array) for key, array in found.items() if key in sizes}


def _padded(declared: ModelInput, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Tokens cut, or padded with 0, to a fixed length; without the first axis if the input has one axis."""
    shape = declared.shape or [None, None]
    last = shape[-1] if shape else None
    if isinstance(last, int):
        array = np.pad(array[:, :last], ((0, 0), (0, max(0, last - array.shape[1]))))
    if len(shape) == 2 and isinstance(shape[0], int):
        array = np.repeat(array, shape[0], axis=0)
    return array[0] if len(shape) == 1 else array
