"""Merge a series logged by several writers and attempts into one curve, and ghosts of what was replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netscope.store.journal.points import is_ascending


class SeriesPart(NamedTuple):
    """The part of a series that is in one journal."""

    attempt: int
    rank: int
    """0 if the writer has no rank."""
    steps: np.ndarray
    times: np.ndarray


class MergedSeries(NamedTuple):
    """Indices into the concatenated parts."""

    curve: np.ndarray
    """Ascending in step, each step once."""
    ghosts: list[np.ndarray]
    """One per attempt with replaced points, ascending in step."""


def merge_parts(parts: Sequence[SeriesPart], forks: dict[int, int]) -> MergedSeries:
    """Take the lowest rank of each attempt, each attempt up to the fork of later ones, and the later of equal steps.

    An attempt without a recorded fork step replaces points from its own first step in this series on. Keys may count
    different steps (batches and epochs), so the first step of one key does not apply to another.

    Within a journal, the later point is the later in the file, because clocks may jump; between journals, time decides.

    Args:
        parts: Ordered by attempt, rank and age.
        forks: Per attempt that recorded it, the step from which it continues.
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
    fork_steps = {attempt: int(steps[0]) for attempt, (_, steps) in found.items()} | forks
    for attempt, (places, steps) in found.items():
        cut = min((step for number, step in fork_steps.items() if number > attempt), default=None)
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
    # A later attempt may also log steps before its fork.
    every = np.concatenate(curves)
    steps = np.concatenate([part.steps for part in parts])[every]
    return MergedSeries(every[_last_of_each(steps)], ghosts)


def _attempt(parts: list[SeriesPart], starts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Indices and steps of one attempt, ascending, each step once."""
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
    """Indices in ascending order of step; for equal steps only the last."""
    order = np.argsort(steps, kind="stable")
    ordered = steps[order]
    last = np.ones(len(order), bool)
    last[:-1] = ordered[1:] != ordered[:-1]
    return order[last]
