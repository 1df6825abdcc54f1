"""What an operation does: of ONNX from the onnx package, of PyTorch from a table (`scripts/torch_docs.py`)."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from netscope.schema.model import OpDoc, OpPart

LONGEST_DOC = 1200
LONGEST_PART = 400
_TORCH_FORMATS = ("PyTorch", "TorchScript", "ExecuTorch")


def op_doc(format_name: str, op: str, version: str = "") -> OpDoc:
    """The documentation of an operation; empty if there is none here.

    Args:
        format_name: Of the model: "ONNX", "PyTorch".
        op: As the graph names it: "Conv", "com.microsoft::Gelu", "aten::conv2d", "Conv2d".
        version: Of the format: "opset 20"; the newest unless given.
    """
    if format_name == "ONNX":
        return _of_onnx(op, version)
    return _of_torch(op) if format_name.startswith(_TORCH_FORMATS) else OpDoc()


def _of_onnx(op: str, version: str) -> OpDoc:
    try:
        import onnx  # noqa: PLC0415  (an optional package)
    except ImportError:
        return OpDoc()
    domain, _, name = op.rpartition("::")
    number = re.search(r"\d+", version)
    try:
        newest = int(number[0]) if number and not domain else onnx.defs.onnx_opset_version()
        schema = onnx.defs.get_schema(name, min(newest, 2**31 - 1), domain)
    except (onnx.defs.SchemaError, TypeError):
        return OpDoc()
    page = f"https://onnx.ai/onnx/operators/onnx_{domain.replace('.', '')}_{name}.html"
    return OpDoc(
        doc=_shortened(schema.doc or "", LONGEST_DOC),
        inputs=[_part(one.name, one.description) for one in schema.inputs],
        outputs=[_part(one.name, one.description) for one in schema.outputs],
        attributes=[_part(name, one.description) for name, one in sorted(schema.attributes.items())],
        page=page,
    )


def _part(name: str, text: str) -> OpPart:
    return OpPart(name, _shortened(text, LONGEST_PART))


def _shortened(text: str, most: int) -> str:
    r"""Plain text in paragraphs, cut at the end of a sentence where it is long.

    >>> _shortened("One\n  line. Two.\n\nNext.", 100)
    'One line. Two.\n\nNext.'
    >>> _shortened("One. Two is long.", 12)
    'One.'
    """
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    whole = "\n\n".join(part for part in parts if part)
    if len(whole) <= most:
        return whole
    end = whole.rfind(". ", 0, most)
    return whole[: end + 1] if end > 0 else whole[: most - 1] + "…"


def _of_torch(op: str) -> OpDoc:
    name = op.rpartition("::")[2].partition(".")[0]
    entry = _torch_table().get(name) or _torch_table().get(name.removesuffix("_"))
    if entry is None:
        return OpDoc()
    text, path = entry
    return OpDoc(doc=text, page=f"https://docs.pytorch.org/docs/stable/generated/{path}.html")


@cache
def _torch_table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((Path(__file__).parent / "torch_docs.json").read_text(encoding="utf-8"))
    return table
