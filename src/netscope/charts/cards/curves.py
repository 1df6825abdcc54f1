"""Cards of metrics: training and validation of one in one chart, and what they do now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast, get_args

import numpy as np

from netscope.analyse.trend import Goal, Trend, overfits_from, trend
from netscope.charts.cards.interest import INTEREST
from netscope.charts.cards.metric_names import SETTINGS, Metric, is_epoch, words
from netscope.schema import card
from netscope.schema.card import Card, Reason, ReasonCode
from netscope.schema.noun import Number
from netscope.schema.run import Rule
from netscope.store.read.series_reader import ChartView, SeriesColumns
from netscope.store.read.summary_reader import number
from netscope.store.store import Store

MOST_METRICS = 4  # cards; more are found in Curves
MOST_KEYS = 4  # lines of a card
MOST_TOLD = 4  # metrics told at the top
FEW_METRICS = 2  # with fewer that have a goal, others are shown too
VIEW = ChartView(600)  # the outline of a very long series is enough for its trend
DENSE = 100  # values: nobody counts more of them
TENFOLD = 3.0  # times the best from which on the factor is told, not the values
LITTLE = 0.05  # of the first loss, or of what an accuracy lacks to 1: a gain that is hardly one


class Curves:
    """The series of a run that its cards need, each read once."""

    def __init__(self, store: Store, run: str, keys: Sequence[str]) -> None:
        """Read nothing yet."""
        self._store, self._run, self.keys = store, run, keys
        self._read: dict[str, SeriesColumns | None] = {}

    def __getitem__(self, key: str) -> SeriesColumns | None:
        """A series, as its outline if it is very long; None if it has no values."""
        if key not in self._read:
            found = self._store.columns([self._run], key, "scalar", VIEW).get(self._run)
            self._read[key] = found if found is not None and len(found.steps) else None
        return self._read[key]

    def latest(self, key: str) -> Reason:
        """The last value of a series that has values, and nothing more."""
        series = self[key]
        assert series is not None
        return Reason("value", key, value=number(float(series.values[-1])), step=int(series.steps[-1]))

    def epochs(self, first: int, last: int) -> int | None:
        """Epochs between two steps; None if the run logs none."""
        key = next((key for key in self.keys if is_epoch(key)), None)
        series = self[key] if key is not None else None
        if series is None or not np.isfinite(series.values).all():
            return None
        return round(float(np.diff(np.interp([first, last], series.steps, series.values))[0]))


def chosen(metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics that get a card: those with a goal, and others where these are few."""
    main = [metric for metric in metrics if metric.goal is not None]
    # Of metrics that are logged per class or layer, Curves has the charts: ten alike would push out all else.
    main = ([metric for metric in main if not metric.is_one_of_many] or main)[:MOST_METRICS]
    others = [metric for metric in metrics if metric.goal is None and not SETTINGS & set(words(metric.name))]
    return main + others[: max(0, FEW_METRICS - len(main))]


def curve_cards(curves: Curves, metrics: Sequence[Metric], *, is_running: bool, is_early: bool = False) -> list[Card]:
    """A card for each metric that was logged.

    Args:
        curves: Of the run.
        metrics: Those to show.
        is_running: Whether more values may come.
        is_early: Whether the run has only begun; that a metric has not improved means nothing then.
    """
    found = []
    for metric in metrics:
        keys = [key for key in metric.keys[:MOST_KEYS] if curves[key] is not None]
        if keys:
            reason = max(_reasons(curves, metric, keys, is_running), key=lambda one: INTEREST[one.code])
            interest = INTEREST[reason.code]
            if is_early and reason.code in {"flat", "hardly_improving", "stalled"}:
                reason, interest = curves.latest(reason.key), INTEREST["began"]
            found.append(Card(f"curves:{metric.name}", "curves", metric.name, interest, reason, keys, step=reason.step))
    return found


def _reasons(curves: Curves, metric: Metric, keys: Sequence[str], is_running: bool) -> list[Reason]:
    """Reasons for a look at a metric; of equally interesting ones the first is told, held-out data before training."""
    held_out = [key for key in metric.held_out if key in keys]
    ordered = [*held_out, *(key for key in keys if key not in held_out)]
    reasons = [_reason(curves, key, metric.goal, is_running) for key in ordered]
    train = next((key for key in metric.train if key in keys), None)
    if metric.goal is not None and train is not None and held_out:
        reasons += _overfitting(curves, train, held_out[0], metric.goal)
    # That training stalls or improves says less than what held-out data say of it.
    told = {"stalled", "improving", "hardly_improving", "best_earlier", "value", "began"}
    return [reason for i, reason in enumerate(reasons) if i == 0 or reason.code not in told]


