"""A run's configuration: a mapping whose changes are logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from netscope.errors import UsageError
from netscope.record.config_values import plain_mapping
from netscope.store.journal.exact_numbers import json_text

LARGEST = 8 << 20  # characters of JSON


class Config(MutableMapping[str, Any]):
    """What a run was told: `config["lr"]` or `config.lr`. Setting a key logs it; a dict in it is a copy: set it whole.

    >>> config = Config(print)
    >>> config.optimizer = {"name": "sgd", "lr": 0.1}
    {'optimizer': {'name': 'sgd', 'lr': 0.1}}
    >>> config.optimizer.lr
    0.1
    """

    def __init__(self, log: Callable[[dict[str, Any]], None]) -> None:
        """Begin empty; `log` is called with what changes."""
        self._values: dict[str, Any] = {}
        self._log = log

    def remember(self, values: Mapping[str, Any]) -> None:
        """What is logged already, by an earlier attempt."""
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
        raise UsageError(f"what was logged stays; set config[{key!r}] = None instead")

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


class Branch(dict[str, Any]):
    """A dict within a configuration, whose keys can be read as attributes."""

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise UsageError(
            f"a dict in a configuration is a copy; set it whole: config[…] = {{…, {name!r}: {value!r:.80}}}"
        )


def _attribute(values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise AttributeError(f"config has no {name!r}; it has: {', '.join(values) or 'nothing'}")
    value = values[name]
    return Branch(value) if isinstance(value, dict) else value


def plain_config(values: Any) -> dict[str, Any]:
    """A configuration as a journal can hold it: of a mapping, pairs, or another object with names and values.

    Raises:
        UsageError: None of these, or too large.
    """
    plain = plain_mapping(values)
    if (size := len(json_text(plain))) > LARGEST:
        key = max(plain, key=lambda name: len(json_text(plain[name])))
        raise UsageError(
            f"a configuration of {size:,} characters of JSON, most of them in {key!r:.80}; the largest is {LARGEST:,}; "
            "log what is longer as a text or an array"
        )
    return plain
