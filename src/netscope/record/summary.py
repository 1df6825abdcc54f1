"""The headline number of each key: a rule, such as the maximum, or the number itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, get_args

from netscope.errors import UsageError
from netscope.record.log_values import as_number, checked_key
from netscope.schema.run import Rule
from netscope.store.journal.exact_numbers import encode_numbers

RULES: tuple[str, ...] = get_args(Rule)


class Summary(MutableMapping[str, Any]):
    """Which number stands for a key in the runs table, in filters and in the overview: `summary["val/acc"] = "max"`.

    The rules are "last" (unless something else is set), "max", "min" and "mean", over the finite values. A number is
    the headline number itself, and its key needs no series. Reading gives what was set; `netscope.open` reads the
    numbers.

    >>> summary = Summary(print)
    >>> summary["val/acc"] = "max"
    {'val/acc': 'max'}
    >>> summary["test/acc"] = 0.97
    {'test/acc': 0.97}
    >>> summary["val/acc"]
    'max'
    """

    def __init__(self, log: Callable[[dict[str, str | float]], None]) -> None:
        """Begin empty; `log` is called with what changes, as a journal can hold it."""
        self._rules: dict[str, str | float] = {}
        self._log = log

    def remember(self, rules: Mapping[str, str | float]) -> None:
        """What is logged already, by an earlier attempt."""
        self._rules.update(rules)

    def __getitem__(self, key: str) -> str | float:
        if key not in self._rules:
            known = ", ".join(map(repr, self._rules)) or "nothing"
            raise KeyError(
                f"summary has no {key!r}, only what was set here: {known}; netscope.open reads what was logged"
            )
        return self._rules[key]

    def __setitem__(self, key: str, rule: Any) -> None:
        self.update({key: rule})

    def __delitem__(self, key: str) -> None:
        """Back to the last value."""
        self[key] = "last"
        del self._rules[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __repr__(self) -> str:
        return f"Summary({self._rules!r})"

    def update(self, rules: Any = (), /, **more: Any) -> None:
        """Set several keys, in one event.

        Raises:
            UsageError: Neither a rule nor a number; nothing is set.
        """
        checked = {checked_key(key): _rule(key, rule) for key, rule in dict(rules, **more).items()}
        change = {key: rule for key, rule in checked.items() if self._rules.get(key) != rule}
        if change:
            self._log({key: encode_numbers(rule)[0] for key, rule in change.items()})
            self._rules.update(change)


def _rule(key: str, rule: Any) -> str | float:
    if isinstance(rule, str) and rule in RULES:
        return str.__str__(rule)
    number = None if isinstance(rule, str) else as_number(key, rule)
    if number is None:
        raise UsageError(
            f"summary[{key!r}] is {', '.join(map(repr, RULES))} or a number, found {rule!r:.60}; text belongs into "
            "run.config or run.note(…)"
        )
    return float(number)