def _reason(curves: Curves, key: str, goal: Goal | None, is_running: bool) -> Reason:
    series = curves[key]
    assert series is not None
    steps, values = series.steps, series.values
    last = number(float(values[-1]))
    if goal is None:
        if not np.isfinite(values[-1]):
            return _told("not_finite", key, trend(values, "min"), series)
        return Reason("value", key, value=last, step=int(steps[-1]))
    found = trend(values, goal)
    if found.kind == "short":
        return Reason("began", key, value=number(float(values[0])), step=int(steps[0]))
    if found.kind == "worse" and goal == "min" and found.before > 0 and found.last >= TENFOLD * found.before:
        return _told("rose", key, found, series)
    if found.kind == "stalled":
        return _stalled(curves, key, goal, found, series, is_running)
    if found.kind == "improving":
        code: ReasonCode = "hardly_improving" if is_little(found, goal) else "improving"
        return Reason(code, key, value=last, before=number(float(values[0])))
    codes: Mapping[str, ReasonCode] = {"worse": "worse", "flat": "flat", "not_finite": "not_finite"}
    return _told(codes[found.kind], key, found, series)


def is_little(found: Trend, goal: Goal) -> bool:
    """Whether a curve that improves has gained next to nothing so far: less than a twentieth of what there is to gain.

    >>> is_little(Trend("improving", 0, 2.30, 2.27), "min"), is_little(Trend("improving", 0, 2.3, 0.2), "min")
    (True, False)
    >>> is_little(Trend("improving", 0, 0.95, 0.98), "max")  # of 5 % mistakes 2 % are left
    False
    """
    before, last = found.before, found.last
    if goal == "max":
        lacking = 1 - before if 0 <= before <= 1 and 0 <= last <= 1 else abs(before)
        return last - before < LITTLE * lacking
    return before > 0 and last > 0 and before - last < LITTLE * before


def _told(code: ReasonCode, key: str, found: Trend, series: SeriesColumns) -> Reason:
    step = int(series.steps[found.at])
    return Reason(code, key, value=number(found.last), before=number(found.before), step=step)


def _stalled(curves: Curves, key: str, goal: Goal, found: Trend, series: SeriesColumns, is_running: bool) -> Reason:
    at, is_dense = found.at, len(series.steps) > DENSE
    if not is_running or not is_dense:
        at = best_place(series.values, goal)
    step, value = int(series.steps[at]), number(float(series.values[at]))
    if at == len(series.steps) - 1:  # a single last value, among noise
        return Reason("improving", key, value=value, before=number(float(series.values[0])))
    if not is_running:
        return Reason("best_earlier", key, value=value, before=number(float(series.values[-1])), step=step)
    epochs = curves.epochs(step, int(series.steps[-1]))
    n = None if is_dense and not epochs else epochs or len(series.steps) - 1 - at
    return Reason("stalled", key, value=value, step=step, n=n, unit="epochs" if epochs else "values" if n else "")


def _overfitting(curves: Curves, train: str, val: str, goal: Goal) -> list[Reason]:
    fitted, checked = curves[train], curves[val]
    assert fitted is not None and checked is not None
    places = np.searchsorted(fitted.steps, checked.steps).astype(np.float64)
    best = overfits_from(fitted.values.astype(np.float64), checked.values.astype(np.float64), places, goal)
    if best is None:
        return []
    return [
        Reason(
            "overfits", val, train, value=number(float(checked.values[-1])),
            before=number(float(checked.values[best])), step=int(checked.steps[best]),
        )
    ]  # fmt: skip


def best_place(values: np.ndarray, goal: Goal) -> int:
    """Where the best finite value is; the first of equal ones. 0 if none is finite."""
    y = np.where(np.isfinite(values), values if goal == "min" else -values, np.inf)
    return int(np.argmin(y))


def main_metrics(curves: Curves, metrics: Sequence[Metric], rules: Mapping[str, Rule | Number]) -> list[card.Metric]:
    """Where the main metrics stand: numbers that the run gave, then of each metric held-out data before training."""
    keys = [(key, metric.goal) for metric in metrics for key in (metric.held_out or metric.train)[:1]]
    keys += [(key, metric.goal) for metric in metrics for key in metric.train[:1] if metric.held_out]
    given = [(key, rule) for key, rule in rules.items() if rule not in get_args(Rule)]
    found = [card.Metric(key, None, cast(Number, value), None, None, None) for key, value in given]
    for key, goal in keys:
        series = curves[key]
        if series is None or key in dict(given):
            continue
        best = None if goal is None else best_place(series.values, goal)
        has_best = best is not None and bool(np.isfinite(series.values[best]))
        found.append(
            card.Metric(
                key, goal, number(float(series.values[-1])), int(series.steps[-1]),
                number(float(series.values[best])) if has_best else None,
                int(series.steps[best]) if best is not None and has_best else None,
            )
        )  # fmt: skip
    return found[:MOST_TOLD]
