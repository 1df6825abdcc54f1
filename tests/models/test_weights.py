"""Files of weights alone: safetensors, GGUF, NumPy. What their own libraries wrote is what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import msgspec
import numpy as np
import pytest
import safetensors.numpy

from netscope.errors import FormatError
from netscope.formats.safetensors import Raw, encode
from netscope.models.open import open_model
from netscope.models.readers.gguf import TYPES
from netscope.models.summary import summary

RNG = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {
    "embed.weight": RNG.normal(size=(10, 4)).astype(np.float32),
    "block.0.fc.weight": RNG.normal(size=(8, 4)).astype(np.float16),
    "block.0.fc.bias": np.arange(8, dtype=np.float64),
    "block.0.mask": np.array([True, False]),
    "steps": np.array(7, dtype=np.int64),
}


def written_safetensors(folder: Path) -> Path:
    path = folder / "model.safetensors"
    safetensors.numpy.save_file(ARRAYS, path, {"format": "pt"})
    return path


def written_npz(folder: Path) -> Path:
    path = folder / "model.npz"
    np.savez(path, **ARRAYS)
    return path


def written_packed_npz(folder: Path) -> Path:
    path = folder / "packed.npz"
    np.savez_compressed(path, **ARRAYS)
    return path


@pytest.mark.parametrize("write", [written_safetensors, written_npz, written_packed_npz])
def test_every_array_is_read_back(tmp_path: Path, write: Any) -> None:
    model = open_model(write(tmp_path))
    assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in model.graph.tensors} == {
        name: (array.dtype.name, array.shape) for name, array in ARRAYS.items()
    }
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(model.read(name), array)
    np.testing.assert_array_equal(model.read("embed.weight", slice(2, 9, 3)), ARRAYS["embed.weight"][2:9:3])


def test_names_are_a_tree_of_modules(tmp_path: Path) -> None:
    model = open_model(written_safetensors(tmp_path))
    assert {tensor.name: tensor.scope.name for tensor in model.graph.tensors} == {
        "embed.weight": "embed",
        "block.0.fc.weight": "block.0.fc",
        "block.0.fc.bias": "block.0.fc",
        "block.0.mask": "block.0",
        "steps": "",
    }
    found = summary(model)
    assert (found.format, found.nodes, found.tensors) == ("safetensors", 0, 5)
    assert (found.values, found.parameters) == (40 + 32 + 8 + 2 + 1, 40 + 32 + 8)
    assert {layer.name: layer.parameters for layer in found.layers}["block.0.fc"] == 40


def test_bfloat16_is_read_as_float32(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    path.write_bytes(encode({"w": Raw("BF16", (2,), np.array([0x3F80, 0xC000], "<u2").tobytes())}))
    model = open_model(path)
    assert model.graph.tensors[0].dtype == "bfloat16"
    assert model.read("w").tolist() == [1.0, -2.0]


def written_flax(folder: Path) -> Path:
    """As `flax.serialization.to_bytes` writes it: arrays are extensions of type 1 with (shape, dtype, bytes)."""

    def packed(array: np.ndarray) -> msgspec.msgpack.Ext:
        return msgspec.msgpack.Ext(1, msgspec.msgpack.encode((array.shape, array.dtype.name, array.tobytes())))

    root: dict[str, Any] = {"epoch": 3, "rng": None}
    for name, array in ARRAYS.items():
        *around, last = name.split(".")
        inner = root
        for part in around:
            inner = inner.setdefault(part, {})
        inner[last] = packed(array)
    chunks = {str(i): packed(part) for i, part in enumerate((np.arange(3.0), np.arange(3.0, 6.0)))}
    root["big"] = {"__msgpack_chunked_array__": True, "shape": {"0": 2, "1": 3}, "chunks": chunks}
    path = folder / "flax_model.msgpack"
    path.write_bytes(msgspec.msgpack.encode(root))
    return path


def test_a_tree_of_flax_is_read_where_it_lies(tmp_path: Path) -> None:
    model = open_model(written_flax(tmp_path))
    assert (model.format, model.metadata) == ("Flax", {"epoch": 3})
    found = {tensor.name: (tensor.dtype, tensor.shape, tensor.scope.name) for tensor in model.graph.tensors}
    assert found["block/0/fc/weight"] == ("float16", (8, 4), "block/0/fc")
    assert found["big"] == ("float64", (2, 3), "")
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(model.read(name.replace(".", "/")), array)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x81\xa1w\xdd\xff\xff\xff\xff", "cut off"),
        (b"\x81\xa1w" + b"\x91" * 200, "nested deeper"),
        (b"\x81\xa1w\xdd\x7f\xff\xff\xff" + b"\xc0" * 5_100_000, "more than 5,000,000 values"),
        (b"\x81\xa1w\xc7\x08\x01\x93\x91\xce\xff\xff\xff\xff", "cut off"),
        (b"\x81\xa1w\xc7\x0d\x01\x93\x91\x05\xa7float32\xc4\x00", "needs 20"),
        (b"\x81\xa1w\xc1", "no value begins with the byte c1"),
        (b"\x81\x90\x01", "a key that is no text"),
        (b"\x81\xa1w\x01", "holds no arrays of Flax"),
    ],
)
def test_hostile_trees_of_flax_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=said):
        open_model(path)


@pytest.mark.parametrize("names", [("net-00001-of-00003.npz", "net-00002-of-00003.npz"), ("w.00.npz", "w.01.npz")])
def test_parts_of_npz_are_one_model(tmp_path: Path, names: tuple[str, str]) -> None:
    items = list(ARRAYS.items())
    for name, some in zip(names, (items[:2], items[2:]), strict=True):
        np.savez(tmp_path / name, **dict(some))
    np.savez(tmp_path / "other.npz", w=np.arange(3))
    for name in names:
        model = open_model(tmp_path / name)
        assert [tensor.name for tensor in model.graph.tensors] == list(ARRAYS)
        np.testing.assert_array_equal(model.read("block.0.fc.bias"), ARRAYS["block.0.fc.bias"])
        assert bool(model.warnings) == ("of" in name)


def split(folder: Path) -> Path:
    """A model in two files, with the index of Hugging Face."""
    names = list(ARRAYS)
    parts = {"a.safetensors": names[:2], "b.safetensors": names[2:]}
    for file, part in parts.items():
        safetensors.numpy.save_file({name: ARRAYS[name] for name in part}, folder / file)
    index = {"metadata": {"total_size": 1}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps({"architectures": ["Net"]}))
    return folder / "model.safetensors.index.json"


def test_a_split_model_is_one_model(tmp_path: Path) -> None:
    model = open_model(split(tmp_path))
    assert [tensor.name for tensor in model.graph.tensors] == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(model.read(name), array)
    assert model.metadata["config"] == {"architectures": ["Net"]}
    assert model.warnings == ()


def test_a_missing_part_is_a_warning_and_one_outside_is_not_read(tmp_path: Path) -> None:
    path = split(tmp_path)
    (tmp_path / "b.safetensors").unlink()
    assert open_model(path).warnings == ("1 of 2 files are missing, with 3 tensors: b.safetensors",)
    path.write_text(json.dumps({"weight_map": {"w": "../a.safetensors"}}))
    assert "outside of its folder" in open_model(path).warnings[0]


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}, "needs 12"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}, "bytes 8 to 0"),
        ({"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "cut off"),
        ({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}, "shape"),
        ({"dtype": "F32", "shape": [2]}, "data_offsets"),
        ({"dtype": "F32", "shape": [2**70], "data_offsets": [0, 8]}, "damaged"),
        ([], "damaged"),
    ],
)
def test_a_damaged_entry_is_named(tmp_path: Path, entry: Any, word: str) -> None:
    header = json.dumps({"w": entry}).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(FormatError, match=word):
        open_model(path)


def written_gguf(folder: Path) -> Path:
    """A model with arrays of several types."""
    path = folder / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_token_list([f"token {i}" for i in range(500)])
    writer.add_array("scores", [float(i) for i in range(300)])
    for name, array in ARRAYS.items():
        if array.dtype in (np.float32, np.float16, np.float64):
            writer.add_tensor(name, array)
    blocks = gguf.quants.quantize(RNG.normal(size=(4, 64)).astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.0.attn_q.weight", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_gguf_has_what_its_own_reader_finds(tmp_path: Path) -> None:
    path = written_gguf(tmp_path)
    model, theirs = open_model(path), gguf.GGUFReader(path)
    assert model.format_version == "3"
    for tensor, other in zip(model.graph.tensors, theirs.tensors, strict=True):
        assert (tensor.name, tensor.bytes) == (other.name, other.n_bytes)
        assert tensor.shape == tuple(int(size) for size in other.shape[::-1])
        place = model.stored[tensor.index]
        assert place is not None and place.offset == other.data_offset
    for name in ("embed.weight", "block.0.fc.weight", "block.0.fc.bias"):
        np.testing.assert_array_equal(model.read(name), ARRAYS[name])
    assert model.metadata["architecture"] == "llama"
    assert model.metadata["llama.block_count"] == 2
    assert model.metadata["tokenizer.ggml.tokens"]["shape"] == [500]
    assert model.metadata["scores"]["first"][:3] == [0.0, 1.0, 2.0]


def test_quantised_numbers_of_gguf_are_decoded(tmp_path: Path) -> None:
    path = written_gguf(tmp_path)
    model, theirs = open_model(path), gguf.GGUFReader(path).tensors[-1]
    assert model.graph.tensors[-1].dtype == "Q8_0"
    expected = gguf.quants.dequantize(theirs.data, theirs.tensor_type)
    np.testing.assert_array_equal(model.read("blk.0.attn_q.weight"), expected)
    np.testing.assert_array_equal(model.read("blk.0.attn_q.weight", slice(1, 3)), expected[1:3])


def test_sizes_of_blocks_are_those_of_ggml() -> None:
    assert {kind: (block.numbers, block.n_bytes) for kind, block in TYPES.items()} == {
        int(kind): sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()
    }


def test_a_vector_of_python_objects_is_not_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "executed",)

    path = tmp_path / "trap.npz"
    np.savez(path, trap=np.array([Trap()], dtype=object), good=np.arange(3))
    model = open_model(path)
    assert "Python objects" in model.warnings[0]
    assert model.read("good").tolist() == [0, 1, 2]
    assert not (tmp_path / "executed").exists()


def test_columns_first_and_a_lone_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", f=np.asfortranarray(np.arange(6).reshape(2, 3)))
    assert open_model(tmp_path / "f.npz").read("f").tolist() == [[0, 1, 2], [3, 4, 5]]
    np.save(tmp_path / "one.npy", np.arange(4.0))
    assert open_model(tmp_path / "one.npy").read("one").tolist() == [0, 1, 2, 3]


def sparse(path: Path, header: bytes, size: int) -> Path:
    with path.open("wb") as file:
        file.write(header)
        file.truncate(size)
    return path


def test_a_file_of_ten_gigabytes_is_opened_by_its_header(tmp_path: Path) -> None:
    rows = 2_500_000_000
    header = json.dumps({"w": {"dtype": "F32", "shape": [rows], "data_offsets": [0, 4 * rows]}}).encode()
    start = len(header).to_bytes(8, "little") + header
    path = sparse(tmp_path / "large.safetensors", start, len(start) + 4 * rows)
    model = open_model(path)
    assert model.graph.tensors[0].bytes == 1e10
    assert model.read("w", slice(rows - 2, rows)).tolist() == [0, 0]
