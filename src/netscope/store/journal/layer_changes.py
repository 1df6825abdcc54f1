"""What changed in a network between two attempts of a run: each watch only sees what changes while it is on."""

from __future__ import annotations

from collections.abc import Sequence

from netscope.schema.layer import Layer, LayerChange


def between(
    before: tuple[Sequence[Layer], Sequence[LayerChange]], now: tuple[Sequence[Layer], Sequence[LayerChange]], step: int
) -> list[LayerChange]:
    """Layers that a later attempt began with and the one before did not end with, and the other way round.

    Functions are left out, for they are known only once they are called.

    Args:
        before: All layers of the attempt before, and how they changed in it.
        now: The same of the later attempt.
        step: Where it goes on.

    >>> small, large = (Layer(layer="head", type="Linear", parameters={"weight": [n, 8]}) for n in (3, 10))
    >>> between(([small], []), ([large], []), 5)[0].detail
    'Linear 3×8 → Linear 10×8'
    """
    last = {change.layer: change.change for change in before[1]}
    old = {layer.layer: layer for layer in before[0] if last.get(layer.layer) != "removed" and not _is_function(layer)}
    new = {layer.layer: layer for layer in now[0] if not _is_function(layer)}
    told = {change.layer for change in now[1]}
    found = [LayerChange(layer=name, change="removed", step=step) for name in old if name not in new]
    for name, layer in new.items():
        if name in told:
            continue
        if name not in old:
            found.append(LayerChange(layer=name, change="added", detail=in_short(layer), step=step))
        elif old[name] != layer:
            detail = f"{in_short(old[name])} → {in_short(layer)}"
            found.append(LayerChange(layer=name, change="replaced", detail=detail, step=step))
    return found


def in_short(layer: Layer) -> str:
    """A layer in short.

    >>> in_short(Layer(layer="fc", type="Linear", parameters={"weight": [3, 8], "bias": [3]}))
    'Linear 3×8'
    """
    shape = next(iter(layer.parameters.values()), [])
    return " ".join([layer.type, *["×".join(map(str, shape))] * bool(shape)])


def _is_function(layer: Layer) -> bool:
    """A class has a capital; `relu()` and the layers of `watch_arrays` have none."""
    return layer.type.islower()
