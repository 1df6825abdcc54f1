"""Files that are cut off, changed or made to harm: a sentence, in bounded time and memory, and nothing executed."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from netscope.errors import FormatError, NetscopeError, UsageError
from netscope.models.open import open_model
from netscope.models.pack import pack, unpack
from netscope.models.readers.onnx_wire import encoded_length
from netscope.models.readers.tensorflow_checkpoint import MAGIC
from netscope.models.summary import summary
from tests.fuzzing import examples, seed
from tests.models import hostile_files
from tests.models.onnx_files import LIGHT, f32, saved, weight, with_if
from tests.models.test_weights import (
    split,
    written_flax,
    written_gguf,
    written_npz,
    written_packed_npz,
    written_safetensors,
)  # fmt: skip

SEED = seed()
TOGETHER = 25  # mutants a test


def onnx_with_branches(folder: Path) -> Path:
    return saved(folder, with_if())


def small_onnx(folder: Path) -> Path:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="/fc/MatMul")]
    graph = helper.make_graph(nodes, "g", [f32("x", [1, 20])], [f32("y", [1, 20])], [weight("w", 20, 20)])
    return saved(folder, graph)


def real_onnx(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes((LIGHT / "light_bvlc_alexnet.onnx").read_bytes())
    return path


WRITERS = [
    small_onnx, onnx_with_branches, real_onnx, written_safetensors, split, written_gguf, written_npz,
    written_packed_npz, written_flax,
]  # fmt: skip


def ask(path: Path) -> None:
    """All that a person can ask of a file; netscope's own errors are answers."""
    try:
        model = open_model(path)
        assert unpack(pack(model)).graph == model.graph
        summary(model)
        for tensor in model.graph.tensors[:3]:
            try:
                model.read(tensor.index, slice(0, 2))
            except NetscopeError:
                continue
    except NetscopeError as error:
        assert str(error)


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_file_that_is_cut_off_anywhere_is_told(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    for cut in sorted({int(at) for at in np.linspace(0, len(whole) - 1, examples(40))}):
        path.write_bytes(whole[:cut])
        ask(path)


@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(examples(2)))
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_file_with_other_bytes_is_read_or_told(tmp_path: Path, write: Callable[[Path], Path], number: int) -> None:
    path = write(tmp_path)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng((SEED, number))
    for _ in range(TOGETHER):
        mutant = whole.copy()
        reach = len(mutant) if rng.random() < 0.5 else min(len(mutant), 400)  # headers more often than the rest
        for at in rng.integers(0, reach, rng.integers(1, 6)):
            mutant[at] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))])
        path.write_bytes(mutant.tobytes())
        ask(path)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel limits memory on Linux alone")
def test_no_file_takes_more_than_a_gibibyte_or_all_the_time(tmp_path: Path) -> None:
    """Each is read, or refused with a sentence, by a process that may have 1 GiB; 23 files in two minutes of work."""
    paths = []
    for write in hostile_files.WRITERS:
        folder = tmp_path / write.__name__
        folder.mkdir()
        paths.append(str(write(folder)))
    code = """
import resource, sys
from netscope.errors import NetscopeError
from netscope.models.open import open_model
from netscope.models.pack import pack
from netscope.models.summary import summary
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
for path in sys.argv[1:]:
    print(path, flush=True)
    try:
        model = open_model(path)
        pack(model), summary(model)
    except (NetscopeError, MemoryError) as error:
        print(type(error).__name__, error)
"""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{done.stdout[-500:]}{done.stderr[-2000:]}"
    assert "MemoryError" not in done.stdout
    assert done.stdout.count("FormatError") > len(paths) // 2


def test_an_onnx_file_with_deep_nesting_is_refused(tmp_path: Path) -> None:
    graph = b""
    for _ in range(300):  # a graph in an attribute of a node of a graph
        attribute = encoded_length(6, len(graph)) + graph
        node = encoded_length(5, len(attribute)) + attribute
        graph = encoded_length(1, len(node)) + node
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x08\x08" + encoded_length(7, len(graph)) + graph)
    with pytest.raises(FormatError, match=r"within each other|damaged"):
        open_model(path)


def test_an_onnx_file_with_millions_of_empty_nodes_is_refused(tmp_path: Path) -> None:
    graph = encoded_length(1, 0) * 1_100_000
    path = tmp_path / "many.onnx"
    path.write_bytes(b"\x08\x08" + encoded_length(7, len(graph)) + graph)
    with pytest.raises(FormatError, match="more than 1,000,000 nodes"):
        open_model(path)


@pytest.mark.parametrize("name", [b"fc.weight", b"MatMul", b"/fc/MatMul", b"model"])
def test_a_text_of_an_onnx_file_that_is_not_utf_8_is_told(tmp_path: Path, name: bytes) -> None:
    nodes = [helper.make_node("MatMul", ["x", "fc.weight"], ["y"], name="/fc/MatMul")]
    graph = helper.make_graph(nodes, "model", [f32("x", [1, 20])], [f32("y", [1, 20])], [weight("fc.weight", 20, 20)])
    path = saved(tmp_path, graph)
    path.write_bytes(path.read_bytes().replace(name, b"\xff" + name[1:]))
    ask(path)


