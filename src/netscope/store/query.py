r"""The filter language: plain words, a /regular expression/, or `config.lr < 0.01 and state == "running"`.

`web/src/state/query.ts` is its twin; `tests/data/queries.json` holds both to the same answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from netscope.errors import UsageError
from netscope.schema import Run
from netscope.store.grammar import Parser, compiled
from netscope.store.meaning import Node, truth

FILTER_SIGNS = re.compile(
    r"[<>=~]|\bin\s*[\[(]|\bin\s+(id|name|state|tags|notes|config|summary)\b|\b(config|summary)\s*[.\[]|\[\s*[\"']"
)
ARCHIVED = re.compile(r"^(not\s+)?archived$")


class Query(NamedTuple):
    """A question to a run."""

    test: Callable[[Run], bool]
    keys: list[str]
    """Series whose summary must be in the run."""


def understand(text: str) -> Query:
    """Make a test out of what was typed.

    Raises:
        UsageError: It looks like the filter language but is none; says where.
    """
    text = text.strip()
    if not text:
        return Query(lambda run: True, [])
    if (regex := re.fullmatch(r"/(.+)/(i?)", text)) is not None:
        pattern = compiled(regex[1], text, re.IGNORECASE if regex[2] else 0)
        return Query(lambda run: bool(pattern.search(run.name) or pattern.search(run.id)), [])
    if not FILTER_SIGNS.search(text) and not ARCHIVED.match(text):
        wanted = text.lower().split()
        return Query(lambda run: all(word in _hay(run) for word in wanted), [])
    parser = Parser(text)
    node = parser.whole()
    return Query(lambda run: truth(node(run)), sorted(parser.keys))


def value_of(text: str) -> tuple[Node, list[str]]:
    """What to sort by: a field, `config.…` or `summary[…]`, and the series it needs.

    Raises:
        UsageError: It is none of them.
    """
    if not text.strip():
        raise UsageError(
            "sort names what to sort by, as in created or config.lr; with '-' before it for the other way round"
        )
    parser = Parser(text)
    return parser.whole(), sorted(parser.keys)


def _hay(run: Run) -> str:
    return "\n".join([run.name, run.id, run.state, *run.tags, run.notes]).lower()


def sort(runs: Iterable[Run], by: str) -> list[Run]:
    """Sort by a field, `config.…` or `summary[…]`; "-…" descends. Texts come after numbers, what is missing last.

    Raises:
        UsageError: It is neither.
    """
    descending = by.startswith("-")
    value, _ = value_of(by.removeprefix("-"))
    there: list[tuple[tuple[bool, float, str], Run]] = []
    missing: list[Run] = []
    for run in runs:
        found = value(run)
        if found is None or found != found:
            missing.append(run)
        elif isinstance(found, int | float):
            there.append(((False, float(found), ""), run))
        else:
            there.append(((True, 0.0, str(found)), run))
    there.sort(key=lambda one: one[0], reverse=descending)
    return [*(run for _, run in there), *missing]
