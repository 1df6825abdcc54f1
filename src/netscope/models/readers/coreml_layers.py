"""The layers of a neural network of Core ML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netscope.errors import FormatError
from netscope.models.readers.coreml_schema import ACTIVATIONS, LAYERS, LSTM_WEIGHTS, Field, Layer
from netscope.models.readers.coreml_values import Values, weights
from netscope.models.readers.wire import Message

DEEPEST = 30


class Layers:
    """Adds the layers of a network to the graph."""

    def __init__(self, values: Values, depth: int = 0) -> None:
        """Begin; inputs are among the values."""
        if depth > DEEPEST:
            raise FormatError(f"damaged file: networks are nested deeper than {DEEPEST}")
        self.values, self.depth = values, depth

    def network(self, network: Message) -> None:
        """Add a network."""
        self.values.reading.check(len(network.spans(1)))
        for layer in network.messages(1):
            self._layer(layer)

    def _layer(self, layer: Message) -> None:
        number = next((number for number in LAYERS if layer.has(number)), 0)
        kind = LAYERS.get(number, Layer("unknown", ()))
        name, values = layer.text(1), self.values
        contents = _Contents(name, kind, layer.message(number), values)
        shapes = _shapes(layer)
        inputs = [values.find(text) for text in layer.texts(2)]
        outputs = [values.define(text, "", shapes.get(text)) for text in layer.texts(3)]
        node = values.reading.builder.add_node(
            kind.name, [*inputs, *contents.arrays.values()], outputs, name=name, scope=values.scope_of(name),
            attributes=contents.attributes, input_names=[*([""] * len(inputs)), *contents.arrays],
        )  # fmt: skip
        for body, network in contents.networks.items():
            Layers(values.body(f"{name}/{body}", node), self.depth + 1).network(network)


def _shapes(layer: Message) -> Mapping[str, list[int | None]]:
    """Shapes of the outputs, as far as they are said."""
    shapes = [[size if size > 0 else None for size in tensor.integers(2, 64)] for tensor in layer.messages(5)]
    return dict(zip(layer.texts(3), shapes, strict=False))


class _Contents:
    """What the message of one layer holds."""

    def __init__(self, name: str, kind: Layer, said: Message, values: Values) -> None:
        self.name, self.kind, self.said, self.values = name, kind, said, values
        self.attributes: dict[str, Any] = {}
        self.arrays: dict[str, int] = {}
        """Values of its weights, by the names of their fields."""
        self.networks: dict[str, Message] = {}
        """Networks within it, by the names of their fields."""
        self._fields(kind, said)
        if kind.name == "activation":
            self._function(said)

    def _fields(self, kind: Layer, said: Message) -> None:
        for field in kind.fields:
            if said.has(field.number):
                self._field(field, said)

    def _field(self, field: Field, said: Message) -> None:
        number, name = field.number, field.name
        if field.kind == "w":
            for i, one in enumerate(said.messages(number)):
                self._array(f"{name}.{i}" if field.is_list else name, one)
        elif field.kind == "l":
            for i, one in enumerate(said.messages(number)):
                for gate in (gate for gate in LSTM_WEIGHTS if one.has(gate.number)):
                    self._array(f"{gate.name}.{i}" if field.is_list else gate.name, one.message(gate.number))
        elif field.kind == "n":
            self.networks[name] = said.message(number)
        elif field.kind == "a":
            names = [_name_of_activation(one) for one in said.messages(number)]
            self.attributes[name] = names if field.is_list else names[-1]
        elif field.kind != "m":
            self.attributes[name] = _setting(field, said)
        elif self.kind.name != "activation" and not field.is_list:
            self.attributes[name] = True

    def _array(self, key: str, said: Message) -> None:
        shape = _shape(self.kind, key, self.said)
        value = weights(said, f"{self.name}.{key}", shape, self.values.reading)
        if value >= 0:
            self.arrays[key] = value

    def _function(self, said: Message) -> None:
        """The function that an activation applies, with its settings."""
        number = next((number for number in ACTIVATIONS if said.has(number)), 0)
        if number:
            self.attributes["function"] = ACTIVATIONS[number].name
            self._fields(ACTIVATIONS[number], said.message(number))


def _setting(field: Field, said: Message) -> Any:
    if field.kind == "s":
        return said.text(field.number)
    if field.kind == "f":
        numbers: list[Any] = list(said.floats(field.number, 64))
    elif field.kind == "e":
        numbers = [
            field.names[number] if 0 <= number < len(field.names) else number
            for number in said.integers(field.number, 64)
        ]
    else:
        numbers = [bool(one) if field.kind == "?" else one for one in said.integers(field.number, 64)]
    return numbers if field.is_list else numbers[-1] if numbers else None


def _name_of_activation(said: Message) -> str:
    return next((kind.name for number, kind in ACTIVATIONS.items() if said.has(number)), "")


def _shape(kind: Layer, name: str, said: Message) -> tuple[int, ...]:
    """The shape of an array of a layer, from the sizes that the layer says; () if they do not say it."""
    numbers = {field.name: said.integers(field.number, 8) for field in kind.fields if field.kind == "i"}

    def sizes(*fields: str) -> tuple[int, ...]:
        return tuple((numbers.get(field) or [0])[-1] for field in fields)

    if name == "weights" and kind.name == "convolution":
        n_out, n_in = sizes("outputChannels", "kernelChannels")
        kernel = numbers.get("kernelSize") or [3, 3]
        is_transposed = said.integer(60)
        return (n_in, n_out // max(1, *sizes("nGroups")), *kernel) if is_transposed else (n_out, n_in, *kernel)
    if name == "weights" and kind.name == "convolution3d":
        n_out, n_in, n_groups = sizes("outputChannels", "inputChannels", "nGroups")
        return (n_out, n_in // max(1, n_groups), *sizes("kernelDepth", "kernelHeight", "kernelWidth"))
    if name == "weights" and kind.name in _MATRICES:
        return sizes(*_MATRICES[kind.name])
    if "ecursionMatrix" in name:
        return sizes("outputVectorSize", "outputVectorSize")
    if "eightMatrix" in name:
        return sizes("outputVectorSize", "inputVectorSize")
    return tuple(numbers.get("shape") or ()) if name == "data" else ()


_MATRICES = {
    "innerProduct": ("outputChannels", "inputChannels"), "embedding": ("inputDim", "outputChannels"),
    "embeddingND": ("vocabSize", "embeddingSize"),
    "batchedMatmul": ("weightMatrixFirstDimension", "weightMatrixSecondDimension"),
}  # fmt: skip
"""Layers whose weights are a matrix, and the fields that say its sizes."""
