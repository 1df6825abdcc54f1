"""Open a model file of any known format."""

from __future__ import annotations

import stat
from dataclasses import replace
from os import PathLike
from pathlib import Path

from netscope.errors import FormatError, NotFoundError, StorageError, UsageError
from netscope.models.first_bytes import looks_like
from netscope.models.flops import with_flops
from netscope.models.model import Model
from netscope.models.readers import OTHERS, READERS, Reader, coreml

HEAD_BYTES = 4096


def open_model(path: str | PathLike[str]) -> Model:
    """Open a model: its graph, with the weights left in the file. Nothing in the file is executed.

    Args:
        path: A file, or the folder of a SavedModel or an .mlpackage; `netscope.models.readers.READERS` has the formats.

    Raises:
        NotFoundError: There is no such file.
        UsageError: It is a folder or a device.
        FormatError: The format is unknown, or the file is damaged.
        MissingExtraError: The package that reads the format is not installed.
        StorageError: The file cannot be read.
    """
    file = within_folder(Path(path))
    reader = recognised(file)
    try:
        model = reader.read(file)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{str(file)!r} cannot be read: {error.strerror or error}") from error
    # Other readers name operations as their formats do: a "Conv" of another layout would be counted wrong.
    return replace(model, graph=with_flops(model.graph)) if model.reader == "netscope" else model


def recognised(file: Path) -> Reader:
    """The reader of a file, of which only the first bytes are read; raises as `open_model`."""
    check_file(file)
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
    except OSError as error:
        raise StorageError(f"{str(file)!r} cannot be read: {error.strerror or error}") from error
    return reader_of(head, file)


def within_folder(path: Path) -> Path:
    """The file that is the model of a folder (a SavedModel, an .mlpackage); any other path is returned as it is.

    Raises:
        FormatError: It is an .mlpackage whose manifest is damaged.
    """
    if not path.is_dir():
        return path
    saved = path / "saved_model.pb"
    return saved if saved.is_file() else coreml.inside(path) or path


def check_file(path: Path) -> None:
    """Reject a path that is not a file.

    Raises:
        NotFoundError: There is nothing of that name.
        UsageError: It is a folder or a device, or not a valid path.
    """
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise NotFoundError(f"no file {str(path)!r}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(path)!r} cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(kind):
        raise UsageError(f"{str(path)!r} is a folder; name the model's file in it")
    if not stat.S_ISREG(kind):
        raise UsageError(f"{str(path)!r} is not a regular file")


def reader_of(head: bytes, path: Path) -> Reader:
    """Choose the reader of a file by its first bytes, or by its suffix if formats begin alike.

    Raises:
        FormatError: The format is unknown; the message says what was found, and lists the known formats.
    """
    if not head:
        raise FormatError(f"{path.name!r} is empty")
    found = [reader for reader in READERS if reader.recognise(head, path)]
    if not found and OTHERS.recognise(head, path):
        return OTHERS
    if not found:
        known = ", ".join(f"{reader.format} ({', '.join(reader.suffixes)})" for reader in READERS)
        raise FormatError(
            f"{path.name!r} is {looks_like(head)}, which netscope does not read; it reads: {known}; and, through "
            'pip install "netscope[netron]", Caffe, ncnn, MNN, MXNet, PaddlePaddle, CNTK, Darknet and more'
        )
    return next((reader for reader in found if path.suffix.lower() in reader.suffixes), found[0])
