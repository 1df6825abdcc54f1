"""Tables: rows in every usual form, data frames of other libraries, cells of every type, images in cells."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
from types import SimpleNamespace
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import PIL.Image
import pyarrow
import pytest
import torch

import netscope
from netscope.errors import FormatError, UsageError
from netscope.store.journal import blobs

mpl.use("Agg")


def blob(run, asset) -> bytes:
    return blobs.path(run.folder, asset["blob"]).read_bytes()


def table(rows: Any, columns: Any = None) -> dict[str, list[Any]]:
    """Its columns by name, as they are stored."""
    stored = json.loads(netscope.Table(rows, columns).encoded.data)
    return dict(zip(stored["columns"], stored["values"], strict=True))


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([[1, "a"], [float("nan"), None]], ["n", "s"]),
        ([{"n": 1, "s": "a"}, {"n": float("nan"), "s": None}], None),
        ([{"n": 1, "s": "a"}, {"n": float("nan")}], None),
        ({"n": [1, float("nan")], "s": ["a", None]}, None),
        (np.array([[1, "a"], [float("nan"), None]], object), ["n", "s"]),
        ([(np.int64(1), "a"), (np.float32("nan"), None)], ["n", "s"]),
    ],
    ids=range(6),
)
def test_a_table_of_any_form_is_stored_as_columns(run, journal_of, rows, columns):
    run.table("t", rows, columns=columns)
    run.finish()
    (asset,) = journal_of(run).assets
    assert json.loads(blob(run, asset)) == {"columns": ["n", "s"], "values": [[1, "NaN"], ["a", None]]}
    assert asset["shape"] == [2, 2]


def test_a_tensor_is_a_table_of_its_rows():
    table = netscope.Table(torch.tensor([[1, 2], [3, 4]]), ["a", "b"])
    assert json.loads(table.encoded.data) == {"columns": ["a", "b"], "values": [[1, 3], [2, 4]]}


def test_a_data_frame_is_a_table(run, journal_of):
    run.log({"t": pd.DataFrame({"a": [1, 2], "when": pd.to_datetime(["2020-01-01", "2020-01-02"])})})
    run.finish()
    table = json.loads(blob(run, journal_of(run).assets[0]))
    assert table == {"columns": ["a", "when"], "values": [[1, 2], ["2020-01-01 00:00:00", "2020-01-02 00:00:00"]]}


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        ([[1, 2], [3]], None, "row 1 of the table has 1 cells, expected 2"),
        ([[1, 2]], ["a"], "expected 1"),
        ({"a": [1], "b": [1, 2]}, None, "differ in length"),
        ("text", None, "a table must be"),
        ({"pred": "cat", "true": ["dog"]}, None, "column 'pred' is 'cat' of type str, expected a list of cells"),
        ({"n": 3, "m": [4]}, None, "column 'n' is 3 of type int"),
        ([{"a": 1}, None], None, "or all be dicts; got None of type NoneType"),
        ([{"a": 1}, [1]], None, "or all be dicts; got {'a': 1}"),
        ([b"ab"], None, "rows of a table must all be lists"),
        (np.arange(3), None, "rows of a table must all be lists.* of type int64"),
        (np.array(3), None, "an array without axes"),
        ([{"a": 1}], ["b"], "there is no column 'b'; the rows have: a"),
        ({"a": [1]}, ["b"], "there is no column 'b'; the table has: a"),
        ([[netscope.Table([[1]])]], ["t"], "column 't' has a table in a cell"),
        ([1, 2], None, "rows of a table must all be lists.* got 1 of type int"),
        ([[1, 2]], ["a", "a"], "'a' twice"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), None, "'a' twice"),
        ({1: [1], "1": [2]}, None, "'1' twice"),
        ([[1, 2]], "ab", "columns must be a list"),
    ],
)
def test_a_value_that_is_not_a_table_is_refused(rows, columns, said):
    with pytest.raises(UsageError, match=said):
        netscope.Table(rows, columns)


class Pair(NamedTuple):
    a: int
    b: str


@dataclasses.dataclass
class Row:
    a: int
    b: str


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        {"a": [1, 2], "b": ["x", "y"]},
        {"a": torch.tensor([1, 2]), "b": (letter for letter in "xy")},
        {"a": pd.Series([1, 2]), "b": np.array(["x", "y"])},
        [Pair(1, "x"), Pair(2, "y")],
        [Row(1, "x"), Row(2, "y")],
        [SimpleNamespace(a=1, b="x"), SimpleNamespace(a=2, b="y")],
        (row for row in [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        np.array([(1, "x"), (2, "y")], [("a", "i4"), ("b", "U1")]),
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        pyarrow.table({"a": [1, 2], "b": ["x", "y"]}),
        pyarrow.record_batch({"a": [1, 2], "b": ["x", "y"]}),
    ],
    ids=range(12),
)
def test_rows_of_every_usual_form_give_the_same_table(rows):
    assert table(rows) == {"a": [1, 2], "b": ["x", "y"]}


def test_polars_data_frames_are_tables(begin):
    import polars

    frame = polars.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert table(frame) == {"a": [1, 2], "b": ["x", None]}
    assert table(frame["b"]) == {"b": ["x", None]}
    with pytest.raises(UsageError, match=r"call \.collect\(\)"):
        netscope.Table(frame.lazy())


def test_a_dict_without_lists_is_one_row():
    assert table({"pred": "cat", "true": "dog", "p": torch.tensor(0.5)}) == {
        "pred": ["cat"],
        "true": ["dog"],
        "p": [0.5],
    }


def test_columns_select_and_order_named_values():
    assert table({"a": [1], "b": [2]}, ["b"]) == {"b": [2]}
    assert list(table(pd.DataFrame({"a": [1], "b": [2]}), ["b", "a"])) == ["b", "a"]


@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        (pd.DataFrame({"f1": [0.9, 0.7]}, index=["cat", "dog"]), {"index": ["cat", "dog"], "f1": [0.9, 0.7]}),
        (pd.DataFrame({"f1": [0.9]}, index=pd.Index(["cat"], name="class")), {"class": ["cat"], "f1": [0.9]}),
        (pd.DataFrame({"a": [1, 2, 3]})[1:], {"index": [1, 2], "a": [2, 3]}),
        (pd.DataFrame({"a": [1]}, index=pd.Index([7], name="a")), {"a (index)": [7], "a": [1]}),
        (
            pd.DataFrame({"n": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", None])),
            {"k": ["x", "y"], "level_1": [1, 2], "n": [1, 2]},
        ),
        (
            pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("loss", "mean"), ("loss", "std")])),
            {"loss/mean": [1], "loss/std": [2]},
        ),
        (pd.Series([1, 2], name="s"), {"s": [1, 2]}),
        (pd.Series({"cat": 3}), {"index": ["cat"], "value": [3]}),
        (
            pd.DataFrame({"i": pd.array([1, None], "Int64"), "c": pd.Categorical(["a", "b"])}),
            {"i": [1, None], "c": ["a", "b"]},
        ),
        (pd.DataFrame({"f": np.float32([0.1, np.nan])}), {"f": [0.1, "NaN"]}),
        (pd.DataFrame({"t": pd.to_datetime(["2024-01-01", None])}), {"t": ["2024-01-01 00:00:00", None]}),
    ],
    ids=range(11),
)
def test_the_index_of_a_data_frame_is_kept(frame, columns):
    assert table(frame) == columns


class Colour(str, enum.Enum):  # noqa: UP042  # what older code has; its str() is "Colour.RED"
    RED = "red"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (True, True),
        (None, None),
        (float("inf"), "Infinity"),
        (np.float32(0.1), 0.1),
        (torch.tensor(0.5, requires_grad=True), 0.5),
        (torch.tensor([7], dtype=torch.bfloat16), 7),
        (2**60 + 1, 2**60 + 1),
        (10**30, "1000000000000000000000000000000"),
        ("a\udc80b", "a�b"),
        (Colour.RED, "red"),
        (decimal.Decimal("0.10"), "0.10"),
        (datetime.datetime(2024, 1, 2, 3), "2024-01-02 03:00:00"),
        (pd.Timestamp("2024-01-02"), "2024-01-02 00:00:00"),
        (np.datetime64("2024-01-02T00:00:00.000000001"), "2024-01-02T00:00:00.000000001"),
        (np.datetime64("NaT"), None),
        (pd.NaT, None),
        (pd.NA, None),
        ([1, [2]], "[1, [2]]"),
        ({"k": "v"}, "{'k': 'v'}"),
        (np.float32([0.1, 2]), "[0.1, 2.0]"),
        (torch.tensor([1, 2]), "[1, 2]"),
        (netscope.Text("words"), "words"),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],  # the same in every worker
)
def test_a_cell_is_stored_as_it_is_or_as_its_text(value, cell):
    assert table([[value]]) == {"0": [cell]}


def test_a_lone_surrogate_in_a_name_is_replaced():
    assert table([[1]], ["\udc80"]) == {"�": [1]}


def test_images_audio_arrays_and_figures_in_cells_are_read_back(begin):
    from matplotlib.figure import Figure

    run = begin(name="cells")
    picture, large = np.arange(12, dtype=np.uint8).reshape(2, 2, 3), np.arange(100.0).reshape(10, 10)
    figure = Figure(figsize=(1, 1), dpi=40)
    run.log({
        "t": netscope.Table({
            "image": [netscope.Image(picture, "a caption"), PIL.Image.fromarray(picture)],
            "sound": [netscope.Audio(np.int16([1, 2]), 8000), None],
            "array": [large, torch.from_numpy(large).requires_grad_()],
            "figure": [figure, netscope.Figure(figure)],
            "n": [1, 2],
        })
    })  # fmt: skip
    run.finish()
    (stored,) = netscope.open(run.folder.parent).run("cells").tables("t")
    cells = stored.value
    assert [cell.value.tolist() for cell in cells["image"]] == [picture.tolist()] * 2
    assert cells["image"][0].caption == "a caption"
    assert (cells["sound"][0].value.ravel().tolist(), cells["sound"][0].rate) == ([1, 2], 8000)
    assert [cell.value.tolist() for cell in cells["array"]] == [large.tolist()] * 2
    assert cells["figure"][0].value.shape[2] == 4
    assert cells["n"] == [1, 2]
    assert stored.to_pandas()["image"][1].value.tolist() == picture.tolist()


@pytest.mark.parametrize(
    "cell",
    [
        {"kind": "image", "blob": "../../secret.png"},
        {"kind": "page", "blob": "0" * 64 + ".png"},
        {"kind": "image"},
    ],
)
def test_a_crafted_cell_is_damage(begin, cell):
    run = begin(name="crafted")
    run.table("t", [[1]], step=0)
    run.finish()
    (stored,) = netscope.open(run.folder.parent).run("crafted").tables("t")
    stored.path.write_text(json.dumps({"columns": ["a"], "values": [[cell]]}))
    with pytest.raises(FormatError, match="a damaged table"):
        _ = stored.value


def test_a_list_of_data_frames_is_a_list_of_tables(begin):
    run = begin(name="list")
    run.table("t", [pd.DataFrame({"a": [i]}) for i in range(3)], step=0)
    run.log({"u": [pd.DataFrame({"a": [i]}) for i in range(3)]}, step=0)
    run.finish()
    stored = netscope.open(run.folder.parent).run("list")
    for key in ("t", "u"):
        assert [(one.item, one.value) for one in stored.tables(key)] == [(i, {"a": [i]}) for i in range(3)]
