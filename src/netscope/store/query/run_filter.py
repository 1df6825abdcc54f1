r"""The filter language: plain words, a /regular expression/, or `config.lr < 0.01 and state == "running"`.

`web/src/state/query.ts` is its twin; `tests/data/queries.json` holds both to the same answers.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from netscope.errors import UsageError
from netscope.schema.run import Run
from netscope.store.query.operators import Node, is_missing, truth
from netscope.store.query.parser import FIELDS, Parser, compiled
from netscope.text import Natural, natural

FILTER_SIGNS = re.compile(
    r"[<>=~]|\bin\s*[\[(]|\bin\s+(id|name|state|tags|notes|config|summary)\b|\b(config|summary)\s*[.\[]|\[\s*[\"']"
    r"|\bis\s+(not\s+)?(missing|nan|inf|None|null)\b"
)
ARCHIVED = re.compile(r"^(not\s+)?archived$")


class Query(NamedTuple):
    """A question to a run."""

    test: Callable[[Run], bool]
    keys: list[str]
    """Series whose summary must be in the run."""
    names: list[str]
    """Names that stand alone, which some run should have."""


def understand(text: str) -> Query:
    """Make a test out of what was typed.

    Raises:
        UsageError: It looks like the filter language but is none; says where.
    """
    text = text.strip()
    if not text:
        return Query(lambda run: True, [], [])
    if (regex := re.fullmatch(r"/(.+)/(i?)", text)) is not None:
        pattern = compiled(regex[1], text, flags=re.IGNORECASE if regex[2] else 0)
        return Query(lambda run: bool(pattern.search(run.name) or pattern.search(run.id)), [], [])
    if not FILTER_SIGNS.search(text) and not ARCHIVED.match(text):
        wanted = text.lower().split()
        return Query(lambda run: all(word in _hay(run) for word in wanted), [], [])
    parser = Parser(text)
    node = parser.whole()
    return Query(lambda run: truth(node(run)), sorted(parser.keys), sorted(parser.names))


class Order(NamedTuple):
    """What to sort by."""

    value: Node
    descending: bool
    keys: list[str]
    names: list[str]
    """As of a query."""


def order_of(text: str) -> Order:
    """What to sort by: a field, `config.…` or `summary[…]`; "-…" descends.

    Raises:
        UsageError: It is none of them.
    """
    if not text.removeprefix("-").strip():
        raise UsageError(
            "sort names what to sort by, as in created or config.lr; with '-' before it for the other way round"
        )
    parser = Parser(text.removeprefix("-"), "sort")
    return Order(parser.whole(), text.startswith("-"), sorted(parser.keys), sorted(parser.names))


def check_names(names: Iterable[str], runs: Sequence[Run], text: str, what: str = "filter") -> None:
    """Refuse a name that stands alone and that no run has: it is misspelt.

    Raises:
        UsageError: There is one; says what is meant, perhaps.
    """
    for name in names:
        if runs and not any(name in run.config or name in run.summary for run in runs):
            known = [*FIELDS, *dict.fromkeys(key for run in runs for key in run.config)]
            near = difflib.get_close_matches(name, known, 1)
            raise UsageError(
                f"the {what} {text!r}: no run has {name!r} in its configuration or as a series"
                + (f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known[:30])}")
            )


def _hay(run: Run) -> str:
    return "\n".join([run.name, run.id, run.state, *run.tags, run.notes]).lower()


def sort(runs: Iterable[Run], order: Order) -> list[Run]:
    """Numbers by their size, then texts in natural order; NaN and what is missing last, either way."""
    there: list[tuple[tuple[bool, float, Natural], Run]] = []
    missing: list[Run] = []
    for run in runs:
        found = order.value(run)
        if is_missing(found) or found != found:
            missing.append(run)
        elif isinstance(found, int | float):
            there.append(((False, found, NOTHING), run))
        else:
            there.append(
                ((True, 0, natural(", ".join(map(str, found)) if isinstance(found, list) else str(found))), run)
            )
    there.sort(key=lambda one: one[0], reverse=order.descending)
    return [*(run for _, run in there), *missing]


NOTHING = natural("")
