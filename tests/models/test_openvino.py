"""OpenVINO's IR is read from its XML, which can define no entities; constants lie in the file beside it."""

from pathlib import Path

import numpy as np
import pytest

from netscope.errors import FormatError
from netscope.models.open import open_model
from tests.models.damage import survives_damage

WEIGHT = np.arange(8, dtype=np.float32).reshape(4, 2)


def port(n: int, *sizes: int, precision: str = "FP32") -> str:
    return f'<port id="{n}" precision="{precision}">' + "".join(f"<dim>{size}</dim>" for size in sizes) + "</port>"


def layer(n: int, name: str, kind: str, data: str = "", inputs: str = "", outputs: str = "", more: str = "") -> str:
    inside = f"<input>{inputs}</input>" * bool(inputs) + f"<output>{outputs}</output>" * bool(outputs)
    return f'<layer id="{n}" name="{name}" type="{kind}" version="opset1"><data {data}/>{inside}{more}</layer>'


def net(layers: list[str], edges: list[tuple[int, int, int, int]], tag: str = "net") -> str:
    said = [
        f'<edge from-layer="{a}" from-port="{b}" to-layer="{c}" to-port="{d}"/>' for a, b, c, d in edges
    ]  # fmt: skip
    return f'<{tag} name="test" version="11"><layers>{"".join(layers)}</layers><edges>{"".join(said)}</edges></{tag}>'


BODY = net(
    [
        layer(0, "i", "Parameter", 'element_type="f32" shape="?,4"', outputs=port(0, -1, 4)),
        layer(1, "half", "Sqrt", inputs=port(0, -1, 4), outputs=port(1, -1, 4)),
        layer(2, "o", "Result", inputs=port(0, -1, 4)),
    ],
    [(0, 0, 1, 0), (1, 1, 2, 0)],
    "body",
)
LAYERS = [
    layer(0, "x", "Parameter", 'element_type="f32" shape="?,2"', outputs=port(0, -1, 2)),
    layer(1, "fc.weight", "Const", 'element_type="f32" shape="4,2" offset="4" size="32"', outputs=port(0, 4, 2)),
    layer(2, "/net/fc/MatMul", "MatMul", 'transpose_a="false" transpose_b="true"',
          port(0, -1, 2) + port(1, 4, 2), port(2, -1, 4)),
    layer(3, "/net/loop", "TensorIterator", 'axes="0, -1" mode="x"', port(0, -1, 4), port(1, -1, 4), BODY),
    layer(4, "y", "Result", inputs=port(0, -1, 4)),
]  # fmt: skip
EDGES = [(0, 0, 2, 0), (1, 0, 2, 1), (2, 2, 3, 0), (3, 1, 4, 0)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "net.xml").write_text(net(LAYERS, EDGES))
    (tmp_path / "net.bin").write_bytes(b"\0" * 4 + WEIGHT.tobytes())
    return tmp_path / "net.xml"


def test_layers_are_nodes_inputs_outputs_and_constants(path: Path) -> None:
    model = open_model(path)
    graph = model.graph
    assert (model.format, model.format_version) == ("OpenVINO", "IR 11")
    assert [(node.op, node.name) for node in graph.nodes] == [
        ("MatMul", "net/fc/MatMul"), ("TensorIterator", "net/loop"), ("Sqrt", "net/loop/body/half"),
    ]  # fmt: skip
    matmul, loop, half = graph.nodes
    assert matmul.attributes == {"transpose_a": False, "transpose_b": True}
    assert loop.attributes == {"axes": [0, -1], "mode": "x"}
    assert [value.name for value in matmul.inputs] == ["x", "fc.weight"]
    assert (half.scope.name, half.scope.owner) == ("net/loop/body", loop)
    assert [(graph.values[i].name, graph.values[i].shape) for i in graph.inputs] == [("x", (None, 2))]
    assert [graph.values[i].producer for i in graph.outputs] == [loop]


def test_constants_are_read_from_the_file_beside_it(path: Path) -> None:
    np.testing.assert_array_equal(open_model(path).read("fc.weight"), WEIGHT)
    path.with_suffix(".bin").unlink()
    model = open_model(path)
    assert model.warnings == ("The weights are in 'net.bin', which is not there, or is cut off.",)
    assert model.stored == (None,)


LAUGHS = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'<!DOCTYPE net [<!ENTITY a0 "ha">{LAUGHS}]><net><layers>&a11;</layers></net>', "document type"),
        ('<!DOCTYPE net [<!ENTITY f SYSTEM "file:///etc/hostname">]><net><layers>&f;</layers></net>', "document type"),
        ("<net>" + "<a>" * 200_000, "nests them deeper"),
        ("<net><layers><layer>", "damaged XML"),
        ("<net></net>", "not an IR of OpenVINO"),
        (net(LAYERS, EDGES[1:]), "reads what nothing computes"),
    ],
)
def test_hostile_xml_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.xml").write_text(text)
    with pytest.raises(FormatError, match=said):
        open_model(tmp_path / "bad.xml")


@pytest.mark.fuzz
def test_damage_leads_to_a_model_or_a_sentence(path: Path) -> None:
    survives_damage(path, path.read_bytes(), 100, 4)
