"""Outlines: charts with far more points than pixels read few bytes without a visible difference."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netscope.store.index import chunks, codec
from netscope.store.read.series_reader import ChartView
from netscope.store.store import Store
from tests.store.journals import Script

Open = Callable[[Path], Store]
N = 30_000


def noise(n: int = N) -> np.ndarray:
    return np.random.default_rng(0).normal(size=n).cumsum().astype(np.float32).astype(np.float64)


def written(folder: Path, values: np.ndarray, steps: np.ndarray | None = None) -> Script:
    script = Script()
    for step, value in zip(range(len(values)) if steps is None else steps.tolist(), values.tolist(), strict=True):
        script.log(step, {"loss": value})
    return script


def test_an_outline_consists_of_points_and_contains_every_extreme(tmp_path: Path, opened: Open) -> None:
    values = noise()
    written(tmp_path, values).end().write(tmp_path / "r")
    points = opened(tmp_path).columns(["r"], "loss", view=ChartView(100))["r"].points
    assert points.is_outline
    assert points.n == N
    assert len(points.steps) < N / 20
    assert points.values.tolist() == values[points.steps].tolist()
    for start in range(0, N, chunks.BIN_POINTS):  # a stretch of the curve, and the outline a bin around it
        stretch = values[start : start + chunks.BIN_POINTS]
        near = values[points.steps[np.abs(points.steps - start) <= 2 * chunks.BIN_POINTS]]
        assert near.min() <= stretch.min()
        assert near.max() >= stretch.max()
    assert {values.min(), values.max()} <= set(points.values.tolist())


def test_the_times_of_an_outline_are_those_of_its_points(tmp_path: Path, opened: Open) -> None:
    written(tmp_path, noise()).end().write(tmp_path / "r")
    whole = opened(tmp_path).columns(["r"], "loss")["r"]
    outline = opened(tmp_path).columns(["r"], "loss", view=ChartView(100))["r"]
    assert outline.points.is_outline
    assert outline.times.tolist() == whole.times[outline.steps].tolist()


def test_nonfinite_values_stay_in_the_outline(tmp_path: Path, opened: Open) -> None:
    values = noise()
    values[[777, 12_345, 23_456]] = math.nan, math.inf, -math.inf
    written(tmp_path, values).end().write(tmp_path / "r")
    points = opened(tmp_path).columns(["r"], "loss", view=ChartView(100))["r"].points
    assert points.is_outline
    assert points.steps[~np.isfinite(points.values)].tolist() == [777, 12_345, 23_456]


@pytest.mark.parametrize("view", [ChartView(1000), ChartView(100, 1000, 5000), ChartView(100, N - 200), None])
def test_zooming_in_returns_every_point(tmp_path: Path, opened: Open, view: ChartView | None) -> None:
    values = noise()
    written(tmp_path, values).end().write(tmp_path / "r")
    store = opened(tmp_path)
    assert store.columns(["r"], "loss", view=ChartView(100))["r"].points.is_outline
    found = store.columns(["r"], "loss", view=view)["r"]
    assert found.values.astype(np.float64).tobytes() == values.tobytes()
    assert not store.columns(["r"], "loss", view=ChartView(100))[
        "r"
    ].points.is_outline  # what was read whole serves all


def test_less_frequent_logging_loses_nothing(tmp_path: Path, opened: Open) -> None:
    steps = np.concatenate((np.arange(N - 2000), N + 100 * np.arange(2000)))
    written(tmp_path, noise(), steps).end().write(tmp_path / "r")
    store = opened(tmp_path)
    assert not store.columns(["r"], "loss", view=ChartView(100))["r"].points.is_outline
    store = opened(tmp_path)
    assert store.columns(["r"], "loss", view=ChartView(50, 0, N - 5000))["r"].points.is_outline


def test_over_time_a_slow_part_of_the_training_is_not_outlined(tmp_path: Path, opened: Open) -> None:
    script = Script()
    for step, value in enumerate(noise().tolist()):
        script.log(step, {"loss": value}, time=1e9 + step + 100 * max(0, step - N + 2000))
    script.end().write(tmp_path / "r")
    store = opened(tmp_path)
    assert store.columns(["r"], "loss", view=ChartView(100))["r"].points.is_outline
    assert not store.columns(["r"], "loss", view=ChartView(100, is_over_time=True))["r"].points.is_outline


def test_a_chart_reads_a_twelfth_of_the_bytes(tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    decode_all = codec.decode_all

    def counted(series: list[list[bytes]]) -> object:
        read.append(sum(len(block) for one in series for block in one))
        return decode_all(series)

    monkeypatch.setattr(codec, "decode_all", counted)
    written(tmp_path, noise()).end().write(tmp_path / "r")
    store = opened(tmp_path)
    store.columns(["r"], "loss", view=ChartView(100))
    store.columns(["r"], "loss", view=ChartView(100))
    store.columns(["r"], "loss")
    outline, whole = read
    assert outline < whole / 12


def test_new_points_are_appended_to_the_outline(tmp_path: Path, opened: Open) -> None:
    script = written(tmp_path, noise())
    path = script.write(tmp_path / "r")
    store = opened(tmp_path)
    before = store.columns(["r"], "loss", view=ChartView(20))["r"]
    with path.open("ab") as file:
        file.write(script.log(N, {"loss": 1e9}).frames[-1])
    store.refresh(None, everything=True)
    after = store.columns(["r"], "loss", view=ChartView(20))["r"]
    assert (after.points.n, after.steps[-1], after.values[-1]) == (N + 1, N, 1e9)
    assert after.steps[:-1].tolist() == before.steps.tolist()


def test_restarted_steps_are_never_outlined(tmp_path: Path, opened: Open) -> None:
    values = noise()
    steps = np.concatenate((np.arange(N - 10_000), np.arange(10_000)))
    written(tmp_path, values, steps).end().write(tmp_path / "r")
    found = opened(tmp_path).columns(["r"], "loss", view=ChartView(20))["r"]
    assert found.values.astype(np.float64).tolist() == [*values[-10_000:], *values[10_000 : N - 10_000]]


def test_one_step_logged_again_across_two_chunks_replaces_the_first(tmp_path: Path, opened: Open) -> None:
    values = noise(2 * chunks.CHUNK_POINTS)
    steps = np.concatenate((np.arange(chunks.CHUNK_POINTS), np.arange(chunks.CHUNK_POINTS) + chunks.CHUNK_POINTS - 1))
    written(tmp_path, values, steps).end().write(tmp_path / "r")
    found = opened(tmp_path).columns(["r"], "loss", view=ChartView(20))["r"]
    assert found.values[chunks.CHUNK_POINTS - 1] == values[chunks.CHUNK_POINTS]
    assert len(found.steps) == 2 * chunks.CHUNK_POINTS - 1


def test_a_resumed_series_is_returned_completely(tmp_path: Path, opened: Open) -> None:
    for attempt, first in ((1, 0), (2, 20_000)):
        script = Script(attempt=attempt, fork_step=first if attempt > 1 else None)
        for step, value in enumerate(noise()[first:], first):
            script.log(step, {"loss": value + attempt})
        script.end().write(tmp_path / "r", f"{attempt}-a-1-0000.journal")
    found = opened(tmp_path).columns(["r"], "loss", view=ChartView(20))["r"]
    assert found.steps.tolist() == list(range(N))
    assert [ghost.steps[0] for ghost in found.ghosts] == [20_000]
