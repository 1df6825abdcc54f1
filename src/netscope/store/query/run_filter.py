r"""Filter and sort runs by plain words, a /regular expression/, or `config.lr < 0.01 and state == "running"`.

`web/src/state/query.ts` is its twin; `tests/data/queries.json` checks that both agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from netscope.errors import UsageError
from netscope.schema.run import Run
from netscope.store.query import near_miss
from netscope.store.query.known_keys import KnownKeys
from netscope.store.query.operators import Node, is_missing, is_true
from netscope.store.query.parser import FIELDS, Parser, compile_pattern
from netscope.text import Natural, natural

FILTER_SIGNS = re.compile(
    r"[<>=~]|\bin\s*[\[(]|\bin\s+(id|name|state|tags|notes|config|summary)\b|\b(config|summary)\s*[.\[]|\[\s*[\"']"
    r"|\bis\s+(not\s+)?(missing|nan|inf|None|null)\b"
)
ARCHIVED = re.compile(r"^(not\s+)?archived$")


class Query(NamedTuple):
    """A parsed filter."""

    test: Callable[[Run], bool]
    keys: list[str]
    """Series whose summaries `test` needs in the run."""


def parse_filter(text: str, known: KnownKeys | None = None) -> Query:
    """Parse a filter.

    Args:
        text: What was typed.
        known: The keys of all runs, to which bare names are resolved.

    Raises:
        UsageError: It looks like a filter but is invalid; the message says where, and what to type instead.
    """
    text = text.strip()
    if not text:
        return Query(lambda run: True, [])
    if (regex := re.fullmatch(r"/(.+)/(i?)", text)) is not None:
        pattern = compile_pattern(regex[1], text, flags=re.IGNORECASE if regex[2] else 0)
        return Query(lambda run: bool(pattern.search(run.name) or pattern.search(run.id)), [])
    is_filter = bool(FILTER_SIGNS.search(text) or ARCHIVED.match(text))
    if not is_filter and not near_miss.looks_like_filter(text, known):
        return _word_search(text)
    try:
        return _read(text, known)
    except UsageError as error:
        if (correction := _correction(text, known)) is not None:
            raise UsageError(f"{error}; type instead: {correction}") from error
        if is_filter:
            raise
        return _word_search(text)


def _word_search(text: str) -> Query:
    wanted = text.lower().split()
    return Query(lambda run: all(word in _searched_text(run) for word in wanted), [])


def _read(text: str, known: KnownKeys | None) -> Query:
    parser = Parser(text, known)
    node = parser.parse()
    return Query(lambda run: is_true(node(run)), sorted(parser.keys))


def _correction(text: str, known: KnownKeys | None) -> str | None:
    """The corrected filter, if that is valid."""
    correction = near_miss.correct(text, known)
    try:
        _read(correction, known)
    except UsageError:
        return None
    return correction


class Order(NamedTuple):
    """A parsed sort key."""

    value: Node
    descending: bool
    keys: list[str]


def order_of(text: str, known: KnownKeys | None = None) -> Order:
    """Parse a sort key: a field, `config.…` or `summary[…]`; a leading "-" sorts in descending order.

    Raises:
        UsageError: It is none of these.
    """
    typed = text.removeprefix("-").strip()
    if not typed:
        raise UsageError("sort is empty; expected for example 'created', or '-config.lr' for descending order")
    parser = Parser(text.removeprefix("-"), known, "sort")
    try:
        return Order(parser.parse(), text.startswith("-"), sorted(parser.keys))
    except UsageError as error:
        near = near_miss.nearest(typed, [*FIELDS, *known.config, *known.series]) if known else None
        if near is None or near == typed:
            raise
        raise UsageError(f"{error}; did you mean {near!r}?") from error


def _searched_text(run: Run) -> str:
    return "\n".join([run.name, run.id, run.state, *run.tags, run.notes]).lower()


def sort(runs: Iterable[Run], order: Order) -> list[Run]:
    """Sort numbers by size, then texts in natural order; NaN and missing values come last in either direction."""
    there: list[tuple[tuple[bool, float, Natural], Run]] = []
    missing: list[Run] = []
    for run in runs:
        found = order.value(run)
        if is_missing(found) or found != found:
            missing.append(run)
        elif isinstance(found, int | float):
            there.append(((False, found, EMPTY), run))
        else:
            there.append(
                ((True, 0, natural(", ".join(map(str, found)) if isinstance(found, list) else str(found))), run)
            )
    there.sort(key=lambda one: one[0], reverse=order.descending)
    return [*(run for _, run in there), *missing]


EMPTY = natural("")
