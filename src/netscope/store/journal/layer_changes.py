"""What changed in a network between two attempts of a run; `watch` itself only sees changes within one."""

from __future__ import annotations

from collections.abc import Sequence

from netscope.schema.layer import Layer, LayerChange


def changes_between(
    before: tuple[Sequence[Layer], Sequence[LayerChange]], now: tuple[Sequence[Layer], Sequence[LayerChange]], step: int
) -> list[LayerChange]:
    """Compare the layers an earlier attempt ended with to those a later attempt began with.

    Functions are left out, because they are known only after their first call.

    Args:
        before: All layers of the earlier attempt, and the changes within it.
        now: The same for the later attempt.
        step: The step from which the later attempt continues.

    >>> small, large = (Layer(layer="head", type="Linear", parameters={"weight": [n, 8]}) for n in (3, 10))
    >>> changes_between(([small], []), ([large], []), 5)[0].detail
    'Linear 3×8 → Linear 10×8'
    """
    last = {change.layer: change.change for change in before[1]}
    old = {layer.layer: layer for layer in before[0] if last.get(layer.layer) != "removed" and not _is_function(layer)}
    new = {layer.layer: layer for layer in now[0] if not _is_function(layer)}
    changed = {change.layer for change in now[1]}
    found = [LayerChange(layer=name, change="removed", step=step) for name in old if name not in new]
    for name, layer in new.items():
        if name in changed:
            continue
        if name not in old:
            found.append(LayerChange(layer=name, change="added", detail=layer_summary(layer), step=step))
        elif old[name] != layer:
            detail = f"{layer_summary(old[name])} → {layer_summary(layer)}"
            found.append(LayerChange(layer=name, change="replaced", detail=detail, step=step))
    return found


def layer_summary(layer: Layer) -> str:
    """Type and weight shape of a layer.

    >>> layer_summary(Layer(layer="fc", type="Linear", parameters={"weight": [3, 8], "bias": [3]}))
    'Linear 3×8'
    """
    shape = next(iter(layer.parameters.values()), [])
    return " ".join([layer.type, *["×".join(map(str, shape))] * bool(shape)])


def _is_function(layer: Layer) -> bool:
    """Class names have a capital letter; `relu()` and the layers of `watch_arrays` do not."""
    return layer.type.islower()
