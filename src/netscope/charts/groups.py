"""Mean and band of groups of runs, for a chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netscope.analyse.groups import Curve, mean_and_band
from netscope.charts import lines
from netscope.charts.lines import ChartLine
from netscope.schema.series import GroupRequest, SeriesInfo, SeriesReply
from netscope.store.several import Runs


class Groups(NamedTuple):
    """Points of all groups, concatenated, and the place of each (`run` is the group's index as text)."""

    columns: dict[str, np.ndarray]
    """`x`, `mean`, `low` and `high` of the band, the number of `runs` at each point, and on request `smoothed`."""
    reply: SeriesReply


def groups(store: Runs, request: GroupRequest) -> Groups:
    """Mean and band per key and group, in the order of the request. Groups that lack the key are left out.

    With `smooth` each run's moving average is taken over all its points first: `smoothed` is the mean of these and the
    band is around it, so that it tells how far the runs are apart and not how noisy each is.

    Raises:
        UsageError: The request cannot mean anything.
        NotFoundError: None of the runs is there.
    """
    lines.check(request)
    everyone = list(lines.revisions(store, list(dict.fromkeys(run for group in request.groups for run in group))))
    parts: list[dict[str, np.ndarray]] = []
    infos: list[SeriesInfo] = []
    at = 0
    for key in dict.fromkeys(request.keys):
        every = lines.of_key(store, everyone, key, request.x, ghosts=False, smooth=request.smooth)
        chart = {line.run: line for line in every}
        ends = [(line.x[0], line.x[-1]) for line in chart.values() if len(line.x)]
        left = request.low if request.low is not None else float(min((first for first, _ in ends), default=0))
        right = request.high if request.high is not None else float(max((last for _, last in ends), default=0))
        for number, group in enumerate(request.groups):
            members = [chart[run] for run in dict.fromkeys(group) if run in chart]
            if not members:
                continue
            parts.append(_columns(members, request, left, right))
            n, n_logged = len(parts[-1]["x"]), sum(line.n_logged for line in members)
            revision = sum(line.revision for line in members)
            infos.append(SeriesInfo(str(number), key, at, at, n, n_logged, False, revision, len(members)))
            at += n
    names = ["x", "mean", "low", "high", "runs", *(["smoothed"] if request.smooth else [])]
    kinds = {"x": np.float64, "runs": np.int32}
    with np.errstate(over="ignore"):
        columns = {
            name: np.concatenate([np.zeros(0), *(part[name] for part in parts)]).astype(kinds.get(name, np.float32))
            for name in names
        }
    return Groups(columns, SeriesReply(infos))


def _columns(members: Sequence[ChartLine], request: GroupRequest, left: float, right: float) -> dict[str, np.ndarray]:
    cuts = [lines.window(line.x, request.low, request.high) for line in members]
    drawn = [(line, cut, line.x[cut].astype(np.float64)) for line, cut in zip(members, cuts, strict=True)]
    logged = [Curve(x, line.y[cut].astype(np.float64)) for line, cut, x in drawn]
    found = mean_and_band(logged, request.px, left, right, request.band)._asdict()
    if request.smooth:
        means = [Curve(x, line.smoothed[cut]) for line, cut, x in drawn if line.smoothed is not None]
        smoothed = mean_and_band(means, request.px, left, right, request.band, is_smooth=True)
        found |= smoothed._asdict() | {"mean": found["mean"], "smoothed": smoothed.mean}
    return found
