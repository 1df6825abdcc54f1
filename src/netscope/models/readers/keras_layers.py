"""The layers of a Keras configuration as a graph: Sequential, Functional (of Keras 2 and 3), models within models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.readers.hdf5 import Dataset

DEEPEST = 30
MOST_LAYERS = 200_000
_CONTAINERS = {"Functional", "Model", "Sequential"}
_SKIPPED = {"name", "dtype", "trainable", "batch_input_shape", "batch_shape", "layers", "input_layers", "output_layers"}
_VARIABLES = {
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose"), ("kernel", "bias")),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"), "Embedding": ("embeddings",),
    "LayerNormalization": ("gamma", "beta"), "DepthwiseConv2D": ("kernel", "bias"),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), ("depthwise_kernel", "pointwise_kernel", "bias")),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), ("kernel", "recurrent_kernel", "bias")),
}  # fmt: skip
"""What Keras 3 only numbers in the file of weights."""
_Key = tuple[str, int, int]
"""Name of a layer, which of its calls, which of its outputs."""
Shapes = dict[tuple[str, int], tuple[int | None, ...] | None]
"""Of the first result of each call of a layer, by its path ("layers/dense_1") and the number of the call."""


def is_config(config: Mapping[str, Any]) -> bool:
    """Whether this is the configuration of a model or a layer."""
    return "class_name" in config and "config" in config


class Layers:
    """Adds the layers of a model to a graph."""

    def __init__(self, builder: GraphBuilder, datasets: Sequence[Dataset], shapes: Shapes | None = None) -> None:
        """Begin.

        Args:
            builder: The graph.
            datasets: The arrays of the model.
            shapes: Of the results of layers, as far as they are known.
        """
        self.builder, self.warnings, self.shapes = builder, list[str](), shapes or {}
        self.n_layers = 0
        self.weights: dict[str, list[tuple[str, int]]] = {}
        """Of each layer: names and values, for further calls of it."""
        self.by_layer: dict[str, list[Dataset]] = {}
        for one in datasets:
            for key in _layer_keys(one.at):
                self.by_layer.setdefault(key, []).append(one)

    def model(self, config: Mapping[str, Any]) -> None:
        """Add the outermost model.

        Raises:
            FormatError: Its layers refer to what is not there.
        """
        name = config["config"].get("name", "") if isinstance(config["config"], dict) else ""
        self.builder.scope("", str(config["class_name"]))
        outputs = self._container(config, [], 0, "", "layers", is_root=True)
        self.builder.outputs += outputs
        if name and not self.builder.n_nodes:
            self.warnings.append(f"The layers of {name} are made by its own code, which is not in the file.")

    def _container(
        self, config: Mapping[str, Any], inputs: Sequence[int], scope: int, path: str, at: str, *,
        is_root: bool = False, depth: int = 0,
    ) -> list[int]:  # fmt: skip
        """Add the layers of a model that is called with `inputs`; its outputs."""
        if depth > DEEPEST:
            raise FormatError(f"its models are nested deeper than {DEEPEST}")
        said = config["config"]
        layers = said if isinstance(said, list) else said.get("layers", [])
        place = _Place(scope, path, at, depth, is_root)
        if config["class_name"] == "Sequential":
            return self._sequential(layers, said, inputs, place)
        if isinstance(said, dict) and ("input_layers" in said or "output_layers" in said):
            return self._functional(layers, said, inputs, place)
        return []

    def _sequential(self, layers: Any, said: Any, inputs: Sequence[int], place: _Place) -> list[int]:
        values = list(inputs)
        shape = said.get("build_input_shape") if isinstance(said, dict) else None
        names = Members()
        for layer in layers:
            kind, settings = layer["class_name"], layer["config"]
            first = (
                settings.get("batch_input_shape", settings.get("batch_shape")) if isinstance(settings, dict) else None
            )
            if not values:
                known = first or shape
                values = [self._input(str(settings.get("name", "input")), _dtype(settings), known, place)]
            if kind != "InputLayer":
                values = self._layer(layer, values, place, names.member(kind), {})
        return values

    def _functional(self, layers: Any, said: Mapping[str, Any], inputs: Sequence[int], place: _Place) -> list[int]:
        results: dict[_Key, int] = {}
        names, given = Members(), dict[str, int]()
        for key, value in zip(_references(said.get("input_layers", [])), inputs, strict=False):
            given[key[0]] = value
        pending = []
        for layer in layers:
            settings = layer["config"]
            name = str(layer.get("name", settings.get("name", "")))
            member = names.member(layer["class_name"])
            if layer["class_name"] == "InputLayer":
                shape = settings.get("batch_input_shape", settings.get("batch_shape"))
                results[name, 0, 0] = given.get(name, -1)
                if name not in given:
                    results[name, 0, 0] = self._input(name, _dtype(settings), shape, place)
                continue
            calls = layer.get("inbound_nodes") or []
            if not isinstance(calls, list) or len(calls) > MOST_LAYERS:
                raise FormatError(f"the layer {name!r} has no list of calls")
            pending += [(name, layer, member, index, call) for index, call in enumerate(calls)]
        self._called(pending, results, place)
        return [_found(results, key, "the model") for key in _references(said.get("output_layers", []))]

    def _called(self, pending: list[Any], results: dict[_Key, int], place: _Place) -> None:
        """Add calls once their inputs are there: the file has layers in order of their making, not of their running."""
        while pending:
            left = []
            for name, layer, member, index, call in pending:
                keys = [*_inbound(call)]
                if any(key not in results for key in keys):
                    left.append((name, layer, member, index, call))
                    continue
                settings = _call_settings(call)
                values = self._layer(layer, [results[key] for key in keys], place, member, settings, index)
                for output, value in enumerate(values):
                    results[name, index, output] = value
            if len(left) == len(pending):
                missing = next(key for _, _, _, _, call in left for key in _inbound(call) if key not in results)
                raise FormatError(f"the layer {left[0][0]!r} reads {missing[0]!r}, which nothing computes")
            pending = left

    def _layer(
        self, layer: Mapping[str, Any], inputs: Sequence[int], place: _Place, member: str, call: Mapping[str, Any],
        index: int = 0,
    ) -> list[int]:  # fmt: skip
        """Add one call of a layer; its outputs."""
        self.n_layers += 1
        if self.n_layers > MOST_LAYERS:
            raise FormatError(f"it has more than {MOST_LAYERS:,} layers")
        kind, settings = str(layer["class_name"]), layer["config"]
        name = str(layer.get("name", settings.get("name", kind) if isinstance(settings, dict) else kind))
        path = f"{place.path}/{name}" if place.path else name
        if index:
            path += f" (call {index + 1})"
        at = f"{place.at}/{member}"
        if kind in _CONTAINERS and _has_layers(settings):
            scope = self.builder.add_scope(path, kind, parent=place.scope)
            return self._container(layer, inputs, scope, path, f"{at}/layers", depth=place.depth + 1)
        if not index:
            self.weights[at] = self._weights(kind, name, at, place, path)
        weights = self.weights.get(at, [])
        shape = self.shapes.get((at, index), _output_shape(layer))
        outputs = [self.builder.add_value(name, _dtype(settings), shape)]
        inner = settings.get("layer") if isinstance(settings, dict) else None
        if isinstance(inner, dict) and is_config(inner):
            call = {
                **call,
                "layer": inner["class_name"],
                **{f"layer.{k}": v for k, v in _settings(inner["config"]).items()},
            }
        self.builder.add_node(
            kind, [*inputs, *(value for _, value in weights)], outputs, name=path, scope=place.scope,
            attributes={**_settings(settings), **call},
            input_names=[*[""] * len(inputs), *(title for title, _ in weights)],
        )  # fmt: skip
        return outputs

    def _weights(self, kind: str, name: str, at: str, place: _Place, path: str) -> list[tuple[str, int]]:
        """The values of the arrays of a layer, by their own names."""
        found = self.by_layer.get(at) or self.by_layer.get(name) or []
        known = _VARIABLES.get(kind, ())
        values = []
        for one in found:
            if one.value is not None:
                continue
            title = one.at[-1].partition(":")[0]
            if title.isdecimal() and int(title) < len(known):  # Keras 3 numbers the variables of a layer
                title = known[int(title)]
            one.scope, one.name = place.scope, f"{path}/{title}"
            one.value = self.builder.add_value(one.name, one.dtype, one.shape)
            values.append((title, one.value))
        return values

    def _input(self, name: str, dtype: str, shape: Any, place: _Place) -> int:
        value = self.builder.add_value(name, dtype or "float32", _shape(shape))
        if place.is_root:
            self.builder.inputs.append(value)
        return value


class _Place:
    """Where layers are added."""

    def __init__(self, scope: int, path: str, at: str, depth: int, is_root: bool) -> None:
        self.scope, self.path, self.at, self.depth, self.is_root = scope, path, at, depth, is_root


class Members:
    """The names that Keras 3 gives to layers in the file of weights: conv2d, conv2d_1, by class and order."""

    def __init__(self) -> None:
        """None yet."""
        self._counts: dict[str, int] = {}

    def member(self, kind: Any) -> str:
        """The name of the next layer of a class."""
        snake = _snake(str(kind))
        n = self._counts[snake] = self._counts.get(snake, -1) + 1
        return f"{snake}_{n}" if n else snake


def _snake(name: str) -> str:
    """Conv2DTranspose as conv2d_transpose, as keras.src.utils.naming.to_snake_case writes it."""
    out = ""
    for i, letter in enumerate(name):
        follows_lower = i > 0 and letter.isupper() and (name[i - 1].islower() or name[i - 1].isdigit())
        begins_word = (
            i > 0 and letter.isupper() and i + 1 < len(name) and name[i + 1].islower() and name[i - 1].isupper()
        )
        out += "_" if (follows_lower and not _stays(name, i)) or begins_word else ""
        out += letter.lower()
    return out


def _stays(name: str, i: int) -> bool:
    """Whether a capital after a number belongs to it ("2D")."""
    return name[i - 1].isdigit() and name[i] == "D" and (i + 1 == len(name) or not name[i + 1].islower())


def _layer_keys(at: Sequence[str]) -> Iterator[str]:
    """What layers may call the groups around an array: by name (Keras 2) and by path (Keras 3)."""
    parts = [*at[:-1]]
    if parts[:1] == ["model_weights"]:
        parts = parts[1:]
    if parts[:1] in (["layers"], ["_layer_checkpoint_dependencies"]):
        own = ["layers", *parts[1:]]
        for n in range(2, len(own) + 1):
            yield "/".join(own[:n])
    elif parts and parts[0] != "optimizer_weights":
        yield parts[0]
        if len(parts) > 1 and parts[1] != parts[0]:
            yield parts[1]


def _has_layers(settings: Any) -> bool:
    return isinstance(settings, list) or (isinstance(settings, dict) and "layers" in settings)


def _references(said: Any) -> Iterator[_Key]:
    """["conv", 0, 0], or a list or dict of such."""
    waiting = [said]
    for _ in range(MOST_LAYERS):
        if not waiting:
            return
        one = waiting.pop(0)
        if (
            isinstance(one, list)
            and len(one) >= 3
            and isinstance(one[0], str)
            and all(type(n) is int for n in one[1:3])
        ):
            yield one[0], one[1], one[2]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()


def _inbound(call: Any) -> Iterator[_Key]:
    """The values that one call of a layer reads, in Keras 2 (lists) and 3 (tensors among the arguments)."""
    if not isinstance(call, dict):
        yield from _references(call)
        return
    waiting: list[Any] = [call.get("args"), call.get("kwargs")]
    for _ in range(MOST_LAYERS):
        if not waiting:
            return
        one = waiting.pop(0)
        if isinstance(one, dict) and one.get("class_name") == "__keras_tensor__":
            yield from _references(one["config"]["keras_history"])
        elif isinstance(one, dict):
            waiting = [*one.values(), *waiting]
        elif isinstance(one, list):
            waiting = [*one, *waiting]


def _call_settings(call: Any) -> dict[str, Any]:
    """Plain arguments of a call."""
    said = call.get("kwargs") if isinstance(call, dict) else None
    if not isinstance(said, dict):
        return {}
    return {name: one for name, one in said.items() if one is None or isinstance(one, (bool, int, float, str))}


def _found(results: Mapping[_Key, int], key: _Key, reader: str) -> int:
    if key not in results:
        raise FormatError(f"{reader} reads {key[0]!r}, which nothing computes")
    return results[key]


def _settings(settings: Any) -> dict[str, Any]:
    """The settings of a layer as attributes: objects by their class; code by its size."""
    found: dict[str, Any] = {}
    for name, one in settings.items() if isinstance(settings, dict) else ():
        if name in _SKIPPED or one is None or name == "layer":
            continue
        if name == "function":
            found[name] = _code(one)
        elif isinstance(one, dict):
            found[name] = str(one.get("class_name", "")) or one
        else:
            found[name] = one
    return found


def _code(function: Any) -> str:
    """What a Lambda layer calls: a name, or code, which nobody looks at."""
    if isinstance(function, str):
        return function
    code = function[0] if isinstance(function, list) and function else function
    if isinstance(code, dict):
        code = code.get("config", code)
        code = code.get("code", code) if isinstance(code, dict) else code
    return f"code, {len(code)} letters" if isinstance(code, str) else "code"


def _dtype(settings: Any) -> str:
    said = settings.get("dtype") if isinstance(settings, dict) else None
    if isinstance(said, dict):
        config = said.get("config")
        said = config.get("name") if isinstance(config, dict) else None
    return {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}.get(said, said) if isinstance(said, str) else ""


def _shape(shape: Any) -> tuple[int | None, ...] | None:
    """A shape with its batch; None if it is none."""
    if isinstance(shape, dict):
        shape = shape.get("items", shape.get("config"))
    if not isinstance(shape, (list, tuple)) or not all(size is None or type(size) is int for size in shape):
        return None
    return tuple(size if size is None or size >= 0 else None for size in shape)


def _output_shape(layer: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    """What the configuration says of the shape of the result: nothing but for dense layers."""
    settings = layer["config"]
    if layer["class_name"] in ("Dense", "EinsumDense") and isinstance(settings, dict):
        built = layer.get("build_config")
        before = _shape(built.get("input_shape")) if isinstance(built, dict) else None
        units = settings.get("units")
        return (*before[:-1], units) if before and type(units) is int else None
    return None