def test_functions_that_call_each_other_in_a_circle_end(tmp_path: Path) -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("m", 1)]
    functions = [
        helper.make_function("m", name, ["a"], ["b"], [helper.make_node(other, ["a"], ["b"], domain="m")], opsets)
        for name, other in (("F", "G"), ("G", "F"))
    ]
    graph = helper.make_graph([helper.make_node("F", ["x"], ["y"], domain="m")], "g", [f32("x", [1])], [f32("y", [1])])
    found = open_model(saved(tmp_path, graph, functions=functions, opset_imports=opsets)).graph
    assert [node.op for node in found.nodes] == ["m::F", "m::G", "m::F"]


@pytest.mark.parametrize(
    ("n_tensors", "n_keys", "rest"),
    [
        (2**63, 0, b""),
        (0, 2**40, b""),
        (0, 1, struct.pack("<Q", 2**62)),  # a name of so many bytes
        (0, 1, struct.pack("<Q1sIIQ", 1, b"k", 9, 8, 2**60)),  # a list of so many texts
        (0, 1, struct.pack("<Q1sI", 1, b"k", 9) + struct.pack("<IQ", 9, 1) * 5000),  # lists within lists
        (1, 0, struct.pack("<Q1sIQIQ", 1, b"t", 1, 2**63, 0, 0)),  # an array of so many numbers
        (1, 0, struct.pack("<Q1sI", 1, b"t", 2**31)),  # so many axes
    ],
)
def test_hostile_lengths_of_gguf_are_refused(tmp_path: Path, n_tensors: int, n_keys: int, rest: bytes) -> None:
    path = tmp_path / "hostile.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_keys) + rest)
    with pytest.raises(FormatError, match=r"damaged|cut off"):
        open_model(path)


@pytest.mark.parametrize("header", [b"[" * 100_000, b'{"a":' * 100_000, b"{" * 2_000_000, b'{"\xff": 1}'])
def test_hostile_headers_of_safetensors_are_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "hostile.safetensors"
    header = header if header.startswith(b"{") else b'{"w":' + header
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(FormatError, match=r"damaged|more than"):
        open_model(path)


@pytest.mark.parametrize("dtype", [",(", "f4,f4", "O", "no type", "M8[ns]", "i" * 5000])
def test_a_type_that_no_array_has_is_told_once_it_is_read(tmp_path: Path, dtype: str) -> None:
    header = json.dumps({"w": {"dtype": dtype, "shape": [2], "data_offsets": [0, 8]}}).encode()
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(UsageError, match="cannot decode"):
        open_model(path).read("w")


@pytest.mark.parametrize("key", [("netscope.at", "elsewhere"), ("netscope.at", "1,2,raw,3"), ("length", "9" * 5000)])
def test_an_array_of_onnx_that_lies_nowhere_is_a_sentence_or_has_no_place(tmp_path: Path, key: tuple[str, str]) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    for name, value in (("location", "weights.bin"), key):
        tensor.external_data.add(key=name, value=value)
    (tmp_path / "weights.bin").write_bytes(bytes(8))
    path = saved(tmp_path, helper.make_graph([], "g", [], [], [tensor]))
    if key[0] == "length":
        assert open_model(path).stored == (None,)
    else:
        with pytest.raises(FormatError, match="'w' lies at"):
            open_model(path)


def test_an_array_of_onnx_whose_location_is_no_number_is_read_as_it_stands(tmp_path: Path) -> None:
    location = bytes((14 << 3 | 2, 0))  # data_location as an empty text, the last byte of the file
    graph = encoded_length(5, len(location)) + location
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x08" + encoded_length(7, len(graph)) + graph)
    ask(path)


def test_an_array_with_a_negative_size_is_refused(tmp_path: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }\n"
    path = tmp_path / "net.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(FormatError, match=r"has the shape \(-4,\)"):
        open_model(path)


def test_a_directory_of_an_archive_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    path = written_npz(tmp_path)
    data = bytearray(path.read_bytes())
    data[-10:-6] = struct.pack("<L", 1 << 30)  # the bytes of the directory, in the last record
    path.write_bytes(data)
    with pytest.raises(FormatError, match="larger than any model's"):
        open_model(path)


def test_keys_of_a_checkpoint_cannot_grow_without_end(tmp_path: Path) -> None:
    entries, key = b"", 0
    for _ in range(3):
        entries += _varint(key) + _varint(1 << 15) + _varint(0) + b"k" * (1 << 15)
        key += 1 << 15
    block = entries + struct.pack("<II", 0, 1)
    handle = _varint(0) + _varint(len(block))
    top = _varint(0) + _varint(1) + _varint(len(handle)) + b"z" + handle + struct.pack("<II", 0, 1)
    tables = block + bytes(5) + top + bytes(5)
    footer = _varint(0) + _varint(0) + _varint(len(block) + 5) + _varint(len(top))
    path = tmp_path / "net.index"
    path.write_bytes(tables + footer.ljust(40, b"\0") + MAGIC)
    with pytest.raises(FormatError, match="key is longer than 65,536 bytes"):
        open_model(path)


def _varint(number: int) -> bytes:
    return encoded_length(1, number)[1:]


def test_a_member_of_an_archive_that_claims_to_be_huge_is_not_unpacked(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", zeros=np.zeros(200_000_000, np.uint8))
    model = open_model(tmp_path / "bomb.npz")  # by its header
    assert model.graph.tensors[0].shape == (200_000_000,)
