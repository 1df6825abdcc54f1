"""Read Keras models: the layers of their configuration as a graph, their weights where they lie.

`.keras` is a zip archive with `config.json` and `model.weights.h5`; older models are one HDF5 file whose attribute
`model_config` has the configuration. A layer is a node; a model within a model is a scope. Nothing is built from the
configuration: a Lambda layer is shown with the size of its code, which is not looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.graph import OPTIMIZER
from netscope.models.model import Model
from netscope.models.readers import archive
from netscope.models.readers.archive import Archive
from netscope.models.readers.hdf5 import Dataset, datasets
from netscope.models.readers.keras_layers import Layers, is_config

MAGIC = b"\x89HDF\r\n\x1a\n"
WEIGHTS = "model.weights.h5"
OPTIMIZERS = ("optimizer_weights", "optimizer")
LARGEST_CONFIG = 128 << 20
_FAULTS = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is one of Keras's, or HDF5 at all."""
    if head.startswith(archive.MAGIC):
        names = archive.members(path)
        return path.suffix.lower() == ".keras" or ("config.json" in names and WEIGHTS in names)
    return head.startswith(MAGIC)


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged.
        MissingExtraError: The package `h5py` is not installed.
    """
    with path.open("rb") as file:
        is_zip = file.read(len(archive.MAGIC)) == archive.MAGIC
    if not is_zip:
        with path.open("rb") as file:
            found, attributes = datasets(file, path, 0, ("model_config", "keras_version", "backend", "training_config"))
        config = _json(attributes.get("model_config", ""), path)
        version = attributes.get("keras_version", "")
        metadata = {"backend": attributes["backend"]} if "backend" in attributes else {}
        return _model(path, config, found, version, metadata)
    with archive.opened(path) as zipped:
        config = _json(zipped.read("config.json", LARGEST_CONFIG), path)
        said = _json(zipped.read("metadata.json", LARGEST_CONFIG), path) if "metadata.json" in zipped else {}
        found = _weights(zipped, path)
    version = str(said.pop("keras_version", ""))
    return _model(path, config, found, version, said)


def _weights(zipped: Archive, path: Path) -> list[Dataset]:
    if WEIGHTS not in zipped:
        return []
    file, base = zipped.open(WEIGHTS)
    return datasets(file, path, base, ())[0]


def _json(data: bytes | str, path: Path) -> dict[str, Any]:
    if not data:
        return {}
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"{path.name!r}: its configuration is damaged: {error}") from error


def _model(path: Path, config: dict[str, Any], found: list[Dataset], version: str, metadata: dict[str, Any]) -> Model:
    builder = GraphBuilder()
    warnings: list[str] = []
    if is_config(config):
        try:
            layers = Layers(builder, found)
            layers.model(config)
        except _FAULTS as error:
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"{path.name!r}: its configuration is damaged: {type(error).__name__} {error}") from error
        warnings += layers.warnings
    stored = []
    if any(one.at[0] in OPTIMIZERS for one in found):
        builder.scope(next(one.at[0] for one in found if one.at[0] in OPTIMIZERS), OPTIMIZER)
    for one in found:
        scope = builder.scope("/".join(one.at[:-1]), separator="/") if one.value is None else one.scope
        tensor = builder.add_tensor(one.name or "/".join(one.at), one.dtype, one.shape, one.n_bytes, scope=scope)
        if one.value is not None:
            builder.set_tensor(one.value, tensor)
        stored.append(one.stored)
    if not found and not builder.n_nodes:
        raise FormatError(f"{path.name!r} holds no layers and no arrays")
    return Model(
        name=path.name,
        format="Keras" if config or version else "HDF5",
        format_version=version,
        producer=f"Keras {version}" if version else "",
        graph=builder.build(),
        metadata=metadata,
        warnings=tuple(dict.fromkeys(warnings)),
        stored=tuple(stored),
    )
