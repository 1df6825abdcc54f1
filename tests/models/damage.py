"""Damaged copies of files, and what a reader must do with them: read them, or say what is wrong."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from netscope.errors import NetscopeError
from netscope.models.model import Model
from netscope.models.open import open_model
from netscope.models.pack import pack
from tests.fuzzing import examples, seed


def damaged(data: bytes, n: int, start: int = 0) -> Iterator[bytes]:
    """Copies that are cut off anywhere, have flipped bits, or long lengths; `start` bytes at the front stay."""
    chance = np.random.default_rng(seed())
    for cut in np.unique(np.linspace(start, len(data) - 1, examples(n)).astype(int)):
        yield data[:cut]
    for _ in range(examples(n)):
        copy = bytearray(data)
        for at in chance.integers(start, len(data), chance.integers(1, 5)):
            copy[at] ^= 1 << int(chance.integers(8))
        yield bytes(copy)
    for at in chance.integers(start, max(start + 1, len(data) - 8), examples(n)):
        filling = bytes(chance.choice([b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\x00" * 4, b"\xff\xff\xff\x7f", b"[" * 4]))
        yield data[:at] + filling + data[at + len(filling) :]


def opens_or_says_why(path: Path, data: bytes) -> Model | str:
    """The model in these bytes, or the sentence with which it is refused; anything else is an error of the reader."""
    path.write_bytes(data)
    try:
        model = open_model(path)
    except NetscopeError as error:
        return str(error)
    assert pack(model)
    return model


def survives_damage(path: Path, data: bytes, n: int, start: int = 0) -> None:
    """No damage leads to anything but a model or a sentence, and some is noticed."""
    found = [opens_or_says_why(path, copy) for copy in damaged(data, n, start)]
    assert any(isinstance(one, str) for one in found)
