"""Read OpenVINO's IR: the layers in the XML, and where each constant lies in the `.bin` beside it.

Parameters and Results are the inputs and outputs of the graph, constants are stored tensors; every other layer is a
node. The XML is read without a document type, so that it can define no entities.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.shapes import Dimension, dtype_bytes, n_elements
from netscope.models.stored import Stored, size_of

LARGEST_XML = 512 << 20
DEEPEST = 100
MOST_ELEMENTS = 10_000_000
_DTYPES = {
    "f16": "float16", "f32": "float32", "f64": "float64", "bf16": "bfloat16", "boolean": "bool", "string": "string",
    "fp16": "float16", "fp32": "float32", "fp64": "float64", "bool": "bool", "f8e4m3": "float8_e4m3fn",
    "f8e5m2": "float8_e5m2",
    **{f"{kind[0]}{n}": f"{kind}{n}" for kind in ("int", "uint") for n in (2, 4, 8, 16, 32, 64)},
}  # fmt: skip
_BODIES = ("body", "then_body", "else_body")
Port = tuple[str, str]
"""Ids of a layer and of one of its ports."""


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is an IR of OpenVINO's."""
    return path.suffix.lower() == ".xml" and b"<net" in head


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged, no IR, or defines entities.
    """
    if size_of(path) > LARGEST_XML:
        raise FormatError(f"{path.name!r} is larger than any IR of OpenVINO")
    net = _parsed(path)
    if net.tag != "net" or net.find("layers") is None:
        raise FormatError(f"{path.name!r} is XML, but not an IR of OpenVINO: its outermost element is {net.tag[:40]!r}")
    reading = _Reading(path)
    reading.graph(net, 0, "")
    reading.builder.place_tensors()
    rt_info = net.find("rt_info")
    metadata = {"name": net.get("name", "")} | {
        one.tag: value for one in (rt_info if rt_info is not None else ()) if (value := one.get("value")) is not None
    }
    return Model(
        name=path.name,
        format="OpenVINO",
        format_version=f"IR {net.get('version', '')}",
        producer=f"OpenVINO {metadata['Runtime_version']}" if "Runtime_version" in metadata else "",
        graph=reading.builder.build(),
        metadata=metadata,
        warnings=tuple(dict.fromkeys(reading.warnings)),
        stored=tuple(reading.stored),
    )


def _parsed(path: Path) -> Element:
    """The tree of elements, with their texts."""
    builder, parser = TreeBuilder(), expat.ParserCreate()
    depth = n = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, n
        depth, n = depth + 1, n + 1
        if depth > DEEPEST or n > MOST_ELEMENTS:
            raise FormatError(f"{path.name!r} has more elements than any IR of OpenVINO, or nests them deeper")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: Any) -> None:
        raise FormatError(f"{path.name!r} has a document type, which no IR of OpenVINO has")

    parser.CharacterDataHandler = builder.data
    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, refuse
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
        return builder.close()
    except (expat.ExpatError, AssertionError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path.name!r} is damaged XML, or cut off: {error}") from error


class _Reading:
    """What is read so far."""

    def __init__(self, path: Path) -> None:
        self.path, self.bin = path, path.with_suffix(".bin")
        self.bin_bytes = size_of(self.bin)
        self.builder = GraphBuilder()
        self.stored: list[Stored | None] = []
        self.warnings: list[str] = []

    def graph(self, net: Element, scope: int, path: str) -> None:
        """Add the layers of a graph or body."""
        edges: dict[Port, Port] = {}
        for edge in net.iterfind("edges/edge"):
            target = (edge.get("to-layer", ""), edge.get("to-port", ""))
            edges[target] = (edge.get("from-layer", ""), edge.get("from-port", ""))
        values: dict[Port, int] = {}
        layers = net.findall("layers/layer")
        for layer in layers:
            for port, value in self._outputs(layer, scope):
                values[layer.get("id", ""), port] = value
        for layer in layers:
            self._layer(layer, values, edges, scope, path)

    def _outputs(self, layer: Element, scope: int) -> Iterator[tuple[str, int]]:
        """The values of the outputs of a layer."""
        name, kind = layer.get("name", ""), layer.get("type", "")
        tensor = self._constant(layer, scope) if kind == "Const" else -1
        for index, port in enumerate(layer.iterfind("output/port")):
            title = name if not index else f"{name}:{index}"
            value = self.builder.add_value(title, _dtype(port.get("precision", "")), _dimensions(port), tensor=tensor)
            if kind == "Parameter" and not scope:
                self.builder.inputs.append(value)
            yield port.get("id", ""), value

    def _constant(self, layer: Element, scope: int) -> int:
        """Add the tensor of a constant."""
        data = layer.find("data")
        said = dict(data.attrib) if data is not None else {}
        blob = next(layer.iterfind("blobs/*"), None)  # before version 10
        said |= dict(blob.attrib) if blob is not None else {}
        dtype = _dtype(said.get("element_type", said.get("precision", "")))
        shape = _shape(said.get("shape", "")) if "shape" in said else _dimensions(layer.find("output/port"))
        sizes = tuple(size if isinstance(size, int) else 0 for size in shape)
        offset, size = said.get("offset", "0"), said.get("size", "")
        n_bytes = int(size) if size.isdecimal() and len(size) < 18 else -1
        place = None
        if not offset.isdecimal() or len(offset) > 18 or n_bytes < 0 or not self.bin_bytes >= int(offset) + n_bytes:
            self.warnings.append(f"The weights are in {self.bin.name!r}, which is not there, or is cut off.")
        elif n_elements(sizes) * dtype_bytes(dtype) <= n_bytes:
            place = Stored(str(self.bin), int(offset), n_bytes)
        self.stored.append(place)
        return self.builder.add_tensor(layer.get("name", ""), dtype, sizes, max(0, n_bytes), scope=scope)

    def _layer(self, layer: Element, values: dict[Port, int], edges: dict[Port, Port], scope: int, path: str) -> None:
        kind, name, id_ = layer.get("type", ""), layer.get("name", "").strip("/"), layer.get("id", "")
        inputs = []
        for port in layer.iterfind("input/port"):
            source = edges.get((id_, port.get("id", "")))
            if source is None or source not in values:
                raise FormatError(f"{self.path.name!r}: the layer {name[:100]!r} reads what nothing computes")
            inputs.append(values[source])
        if kind == "Result":
            self.builder.outputs += inputs if not scope else []
            return
        if kind in ("Const", "Parameter"):
            return
        data = layer.find("data")
        inner = name.rpartition("/")[0]
        place = self.builder.scope(f"{path}/{inner}" if path else inner, separator="/") if inner else scope
        outputs = [values[id_, port.get("id", "")] for port in layer.iterfind("output/port")]
        node = self.builder.add_node(
            kind, inputs, outputs, name=f"{path}/{name}" if path else name, scope=place,
            attributes={key: _attribute(text) for key, text in data.attrib.items()} if data is not None else None,
        )  # fmt: skip
        for title in _BODIES:
            if (body := layer.find(title)) is not None:
                around = self.builder.scope_name(place)
                inside = "/".join(part for part in (around, name.rpartition("/")[2], title) if part)
                self.graph(body, self.builder.add_scope(inside, title, parent=place, owner=node), inside)


def _dtype(text: str) -> str:
    return _DTYPES.get(text.lower(), text.lower())


def _dimensions(port: Element | None) -> tuple[Dimension, ...]:
    """The sizes of a port; -1 is unknown."""
    return tuple(_size(one) for one in _texts(port)) if port is not None else ()


def _texts(port: Element) -> Iterator[str]:
    yield from (one.text or "" for one in port.iterfind("dim"))


def _shape(text: str) -> tuple[Dimension, ...]:
    """A shape as a setting has it: `?,3,1..8`."""
    return tuple(_size(part.strip()) for part in text.split(",")) if text.strip() else ()


def _size(text: str) -> Dimension:
    if text.isdecimal() and len(text) < 18:
        return int(text)
    return None if text in ("-1", "?", "") else text[:40]


def _attribute(text: str) -> Any:
    """A setting: a list of numbers, a number, or a text."""
    if text in ("true", "false"):
        return text == "true"
    parts = [part.strip() for part in text[:10_000].split(",")]
    if all(part.lstrip("-").isdecimal() and len(part) < 18 for part in parts):
        numbers = [int(part) for part in parts]
        return numbers if len(numbers) > 1 else numbers[0]
    return text
