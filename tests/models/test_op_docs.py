"""What operations do: of ONNX by the version of the file, of PyTorch from the table."""

import json
from pathlib import Path

import onnx
import pytest

from netscope.models import op_docs
from netscope.models.op_docs import op_doc


def test_an_operation_of_onnx_is_described_with_its_parts() -> None:
    found = op_doc("ONNX", "Conv", "opset 20")
    schema = onnx.defs.get_schema("Conv", 20)
    assert found.doc == " ".join(schema.doc.split())
    assert [part.name for part in found.inputs] == ["X", "W", "B"]
    assert [part.name for part in found.attributes] == sorted(schema.attributes)
    assert found.page == "https://onnx.ai/onnx/operators/onnx__Conv.html"


def test_the_version_of_the_file_counts() -> None:
    assert [part.name for part in op_doc("ONNX", "Clip", "opset 10").inputs] == ["input"]
    assert [part.name for part in op_doc("ONNX", "Clip", "opset 13").inputs] == ["input", "min", "max"]
    assert op_doc("ONNX", "Clip", "opset 99999999999999999999").doc


@pytest.mark.parametrize("op", ["Frobnicate", "", "com.mine::Op", "::", "a" * 200])
def test_an_unknown_operation_has_no_description(op: str) -> None:
    assert op_doc("ONNX", op, "opset 20").doc == ""
    assert op_doc("PyTorch", op).doc == ""
    assert op_doc("GGUF", op).doc == ""


@pytest.mark.parametrize(
    ("op", "path"),
    [
        ("Conv2d", "torch.nn.Conv2d"),
        ("aten::conv2d", "torch.nn.functional.conv2d"),
        ("aten::add.Tensor", "torch.add"),
        ("relu_", "torch.nn.functional.relu_"),
        ("masked_fill", "torch.Tensor.masked_fill"),
    ],
)
def test_an_operation_of_pytorch_is_described(op: str, path: str) -> None:
    found = op_doc("PyTorch", op)
    assert found.doc.endswith(".")
    assert found.page == f"https://docs.pytorch.org/docs/stable/generated/{path}.html"


def test_the_table_has_plain_sentences() -> None:
    table = json.loads((Path(op_docs.__file__).parent / "torch_docs.json").read_text(encoding="utf-8"))
    assert len(table) > 500
    assert not [text for text, _ in table.values() if "`" in text or len(text) > 240]
