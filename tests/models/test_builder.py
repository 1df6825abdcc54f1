"""A graph is built row by row; types may become known later."""

import math

import pytest

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.shapes import dtype_bytes, n_elements


def test_a_type_that_becomes_known_later_is_set() -> None:
    builder = GraphBuilder()
    value = builder.add_value("x")
    builder.set_type(value, "float32", (1, "n", None))
    graph = builder.build()
    assert (graph.values[0].dtype, graph.values[0].shape) == ("float32", (1, "n", None))


def test_scopes_within_the_body_of_a_node_are_known() -> None:
    builder = GraphBuilder()
    outside = builder.scope("encoder")
    node = builder.add_node("If", [], [], scope=outside)
    body = builder.add_scope("encoder/then_branch", parent=outside, owner=node)
    inside = builder.add_scope("encoder/then_branch/lstm", parent=body)
    graph = builder.build()
    assert [scope.index for scope in graph.scopes if graph.scope_in_body[scope.index]] == [body, inside]
    assert graph.scopes[body].owner == graph.nodes[node]


def test_an_index_that_leads_nowhere_is_found_when_the_graph_is_built() -> None:
    builder = GraphBuilder()
    builder.add_node("Relu", [7], [])
    with pytest.raises(FormatError, match="node_inputs leads outside the 0 of value"):
        builder.build()


def test_sizes_of_shapes_and_types() -> None:
    assert n_elements((2, 3, 4)) * dtype_bytes("bfloat16") == 48
    assert math.isnan(n_elements((2, "batch")))
    assert math.isnan(n_elements(None))
    assert math.isnan(dtype_bytes("string"))
