"""Matplotlib figures: how they are drawn, and that they are not changed."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

import netscope
from netscope.errors import UsageError
from netscope.record.media.convert import as_media

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def size(figure) -> list[int]:
    """Height and width in px."""
    return netscope.Figure(figure).encoded.shape[:2]


@pytest.mark.parametrize("zoom", [10, 40])
def test_labels_far_outside_the_axes_do_not_enlarge_the_image(zoom):
    figure, axes = plt.subplots(figsize=(5, 4), dpi=100)
    for i, (x, y) in enumerate(np.random.default_rng(0).uniform(0, 100, (100, 2))):
        axes.annotate(f"w{i}", (x, y))
        axes.text(x, y, "·")
    axes.set_xlim(0, 100 / zoom)
    axes.set_ylim(0, 100 / zoom)
    assert size(figure) == [400, 500]


def test_a_legend_beside_the_axes_is_not_cut_off():
    figure, axes = plt.subplots(figsize=(4, 3), dpi=100)
    axes.plot([1, 2], label="a rather long label of a curve")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    assert size(figure)[1] > 400 * 1.2


def test_a_figure_too_large_for_a_picture_is_drawn_smaller():
    height, width = size(plt.figure(figsize=(700, 7)))
    assert width == 8192
    assert abs(height - 82) <= 1


def test_a_figure_is_not_changed():
    figure, axes = plt.subplots(figsize=(4, 3), dpi=120, layout="constrained")
    axes.plot([1, 2])
    figure.draw_without_rendering()

    def looks():
        return (
            figure.dpi,
            figure.canvas,
            figure.get_layout_engine(),
            *figure.get_size_inches(),
            *axes.get_position().bounds,
        )

    before = looks()
    netscope.Figure(figure)
    assert looks() == before


def test_axes_and_artists_show_their_figure():
    figure, axes = plt.subplots(1, 2, figsize=(4, 2), dpi=100)
    (line,) = axes[0].plot([1, 2])
    picture = axes[1].imshow(np.eye(2))
    whole = netscope.Figure(figure).encoded.data
    for part in (axes[0], axes, line, picture, plt):
        assert netscope.Figure(part).encoded.data == whole
    grid = type("FacetGrid", (), {"__module__": "seaborn.axisgrid", "figure": figure, "savefig": figure.savefig})()
    assert as_media("grid", grid)["grid"].encoded.data == whole
    nested = plt.figure().subfigures(1, 2)[0]
    assert netscope.Figure(nested).encoded.data == netscope.Figure(nested.figure).encoded.data


def test_a_figure_without_pyplot_and_a_closed_one_are_drawn():
    figure = Figure(figsize=(2, 1), dpi=100)
    figure.add_subplot().plot([1, 2])
    closed, axes = plt.subplots(figsize=(2, 1), dpi=100)
    axes.plot([1, 2])
    plt.close(closed)
    assert size(figure) == size(closed)


def test_a_figure_that_cannot_be_drawn_warns_and_the_run_continues(begin):
    figure, axes = plt.subplots()
    axes.set_title("$\\frac{a$")
    run = begin(name="bad")
    with pytest.warns(UserWarning, match="figure cannot be drawn and was not logged: ValueError") as told:
        run.log({"loss": 1.0, "plot": figure})
    assert told[0].filename == __file__
    run.log({"loss": 2.0})
    run.finish()
    stored = netscope.open(run.folder.parent).run("bad")
    assert stored.series("loss").values.tolist() == [1.0, 2.0]
    assert stored.assets() == []


def test_pyplot_and_lists_of_figures_are_figures_in_log(begin):
    figures = [plt.figure(figsize=(1, 1), dpi=50 + i) for i in range(3)]
    run = begin(name="list")
    run.log({"now": plt, "all": figures})
    run.figure("captions", figures, caption=["a", "b", "c"])
    run.finish()
    stored = netscope.open(run.folder.parent).run("list")
    assert len(stored.figures("now")) == 1
    assert [one.item for one in stored.figures("all")] == [0, 1, 2]
    assert [one.caption for one in stored.figures("captions")] == ["a", "b", "c"]


def test_a_plotly_figure_is_refused_with_advice():
    of_plotly = type("Figure", (), {"__module__": "plotly.graph_objs._figure"})()
    with pytest.raises(UsageError, match=r"log a plotly figure as an image: .*to_image\('png'\)"):
        netscope.Figure(of_plotly)
    plt.close("all")
    with pytest.raises(UsageError, match="pyplot has no open figure"):
        netscope.Figure(plt)
