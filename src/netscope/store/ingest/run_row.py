"""A row of the runs table out of what the journals of a run say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from netscope.schema.noun import Scalar
from netscope.schema.run import Attempt, Run, Writer
from netscope.store.ingest.run_state import attempt_of
from netscope.store.journal.exact_numbers import json_text, marked, restored
from netscope.store.journal.follower import Follower


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
    latest: dict[str, tuple[float, Any]] = {}
    for follower in followers:
        numbers = follower.head.numbers
        for key, (time, value) in follower.head.config.items():
            if key not in latest or latest[key][0] <= time:
                latest[key] = (time, restored(value, numbers.get(key, ())))
    return {key: value for key, (_, value) in latest.items()}


def run_of(run_id: str, ordered: list[Follower], tries: list[Attempt], revision: int) -> Run:
    """The row of a run, without a summary."""
    edits: dict[str, tuple[float, Any]] = {}
    for follower in ordered:
        for field, (time, value) in follower.head.edits.items():
            if field not in edits or edits[field][0] <= time:
                edits[field] = (time, value)
    written = {field: value for field, (_, value) in edits.items()}
    given = next((f.head.start.name for f in ordered if f.head.start.name), run_id)
    ages = [f.head.start.created or f.created for f in ordered if attempt_of(f) and (f.head.start.created or f.created)]
    created = min(ages, default=0.0)
    return Run(
        id=run_id,
        name=written.get("name") or given,
        state=tries[-1].state if tries else "killed",
        created=created,
        updated=max((a.updated for a in tries), default=created),
        tags=list(written.get("tags", [])),
        notes=written.get("notes", ""),
        archived=bool(written.get("archived", False)),
        config=flatten(config_of(ordered)),
        summary={},
        revision=revision,
        read_bytes=sum(f.offset for f in ordered),
        total_bytes=sum(max(f.offset, f.size) if f.is_behind else f.offset for f in ordered),
    )


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
