"""Read ONNX models that are text: the text form of the protobuf message, its JSON form, and ONNX's own syntax.

`onnx.save` writes all three: `.textproto`, `.onnxjson` and `.onnxtxt`.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from netscope import optional
from netscope.errors import FormatError
from netscope.models.model import Model
from netscope.models.readers import onnx
from netscope.models.stored import size_of

LARGEST_TEXT = 256 << 20
DEEPEST = 90  # the parsers of protobuf take 100
_COMMENTS = rb"(?:\s|#[^\n]*\n|//[^\n]*\n)*"
_PROTO = re.compile(_COMMENTS + rb"(?:ir_version|producer_name|opset_import|domain|model_version|doc_string)\s*[:{]")
_OWN = re.compile(_COMMENTS + rb"<\s*ir_version\s*:")
_JSON = re.compile(rb'\s*\{\s*"(?:irVersion|ir_version|opsetImport|opset_import|producerName|producer_name)"')
_BRACKETS = re.compile(rb'"(?:\\.|[^"\\])*"|[{}<>\[\]()]', re.DOTALL)


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file begins like a model of ONNX in one of its text forms."""
    return _form(head) is not None


def _form(head: bytes) -> str | None:
    if _PROTO.match(head) and (b"ir_version" in head or b"opset_import" in head):
        return "textproto"
    return "onnxtxt" if _OWN.match(head) else "json" if _JSON.match(head) else None


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged, larger than 256 MiB, or nested too deep.
        MissingExtraError: The package `onnx` is not installed.
    """
    if size_of(path) > LARGEST_TEXT:
        raise FormatError(f"{path.name!r} is a text of more than {LARGEST_TEXT:,} bytes; save the model in binary form")
    data = path.read_bytes()
    _check_depth(data, path)
    form = _form(data[:4096])
    library = optional.extra("reading ONNX files", "onnx", "onnx")
    try:
        proto = _parsed(library, data.decode(), form or "")
    except UnicodeDecodeError as error:
        raise FormatError(f"damaged ONNX file: {path.name!r} is a text that is not UTF-8") from error
    return onnx.of_proto(library, proto, path)


def _check_depth(data: bytes, path: Path) -> None:
    """Refuse brackets within brackets, of which each takes a part of the parser's stack."""
    depth = 0
    for found in _BRACKETS.finditer(data):
        mark = found[0]
        depth += (mark in b"{<[(") - (mark in b"}>])") if len(mark) == 1 else 0
        if depth > DEEPEST:
            raise FormatError(f"damaged ONNX file: {path.name!r} nests brackets deeper than {DEEPEST}")


def _parsed(library: Any, text: str, form: str) -> Any:
    """The model that a text says."""
    purpose = "reading ONNX files"
    json_format = optional.extra(purpose, "google.protobuf.json_format", "onnx")
    text_format = optional.extra(purpose, "google.protobuf.text_format", "onnx")
    parser = optional.extra(purpose, "onnx.parser", "onnx")
    faults: tuple[type[Exception], ...] = (
        ValueError, TypeError, RecursionError, json_format.ParseError, text_format.ParseError, parser.ParseError,
    )  # fmt: skip
    try:
        with warnings.catch_warnings(action="ignore"):  # about escapes in damaged texts
            if form == "onnxtxt":
                return parser.parse_model(text)
            return (json_format if form == "json" else text_format).Parse(text, library.ModelProto())
    except faults as error:
        raise FormatError(f"damaged ONNX file: {str(error).strip()[:300]}") from error
