"""Values of Keras files, against the layers of the model itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch  # noqa: F401  (the backend)

import netscope
from netscope.errors import FormatError
from netscope.frameworks.values.runners import describe
from netscope.models.open import open_model

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "torch")
import keras  # it reads its backend as it is imported

pytestmark = pytest.mark.filterwarnings("ignore")


def nested() -> Any:
    """A model that runs twice within another one, and logarithms of negative numbers."""
    keras.utils.set_random_seed(0)
    inside = keras.Input((6, 6, 4))
    block = keras.Model(inside, keras.layers.ReLU(name="r")(keras.layers.Conv2D(4, 1, name="k")(inside)), name="block")
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, name="stem")(image)
    x = keras.layers.Add(name="add")([block(x), block(x)])
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(2, name="head")(keras.ops.log(x - 0.6))
    return keras.Model(image, x)


def test_values_are_those_of_the_layers(tmp_path: Path) -> None:
    model, x = nested(), np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype(np.float32)
    model.save(tmp_path / "net.keras")
    found = netscope.values(tmp_path / "net.keras", x)
    stem = model.get_layer("stem")(x)
    block = model.get_layer("block")(stem)
    expected = {"stem": stem, "add": block + block, "head": model(x)}
    for name, tensor in expected.items():
        np.testing.assert_allclose(found.read(name), keras.ops.convert_to_numpy(tensor), rtol=1e-4, atol=1e-5)
    assert found.first_nan is not None
    assert found.first_nan.op == "Log"
    assert (found.node_seconds > 0).all()
    assert len(found) == found.model.graph.n_nodes + 1


def test_channels_come_last(tmp_path: Path) -> None:
    nested().save(tmp_path / "net.keras")
    found = netscope.values(tmp_path / "net.keras")
    index = found.model.graph.nodes[0].outputs[0].index  # type: ignore[union-attr]
    assert found.measured[index].channels.n == 4  # type: ignore[union-attr]
    assert found.measured[index].picture.pixels.shape == (4, 6, 6)  # type: ignore[union-attr]


def test_a_lambda_layer_is_refused(tmp_path: Path) -> None:
    made = tmp_path / "made"
    text = str(made)
    x = keras.Input((3,))
    y = keras.layers.Lambda(lambda value: (open(text, "w").close(), value)[1], output_shape=(3,))(x)
    keras.Model(x, y).save(tmp_path / "net.keras")
    made.unlink(missing_ok=True)
    assert describe(open_model(tmp_path / "net.keras")).runs_code
    with pytest.raises(FormatError, match="Lambda"):
        netscope.values(tmp_path / "net.keras")
    assert not made.exists()
