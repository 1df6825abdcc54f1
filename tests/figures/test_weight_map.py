"""Figures of weights, by what Matplotlib draws."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netscope
from netscope import figures
from netscope.errors import MissingExtraError, NotFoundError, UsageError

RNG = np.random.default_rng(1)


def test_colours_are_centred_at_zero_and_cut_at_the_quantile() -> None:
    matrix = RNG.normal(size=(20, 30))
    figure = figures.weights(matrix, quantile=0.9)
    image = figure.axes[0].images[0]
    np.testing.assert_allclose(image.get_array(), matrix.astype(np.float32))
    limit = np.quantile(np.abs(matrix), 0.9)
    np.testing.assert_allclose(image.get_clim(), (-limit, limit))


def test_nan_is_marked() -> None:
    image = figures.weights(np.array([[1.0, np.nan]])).axes[0].images[0]
    assert image.get_array().mask.tolist() == [[False, True]]


def test_kernels_are_side_by_side_and_first_filters_in_colour() -> None:
    kernels = RNG.normal(size=(4, 5, 3, 3))
    image = figures.weights(kernels).axes[0].images[0]
    np.testing.assert_allclose(image.get_array()[3:6, 6:9], kernels[1, 2].astype(np.float32))
    first = figures.weights(RNG.normal(size=(4, 3, 3, 3))).axes[0].images[0].get_array()
    assert first.shape[2] == 3
    assert 0 <= first.min() <= first.max() <= 1


def test_a_vector_is_drawn_as_bars() -> None:
    bars = figures.weights(np.array([1.0, -2.0, 0.0])).axes[0].patches
    assert [bar.get_height() for bar in bars] == [1, -2, 0]


@pytest.mark.parametrize("kind", ["path", "model", "module", "state_dict", "tensor"])
def test_any_source_is_drawn(kind: str, tmp_path: Path) -> None:
    layer = torch.nn.Linear(4, 3).to(torch.bfloat16)
    array = layer.weight.detach().float().numpy()
    np.savez(tmp_path / "w.npz", weight=array)
    sources: dict[str, Any] = {
        "path": tmp_path / "w.npz",
        "model": netscope.open_model(tmp_path / "w.npz"),
        "module": layer,
        "state_dict": layer.state_dict(),
        "tensor": layer.weight,
    }
    figure = figures.weights(sources[kind], None if kind == "tensor" else "weight")
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), array)
    figure.savefig(tmp_path / "weights.png")


def test_it_is_drawn_on_axes_that_are_given() -> None:
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert figures.weights(np.eye(3), ax=ax) is ax.figure


def test_errors_name_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = torch.nn.Linear(2, 2)
    with pytest.raises(UsageError, match="weight, bias"):
        figures.weights(layer)
    with pytest.raises(NotFoundError, match="no tensor 'b'; there are: weight, bias"):
        figures.weights(layer, "b")
    with pytest.raises(UsageError, match="got int"):
        figures.weights(3)
    with pytest.raises(UsageError, match="quantile"):
        figures.weights(np.eye(2), quantile=0)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"netscope\[figures\]"):
        figures.weights(np.eye(2))
