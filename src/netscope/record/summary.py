"""The headline number of each key: chosen by a rule, such as the maximum, or set as a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, get_args

from netscope.errors import UsageError
from netscope.record.log_values import as_number, checked_key
from netscope.schema.run import Rule
from netscope.store.journal.exact_numbers import encode_numbers

RULES: tuple[str, ...] = get_args(Rule)


class Summary(MutableMapping[str, Any]):
    """The headline number of a key, for the runs table, filters and the overview: `summary["val/acc"] = "max"`.

    The rules are "last" (the default), "max", "min" and "mean", over the finite values. A number is used as it is; its
    key needs no logged values. Reading a key returns the rule or number that was set; to read the resulting numbers,
    use `netscope.open`.

    >>> summary = Summary(print)
    >>> summary["val/acc"] = "max"
    {'val/acc': 'max'}
    >>> summary["test/acc"] = 0.97
    {'test/acc': 0.97}
    >>> summary["val/acc"]
    'max'
    """

    def __init__(self, log: Callable[[dict[str, str | float]], None]) -> None:
        """Start empty; `log` is called with each change, as values that a journal can hold."""
        self._rules: dict[str, str | float] = {}
        self._log = log

    def remember(self, rules: Mapping[str, str | float]) -> None:
        """Load rules that an earlier attempt logged; they are not logged again."""
        self._rules.update(rules)

    def __getitem__(self, key: str) -> str | float:
        if key not in self._rules:
            known = ", ".join(map(repr, self._rules)) or "nothing"
            raise KeyError(
                f"summary has no rule for {key!r}, only those set in this run: {known}; to read logged values, use "
                "netscope.open"
            )
        return self._rules[key]

    def __setitem__(self, key: str, rule: Any) -> None:
        self.update({key: rule})

    def __delitem__(self, key: str) -> None:
        """Go back to the default rule, "last"."""
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
            UsageError: A value is neither a rule nor a number; nothing is set.
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
            f"summary[{key!r}] must be {', '.join(map(repr, RULES))} or a number, got {rule!r:.60}; put text into "
            "run.config or run.note(…)"
        )
    return float(number)
