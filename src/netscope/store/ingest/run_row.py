"""Build a row of the runs table from the metadata of a run's journals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from netscope.schema.noun import Scalar
from netscope.schema.run import Attempt, Progress, Run, Writer
from netscope.store.ingest.run_state import attempt_of
from netscope.store.journal.exact_numbers import decode_numbers, json_text, marked
from netscope.store.journal.follower import Follower

T = TypeVar("T")
NEVER: tuple[float, Any] = (-1.0, None)


def flatten(config: dict[str, Any]) -> dict[str, Scalar]:
    """Flatten nested mappings to dotted keys; lists and other values become JSON text.

    If keys would collide, those with dots of their own are quoted, so that none is lost.

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
    """Resolve collisions: the path without dots in its keys keeps the name, the others get such keys quoted."""
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
    """The nested configuration: the latest value per top-level key. Journals must be in order, here and below."""
    said = (
        {
            key: (time, decode_numbers(value, f.metadata.numbers.get(key, ())))
            for key, (time, value) in f.metadata.config.items()
        }
        for f in followers
    )
    return {key: value for key, (_, value) in latest(said).items()}


def latest(said: Iterable[Mapping[str, tuple[float, T]]]) -> dict[str, tuple[float, T]]:
    """The latest time and value per field; for equal times, that of the later journal.

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
    """Tags or notes that the run itself added after the last edit by a person, without duplicates, in order of time.

    Texts first added before the edit are left out even if the run adds them again, because the person saw them.
    """
    first: dict[str, float] = {}
    for follower in ordered:
        for text, time in follower.metadata.added.get(field, {}).items():
            first[text] = min(time, first.get(text, time))
    return [text for text in sorted(first, key=first.__getitem__) if first[text] > edited]


def empty_run(run_id: str = "") -> Run:
    """A row with default values, for a run of which only the folder is known."""
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
    """Build the row of a run, without a summary."""
    edits = latest(follower.metadata.edits for follower in ordered)
    written = {field: value for field, (_, value) in edits.items()}
    more = {field: added(field, ordered, edits.get(field, NEVER)[0]) for field in ("tags", "notes")}
    steps = steps_of(ordered)
    given = next((f.metadata.start.name for f in ordered if f.metadata.start.name), run_id)
    ages = [
        f.metadata.start.created or f.created
        for f in ordered
        if attempt_of(f) and (f.metadata.start.created or f.created)
    ]
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
        rules={key: rule for key, (_, rule) in latest(follower.metadata.rules for follower in ordered).items()},
    )


class LoggedSteps(NamedTuple):
    """The steps of the last attempt that logged scalars."""

    attempt: int
    last: int
    """The largest step."""
    done: int
    """Number of completed steps: counted from 0 if the run ever logged a step below 1, else from 1."""
    time: float
    """Unix seconds of the last row."""
    pace: float
    """Steps per second; 0: unknown."""


def steps_of(ordered: list[Follower]) -> LoggedSteps | None:
    """The steps of the last attempt; None if no scalars were logged. The first rank that logged counts."""
    logged = [(attempt_of(f), f.metadata) for f in ordered if f.metadata.last_step is not None]
    if not logged:
        return None
    attempt = logged[-1][0]
    metadata = next(metadata for number, metadata in logged if number == attempt)
    last, starts_at_0 = metadata.last_step or 0, any((one.first_step or 0) < 1 for _, one in logged)
    time, pace = metadata.last_time, 0.0
    if metadata.last_row and metadata.first_row:
        (ended, _), (began, first) = metadata.last_row, metadata.first_row
        time, pace = ended or time, _pace(last - first, ended - began) if began else 0.0
    return LoggedSteps(attempt, last, max(last + starts_at_0, 0), time, pace)


def progress_of(ordered: list[Follower], steps: LoggedSteps | None, *, is_running: bool) -> Progress | None:
    """Progress of a run; None if it did not report a total.

    Args:
        ordered: The journals of the run.
        steps: Used if the run did not report what is done.
        is_running: Whether to estimate the remaining time.
    """
    reported = latest(follower.metadata.progress for follower in ordered)
    total = reported.get("total", NEVER)[1]
    if not total:
        return None
    unit = reported.get("unit", NEVER)[1] or ""
    attempt = attempt_of(ordered[-1])
    if "done" in reported:
        time, done = reported["done"]
        first = next(
            (f.metadata.first_done for f in ordered if attempt_of(f) == attempt and f.metadata.first_done), None
        )
        pace = _pace(done - first[1], time - first[0]) if first else 0.0
    elif steps:
        time, done, pace, unit = steps.time, float(steps.done), steps.pace * (steps.attempt == attempt), unit or "steps"
    else:
        time, done, pace, unit = reported["total"][0], 0.0, 0.0, unit or "steps"
    left = max(total - done, 0.0) / pace if pace and is_running else None
    return Progress(done, total, unit, time, left)


def _pace(done: float, seconds: float) -> float:
    """Units per second; 0 if unknown."""
    return done / seconds if done > 0 and seconds > 0 else 0.0


def writer_of(follower: Follower) -> Writer:
    """Who wrote a journal."""
    start = follower.metadata.start
    # A journal that is being written is preallocated: the size of its file says less than what was read of it.
    n_bytes = follower.size if follower.is_unreadable else follower.offset
    return Writer(follower.name, attempt_of(follower), start.host, start.pid, start.rank, n_bytes)


def problems_of(followers: list[Follower]) -> list[str]:
    """What could not be read, as sentences."""
    found = []
    for follower in followers:
        metadata, name = follower.metadata, follower.name
        if follower.problem:
            found.append(follower.problem)
        if metadata.n_damaged:
            places = "one place" if metadata.n_damaged == 1 else f"{metadata.n_damaged:,} places"
            found.append(f"{name}: {metadata.damaged_bytes:,} bytes in {places} are damaged and were skipped")
        found += [f"{name}: {fault}" for fault in metadata.faults]
        if metadata.dropped:
            found.append(f"{name}: {metadata.dropped:,} rows were lost because the disk refused writes")
    return found
