"""Layouts of graphs: the same as those of the page, which has its own copy of the arithmetic."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netscope.analyse.layer_order import crossings, order_layers
from netscope.analyse.layered import apart, lay_out
from netscope.analyse.layers import Boxes, layers_of, rank_of

CASES = json.loads((Path(__file__).parents[1] / "data/layouts.json").read_text(encoding="utf-8"))


def boxes_of(case: dict[str, Any]) -> Boxes:
    """The boxes and edges of a case."""
    given = case["given"]
    sizes = {name: [float(size) for size in given[name]] for name in ("widths", "heights")}
    return Boxes(**{**given, **sizes})


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['given']['widths'])} boxes")
def test_layouts_are_those_of_the_page(case: dict[str, Any]) -> None:
    expected, found = case["expected"], lay_out(boxes_of(case))
    assert (found.own_from, found.is_back) == (expected["own_from"], expected["is_back"])
    np.testing.assert_allclose(found.centres, expected["centres"], atol=0.01)
    np.testing.assert_allclose(found.tops, expected["tops"], atol=0.01)
    np.testing.assert_allclose([found.width, found.height], [expected["width"], expected["height"]], atol=0.01)
    for corners, path in zip(found.corners, expected["corners"], strict=True):
        np.testing.assert_allclose(np.array(corners).reshape(-1), path, atol=0.01)


def test_crossings_are_those_counted_one_by_one() -> None:
    boxes = boxes_of(CASES[-1])
    rank, is_back = rank_of(boxes)
    graph = layers_of(boxes, rank, is_back)
    order_layers(graph)
    spans = [
        (graph.rank[upper], graph.position[upper], graph.position[lower])
        for upper, lower in zip(graph.upper, graph.lower, strict=True)
    ]
    slow = sum(a[0] == b[0] and a[1] < b[1] and a[2] > b[2] for a in spans for b in spans)
    assert crossings(graph) == slow


def test_wishes_are_moved_as_little_as_possible() -> None:
    assert apart([0.0, 1.0, 2.0, 50.0], 10.0) == [-9.0, 1.0, 11.0, 50.0]


def test_no_box_is_on_another() -> None:
    for case in CASES:
        boxes, found = boxes_of(case), lay_out(boxes_of(case))
        sides = [
            (centre - width / 2, top, centre + width / 2, top + height)
            for centre, top, width, height in zip(found.centres, found.tops, boxes.widths, boxes.heights, strict=True)
        ]
        for i, a in enumerate(sides):
            for b in sides[i + 1 :]:
                assert a[0] >= b[2] - 0.01 or b[0] >= a[2] - 0.01 or a[1] >= b[3] - 0.01 or b[1] >= a[3] - 0.01
