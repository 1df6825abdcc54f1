"""The stored arrays of models: each is looked through once, then its tiles are read as the page asks for them."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netscope.analyse.array_layout import layout_of, order_of
from netscope.analyse.bins_view import merge_bins
from netscope.analyse.reduce import How
from netscope.errors import NetscopeError, NotFoundError, StorageError
from netscope.models import survey
from netscope.models.child import Opened
from netscope.models.decode import decoded, is_raw
from netscope.models.matrix import ByteSource, opened
from netscope.models.model import Model
from netscope.models.pack import unpack
from netscope.models.stored import Stored
from netscope.models.stored_array import StoredArray, known_shape
from netscope.models.survey import Survey
from netscope.schema.tensor import Picture, TensorFacts, TensorSpectrum
from netscope.show import replies
from netscope.show.cache import Cache
from netscope.store.index.database import cache_folder

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
LIMITS = np.linspace(0.9, 1, 101)
"""Quantiles of the magnitudes, of which the page takes the limit of its colours."""
MOST_BINS = 96
MOST_PAIRS = 1000
SAMPLE = 1 << 18
"""Elements that are read of each array for a list of many."""
_SURVEYS_BYTES = 160 << 20
_DECODED_BYTES = 16 << 30
_GRAPHS_BYTES = 256 << 20


class _Decoded(NamedTuple):
    source: ByteSource
    dtype: str
    n_bytes: int


@dataclass(frozen=True)
class Part:
    """What is shown of an array."""

    tensor: int
    index: tuple[int, ...] = ()
    """Place on the axes that are not in the picture."""
    is_colour: bool = True


class Tensors:
    """The arrays of the models of one server."""

    def __init__(self, folder: Path | None = None) -> None:
        """Nothing is read yet.

        Args:
            folder: Where decoded arrays are kept while the server runs; in the user's cache unless given.
        """
        self._folder = folder
        self._sources: weakref.WeakSet[ByteSource] = weakref.WeakSet()
        self._surveys: Cache[Survey] = Cache(_SURVEYS_BYTES, lambda found: found.n_bytes)
        self._decoded: Cache[_Decoded] = Cache(_DECODED_BYTES, lambda found: found.n_bytes)
        self._graphs: Cache[Model] = Cache(_GRAPHS_BYTES, lambda model: 4 * 23 * model.graph.n_values + (1 << 20))

    def close(self) -> None:
        """Delete the decoded arrays."""
        for source in list(self._sources):
            source.close()

    def facts(self, key: Any, model: Opened, part: Part) -> bytes:
        """Facts, histogram, norms and colour limits as safetensors.

        Args:
            key: Changes when the model does.
            model: The model that it is in.
            part: The tensor, and what of it.

        Raises:
            NetscopeError: There is no such tensor, or it cannot be read.
        """
        found = self._survey(key, model, part)
        bins = merge_bins(found.statistics.bins[None], MOST_BINS)
        channels = found.channels
        arrays = {
            "edges": bins.edges,
            "counts": bins.counts.astype(np.float32),
            "zeros": bins.zeros.astype(np.float32),
            "nonfinite": bins.nonfinite.astype(np.float32),
            "row_norms": channels.row_norms.astype(np.float32),
            "column_norms": channels.column_norms.astype(np.float32),
            "limits": found.statistics.magnitude_quantiles(LIMITS),
            "zero_rows": channels.zero_rows[:MOST_PAIRS].astype(np.int32),
            "equal_rows": channels.equal_rows[:MOST_PAIRS].astype(np.int32),
        }
        return replies.tensors(arrays, self._facts(key, model, part.tensor, found))

    def norms(self, key: Any, model: Opened, tensors: Sequence[int]) -> bytes:
        """Norm, standard deviation, and how many NaN and infinities, of several arrays, as safetensors.

        Large ones are sampled, and their norm is scaled up. Those that cannot be read, or would have to be decoded
        first, are NaN.
        """
        rows = [self._norm(key, model, tensor) for tensor in tensors]
        columns = np.array(rows, np.float64).reshape(-1, 4)
        names = ("norms", "stds", "nonfinite", "shares")
        return replies.tensors(dict(zip(names, columns.T.copy(), strict=True)), {})

    def _norm(self, key: Any, model: Opened, tensor: int) -> tuple[float, float, float, float]:
        nothing = math.nan, math.nan, math.nan, 0.0
        stored = model.stored[tensor] if 0 <= tensor < len(model.stored) else None
        if stored is None or not is_raw(stored):
            return nothing
        try:
            with self._array(key, model, tensor) as array:
                found = array.survey(is_colour=False, most=SAMPLE)
        except NetscopeError:
            return nothing
        moments = found.statistics.moments
        return moments.norm / math.sqrt(found.share), moments.std, moments.nonfinite, found.share

    def tile(
        self, key: Any, model: Opened, part: Part, levels: tuple[int, int], place: tuple[int, int], how: How
    ) -> bytes:
        """One tile as safetensors; arguments and errors as `facts` and `netscope.models.survey.tile`."""
        found = self._survey(key, model, part)
        with self._array(key, model, part.tensor) as array:
            tile = array.tile(found, levels, place, part.index, how)
        values = tile.values
        if values.dtype == np.float16:
            values = values.astype(np.float32)
        return replies.tensors({"values": np.ascontiguousarray(values)}, {"share": tile.share})

    def spectrum(self, key: Any, model: Opened, part: Part) -> bytes:
        """Singular values as safetensors; arguments and errors as `facts`."""
        with self._array(key, model, part.tensor) as array:
            found = array.spectrum(part.index)
        ranks = (_known(found.effective_rank), _known(found.stable_rank), _known(found.condition))
        return replies.tensors({"values": found.values}, TensorSpectrum(*ranks, found.rank, found.rows, found.columns))

    def file(self, key: Any, model: Opened, tensor: int) -> tuple[str, int, Iterator[bytes]]:
        """An array as an .npy file: its name, its size in bytes, and its parts. Arguments and errors as `facts`."""
        with self._array(key, model, tensor) as array:
            head = _npy_header(array.element_type, array.shape)
            size = len(head) + math.prod(array.shape) * array.element_type.itemsize

        def parts() -> Iterator[bytes]:
            yield head
            with self._array(key, model, tensor) as array:
                for part in array.parts():
                    yield part.tobytes()

        return array.name, size, parts()

    def _survey(self, key: Any, model: Opened, part: Part) -> Survey:
        def make() -> Survey:
            with self._array(key, model, part.tensor) as array:
                return array.survey(part.index, part.is_colour, survey.MOST_READ)

        return self._surveys.make((key, part), make)

    @contextmanager
    def _array(self, key: Any, model: Opened, tensor: int) -> Iterator[StoredArray]:
        row = self._row(key, model, tensor)
        stored = model.stored[tensor]
        if stored is None:
            raise NotFoundError(f"the numbers of {row.name!r} are not in the files of this model")
        about = row.shape, model.summary.format
        if is_raw(stored):
            with opened(stored) as source:
                yield StoredArray(source, stored.offset, stored.n_bytes, row.name, row.dtype, *about)
            return
        found = self._decoded.make((key, tensor), lambda: self._decode(stored, row))
        yield StoredArray(found.source, 0, found.n_bytes, row.name, found.dtype, *about)

    def _decode(self, stored: Stored, row: Any) -> _Decoded:
        shape = known_shape(row.name, row.shape)
        file, dtype = decoded(stored, row.name, row.dtype, shape, self._place())
        source = ByteSource(file)
        self._sources.add(source)
        return _Decoded(source, dtype, file.seek(0, 2))

    def _row(self, key: Any, model: Opened, tensor: int) -> Any:
        graph = self._graphs.make(key, lambda: unpack(model.pack)).graph
        if not 0 <= tensor < min(graph.n_tensors, len(model.stored)):
            raise NotFoundError(f"no tensor {tensor}; the model has {len(model.stored)}")
        return graph.tensors[tensor]

    def _facts(self, key: Any, model: Opened, tensor: int, found: Survey) -> TensorFacts:
        row = self._row(key, model, tensor)
        layout, statistics, moments = found.layout, found.statistics, found.statistics.moments
        shape = list(known_shape(row.name, row.shape))
        order = order_of(shape, model.summary.format) if len(shape) == 4 else None
        has_colours = layout.kind == "grid" and layout_of(shape, order).is_colour
        fixed = [shape[axis] for axis in layout.fixed]
        places = layout.kind, layout.rows, layout.columns, *layout.unit, layout.n_units, layout.order or "", fixed
        picture = Picture(*places, layout.is_colour, has_colours, found.row_level, found.column_level)
        return TensorFacts(
            name=row.name,
            dtype=row.dtype,
            shape=shape,
            bytes=_known(row.bytes),
            picture=picture,
            share=found.share,
            n=int(moments.n),
            zeros=int(moments.zeros),
            nan=statistics.nan,
            infinite=statistics.infinite,
            mean=_known(moments.mean),
            std=_known(moments.std),
            min=_known(moments.min),
            max=_known(moments.max),
            l1=statistics.l1,
            l2=_known(moments.norm),
            quantiles=[_known(value) for value in statistics.quantiles(QUANTILES).tolist()],
            levels=None if statistics.levels is None else len(statistics.levels),
            step=_known(statistics.step),
            precision=statistics.precision if row.dtype in ("float32", "float64") else "",
            is_magnitude=row.dtype.startswith("complex"),
            rows_per_norm=found.channels.per_row,
            columns_per_norm=found.channels.per_column,
            zero_rows=len(found.channels.zero_rows),
            equal_rows=len(found.channels.equal_rows),
        )

    def _place(self) -> Path | None:
        folder = self._folder or cache_folder()
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(f"{folder} cannot be made: {error.strerror or error}") from error
        return folder


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _npy_header(kind: np.dtype[Any], shape: Sequence[int]) -> bytes:
    """Of version 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)."""
    text = f"{{'descr': {kind.str!r}, 'fortran_order': False, 'shape': {tuple(shape)!r}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1")
