"""Figures of networks, by what Matplotlib draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.patches import FancyBboxPatch, PathPatch

import netscope
from netscope import figures
from netscope.errors import UsageError
from netscope.models.outline import outline
from tests.models.onnx_files import LIGHT


class Block(torch.nn.Module):
    """A residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up = torch.nn.LayerNorm(8), torch.nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.up(self.norm(x)))


def network(n_blocks: int = 4) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 8), *(Block() for _ in range(n_blocks)), torch.nn.Linear(8, 2))


def test_equal_modules_are_one_box_with_their_number() -> None:
    found = outline(netscope.graph(network(), torch.ones(1, 3)), depth=1)
    assert [(box.title, box.times) for box in found.boxes if box.kind == "module"] == [("1 … 4", 4)]
    [folded] = [box for box in found.boxes if box.times == 4]
    assert folded.parameters == 4 * (8 + 8 + 64 + 8)
    assert list(zip(found.sources, found.targets, strict=True)) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_the_depth_is_the_largest_that_can_be_seen_at_once() -> None:
    model = netscope.graph(network(), torch.ones(1, 3))
    assert outline(model).depth == 2
    assert len(outline(model).boxes) <= 40


def test_a_graph_is_drawn_with_a_box_and_a_line_for_each() -> None:
    axes = figures.graph(network(), torch.ones(1, 3), depth=1).axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    lines = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    assert len(boxes) == 5 + 1  # one behind the folded blocks
    assert len(lines) == 4
    assert "1 … 4  × 4" in [text.get_text() for text in axes.texts]
    low, high = axes.get_ylim()
    assert low > high  # from top to bottom


def test_lines_end_at_boxes() -> None:
    axes = figures.graph(network(), torch.ones(1, 3), depth=2).axes[0]
    tops = sorted(patch.get_y() for patch in axes.patches if isinstance(patch, FancyBboxPatch))
    for line in (patch for patch in axes.patches if isinstance(patch, PathPatch)):
        assert np.abs(np.array(tops) - line.get_path().vertices[-1, 1]).min() < 1e-6


@pytest.mark.parametrize("name", ["squeezenet", "resnet50", "densenet121"])
def test_real_files_are_drawn(name: str, tmp_path: Path) -> None:
    path = LIGHT / f"light_{name}.onnx"
    figures.graph(path).savefig(tmp_path / "graph.svg")
    figure = figures.summary(path)
    assert f"light_{name}.onnx" in figure.get_suptitle()
    assert len(figure.axes[0].patches) <= 40


def test_what_cannot_be_drawn_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "w.npz", w=np.ones(3))
    with pytest.raises(UsageError, match=r"'w\.npz' has no operations to draw"):
        figures.graph(tmp_path / "w.npz")
    with pytest.raises(UsageError, match="depth: expected 1 or more, got 0"):
        figures.graph(network(), torch.ones(1, 3), depth=0)
    monkeypatch.setattr("netscope.figures.network.MOST_BOXES", 4)
    with pytest.raises(UsageError, match="depth 1 has 5 boxes, more than 4: give a smaller one"):
        figures.graph(network(), torch.ones(1, 3), depth=1)


def test_a_summary_adds_up() -> None:
    figure = figures.summary(network(60), torch.ones(1, 3))
    bars = [patch.get_width() for patch in figure.axes[0].patches]
    assert len(bars) == 40
    assert sum(bars) == sum(parameter.numel() for parameter in network(60).parameters())
