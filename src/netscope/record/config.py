"""A run's configuration: a mapping that logs its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from netscope.errors import UsageError
from netscope.record.config_values import plain_mapping
from netscope.store.journal.exact_numbers import json_text

LARGEST = 8 << 20  # characters of JSON


class Config(MutableMapping[str, Any]):
    """A run's settings, as `config["lr"]` or `config.lr`. Setting a key logs it. Nested dicts are read-only copies.

    >>> config = Config(print)
    >>> config.optimizer = {"name": "sgd", "lr": 0.1}
    {'optimizer': {'name': 'sgd', 'lr': 0.1}}
    >>> config.optimizer.lr
    0.1
    """

    def __init__(self, log: Callable[[dict[str, Any]], None]) -> None:
        """Start empty; `log` is called with each change."""
        self._values: dict[str, Any] = {}
        self._log = log

    def remember(self, values: Mapping[str, Any]) -> None:
        """Load values that an earlier attempt logged; they are not logged again."""
        self._values.update(values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __getattr__(self, name: str) -> Any:
        return _attribute({} if name.startswith("_") else self._values, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        elif hasattr(type(self), name):
            raise UsageError(f"config.{name} is a method; write config[{name!r}] = …")
        else:
            self[name] = value

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *filter(str.isidentifier, self._values)]

    def __delitem__(self, key: str) -> None:
        raise UsageError(f"logged values cannot be deleted; set config[{key!r}] = None instead")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Config({self._values!r})"

    def update(self, values: Any = (), /, **more: Any) -> None:
        """Set several keys, in one event."""
        change = {**plain_config(values if values is not None else {}), **plain_config(more)}
        if change:
            self._log(change)
            self._values.update(change)


class NestedConfig(dict[str, Any]):
    """A nested dict of a configuration, with keys readable as attributes."""

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise UsageError(
            f"nested dicts of a config are copies; set the whole dict: config[…] = {{…, {name!r}: {value!r:.80}}}"
        )


def _attribute(values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise AttributeError(f"config has no {name!r}; it has: {', '.join(values) or 'nothing'}")
    value = values[name]
    return NestedConfig(value) if isinstance(value, dict) else value


def plain_config(values: Any) -> dict[str, Any]:
    """Convert a mapping, pairs, or another object with named values to plain values that a journal can hold.

    Raises:
        UsageError: `values` has no named values, or exceeds `LARGEST` characters of JSON.
    """
    plain = plain_mapping(values)
    if (size := len(json_text(plain))) > LARGEST:
        key = max(plain, key=lambda name: len(json_text(plain[name])))
        raise UsageError(
            f"the configuration is {size:,} characters of JSON, most of them in {key!r:.80}; the limit is {LARGEST:,}; "
            "log longer values as a text or an array"
        )
    return plain
