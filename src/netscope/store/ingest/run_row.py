"""A row of the runs table out of what the journals of a run say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from netscope.schema.noun import Scalar
from netscope.schema.run import Attempt, Progress, Run, Writer
from netscope.store.ingest.run_state import attempt_of
from netscope.store.journal.exact_numbers import json_text, marked, restored
from netscope.store.journal.follower import Follower

T = TypeVar("T")
NEVER: tuple[float, Any] = (-1.0, None)


def flatten(config: dict[str, Any]) -> dict[str, Scalar]:
    """Nested mappings with dots; lists and other things as JSON text.

    Of keys that would then be the same, those with dots of their own are quoted, and none is lost.

    >>> flatten({"optimizer": {"lr": 0.1}, "sizes": [1, 2]})
    {'optimizer.lr': 0.1, 'sizes': '[1,2]'}
    >>> flatten({"opt.lr": 1, "opt": {"lr": 2}})
    {'"opt.lr"': 1, 'opt.lr': 2}
    """
    leaves = list(_leaves(config, ()))
    names = [".".join(path) for path, _ in leaves]
    if len(set(names)) < len(names):
        names = _distinct([path for path, _ in leaves], names)
    return {name: _scalar(value) for name, (_, value) in zip(names, leaves, strict=True)}


def _leaves(config: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def _distinct(paths: list[tuple[str, ...]], names: list[str]) -> list[str]:
    """Names that are shared are kept by the path without dots within its keys; the others get these keys quoted."""
    count = Counter(names)
    taken = {name for name in names if count[name] == 1}
    taken |= {name for name, path in zip(names, paths, strict=True) if not _has_dots(path)}
    distinct = []
    for name, path in zip(names, paths, strict=True):
        if count[name] > 1 and _has_dots(path):
            name = ".".join(json_text(key) if "." in key else key for key in path)
            while name in taken:
                name = json_text(name)
            taken.add(name)
        distinct.append(name)
    return distinct


def _has_dots(path: tuple[str, ...]) -> bool:
    return any("." in key for key in path)


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str | int | float) or value is None:
        return marked(value)  # type: ignore[no-any-return]
    return json_text(value)


def config_of(followers: list[Follower]) -> dict[str, Any]:
    """The configuration, nested: per top-level key what was said last. Journals come in order, here and below."""
    said = (
        {key: (time, restored(value, f.head.numbers.get(key, ()))) for key, (time, value) in f.head.config.items()}
        for f in followers
    )
    return {key: value for key, (_, value) in latest(said).items()}


def latest(said: Iterable[Mapping[str, tuple[float, T]]]) -> dict[str, tuple[float, T]]:
    """Per field what was said last, and when; at equal times by the later journal.

    >>> latest([{"name": (2.0, "b")}, {"name": (1.0, "a"), "unit": (1.0, "steps")}])
    {'name': (2.0, 'b'), 'unit': (1.0, 'steps')}
    """
    found: dict[str, tuple[float, T]] = {}
    for one in said:
        for field, (time, value) in one.items():
            if field not in found or found[field][0] <= time:
                found[field] = (time, value)
    return found


def added(field: str, ordered: list[Follower], edited: float) -> list[str]:
    """Tags or notes that the run added itself after a person edited them, each once, in the order of time.

    What was first added before the edit is part of what was edited, even if the run says it again.
    """
    first: dict[str, float] = {}
    for follower in ordered:
        for text, time in follower.head.added.get(field, {}).items():
            first[text] = min(time, first.get(text, time))
    return [text for text in sorted(first, key=first.__getitem__) if first[text] > edited]


def empty_run(run_id: str = "") -> Run:
    """A run of which nothing is known but its folder."""
    return Run(
        id=run_id,
        name=run_id,
        state="killed",
        created=0.0,
        updated=0.0,
        tags=[],
        notes="",
        archived=False,
        config={},
        summary={},
        revision=0,
    )


def run_of(run_id: str, ordered: list[Follower], tries: list[Attempt], revision: int) -> Run:
    """The row of a run, without a summary."""
    edits = latest(follower.head.edits for follower in ordered)
    written = {field: value for field, (_, value) in edits.items()}
    more = {field: added(field, ordered, edits.get(field, NEVER)[0]) for field in ("tags", "notes")}
    steps = steps_of(ordered)
    given = next((f.head.start.name for f in ordered if f.head.start.name), run_id)
    ages = [f.head.start.created or f.created for f in ordered if attempt_of(f) and (f.head.start.created or f.created)]
    created = min(ages, default=0.0)
    return Run(
        id=run_id,
        name=written.get("name") or given,
        state=tries[-1].state if tries else "killed",
        created=created,
        updated=max((a.updated for a in tries), default=created),
        tags=list(dict.fromkeys([*written.get("tags", []), *more["tags"]])),
        notes="\n".join(filter(None, [written.get("notes", ""), *more["notes"]])),
        archived=bool(written.get("archived", False)),
        config=flatten(config_of(ordered)),
        summary={},
        revision=revision,
        read_bytes=sum(f.offset for f in ordered),
        total_bytes=sum(max(f.offset, f.size) if f.is_behind else f.offset for f in ordered),
        step=steps.last if steps else None,
        progress=progress_of(ordered, steps, is_running=bool(tries) and tries[-1].state == "running"),
        rules={key: rule for key, (_, rule) in latest(follower.head.rules for follower in ordered).items()},
    )


class Steps(NamedTuple):
    """The steps of the last attempt that logged scalars."""

    attempt: int
    last: int
    """The largest."""
    done: int
    """How many are done: steps are counted from 0 if the run ever logged a step below 1, else from 1."""
    time: float
    """Unix seconds of the last row."""
    pace: float
    """Steps a second; 0: unknown."""


def steps_of(ordered: list[Follower]) -> Steps | None:
    """How far the steps are; None if no scalars were logged. Of several ranks the first that logged counts."""
    heads = [(attempt_of(f), f.head) for f in ordered if f.head.last_step is not None]
    if not heads:
        return None
    attempt = heads[-1][0]
    head = next(head for number, head in heads if number == attempt)
    last, starts_at_0 = head.last_step or 0, any((h.first_step or 0) < 1 for _, h in heads)
    time, pace = head.last_time, 0.0
    if head.last_row and head.first_row:
        (ended, _), (began, first) = head.last_row, head.first_row
        time, pace = ended or time, _pace(last - first, ended - began) if began else 0.0
    return Steps(attempt, last, max(last + starts_at_0, 0), time, pace)


def progress_of(ordered: list[Follower], steps: Steps | None, *, is_running: bool) -> Progress | None:
    """How much of what there is to do is done; None if the run did not tell how much there is.

    Args:
        ordered: The journals of the run.
        steps: How far the steps are; they count unless the run told what is done.
        is_running: Whether there is time left.
    """
    told = latest(follower.head.progress for follower in ordered)
    total = told.get("total", NEVER)[1]
    if not total:
        return None
    unit = told.get("unit", NEVER)[1] or ""
    attempt = attempt_of(ordered[-1])
    if "done" in told:
        time, done = told["done"]
        first = next((f.head.first_done for f in ordered if attempt_of(f) == attempt and f.head.first_done), None)
        pace = _pace(done - first[1], time - first[0]) if first else 0.0
    elif steps:
        time, done, pace, unit = steps.time, float(steps.done), steps.pace * (steps.attempt == attempt), unit or "steps"
    else:
        time, done, pace, unit = told["total"][0], 0.0, 0.0, unit or "steps"
    left = max(total - done, 0.0) / pace if pace and is_running else None
    return Progress(done, total, unit, time, left)


def _pace(done: float, seconds: float) -> float:
    """Units a second, 0 where that is unknown."""
    return done / seconds if done > 0 and seconds > 0 else 0.0


def writer_of(follower: Follower) -> Writer:
    """Who wrote a journal."""
    start = follower.head.start
    return Writer(follower.name, attempt_of(follower), start.host, start.pid, start.rank, follower.offset)


def problems_of(followers: list[Follower]) -> list[str]:
    """What could not be read, in sentences."""
    found = []
    for follower in followers:
        head, name = follower.head, follower.name
        if follower.problem:
            found.append(follower.problem)
        if head.n_damaged:
            places = "one place" if head.n_damaged == 1 else f"{head.n_damaged:,} places"
            found.append(f"{name}: {head.damaged_bytes:,} bytes in {places} are damaged and were skipped")
        found += [f"{name}: {fault}" for fault in head.faults]
        if head.dropped:
            found.append(f"{name}: {head.dropped:,} rows could not be written while the disk refused")
    return found
