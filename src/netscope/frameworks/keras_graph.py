"""The graph of a Keras model that is an object in Python, whatever backend computes it: a node for each layer.

The layers and what they read come from the configuration that Keras would save, so that a model and its file have the
same graph; shapes and variables come from the layers themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from netscope.errors import UsageError
from netscope.models.builder import GraphBuilder
from netscope.models.flops import with_flops
from netscope.models.model import Model
from netscope.models.readers.hdf5 import Dataset
from netscope.models.readers.keras_layers import Layers, Members, Shapes
from netscope.models.shapes import dtype_bytes, n_elements


def of_keras(model: keras.Model) -> Model:
    """The graph of a Sequential or Functional model.

    Raises:
        UsageError: It is not built, or its layers are called by code of its own.
    """
    if not model.built:
        raise UsageError(f"{model.name!r} is not built: call it, or build(input_shape), first")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    if "layers" not in config["config"]:
        raise UsageError(
            f"{type(model).__name__} calls its layers with code of its own, which its configuration does not say; "
            "graph takes Sequential and Functional models of Keras"
        )
    shapes: Shapes = {}
    datasets = list(_variables(model, config, "layers", shapes))
    builder = GraphBuilder()
    layers = Layers(builder, datasets, shapes)
    layers.model(config)
    for one in datasets:
        scope = one.scope if one.value is not None else 0
        tensor = builder.add_tensor(one.name or "/".join(one.at), one.dtype, one.shape, one.n_bytes, scope=scope)
        if one.value is not None:
            builder.set_tensor(one.value, tensor)
    return Model(
        name=model.name,
        format="Keras",
        format_version=keras.__version__,
        graph=with_flops(builder.build()),
        metadata={"backend": keras.backend.backend(), "parameters": model.count_params()},
        warnings=tuple(layers.warnings),
    )


def _variables(container: Any, config: Mapping[str, Any], at: str, shapes: Shapes) -> Iterator[Dataset]:
    """The variables of the layers of a model, each at the path that it would have in a file of Keras 3.

    Args:
        container: The model.
        config: Its configuration.
        at: The path of its layers.
        shapes: Shapes of what each call of a layer computes; entries are added.
    """
    members = Members()
    for said in config["config"]["layers"]:
        kind, name = said["class_name"], said["config"]["name"]
        if kind == "InputLayer" and config["class_name"] == "Sequential":
            continue
        path = f"{at}/{members.member(kind)}"
        if kind == "InputLayer":
            continue
        layer = container.get_layer(name)
        if isinstance(said["config"], dict) and "layers" in said["config"]:
            yield from _variables(layer, said, f"{path}/layers", shapes)
            continue
        for index, node in enumerate(layer._inbound_nodes):
            shapes[path, index] = tuple(node.outputs[0].shape) if node.outputs else None
        for variable in layer.weights:
            yield _dataset(path, layer.name, variable)


def _dataset(path: str, layer: str, variable: Any) -> Dataset:
    shape, dtype = tuple(variable.shape), str(variable.dtype)
    own = variable.path.rpartition(f"{layer}/")[2].replace("/", ".")  # "query.kernel" of an attention layer
    n_bytes = n_elements(shape) * dtype_bytes(dtype)
    return Dataset((*path.split("/"), "vars", own), dtype, shape, n_bytes, None)
