"""A random layered network, to look at before there is a trained one."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from netscope.analyse.body.network import Network
from netscope.errors import UsageError
from netscope.scenes.limits import check_size


def parse_sizes(text: str) -> tuple[int, ...]:
    """Layer sizes from text.

    >>> parse_sizes("784-81-49-10")
    (784, 81, 49, 10)

    Raises:
        UsageError: It is something else, or fewer than two layers.
    """
    if not re.fullmatch(r"[0-9]{1,9}(-[0-9]{1,9})+", text):
        raise UsageError(f"layer sizes are {text!r}; give at least two numbers, such as 784-81-49-10")
    sizes = tuple(map(int, text.split("-")))
    if min(sizes) < 1:
        raise UsageError(f"layer sizes are {text!r}; every layer needs at least one node")
    return sizes


def random_network(sizes: tuple[int, ...], seed: int = 0) -> Network:
    """A network in which each node is important for a random class; the last layer has a node per class.

    The importance for that class is the larger one of two uniform random numbers, for the others the square of the
    smaller one. Strengths of edges are uniform.

    Raises:
        UsageError: It would be too large.
    """
    check_size(sizes, sizes[-1])
    random = np.random.default_rng(seed)
    layers = []
    for n in sizes[:-1]:
        pairs = random.random((2, n, sizes[-1]), np.float32)
        layer = pairs.min(0) ** 2
        main = random.integers(sizes[-1], size=n)
        layer[np.arange(n), main] = pairs.max(0)[np.arange(n), main]
        layers.append(layer)
    layers.append(np.eye(sizes[-1], dtype=np.float32))
    strengths = [random.random((a, b), np.float32) for a, b in pairwise(sizes)]
    return Network(tuple(layers), tuple(strengths))
