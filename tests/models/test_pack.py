"""A model survives packing; a damaged pack is refused with a sentence."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netscope.errors import FormatError
from netscope.formats import safetensors
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.pack import pack, unpack
from tests.fuzzing import examples


def small() -> GraphBuilder:
    """A convolution and a ReLU in a module, with a weight."""
    builder = GraphBuilder()
    scope = builder.scope("features.0", "Block")
    tensor = builder.add_tensor("features.0.weight", "float32", (8, 3, 3, 3), 864, scope=scope)
    x = builder.add_value("x", "float32", ("batch", 3, None, 32))
    w = builder.add_value("features.0.weight", "float32", (8, 3, 3, 3), tensor=tensor)
    y, z = builder.add_value("y"), builder.add_value("z", "float32")
    builder.add_node("Conv", [x, w, -1], [y], name="conv", scope=scope, attributes={"pads": [1, 1]}, input_names="XW")
    builder.add_node("Relu", [y], [z], name="relu", scope=scope, flops=12.0)
    builder.inputs.append(x)
    builder.outputs.append(z)
    return builder


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
shapes = st.none() | st.lists(st.none() | texts | st.integers(0, 1 << 40), max_size=4)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Any model."""
    builder = GraphBuilder()
    for _ in range(draw(st.integers(0, 4))):
        builder.scope(draw(st.sampled_from(["a", "a.b", "a.b.c", "é.网", ""])), draw(texts))
    scopes = st.integers(0, len(set(builder._columns["scope_name"])) - 1)
    for _ in range(draw(st.integers(0, 4))):
        builder.add_tensor(draw(texts), draw(texts), draw(shapes) or (), draw(st.floats(0)), scope=draw(scopes))
    n_tensors = len(builder._columns["tensor_name"])
    for _ in range(draw(st.integers(0, 6))):
        builder.add_value(draw(texts), draw(texts), draw(shapes), tensor=draw(st.integers(-1, n_tensors - 1)))
    values = st.lists(st.integers(-1, builder.n_values - 1), max_size=4)
    json_values = st.none() | st.booleans() | texts | st.floats() | st.lists(st.integers(), max_size=70)
    for _ in range(draw(st.integers(0, 5))):
        builder.add_node(
            draw(texts), draw(values), draw(values), name=draw(texts), scope=draw(scopes),
            attributes=draw(st.dictionaries(texts, json_values, max_size=3)),
            input_names=draw(st.lists(texts, max_size=3)), flops=draw(st.floats(0) | st.just(float("nan"))),
        )  # fmt: skip
    said = {name: draw(texts) for name in ("name", "format", "format_version", "reader", "producer")}
    warnings = tuple(draw(st.lists(texts, max_size=2)))
    return Model(
        graph=builder.build(), metadata=draw(st.dictionaries(texts, texts, max_size=2)), warnings=warnings, **said
    )


@settings(max_examples=examples(60))
@given(models())
def test_any_model_comes_back_as_it_was(model: Model) -> None:
    assert unpack(pack(model)) == model


def test_rows_say_what_was_added() -> None:
    graph = unpack(pack(Model("m", "test", small().build()))).graph
    conv, relu = graph.nodes
    assert (conv.op, conv.name, conv.scope.name, conv.scope.kind) == ("Conv", "conv", "features.0", "Block")
    assert conv.attributes == {"pads": [1, 1]}
    assert conv.input_names == ["X", "W", ""]
    assert [value and value.name for value in conv.inputs] == ["x", "features.0.weight", None]
    assert conv.inputs[0].shape == ("batch", 3, None, 32)
    assert conv.inputs[1].tensor.bytes == 864
    assert conv.outputs[0].shape is None
    assert relu.inputs[0].producer == conv
    assert (np.isnan(conv.flops), relu.flops) == (True, 12.0)
    assert [scope.name for scope in graph.scopes] == ["", "features", "features.0"]
    assert graph.scopes[2].parent == graph.scopes[1]


def test_long_lists_and_numbers_that_json_has_not_are_shortened() -> None:
    builder = GraphBuilder()
    builder.add_node(
        "X", [], [], attributes={"a": list(range(100)), "b": float("nan"), "c": 2**60, "d": np.ones((9, 9))}
    )
    found = builder.build().nodes[0].attributes
    assert found["a"] == {"shape": [100], "first": list(range(64))}
    assert (found["b"], found["c"]) == ("NaN", str(2**60))
    assert (found["d"]["shape"], len(found["d"]["first"])) == ([9, 9], 64)


def test_lone_surrogates_do_not_stop_a_pack() -> None:
    builder = GraphBuilder()
    builder.add_node("\ud800", [], [])
    assert (
        unpack(pack(Model("\udfff", "test", builder.build(), metadata={"\ud800": ["\ud800"]}))).graph.nodes[0].op == "?"
    )


def damaged(name: str, column: np.ndarray) -> bytes:
    """A pack with another column."""
    arrays, metadata = safetensors.decode(pack(Model("m", "test", small().build())))
    return safetensors.encode({**arrays, name: column}, metadata)


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("node_scope", [0, 3], "node_scope leads outside"),
        ("node_inputs", [0, 1, -2, 2], "node_inputs leads outside"),
        ("node_op", [0, -1], "node_op leads outside"),
        ("node_input_ends", [3, 2], "node_input_ends does not divide"),
        ("node_output_ends", [1], "differ in length"),
        ("scope_parent", [-1, 2, 1], "before its parent"),
        ("scope_parent", [-1, -1, 0], "more than one root"),
        ("scope_owner", [-1, 9, -1], "scope_owner leads outside"),
        ("value_tensor", [-1, 1, -1, -1], "value_tensor leads outside"),
        ("outputs", [-1], "outputs leads outside"),
        ("text_ends", [5, 3], "text_ends does not divide"),
        ("text_ends", [], "text_ends does not divide"),
    ],
)
def test_a_damaged_column_is_named(name: str, column: list[int], said: str) -> None:
    with pytest.raises(FormatError, match=said):
        unpack(damaged(name, np.array(column, np.int32)))


def test_other_files_are_refused() -> None:
    with pytest.raises(FormatError, match="not a safetensors"):
        unpack(b"PK\x03\x04")
    with pytest.raises(FormatError, match="expected a graph in the form"):
        unpack(safetensors.encode({"w": np.zeros(3)}))
    with pytest.raises(FormatError, match="node_scope"):
        unpack(damaged("node_scope", np.zeros(2, np.int64)))


def test_the_form_of_the_pack_is_what_the_page_reads() -> None:
    arrays, metadata = safetensors.decode(pack(Model("m", "test", small().build(), warnings=("w",))))
    assert metadata["netscope"] == "graph 1"
    assert json.loads(metadata["model"]) == {
        "name": "m", "format": "test", "format_version": "", "reader": "netscope", "producer": "", "metadata": {},
        "warnings": ["w"], "data": {},
    }  # fmt: skip
    assert (arrays["text"].dtype, arrays["text_ends"].dtype) == (np.uint8, np.int32)
    assert {name for name, array in arrays.items() if array.dtype == np.float64} == {"node_flops", "tensor_bytes"}
