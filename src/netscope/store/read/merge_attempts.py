"""One curve out of what several writers and attempts logged, and the ghosts of what was replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netscope.store.journal.points import is_ascending


class SeriesPart(NamedTuple):
    """What one journal has of a series."""

    attempt: int
    rank: int
    """0 where the writer has none."""
    steps: np.ndarray
    times: np.ndarray


class MergedSeries(NamedTuple):
    """Places in the parts laid end to end."""

    curve: np.ndarray
    """Ascending in step, each step once."""
    ghosts: list[np.ndarray]
    """One an attempt of which something was replaced, ascending in step."""


def merge_parts(parts: Sequence[SeriesPart], forks: dict[int, int]) -> MergedSeries:
    """Lowest rank that has the series; earlier attempts up to the fork of later ones; of equal steps the later.

    An attempt that does not say where it goes on replaces what is there from its own first step in this series on: keys
    may count in different steps (batches and epochs), so the first step of one says nothing about another.

    Within a journal the order of the file tells which is later (clocks jump), between journals the time.

    Args:
        parts: In the order of (attempt, rank, age).
        forks: Per attempt that says so, the step it goes on from.
    """
    lowest: dict[int, int] = {}
    for part in parts:
        lowest[part.attempt] = min(part.rank, lowest.get(part.attempt, part.rank))
    starts = np.cumsum([0, *(len(part.steps) for part in parts)])
    attempts: dict[int, list[int]] = {}
    for i, part in enumerate(parts):
        if part.rank == lowest[part.attempt] and len(part.steps):
            attempts.setdefault(part.attempt, []).append(i)
    curves: list[np.ndarray] = []
    ghosts: list[np.ndarray] = []
    found = {
        attempt: _attempt([parts[i] for i in those], [int(starts[i]) for i in those])
        for attempt, those in sorted(attempts.items())
    }
    goes_on = {attempt: int(steps[0]) for attempt, (_, steps) in found.items()} | forks
    for attempt, (places, steps) in found.items():
        cut = min((step for number, step in goes_on.items() if number > attempt), default=None)
        if cut is not None:
            n = int(np.searchsorted(steps, cut))
            if n < len(steps):
                ghosts.append(places[n:])
            places = places[:n]
        curves.append(places)
    if len(curves) == 1:
        return MergedSeries(curves[0], ghosts)
    if not curves:
        return MergedSeries(np.zeros(0, np.int64), [])
    # A later attempt may log steps before its fork, too.
    every = np.concatenate(curves)
    steps = np.concatenate([part.steps for part in parts])[every]
    return MergedSeries(every[_last_of_each(steps)], ghosts)


def _attempt(parts: list[SeriesPart], starts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Places and steps of one attempt, ascending, each step once."""
    places, steps, times = [], [], []
    for part, start in zip(parts, starts, strict=True):
        kept = np.arange(len(part.steps)) if is_ascending(part.steps) else _last_of_each(part.steps)
        places.append(kept + start)
        steps.append(part.steps[kept])
        times.append(part.times[kept])
    if len(parts) == 1:
        return places[0], steps[0]
    every, all_steps = np.concatenate(places), np.concatenate(steps)
    order = np.lexsort((np.concatenate(times), all_steps))
    every, all_steps = every[order], all_steps[order]
    kept = _last_of_each(all_steps)
    return every[kept], all_steps[kept]


def _last_of_each(steps: np.ndarray) -> np.ndarray:
    """Places in ascending order of step; of equal steps the last place."""
    order = np.argsort(steps, kind="stable")
    ordered = steps[order]
    last = np.ones(len(order), bool)
    last[:-1] = ordered[1:] != ordered[:-1]
    return order[last]
