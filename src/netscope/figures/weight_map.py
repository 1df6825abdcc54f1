"""Draw an array of weights: a heat map with colours centred at zero, kernels side by side, vectors as bars."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from netscope import optional
from netscope.errors import NotFoundError, UsageError
from netscope.models.matrix import ByteSource
from netscope.models.model import Model
from netscope.models.open import open_model
from netscope.models.stored_array import StoredArray
from netscope.models.survey import TILE, Survey

_MOST_INCHES, _LEAST_INCHES = 7.0, 1.2


def weights(
    source: Any,
    tensor: str | None = None,
    *,
    index: Sequence[int] = (),
    quantile: float = 0.995,
    colour: bool = True,
    ax: Any = None,
) -> Any:
    """Draw the numbers of an array as a heat map whose colours are centred at zero.

    A matrix that is larger than the figure is reduced: each cell shows the largest magnitude of its elements, with its
    sign. Values beyond the colour scale have the colour of its end; NaN is drawn in red.

    Args:
        source: A NumPy array, a PyTorch tensor, a module or its `state_dict`, a model from `netscope.open_model`, or
            the path of a model file.
        tensor: Name of the array, if the source has several.
        index: Place on the leading axes, if the array has more axes than a picture.
        quantile: Share of the magnitudes within the colour scale.
        colour: Whether filters with three input channels are drawn in colour.
        ax: Matplotlib axes to draw on; a new figure unless given.

    Returns:
        The Matplotlib figure.

    Raises:
        UsageError: The source is of another type, or several arrays and no name were given.
        NotFoundError: There is no array of that name.
        MissingExtraError: Matplotlib is not installed.

    >>> figure = weights(np.array([[1.0, -1.0], [0.5, 0.0]]))
    >>> figure.axes[0].get_title()
    'float64 2×2'
    """
    if not 0 < quantile <= 1:
        raise UsageError(f"quantile: expected a share above 0, at most 1, got {quantile}")
    optional.extra("drawing weights", "matplotlib", "figures")
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415  (an optional package)
    from matplotlib.figure import Figure  # noqa: PLC0415

    array, name = _array(source, tensor)
    values = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    dtype = values.dtype.name
    stored = StoredArray(
        ByteSource(io.BytesIO(values.tobytes())), 0, values.nbytes, name or "the array", dtype, values.shape
    )
    found = stored.survey(index, colour, most=values.size)
    size = float(found.statistics.magnitude_quantiles([quantile])[0])
    size = size if size > 0 else 1.0
    if ax is None:
        ax = Figure(figsize=_inches(found), layout="constrained").add_subplot()
    ax.set_title(" ".join([name, dtype, "×".join(map(str, values.shape)) or "scalar"]).strip(), fontsize="medium")
    if found.layout.kind == "strip":
        row = found.cells.largest[0]
        ax.bar(np.arange(len(row)) * 2.0**found.column_level, row, 2.0**found.column_level, color="#2f6fc0")
        ax.axhline(0, color="0.5", linewidth=0.5)
        return ax.figure
    extent = (-0.5, found.layout.columns - 0.5, found.layout.rows - 0.5, -0.5)
    if found.layout.is_colour:
        ax.imshow(_rgb(stored, found, index, size), extent=extent, interpolation="nearest")
    else:
        stops = ["#123c7c", "#2f6fc0", "#86b3e6", "#f4f3f0", "#f2b374", "#d9700a", "#8a3a00"]
        colours = LinearSegmentedColormap.from_list("netscope", stops).with_extremes(bad="#d92020")
        cells = np.where(_is_empty(found), 0, found.cells.largest)
        aspect = "equal" if found.layout.unit != (1, 1) else "auto"
        image = ax.imshow(cells, colours, vmin=-size, vmax=size, extent=extent, aspect=aspect, interpolation="nearest")
        ax.figure.colorbar(image, ax=ax, extend="both" if quantile < 1 else "neither")
    _rule(ax, found)
    return ax.figure


def _array(source: Any, tensor: str | None) -> tuple[np.ndarray, str]:
    """The array that is meant, and its name."""
    if isinstance(source, (str, PathLike)):
        source = open_model(source)
    if isinstance(source, Model):
        names = [one.name for one in source.graph.tensors]
        name = _chosen(names, tensor)
        return source.read(name), name
    if hasattr(source, "state_dict") and callable(source.state_dict):
        source = source.state_dict()
    if isinstance(source, Mapping):
        name = _chosen([str(one) for one in source], tensor)
        return _numbers(source[name]), name
    return _numbers(source), tensor or ""


def _chosen(names: list[str], tensor: str | None) -> str:
    some = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    if tensor is None:
        if len(names) == 1:
            return names[0]
        raise UsageError(f"expected the name of a tensor; there are {len(names)}: {some or 'none'}")
    if tensor not in names:
        raise NotFoundError(f"no tensor {tensor!r}; there are: {some or 'none'}")
    return tensor


def _numbers(value: Any) -> np.ndarray:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        is_plain = value.dtype in (torch.float16, torch.float32, torch.float64) or not value.is_floating_point()
        value = (value if is_plain else value.float()).numpy()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        raise UsageError(f"expected an array of numbers, a module, a state_dict or a model, got {type(value).__name__}")
    return value


def _inches(found: Survey) -> tuple[float, float]:
    """As wide or as high as the longer side, with room for the scale."""
    if found.layout.kind == "strip":
        return _MOST_INCHES, 2.0
    rows, columns = found.layout.rows, found.layout.columns
    longest = max(rows, columns)
    side = min(_MOST_INCHES, max(3.0, longest * 0.25))
    return max(_LEAST_INCHES, side * columns / longest) + 1.2, max(_LEAST_INCHES, side * rows / longest) + 0.6


def _rgb(stored: StoredArray, found: Survey, index: Sequence[int], size: float) -> np.ndarray:
    """The filters as red, green and blue: grey is zero."""
    levels = found.row_level, found.column_level
    n_rows, n_columns = (-(-size // TILE) for size in found.cells.mean.shape)
    lines = [
        np.concatenate([stored.tile(found, levels, (row, column), index).values for column in range(n_columns)], axis=1)
        for row in range(n_rows)
    ]
    whole = np.concatenate(lines)
    return np.clip(np.nan_to_num(0.5 + whole / (2 * size), nan=1.0), 0, 1)


def _is_empty(found: Survey) -> np.ndarray:
    """Cells of a grid that have no filter."""
    layout, cells = found.layout, found.cells.largest
    if layout.kind != "grid":
        return np.zeros(cells.shape, bool)
    rows, columns = np.indices(cells.shape)
    high, wide = layout.unit
    unit = ((rows << found.row_level) // high) * layout.per_row + (columns << found.column_level) // wide
    return np.asarray(unit >= layout.n_units)


def _rule(ax: Any, found: Survey) -> None:
    """Lines between kernels, if they are few."""
    (high, wide), layout = found.layout.unit, found.layout
    if (high, wide) == (1, 1) or max(layout.rows // high, layout.columns // wide) > 64:
        return
    for x in range(0, layout.columns + 1, wide):
        ax.axvline(x - 0.5, color="white", linewidth=0.8)
    for y in range(0, layout.rows + 1, high):
        ax.axhline(y - 0.5, color="white", linewidth=0.8)
    ax.set_xticks([])
    ax.set_yticks([])
