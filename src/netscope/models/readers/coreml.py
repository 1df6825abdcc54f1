"""Read Core ML models (`.mlmodel`, `.mlpackage`): neural networks, ML programs, pipelines; other models are one node.

Field numbers are those of mlmodel/format/*.proto in Apple's coremltools. Weights are located: in the model itself, or
for ML programs in `weights/weight.bin` beside it.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import msgspec

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.readers.coreml_layers import Layers
from netscope.models.readers.coreml_program import Program
from netscope.models.readers.coreml_schema import MODELS
from netscope.models.readers.coreml_values import Reading, Values
from netscope.models.readers.wire import Message
from netscope.models.shapes import Dimension
from netscope.models.stored import within

PACKAGE = ".mlpackage"
MANIFEST = "Manifest.json"
LARGEST_MANIFEST = 1 << 20
DEEPEST_PIPELINE = 20
_NETWORKS = (303, 403, 500)
_PIPELINES = (200, 201, 202)
_TREES = (302, 402)
_PROGRAM = 502
_ARRAY_TYPES = {65568: "float32", 65600: "float64", 131104: "int32", 65552: "float16", 131080: "int8"}
_CHANNELS = {10: 1, 20: 3, 30: 3, 40: 1}
"""Of each colour space of images."""


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is a model of Core ML's; its message has no mark, so the suffix has to say it."""
    return path.suffix.lower() == ".mlmodel" and head[:1] == b"\x08"


def inside(folder: Path) -> Path | None:
    """The model in a folder `.mlpackage`; None if it is no such folder.

    Raises:
        FormatError: It is one, but its manifest is damaged.
    """
    manifest = folder / MANIFEST
    if folder.suffix.lower() != PACKAGE or not manifest.is_file():
        return None
    with manifest.open("rb") as file:
        data = file.read(LARGEST_MANIFEST)
    try:
        said = msgspec.json.decode(data, type=_Manifest)
        path = within(folder, f"Data/{said.itemInfoEntries[said.rootModelIdentifier].path}")
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError) as error:
        raise FormatError(f"the manifest of {folder.name!r} is damaged: {error}") from error
    if path is None or not path.is_file():
        raise FormatError(f"the manifest of {folder.name!r} names a model that is not in the folder")
    return path


class _Item(msgspec.Struct):
    path: str


class _Manifest(msgspec.Struct):
    itemInfoEntries: dict[str, _Item]
    rootModelIdentifier: str


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged, or no model of Core ML.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        with memoryview(mapped) as whole:
            return _model(path, Message(whole))


def _model(path: Path, root: Message) -> Model:
    reading = Reading(path, GraphBuilder())
    description = root.message(2)
    values = Values(reading)
    for feature in description.messages(1):
        reading.builder.inputs.append(values.define(feature.text(1), *_type(feature.message(3))))
    _contents(root, values, 0)
    for feature in description.messages(10):
        value = values.find(feature.text(1))
        reading.builder.set_type(value, *_type(feature.message(3)))
        reading.builder.outputs.append(value)
    reading.builder.place_tensors()
    package = next((one for one in path.parents if one.suffix.lower() == PACKAGE), None)
    metadata = _metadata(description.message(100))
    kind = next((MODELS[number] for number in MODELS if root.has(number)), "")
    return Model(
        name=package.name if package else path.name,
        format="Core ML",
        format_version=f"{root.integer(1)}",
        producer=" ".join(
            ("coremltools", version) if (version := metadata.get("com.github.apple.coremltools.version")) else ()
        ),
        graph=reading.builder.build(),
        metadata={"type": kind} | metadata,
        warnings=tuple(dict.fromkeys(reading.warnings)),
        stored=tuple(reading.stored),
    )


def _contents(root: Message, values: Values, depth: int) -> None:
    """Add what a model consists of, in the scope of `values`."""
    if depth > DEEPEST_PIPELINE:
        raise FormatError(f"damaged file: pipelines are nested deeper than {DEEPEST_PIPELINE}")
    number = next((number for number in MODELS if root.has(number)), None)
    if number is None:
        raise FormatError(f"{values.reading.path.name!r} is not a model of Core ML, or of a type that is not known")
    contents = root.message(number)
    if number in _NETWORKS:
        Layers(values).network(contents)
    elif number == _PROGRAM:
        Program(values).program(contents, root.message(2).text(21))
    elif number in _PIPELINES:
        pipeline = contents if number == 202 else contents.message(1)
        names = pipeline.texts(2)
        for i, inner in enumerate(pipeline.messages(1)):
            name = names[i] if i < len(names) and names[i] else f"model{i}"
            kind = next((MODELS[number] for number in MODELS if inner.has(number)), "")
            _contents(inner, values.module(name, kind), depth + 1)
            _check_results(inner, values)
    else:
        _single(number, root, contents, values)


def _check_results(inner: Message, values: Values) -> None:
    """What a part of a pipeline gives is a value of the pipeline, even if the part is not understood so far."""
    for feature in inner.message(2).messages(10):
        values.find(feature.text(1))


def _single(number: int, root: Message, contents: Message, values: Values) -> None:
    """A model that is no network: one node from its inputs to its outputs."""
    description = root.message(2)
    attributes: dict[str, Any] = {}
    if number in _TREES:
        nodes = contents.message(1).messages(1)
        attributes = {"trees": len({node.integer(1) for node in nodes}), "nodes": len(nodes)}
    if labels := contents.message(100).texts(1):
        attributes["classes"] = labels
    inputs, outputs = [[feature.text(1) for feature in description.messages(field)] for field in (1, 10)]
    types = {feature.text(1): _type(feature.message(3)) for field in (1, 10) for feature in description.messages(field)}
    builder = values.reading.builder
    found = [values.find(name) for name in inputs]
    made = [values.define(name, *types[name]) for name in outputs]
    builder.add_node(
        MODELS[number], found, made, name=builder.scope_name(values.scope) or MODELS[number], scope=values.scope,
        attributes=attributes, input_names=inputs,
    )  # fmt: skip


def _type(said: Message) -> tuple[str, list[Dimension] | None]:
    """Type and shape of an input or output."""
    if said.has(5):
        array = said.message(5)
        return _ARRAY_TYPES.get(array.integer(2), ""), list(array.integers(1))
    if said.has(4):
        image = said.message(4)
        return "uint8", [_CHANNELS.get(image.integer(3)), image.integer(2), image.integer(1)]
    if said.has(8):
        return _type_of_state(said.message(8))
    return next((dtype for field, dtype in ((1, "int64"), (2, "float64"), (3, "string")) if said.has(field)), ""), None


def _type_of_state(said: Message) -> tuple[str, list[Dimension] | None]:
    array = said.message(1)
    return _ARRAY_TYPES.get(array.integer(2), ""), list(array.integers(1))


def _metadata(said: Message) -> dict[str, Any]:
    names = ((1, "description"), (2, "version"), (3, "author"), (4, "license"))
    found = {name: text for field, name in names if (text := said.text(field))}
    return found | {entry.text(1): entry.text(2) for entry in said.messages(100)}
